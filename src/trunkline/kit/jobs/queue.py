"""The queue as its producers and its operator see it: SQL on pgqueuer's tables, without loading pgqueuer."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from trunkline.kit.db import Pool
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

if TYPE_CHECKING:
    from trunkline.kit.realm import Realm

JobFunction = Callable[["Realm", UUID, dict[str, Any]], Awaitable[None]]

APPLICATION = "trunkline jobs"  # how a worker's connection is named in pg_stat_activity
KEPT = timedelta(days=1)  # how long the log says what became of a job
SWEPT_AT_ONCE = 10_000

# What pgqueuer's trigger would say, were there one; PostgreSQL delivers it with the commit, once for all jobs of a transaction.
ENQUEUE = Statement(
    """
    WITH job AS (
        INSERT INTO pgqueuer (priority, entrypoint, payload, execute_after, dedupe_key, status)
        SELECT 0, $1, payload, now() + $3::interval, dedupe_key, 'queued'
          FROM unnest($2::bytea[], $4::text[]) AS given (payload, dedupe_key)
        ON CONFLICT (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL DO NOTHING
        RETURNING id
    ), told AS (
        SELECT pg_notify('ch_pgqueuer', json_build_object('channel', 'ch_pgqueuer', 'operation', 'insert', 'sent_at', now(),
                                                          'table', 'pgqueuer', 'type', 'table_changed_event')::text)
          FROM job LIMIT 1
    )
    SELECT count(*), (SELECT count(*) FROM told) FROM job
    """,
    scope="queue",
)
COUNT = Statement(
    """
    SELECT count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'picked'),
           count(*) FILTER (WHERE status = 'failed')
      FROM pgqueuer
    """,
    scope="queue",
)
WORKERS = Statement(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1", scope="queue"
)
READ_UNKNOWN = Statement(
    "SELECT DISTINCT entrypoint FROM pgqueuer WHERE status = 'queued' AND entrypoint <> ALL ($1::text[])", scope="queue"
)
LIST = Statement(
    """
    SELECT id, entrypoint, status::text, attempts, created, execute_after, payload,
           (SELECT l.traceback ->> 'exception_message' FROM pgqueuer_log l
             WHERE l.job_id = pgqueuer.id AND l.traceback IS NOT NULL ORDER BY l.created DESC LIMIT 1)
      FROM pgqueuer
     ORDER BY status = 'failed' DESC, id
     LIMIT $1
    """,
    scope="queue",
)
RETRY = Statement(
    """
    UPDATE pgqueuer SET status = 'queued', attempts = 0, execute_after = now(), updated = now(), queue_manager_id = NULL
     WHERE status = 'failed' AND (id = $1 OR $1 IS NULL)
    RETURNING id
    """,
    scope="queue",
)
DROP = Statement("DELETE FROM pgqueuer WHERE status = 'failed' AND (id = $1 OR $1 IS NULL) RETURNING id", scope="queue")
# What a job that failed for good was told stays with it.
SWEEP = Statement(
    """
    DELETE FROM pgqueuer_log WHERE id IN (
        SELECT l.id FROM pgqueuer_log l
         WHERE l.created < now() - $1::interval AND NOT EXISTS (SELECT 1 FROM pgqueuer q WHERE q.id = l.job_id)
         ORDER BY l.created LIMIT $2)
    RETURNING id
    """,
    scope="queue",
)


class Again(Exception):  # noqa: N818 - it is not an error but what the job asks for
    """Raised by a job that wants to be run again after a while, without having failed. Counts as a try all the same."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again after {after}")
        self.after = after


class Envelope(msgspec.Struct, frozen=True):
    """What stands in the queue."""

    tenant: UUID
    payload: dict[str, Any]
    request_id: str = ""


class Counts(msgspec.Struct, frozen=True):
    """How many jobs wait, run, and have failed for good."""

    waiting: int
    running: int
    failed: int


class Listed(msgspec.Struct, frozen=True):
    """A job as the operator sees it. `state`: waiting, running or failed."""

    id: int
    name: str
    state: str
    tries: int
    created_at: datetime
    next_at: datetime
    tenant: UUID | None
    payload: dict[str, Any]
    failure: str | None


STATES = {"queued": "waiting", "picked": "running", "failed": "failed"}


async def enqueue(
    work: Work, name: str, payload: dict[str, Any], *, after: timedelta | None = None, dedupe: str | None = None
) -> bool:
    """Have the job `name` run when this transaction has committed, `after` a while if given (of real time: no clock of a sandbox).

    `dedupe`: nothing is added, and the answer is false, while a job of this tenant, name and key waits or runs.
    """
    return await enqueue_all(work, name, [payload], after=after, dedupe=[dedupe]) == 1


async def enqueue_all(
    work: Work,
    name: str,
    payloads: Sequence[dict[str, Any]],
    *,
    after: timedelta | None = None,
    dedupe: Sequence[str | None] | None = None,
) -> int:
    """`enqueue` for many at once; how many were added."""
    if work.connection is None:
        raise RuntimeError("a reading unit of work cannot ask for jobs: the operation must be declared as a write")
    tenant: UUID = work.tenant_id
    sent = [msgspec.json.encode(Envelope(tenant, payload, work.origin.request_id)) for payload in payloads]
    keys = [None if key is None else f"{tenant}:{name}:{key}" for key in dedupe or [None] * len(sent)]
    work.dirty = True
    rows = await work.connection.fetch(ENQUEUE, name, sent, after or timedelta(0), keys)
    added: int = rows[0][0]
    return added


async def count(pool: Pool) -> Counts:
    """How many jobs there are."""
    return Counts(*(await pool.fetch(COUNT))[0])


async def listed(pool: Pool, limit: int) -> list[Listed]:
    """Jobs, those that failed first."""
    return [
        Listed(id_, name, STATES.get(status, status), tries, created, next_at, *_opened(payload), failure)
        for id_, name, status, tries, created, next_at, payload, failure in await pool.fetch(LIST, limit)
    ]


def _opened(payload: bytes | None) -> tuple[UUID | None, dict[str, Any]]:
    try:
        envelope = msgspec.json.decode(payload or b"", type=Envelope)
    except msgspec.MsgspecError:
        return None, {}
    return envelope.tenant, envelope.payload


async def retry_failed(pool: Pool, job_id: int | None) -> int:
    """Let a failed job, or all, run once more; how many. Workers see it within seconds."""
    return len(await pool.fetch(RETRY, job_id))


async def drop_failed(pool: Pool, job_id: int | None) -> int:
    """Give a failed job up, or all; how many."""
    return len(await pool.fetch(DROP, job_id))


async def sweep(pool: Pool) -> None:
    """Forget what became of old jobs."""
    while len(await pool.fetch(SWEEP, KEPT, SWEPT_AT_ONCE)) == SWEPT_AT_ONCE:
        pass
