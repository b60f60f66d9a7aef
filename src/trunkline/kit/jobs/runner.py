"""The consumer: pgqueuer under a loop that survives whatever happens to the database.

pgqueuer's own `run` may hang or end when the connection is lost (janbjorge/pgqueuer#224), so each connection gets a manager of its own,
and the end of the connection ends that manager.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.models import Context, Job

from trunkline.kit import db
from trunkline.kit.clock import monotonic
from trunkline.kit.errors import Refusal
from trunkline.kit.jobs.queue import APPLICATION, READ_UNKNOWN, Again, Envelope, JobFunction
from trunkline.kit.realm import Realm
from trunkline.kit.startup import reason
from trunkline.kit.telemetry import JOB_SECONDS, JOBS_RUN

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0  # what still runs after this goes back into the queue
LEAVE_SECONDS = 3.0  # for a manager whose connection is gone
RECONNECT_SECONDS = 0.5
LONGEST_RECONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """How often a failing job is tried and how long is waited in between: twice as long each time."""

    tries: int = 12
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)

    def after(self, tries: int) -> timedelta | None:
        """The pause after so many tries; `None` when it was the last."""
        return min(self.first * 2.0 ** (tries - 1), self.longest) if tries < self.tries else None


class JobFailed(Exception):  # noqa: N818 - what stands in the queue's own log
    """A job's last try failed. Holds only what may be stored: the kind of error and its first line."""


