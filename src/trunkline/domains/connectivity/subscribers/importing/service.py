"""Use cases of importing and removing many subscribers: up to a thousand rows at once, more as a job (reference/expeto.md §17)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from trunkline.domains.connectivity.subscribers.fields import IMPORT_JOBS
from trunkline.domains.connectivity.subscribers.importing import store
from trunkline.domains.connectivity.subscribers.importing.rows import CHUNK, import_rows, remove_rows
from trunkline.domains.connectivity.subscribers.importing.store import Caller
from trunkline.domains.connectivity.subscribers.model import (
    ImportJob,
    ImportKind,
    ImportReport,
    ImportRow,
    ImportStatus,
    RowOutcome,
    RowResult,
    SubscriberName,
)
from trunkline.kit import jobs, query
from trunkline.kit.errors import Conflict, Invalid, Violation
from trunkline.kit.events import changed, created
from trunkline.kit.ids import new_id
from trunkline.kit.principal import ActorType, Principal, Reach
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

READ = "subscribers.read"
IMPORT = ("subscribers.create", "subscribers.change")
REMOVE = ("subscribers.remove",)
NEEDS = {ImportKind.IMPORT: IMPORT, ImportKind.REMOVE: REMOVE}

JOB = "connectivity.import"
MOST_ROWS = CHUNK  # at once; more take a job
MOST_JOB_ROWS = 200_000
CHUNKS_AT_ONCE = 20  # sent to the database in one statement
PURPOSE = "import.rows"
TRIES = 5  # of a chunk whose subscribers others write at the same time
OK = 200  # the outcome in the audit

Rows = Sequence[ImportRow] | Sequence[SubscriberName]
_readers: dict[ImportKind, Callable[[bytes], Any]] = {
    ImportKind.IMPORT: msgspec.msgpack.Decoder(list[ImportRow]).decode,
    ImportKind.REMOVE: msgspec.msgpack.Decoder(list[SubscriberName]).decode,
}


async def import_subscribers(work: Work, rows: Sequence[ImportRow], *, dry_run: bool = False) -> ImportReport:
    """Create or update a subscriber by each row, found by its IMSI, else by its ICCID; what is wrong with one row stops no other.

    Raises `Invalid` for more than `MOST_ROWS` rows, `Conflict` when others write the same subscribers at the same time.
    """
    return await _at_once(work, ImportKind.IMPORT, rows, dry_run=dry_run)


async def remove_subscribers(
    work: Work, *, references: Sequence[str] | None = None, imsis: Sequence[str] | None = None, dry_run: bool = False
) -> ImportReport:
    """Delete the subscribers of these references or IMSIs; one that is not found stops no other. Raises `Invalid` for too many."""
    return await _at_once(work, ImportKind.REMOVE, _names(references, imsis), dry_run=dry_run)


async def start_import(work: Work, rows: Sequence[ImportRow], *, dry_run: bool = False) -> ImportJob:
    """Store the rows, sealed, and have them imported in the background. Raises `Invalid` for more than `MOST_JOB_ROWS`."""
    return await _start(work, ImportKind.IMPORT, rows, dry_run=dry_run)


async def start_removal(
    work: Work, *, references: Sequence[str] | None = None, imsis: Sequence[str] | None = None, dry_run: bool = False
) -> ImportJob:
    """`remove_subscribers` in the background."""
    return await _start(work, ImportKind.REMOVE, _names(references, imsis), dry_run=dry_run)


async def find_import(work: Work, reference: str) -> ImportJob:
    """The job with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, IMPORT_JOBS, reference)


