"""The statements of import jobs: rows wait sealed in chunks; a chunk's effect, results and progress are committed together."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from trunkline.domains.connectivity.subscribers.fields import IMPORT_JOBS
from trunkline.domains.connectivity.subscribers.model import ImportJob, ImportKind, RowResult
from trunkline.kit.db import Pool
from trunkline.kit.ids import new_id
from trunkline.kit.principal import ActorType
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

JOB = ", ".join(IMPORT_JOBS.columns)

INSERT_JOB = Statement("""
    INSERT INTO import_jobs (tenant_id, id, reference, account_id, customer_id, kind, dry_run, status, total, caller, created_at,
                             modified_at)
    VALUES ($1, $2, nextval('import_job_references')::text, $3, $4, $5, $6, 'waiting', $7, $8, $9, $9)
    RETURNING reference
""")
INSERT_CHUNKS = Statement("""
    INSERT INTO import_chunks (tenant_id, id, job_id, position, size, rows)
    SELECT $1, n.id, $2, n.position, n.size, n.rows
      FROM unnest($3::uuid[], $4::integer[], $5::integer[], $6::bytea[]) AS n (id, position, size, rows)
""")
# An import makes a small table large within seconds, and statements go on by the plan for the small one until the table's statistics
# change. What they must know is how large it is and what the columns are like that rows are found by; the rest can wait for autovacuum,
# which does the same every minute. It reads rows of every tenant and shows none.
STATISTICS = "ANALYZE subscribers (tenant_id, customer_id, account_id, reference, imsi, iccid, deleted_at)"
HAS_GROWN = Statement(
    """
    SELECT pg_relation_size(c.oid) > 2 * c.relpages * current_setting('block_size')::bigint
      FROM pg_class c WHERE c.oid = 'subscribers'::regclass
""",
    scope="directory",
)

READ_CALLER = Statement("SELECT caller FROM import_jobs WHERE tenant_id = $1 AND id = $2")
LOCK_JOB = Statement(f"SELECT {JOB} FROM import_jobs j WHERE j.tenant_id = $1 AND j.id = $2 FOR UPDATE")
NEXT_CHUNK = Statement("""
    SELECT id, position, rows FROM import_chunks
     WHERE tenant_id = $1 AND job_id = $2 AND rows IS NOT NULL
     ORDER BY position LIMIT 1 FOR UPDATE
""")
FINISH_CHUNK = Statement("UPDATE import_chunks SET rows = NULL, results = $3 WHERE tenant_id = $1 AND id = $2")
UPDATE_JOB = Statement("""
    UPDATE import_jobs SET status = $3, done = $4, created = $5, updated = $6, deleted = $7, failed = $8, version = $9,
                           modified_at = $10, finished_at = $11
     WHERE tenant_id = $1 AND id = $2
""")
# Chunks are full but the last, so the rows from an offset on begin in a known chunk.
READ_RESULTS = Statement("""
    SELECT results FROM import_chunks
     WHERE tenant_id = $1 AND job_id = $2 AND position >= $3 AND results IS NOT NULL
     ORDER BY position LIMIT $4
""")
SEALED_BEFORE = Statement("""
    SELECT id, rows FROM import_chunks
     WHERE tenant_id = $1 AND substring(rows FROM 1 FOR 5) <> $2
     ORDER BY id LIMIT $3 FOR UPDATE
""")
SEAL_AGAIN = Statement("""
    UPDATE import_chunks c SET rows = n.rows FROM unnest($2::uuid[], $3::bytea[]) AS n (id, rows)
     WHERE c.tenant_id = $1 AND c.id = n.id AND c.rows IS NOT NULL
""")


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf a job runs: what a principal and its origin are made of. Holds no secret."""

    actor_type: ActorType
    actor_id: str
    credential_id: UUID
    permissions: tuple[str, ...]
    display_name: str
    operation: str
    request_id: str
    remote_address: str | None
    account_id: UUID | None = None
    customer_id: UUID | None = None
    path: str = ""
    own: bool = False


_read_caller = msgspec.json.Decoder(Caller).decode
_read_results = msgspec.json.Decoder(tuple[RowResult, ...]).decode


async def insert_job(work: Work, kind: ImportKind, total: int, caller: Caller, *, dry_run: bool) -> tuple[UUID, str]:
    """A new job without its rows: its id and reference."""
    id_ = new_id()
    values = (id_, caller.account_id, caller.customer_id, kind, dry_run, total, msgspec.json.encode(caller).decode(), work.now)
    return id_, (await work.write(INSERT_JOB, *values))[0][0]


async def insert_chunks(work: Work, job_id: UUID, chunks: Sequence[tuple[UUID, int, int, bytes]]) -> None:
    """Store chunks: (id, position, number of rows, the sealed rows)."""
    await work.write(INSERT_CHUNKS, job_id, *map(list, zip(*chunks, strict=True)))


async def read_caller(work: Work, job_id: UUID) -> Caller | None:
    """On whose behalf the job runs; `None` when there is no such job."""
    row = await work.fetch_one(READ_CALLER, job_id)
    return None if row is None else _read_caller(row[0])


async def lock_job(work: Work, job_id: UUID) -> ImportJob:
    """The job, locked: one chunk of it at a time."""
    return ImportJob(*(await work.write(LOCK_JOB, job_id))[0])


async def refresh_statistics(pool: Pool) -> None:
    """Tell the planner how large the table is now, sooner than the database would notice by itself, if it has doubled since."""
    if (await pool.fetch(HAS_GROWN))[0][0]:
        await pool.fetch(STATISTICS)


async def next_chunk(work: Work, job_id: UUID) -> tuple[UUID, int, bytes] | None:
    """(id, position, sealed rows) of the first chunk that is not done."""
    rows = await work.write(NEXT_CHUNK, job_id)
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


async def finish_chunk(work: Work, chunk_id: UUID, results: Sequence[RowResult]) -> None:
    """Put the results in the place of the rows."""
    await work.write(FINISH_CHUNK, chunk_id, msgspec.json.encode(results).decode())


async def update_job(work: Work, job: ImportJob) -> None:
    """Write the job's progress."""
    await work.write(
        UPDATE_JOB, job.id, job.status, job.done, job.created, job.updated, job.deleted, job.failed, job.version, job.modified_at,
        job.finished_at,
    )  # fmt: skip


async def read_results(work: Work, job_id: UUID, position: int, chunks: int) -> Sequence[RowResult]:
    """The results of up to so many chunks that are done, from a position on."""
    return [result for row in await work.fetch(READ_RESULTS, job_id, position, chunks) for result in _read_results(row[0])]


async def sealed_before(work: Work, prefix: bytes, limit: int) -> Sequence[tuple[UUID, bytes]]:
    """(id, sealed rows) of waiting chunks that are not sealed under `prefix`, locked."""
    return [(row[0], row[1]) for row in await work.write(SEALED_BEFORE, prefix, limit)]


async def seal_again(work: Work, chunks: Sequence[tuple[UUID, bytes]]) -> None:
    """Write sealed rows, and nothing else."""
    if chunks:
        await work.write(SEAL_AGAIN, *map(list, zip(*chunks, strict=True)))