class Runner:
    """Runs the jobs of one environment, several at once, until it is told to stop."""

    def __init__(
        self,
        realm: Realm,
        jobs: Mapping[str, JobFunction],
        *,
        pauses: Pauses | None = None,
        heartbeat: timedelta = timedelta(seconds=15),  # a job whose worker was silent for so long is given to another one
        look: timedelta = timedelta(seconds=2),  # how often the queue is looked at when nobody tells
        at_once: int = 20,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._realm, self._jobs = realm, jobs
        self._pauses = pauses or Pauses()
        self._heartbeat, self._look, self._at_once, self._drain_seconds = heartbeat, look, at_once, drain_seconds
        self._running: set[asyncio.Task[Any]] = set()
        self._giving_back = False
        # Whatever matters is logged here, in one line; pgqueuer would add its tracebacks to it.
        logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)

    async def run(self, stopping: asyncio.Event) -> None:
        """Run jobs until `stopping`; then finish what runs, or give it back to the queue."""
        pause = RECONNECT_SECONDS
        while self._jobs and not stopping.is_set():
            begun = monotonic()
            try:
                await self._with_connection(stopping)
            except (*db.LOST, asyncpg.PostgresError, PgqException, TimeoutError, RuntimeError) as error:
                log.warning("jobs.interrupted", environment=self._realm.environment, error=reason(error))
            except Exception:
                log.exception("jobs.interrupted", environment=self._realm.environment)
            if monotonic() - begun > LONGEST_RECONNECT_SECONDS:
                pause = RECONNECT_SECONDS
            await self._unless(stopping, pause)
            pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)
        await stopping.wait()

    @staticmethod
    async def _unless(stopping: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopping.wait()

    async def _with_connection(self, stopping: asyncio.Event) -> None:
        """Run jobs over one connection, until it is lost (raises) or `stopping`."""
        connection = await db.connect(self._realm.pool.dsn, application_name=APPLICATION, plan_cache_mode="auto")
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        self._giving_back = False
        manager = self._manager(connection)
        waiting = [asyncio.create_task(gone.wait()), asyncio.create_task(stopping.wait())]
        managing = None
        try:
            await self._warn_of_unknown(connection)
            managing = asyncio.create_task(
                manager.run(
                    dequeue_timeout=self._look,
                    batch_size=max(1, self._at_once // 2),
                    max_concurrent_tasks=max(2, self._at_once),
                    shutdown_on_listener_failure=True,
                    heartbeat_timeout=self._heartbeat,
                    log_aggregation_interval=timedelta(0),  # nobody reads pgqueuer's statistics: kit.telemetry counts
                )
            )
            await asyncio.wait([managing, *waiting], return_when=asyncio.FIRST_COMPLETED)
            manager.shutdown.set()
            if not managing.done() and not gone.is_set():
                await asyncio.wait([managing, waiting[0]], timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
            self._give_back()
            await asyncio.wait([managing], timeout=LEAVE_SECONDS)
            if managing.done():
                managing.result()
            if gone.is_set():
                raise asyncpg.ConnectionDoesNotExistError("the connection was lost")
        finally:
            await self._leave(connection, *waiting, *([managing] if managing else []))

    async def _leave(self, connection: db.Connection, *tasks: "asyncio.Task[Any]") -> None:
        """Whatever still runs over this connection ends with it."""
        self._give_back()
        for task in tasks:
            task.cancel()
        if not connection.is_closed():
            connection.terminate()
        await asyncio.wait([*tasks, *self._running], timeout=LEAVE_SECONDS)

    def _manager(self, connection: db.Connection) -> QueueManager:
        manager = QueueManager(Queries(AsyncpgDriver(connection)))
        for name, function in self._jobs.items():
            parameters = EntrypointExecutorParameters(concurrency_limit=0, func=_never, on_failure="hold")
            manager.register_executor(name, Executor(parameters, self, name, function))
        return manager

    async def _warn_of_unknown(self, connection: db.Connection) -> None:
        """Jobs that this version does not know wait for a worker that does."""
        if rows := await connection.fetch(READ_UNKNOWN, list(self._jobs)):
            log.warning("jobs.unknown", environment=self._realm.environment, names=[row[0] for row in rows])

    def _give_back(self) -> None:
        """Have running jobs stop where they are; they are run again."""
        self._giving_back = True
        for task in self._running:
            task.cancel()

    async def execute(self, name: str, function: JobFunction, job: Job) -> None:
        """Run a job. Raises `RetryRequested` when it is to be run again, `JobFailed` when it was tried often enough."""
        task = asyncio.current_task()
        assert task is not None, "jobs run as tasks"
        self._running.add(task)
        tries = job.attempts + 1
        try:
            with self._observed(name, job):
                envelope = msgspec.json.decode(job.payload or b"", type=Envelope)
                structlog.contextvars.bind_contextvars(job=name, job_id=job.id, request_id=envelope.request_id)
                await function(self._realm, envelope.tenant, envelope.payload)
        except asyncio.CancelledError:
            if not self._giving_back:
                raise
            task.uncancel()
            raise RetryRequested(timedelta(0), "its worker stopped") from None
        except Again as asked:
            raise RetryRequested(asked.after, str(asked)) from None
        except Exception as error:
            said = f"{type(error).__name__}: {reason(error)}"
            pause = self._pauses.after(tries)
            if pause is None:
                log.exception("job.failed", tries=tries)
                raise JobFailed(said) from None
            if isinstance(error, (Refusal, *db.LOST)):
                log.warning("job.postponed", tries=tries, pause=pause.total_seconds(), error=said)
            else:
                log.exception("job.postponed", tries=tries, pause=pause.total_seconds())
            raise RetryRequested(pause, said) from None
        finally:
            self._running.discard(task)
            structlog.contextvars.clear_contextvars()

    @contextlib.contextmanager
    def _observed(self, name: str, job: Job) -> Iterator[None]:
        begun, outcome = monotonic(), "done"
        try:
            yield
        except asyncio.CancelledError:
            outcome = "interrupted"
            raise
        except Again:
            outcome = "again"
            raise
        except Exception:
            outcome = "failed" if self._pauses.after(job.attempts + 1) is None else "postponed"
            raise
        finally:
            JOBS_RUN.labels(self._realm.environment.value, name, outcome).inc()
            JOB_SECONDS.labels(name).observe(monotonic() - begun)


@dataclass
class Executor(AbstractEntrypointExecutor):
    """How pgqueuer calls one of our jobs."""

    runner: Runner
    name: str
    function: JobFunction

    async def execute(self, job: Job, _context: Context) -> None:
        """Run it."""
        await self.runner.execute(self.name, self.function, job)


async def _never(_: Job) -> None:
    raise AssertionError  # pragma: no cover - `Executor` calls the job itself