async def list_import_rows(work: Work, job: ImportJob, offset: int, limit: int) -> Sequence[RowResult]:
    """What became of the rows from `offset` (0: the first) on, as far as the job is done."""
    work.require(READ)
    first, skipped = divmod(max(offset, 0), CHUNK)
    results = await store.read_results(work, job.id, first, (skipped + limit) // CHUNK + 1)
    return results[skipped : skipped + limit]


async def run_import(realm: Realm, tenant_id: UUID, job_id: UUID) -> None:
    """Work a job off, chunk by chunk; each is one transaction that holds its effect and the progress.

    May be killed at any moment and run again, also twice at the same time: no row is lost or done twice.
    """
    principal, origin = await _caller(realm, tenant_id, job_id)
    if principal is None or origin is None:
        return
    conflicts = 0
    while True:
        await store.refresh_statistics(realm.pool)
        work = Work(realm.pool, realm.clock, principal, origin)
        try:
            async with Transaction(work) as transaction:
                goes_on = await _run_chunk(work, job_id)
                await transaction.commit(OK)
        except Conflict:
            conflicts += 1
            if conflicts == TRIES:
                raise
        else:
            conflicts = 0
            if not goes_on:
                return


async def reseal_rows(work: Work, limit: int) -> int:
    """Seal waiting rows anew that an older key sealed; how many chunks. The house's own work."""
    ring = work.keyring
    sealed = await store.sealed_before(work, ring.prefix, limit)
    chunks = [(id_, ring.reseal(PURPOSE, id_, rows)) for id_, rows in sealed]
    await store.seal_again(work, chunks)
    return len(chunks)


# at once -----------------------------------------------------------------------------------------------------------------


def _names(references: Sequence[str] | None, imsis: Sequence[str] | None) -> list[SubscriberName]:
    return [
        *(SubscriberName("reference", one) for one in references or ()),
        *(SubscriberName("imsi", one) for one in imsis or ()),
    ]


def _require(work: Work, kind: ImportKind, rows: Rows, most: int) -> None:
    for permission in NEEDS[kind]:
        work.require(permission)
    if len(rows) > most:
        raise Invalid([Violation("rows", f"must be at most {most}, not {len(rows)}")])


async def _at_once(work: Work, kind: ImportKind, rows: Rows, *, dry_run: bool) -> ImportReport:
    _require(work, kind, rows, MOST_ROWS)
    results = await _decided(work, kind, rows, 1, dry_run=dry_run)
    counts = Counter(result.result for result in results)
    return ImportReport(
        kind=kind, dry_run=dry_run, total=len(results), created=counts[RowOutcome.CREATED], updated=counts[RowOutcome.UPDATED],
        deleted=counts[RowOutcome.DELETED], failed=counts[RowOutcome.FAILED], rows=tuple(results),
    )  # fmt: skip


async def _decided(work: Work, kind: ImportKind, rows: Any, first: int, *, dry_run: bool) -> list[RowResult]:
    run: Callable[..., Awaitable[list[RowResult]]] = import_rows if kind == ImportKind.IMPORT else remove_rows
    return await run(work, rows, first, dry_run=dry_run)


# as a job ----------------------------------------------------------------------------------------------------------------


async def _start(work: Work, kind: ImportKind, rows: Rows, *, dry_run: bool) -> ImportJob:
    _require(work, kind, rows, MOST_JOB_ROWS)
    caller, origin = work.principal, work.origin
    reach = caller.reach
    kept = Caller(
        caller.actor_type, caller.actor_id, caller.credential_id, NEEDS[kind], caller.display_name, origin.operation,
        origin.request_id, origin.remote_address, *((reach.account_id, reach.customer_id, reach.path, reach.own) if reach else ()),
    )  # fmt: skip
    id_, reference = await store.insert_job(work, kind, len(rows), kept, dry_run=dry_run)
    chunks: list[tuple[UUID, int, int, bytes]] = []
    for position, start in enumerate(range(0, len(rows), CHUNK)):
        chunk_id, several = new_id(), rows[start : start + CHUNK]
        chunks.append((chunk_id, position, len(several), work.keyring.seal(PURPOSE, chunk_id, msgspec.msgpack.encode(several))))
        if len(chunks) == CHUNKS_AT_ONCE:
            await store.insert_chunks(work, id_, chunks)
            chunks.clear()
    if chunks:
        await store.insert_chunks(work, id_, chunks)
    await jobs.enqueue(work, JOB, {"import": str(id_)}, dedupe=str(id_))
    job = ImportJob(
        id=id_, reference=reference, version=1, account_id=kept.account_id, customer_id=kept.customer_id, kind=kind, dry_run=dry_run,
        status=ImportStatus.WAITING, total=len(rows), done=0, created=0, updated=0, deleted=0, failed=0, created_at=work.now,
        modified_at=work.now, finished_at=None,
    )  # fmt: skip
    work.record(created("import_job.started", "import_jobs", job))
    return job


async def _caller(realm: Realm, tenant_id: UUID, job_id: UUID) -> tuple[Principal | None, Origin | None]:
    """On whose behalf the job runs. The caller's rights are those at its start: the job was accepted then."""
    nobody = Principal(tenant_id, realm.environment, ActorType.SYSTEM, "jobs", job_id, frozenset())
    caller = await store.read_caller(Work(realm.pool, realm.clock, nobody, Origin(JOB, "")), job_id)
    if caller is None:
        return None, None
    reach = None
    if caller.account_id is not None and caller.customer_id is not None:
        reach = Reach(caller.account_id, caller.customer_id, caller.path, caller.own)
    principal = Principal(
        tenant_id, realm.environment, caller.actor_type, caller.actor_id, caller.credential_id, frozenset(caller.permissions),
        reach=reach, display_name=caller.display_name,
    )  # fmt: skip
    return principal, Origin(caller.operation, caller.request_id, caller.remote_address)


async def _run_chunk(work: Work, job_id: UUID) -> bool:
    """Do the job's next chunk and note the progress; whether there is more."""
    job = await store.lock_job(work, job_id)
    if job.status == ImportStatus.COMPLETED:
        return False
    chunk = await store.next_chunk(work, job_id)
    results: list[RowResult] = []
    if chunk is not None:
        id_, position, sealed = chunk
        rows = _readers[job.kind](work.keyring.unseal(PURPOSE, id_, sealed))
        results = await _decided(work, job.kind, rows, position * CHUNK + 1, dry_run=job.dry_run)
        await store.finish_chunk(work, id_, results)
    counts = Counter(result.result for result in results)
    ended = job.done + len(results) == job.total
    after = msgspec.structs.replace(
        job,
        status=ImportStatus.COMPLETED if ended else ImportStatus.RUNNING,
        done=job.done + len(results),
        created=job.created + counts[RowOutcome.CREATED],
        updated=job.updated + counts[RowOutcome.UPDATED],
        deleted=job.deleted + counts[RowOutcome.DELETED],
        failed=job.failed + counts[RowOutcome.FAILED],
        version=job.version + 1,
        modified_at=max(work.now, job.modified_at),
        finished_at=work.now if ended else None,
    )
    await store.update_job(work, after)
    if ended:
        work.record(changed("import_job.completed", "import_jobs", job, after))
    return not ended
