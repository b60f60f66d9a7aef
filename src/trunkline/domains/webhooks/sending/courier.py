"""The courier of one environment: whoever holds the lock makes deliveries of events and sends them; the others wait for the lock.

The lock is held by a connection, and results are written over that same connection: a courier that has lost it can write nothing any
more, and the next one reads everything that matters from the tables. So deliveries need no leases (docs/decisions/0014-webhooks.md).
"""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from trunkline.domains.webhooks.model import EndpointStatus, Presenter
from trunkline.domains.webhooks.sending import store
from trunkline.domains.webhooks.sending.fanout import fan_out
from trunkline.domains.webhooks.sending.model import Target, Which
from trunkline.domains.webhooks.sending.outbox import Desk, Outbox
from trunkline.domains.webhooks.sending.results import Results
from trunkline.kit import db
from trunkline.kit.clock import monotonic
from trunkline.kit.db import Connection, Pool
from trunkline.kit.errors import Refusal
from trunkline.kit.events import horizon
from trunkline.kit.outbound.client import Outbound
from trunkline.kit.realm import READ_TENANTS, Realm
from trunkline.kit.startup import reason
from trunkline.kit.telemetry import WEBHOOKS_PENDING

log = structlog.get_logger(__name__)

APPLICATION = "trunkline webhooks"  # how its connection is named in pg_stat_activity
ASK_SECONDS = 1.0  # how often the others ask for the lock
POLL_SECONDS = 0.1  # how often it is asked whether there are new events
LOOK_SECONDS = 0.5  # how often it is looked what is due, and what has become of the endpoints
TENANTS_SECONDS = 5.0
COUNT_SECONDS = 15.0
FINISH_SECONDS = 16.0  # for requests in flight when it is to stop: a little more than they may last
LOCK_TIMEOUT = "1s"  # somebody who keeps one endpoint's rows locked must not hold up the results of the others for long
ANSWER_SECONDS = 20.0  # a database that says nothing for so long is lost
RECONNECT_SECONDS = 0.5
LONGEST_RECONNECT_SECONDS = 5.0
CONNECTIONS = 2  # beside the one that holds the lock


class Courier:
    """Sends the webhooks of one environment, as long as it holds the lock."""

    def __init__(self, realm: Realm, presenter: Presenter, outbound: Outbound) -> None:
        self._realm, self._presenter, self._outbound = realm, presenter, outbound

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`, whatever happens to the database; then let requests in flight end. What is not answered stays pending."""
        pause = RECONNECT_SECONDS
        while not stopping.is_set():
            begun = monotonic()
            try:
                await self._turn(stopping)
            except Exception as error:
                known = all(
                    isinstance(leaf, (*db.LOST, asyncpg.PostgresError, Refusal, TimeoutError)) for leaf in _leaves(error)
                )
                say = log.warning if known else log.exception
                say("webhooks.interrupted", environment=self._realm.environment, error=reason(next(_leaves(error))))
            if monotonic() - begun > LONGEST_RECONNECT_SECONDS:
                pause = RECONNECT_SECONDS
            await _unless(stopping, pause)
            pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)

    async def _turn(self, stopping: asyncio.Event) -> None:
        """Wait for the lock, then work while this connection lasts."""
        connection = await db.connect(self._realm.pool.dsn, application_name=APPLICATION, lock_timeout=LOCK_TIMEOUT)
        try:
            own = Own(connection)
            while not (await own.fetch(store.TRY_LOCK))[0][0]:
                await _unless(stopping, ASK_SECONDS)
                if stopping.is_set():
                    return
            log.info("webhooks.begun", environment=self._realm.environment)
            pool = Pool(self._realm.pool.dsn, CONNECTIONS, wait_seconds=60.0, keyring=self._realm.keyring)
            try:
                await self._work(own, pool, stopping)
            finally:
                await pool.close()
        finally:
            connection.terminate()  # and with it the lock

    async def _work(self, own: "Own", pool: Pool, stopping: asyncio.Event) -> None:
        results = Results(self._realm.environment, own)
        async with asyncio.TaskGroup() as group:
            desk = Desk(
                self._realm.environment,
                self._realm.clock,
                pool,
                self._presenter,
                self._outbound,
                results,
                group.create_task,
                stopping,
                set(),
            )
            watching = group.create_task(own.lost())
            group.create_task(results.run())
            await Rounds(desk, own).run()
            if desk.lanes:
                await asyncio.wait(set(desk.lanes), timeout=FINISH_SECONDS)
            for lane in desk.lanes:
                lane.cancel()
            results.end()
            watching.cancel()


class Own:
    """The connection that holds the lock, for one statement after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._free = asyncio.Lock()
        self._gone = asyncio.Event()
        connection.add_termination_listener(lambda _: self._gone.set())

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        """The rows of a statement. A database that does not answer is given up."""
        async with self._free:
            try:
                return await self._connection.fetch(statement, *arguments, timeout=ANSWER_SECONDS)
            except TimeoutError:
                self._connection.terminate()
                raise

    async def lost(self) -> None:
        """Raises once the connection is lost."""
        await self._gone.wait()
        raise asyncpg.ConnectionDoesNotExistError("the connection was lost")


class Rounds:
    """The courier's rounds: new events become deliveries, and every outbox for which something is due is woken."""

    def __init__(self, desk: Desk, own: Own) -> None:
        self._desk, self._own = desk, own
        self._outboxes: dict[UUID, Outbox] = {}
        self._tenants: list[UUID] = []
        self._listening: set[UUID] = set()  # tenants with endpoints
        self._final = 0  # of this connection alone, which a crash of the database ends (see `horizon`)
        self._tenants_at = self._look_at = self._count_at = 0.0

    async def run(self) -> None:
        """Go on until the courier is to stop. Raises when the database is lost."""
        while not self._desk.stopping.is_set():
            if monotonic() >= self._look_at:
                begun = monotonic()
                await self._look()
                self._look_at = monotonic() + max(LOOK_SECONDS, 5 * (monotonic() - begun))
            if not await self._fan_out():
                await _unless(self._desk.stopping, POLL_SECONDS)

    async def _fan_out(self) -> bool:
        """Make deliveries of new events; whether there is more to do at once."""
        if not self._listening:
            return False
        moved = await horizon(self._own, self._final)
        if moved == self._final:
            return False
        more = behind = False
        for tenant_id in self._listening:
            try:
                heard = await fan_out(self._desk.pool, tenant_id, moved, self._desk.presenter, self._desk.clock)
            except (Refusal, asyncpg.PostgresError) as error:
                self._report(tenant_id, error)
                behind = True
                continue
            for target in heard.targets:
                self._outbox(tenant_id, target).wake()
            more = more or heard.more
        if not more and not behind:
            self._final = moved
        return more

    async def _look(self) -> None:
        """See what is due, and what has become of the endpoints."""
        pool, now = self._desk.pool, self._desk.clock.now()
        if monotonic() >= self._tenants_at:
            self._tenants = [row[1] for row in await pool.fetch(READ_TENANTS)]
            self._tenants_at = monotonic() + TENANTS_SECONDS
        seen: set[UUID] = set()
        for tenant_id in self._tenants:
            try:
                seen |= await self._look_at_tenant(tenant_id, now)
            except (Refusal, asyncpg.PostgresError) as error:
                self._report(tenant_id, error)
                return
        for gone in self._outboxes.keys() - seen:
            self._outboxes.pop(gone).close()
        if monotonic() >= self._count_at:
            await self._count()

    async def _look_at_tenant(self, tenant_id: UUID, now: datetime) -> set[UUID]:
        """Wake the outboxes of a tenant for which something is due; its endpoints."""
        waiting = await store.read_waiting(self._desk.pool, tenant_id)
        if not waiting:
            self._listening.discard(tenant_id)
        elif tenant_id not in self._listening:
            self._listening.add(tenant_id)
            self._final = 0  # what it has missed is looked for
        for target, pending_at, forced_at in waiting:
            outbox = self._outboxes.get(target.id)
            if outbox is not None:
                outbox.adopt(target)
            if pending_at is None:
                continue
            outbox = outbox or self._outbox(tenant_id, target)
            first = pending_at if outbox.lets_pass(now) is Which.ALL else forced_at
            if first is not None and first <= now:
                outbox.wake()
            if target.status == EndpointStatus.DISABLED and pending_at != forced_at:
                await self._desk.pool.fetch(
                    store.FAIL_WAITING, tenant_id, target.id, now
                )  # it came while that was being disabled
        return {target.id for target, _, _ in waiting}

    def _report(self, tenant_id: UUID, error: Exception) -> None:
        """A statement that failed: the next round tries again. Raises what is no fault of one statement: the connection is lost."""
        if isinstance(error, db.LOST):
            raise error
        log.warning("webhooks.unread", environment=self._desk.environment, tenant=tenant_id, error=reason(error))

    async def _count(self) -> None:
        counts = [(await self._desk.pool.fetch(store.COUNT_PENDING, tenant_id))[0][0] for tenant_id in self._listening]
        WEBHOOKS_PENDING.labels(self._desk.environment.value).set(sum(counts))
        self._count_at = monotonic() + COUNT_SECONDS

    def _outbox(self, tenant_id: UUID, target: Target) -> Outbox:
        return self._outboxes.setdefault(target.id, Outbox(self._desk, tenant_id, target))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What went wrong: the errors that a group of tasks ended with, one by one."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


async def _unless(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
