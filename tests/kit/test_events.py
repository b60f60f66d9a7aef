"""The feed of changes: everything that was committed, once, in one order, however late it commits."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import pytest

from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.embedded.binaries import find_binaries
from trunkline.kit.events import START, Event, StoredEvent, changed, created, horizon, read_after, removed
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin, write_record
from trunkline.kit.work import Transaction, Work


class Thing(msgspec.Struct, frozen=True):
    """Something that changes."""

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    name: str


def thing(reference: str, customer: UUID | None = None, version: int = 1) -> Thing:
    return Thing(new_id(), reference, version, customer, customer, f"name of {reference}")


@pytest.fixture
def tenant() -> UUID:
    return new_id()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = Pool(database_url, 14)
    yield pool
    await pool.close()


def work_on(pool: Pool, tenant: UUID) -> Work:
    return Work(
        pool, Clock(), system(tenant, Environment.PRODUCTION, "tester"), Origin("test.operation", "request-1", "192.0.2.1")
    )


async def commit(pool: Pool, tenant: UUID, *events: Event) -> None:
    work = work_on(pool, tenant)
    async with Transaction(work) as transaction:
        work.record(*events)
        await transaction.commit(201)


async def announce(connection: asyncpg.Connection, work: Work, *references: str) -> None:
    """Write events inside an open transaction that goes on."""
    work.recorded[:] = [created("thing.made", "", thing(reference)) for reference in references]
    await write_record(connection, work, 201, None)


BARE = "SELECT sequence, subject_reference FROM events WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence"


# a reader never skips ----------------------------------------------------------------------------------------------------


async def test_an_event_that_commits_late_is_not_skipped(pool: Pool, tenant: UUID) -> None:
    """While an earlier change is still being written the feed waits; a reader by bare sequence numbers would lose it."""
    async with pool.connection() as slow, pool.connection() as reader:
        transaction = slow.transaction()
        await transaction.start()
        await announce(slow, work_on(pool, tenant), "slow")
        await commit(pool, tenant, created("thing.made", "", thing("fast")))

        naive = await reader.fetch(BARE, tenant, 0)
        assert [row[1] for row in naive] == ["fast"]
        assert await read_after(reader, tenant, START) == []

        await transaction.commit()
        assert [row[1] for row in await reader.fetch(BARE, tenant, naive[-1][0])] == []  # lost for the naive reader
        assert [event.subject_reference for event in await read_after(reader, tenant, START)] == ["slow", "fast"]


async def test_a_transaction_that_is_undone_holds_nobody_up(pool: Pool, tenant: UUID) -> None:
    """After a rollback the feed goes on without a gap in what was committed."""
    async with pool.connection() as slow, pool.connection() as reader:
        transaction = slow.transaction()
        await transaction.start()
        await announce(slow, work_on(pool, tenant), "undone")
        await commit(pool, tenant, created("thing.made", "", thing("kept")))
        await transaction.rollback()
        assert [event.subject_reference for event in await read_after(reader, tenant, START)] == ["kept"]


async def test_one_objects_events_come_in_the_order_of_its_versions(pool: Pool, tenant: UUID) -> None:
    """Also when the later version's transaction began, and wrote, before the earlier one's: as a claimed Idempotency-Key does."""
    row = thing("THI-1")
    async with pool.connection() as early, pool.connection() as late, pool.connection() as reader:
        first = early.transaction()
        await first.start()
        await early.execute("SELECT pg_current_xact_id()")  # the claim
        await commit(pool, tenant, changed("thing.changed", "", row, msgspec.structs.replace(row, version=2)))
        work = work_on(pool, tenant)
        work.recorded[:] = [changed("thing.changed", "", row, msgspec.structs.replace(row, version=3))]
        await write_record(early, work, 200, None)
        third = late.transaction()  # one in between still runs
        await third.start()
        await late.execute("SELECT pg_current_xact_id()")
        await first.commit()
        assert [event.subject_version for event in await read_after(reader, tenant, START)] == [2, 3]
        await third.rollback()


async def test_a_long_transaction_that_announces_nothing_holds_nobody_up(pool: Pool, tenant: UUID) -> None:
    """Only who has announced and not yet committed is waited for; imports, reports and dumps run as long as they like."""
    async with pool.connection() as long, pool.connection() as reader:
        transaction = long.transaction()
        await transaction.start()
        await long.execute("SELECT pg_current_xact_id()")
        await commit(pool, tenant, created("thing.made", "", thing("THI-1")))
        assert [event.subject_reference for event in await read_after(reader, tenant, START)] == ["THI-1"]
        await transaction.rollback()


async def test_numbers_are_drawn_after_the_lock_in_every_statement(pool: Pool, tenant: UUID) -> None:
    """One event, many events: while their transaction runs, the line below which everything is final stays below them."""
    async with pool.connection() as writer, pool.connection() as reader:
        for number in (1, 2, 31):
            transaction = writer.transaction()
            await transaction.start()
            await announce(writer, work_on(pool, tenant), *(f"{number}" for _ in range(number)))
            drawn = await writer.fetchval("SELECT min(sequence) FROM events WHERE tenant_id = $1", tenant)
            locks = await writer.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            assert locks == 1
            assert await horizon(reader) < drawn
            await transaction.rollback()
        assert await horizon(reader) >= drawn
        assert await reader.fetchval("SELECT seqcache FROM pg_sequence WHERE seqrelid = 'event_sequence'::regclass") == 1


async def test_a_feed_goes_on_after_a_dump_and_restore(pool: Pool, tenant: UUID, database_url: str, tmp_path: Path) -> None:
    """A position that was given before means the same in the restored database, and what is written there comes after it."""
    await commit(pool, tenant, created("thing.made", "", thing("before")))
    async with pool.connection() as connection:
        (before,) = await read_after(connection, tenant, START)
    restored = f"restored_{tenant.hex}"
    await pool.fetch(f"CREATE DATABASE {restored}")
    address = database_url.replace(urlsplit(database_url).path, f"/{restored}", 1)
    programs, dump = find_binaries() / "bin", str(tmp_path / "dump")
    await run(str(programs / "pg_dump"), "--format=custom", f"--file={dump}", database_url)
    await run(str(programs / "pg_restore"), "--no-owner", f"--dbname={address}", dump)
    other = Pool(address, 2)
    await commit(other, tenant, created("thing.made", "", thing("after")))
    async with other.connection() as connection:
        assert [event.subject_reference for event in await read_after(connection, tenant, before.sequence)] == ["after"]
        assert [event.subject_reference for event in await read_after(connection, tenant, START)] == ["before", "after"]
    await other.close()


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def test_many_writers_and_a_reader(pool: Pool, tenant: UUID, database_url: str) -> None:
    """Twelve writers, transactions of any length, a third undone: a polling reader sees each committed event exactly once."""
    random = Random(7)
    committed: list[str] = []
    writing = True

    async def write(writer: int) -> None:
        for number in range(25):
            async with pool.connection() as connection:
                transaction = connection.transaction()
                await transaction.start()
                names = [f"{writer}-{number}-{part}" for part in range(random.randint(1, 3))]
                for name in names if random.random() < 0.5 else [names]:
                    await announce(connection, work_on(pool, tenant), *([name] if isinstance(name, str) else name))
                    await asyncio.sleep(random.random() * random.choice((0.001, 0.004, 0.03)))
                if random.random() < 0.33:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed.extend(names)

    async def read(limit: int) -> list[StoredEvent]:
        seen: list[StoredEvent] = []
        connection = await asyncpg.connect(database_url)
        last_round = False
        while True:
            last_round = not writing
            while page := await read_after(connection, tenant, seen[-1].sequence if seen else START, limit):
                seen += page
            if last_round:
                break
            await asyncio.sleep(0.001)
        await connection.close()
        return seen

    async def read_naively() -> list[str]:
        position, seen = 0, []
        connection = await asyncpg.connect(database_url)
        while writing:
            rows = await connection.fetch(BARE, tenant, position)
            position = rows[-1][0] if rows else position
            seen += [row[1] for row in rows]
            await asyncio.sleep(0.001)
        await connection.close()
        return seen

    readers = [asyncio.create_task(read(limit)) for limit in (1, 7, 100)]
    naive = asyncio.create_task(read_naively())
    await asyncio.gather(*(write(writer) for writer in range(12)))
    writing = False
    one, seven, hundred = await asyncio.gather(*readers)

    references = [event.subject_reference for event in one]
    assert len(references) == len(set(references))
    assert set(references) == set(committed)
    assert [event.sequence for event in one] == sorted(event.sequence for event in one)
    assert one == seven == hundred
    assert len(await naive) < len(committed), "the naive reader is fast enough here: the test proves nothing"


async def test_a_tenants_feed_is_its_own(pool: Pool, tenant: UUID) -> None:
    """No tenant reads another's events; positions of one mean nothing in the other."""
    await commit(pool, tenant, created("thing.made", "", thing("mine")))
    await commit(pool, new_id(), created("thing.made", "", thing("theirs")))
    async with pool.connection() as connection:
        assert [event.subject_reference for event in await read_after(connection, tenant, START)] == ["mine"]


async def test_events_of_one_transaction_keep_their_order_and_can_be_read_in_parts(pool: Pool, tenant: UUID) -> None:
    """A reader may stop inside a transaction's events and go on from there."""
    await commit(pool, tenant, *(created("thing.made", "", thing(f"{number}")) for number in range(10)))
    async with pool.connection() as connection:
        seen: list[str] = []
        position = START
        while page := await read_after(connection, tenant, position, 3):
            seen += [event.subject_reference for event in page]
            position = page[-1].sequence
    assert seen == [f"{number}" for number in range(10)]


# what an event says ----------------------------------------------------------------------------------------------------


async def stored(pool: Pool, tenant: UUID) -> Sequence[StoredEvent]:
    async with pool.connection() as connection:
        return await read_after(connection, tenant, START)


async def test_an_event_carries_before_and_after(pool: Pool, tenant: UUID) -> None:
    """Made: only after. Changed: both. Removed: only before. Each in the house's words, as it was stored."""
    customer = new_id()
    first = thing("THI-1", customer)
    second = msgspec.structs.replace(first, version=2, name='Ünï "quoted" \\ \n')
    await commit(
        pool, tenant, created("thing.made", "things", first), changed("thing.renamed", "things", first, second),
        removed("thing.removed", "things", second),
    )  # fmt: skip
    made, renamed, gone = await stored(pool, tenant)
    as_stored = [json.loads(msgspec.json.encode(value)) for value in (first, second)]
    assert (made.before, json.loads(made.after or "")) == (None, as_stored[0])
    assert [json.loads(text or "") for text in (renamed.before, renamed.after)] == as_stored
    assert (json.loads(gone.before or ""), gone.after) == (as_stored[1], None)
    assert (renamed.type, renamed.subject_type, renamed.subject_reference) == ("thing.renamed", "thing", "THI-1")
    assert (renamed.subject_id, renamed.subject_version, renamed.customer_id) == (first.id, 2, customer)
    assert (renamed.actor_type, renamed.actor_id, renamed.request_id) == ("system", "tester", "request-1")
    assert abs((renamed.occurred_at - Clock().now()).total_seconds()) < 60


# one commit ------------------------------------------------------------------------------------------------------------


async def kept(pool: Pool, tenant: UUID) -> dict[str, Any]:
    """What a tenant's commits left: number of events, outcomes in the audit, (size, changes) per collection and customer."""
    sizes = await pool.fetch(
        """
        SELECT collection, customer_id, sum(size)::int, sum(changes)::int FROM collection_sizes
         WHERE tenant_id = $1 GROUP BY collection, customer_id
        """,
        tenant,
    )
    audit = await pool.fetch(
        "SELECT operation, outcome, subject_reference FROM audit_entries WHERE tenant_id = $1 ORDER BY id", tenant
    )
    return {
        "events": (await pool.fetch("SELECT count(*) FROM events WHERE tenant_id = $1", tenant))[0][0],
        "audit": [tuple(row) for row in audit],
        "sizes": {(row[0], row[1]): (row[2], row[3]) for row in sizes},
    }


async def test_event_audit_and_sizes_are_one_commit(pool: Pool, tenant: UUID) -> None:
    """A change, its event, its audit entry and the sizes of its collection exist together."""
    one, other = new_id(), new_id()
    first = thing("THI-1", one)
    await commit(pool, tenant, created("thing.made", "things", first), created("part.made", "parts", thing("PAR-1", other)))
    await commit(pool, tenant, changed("thing.renamed", "things", first, first))
    await commit(
        pool, tenant, created("thing.made", "things", thing("THI-2", other)), removed("thing.removed", "things", first)
    )
    assert await kept(pool, tenant) == {
        "events": 5,
        "audit": [("test.operation", 201, "THI-1"), ("test.operation", 201, "THI-1"), ("test.operation", 201, "THI-2")],
        "sizes": {
            ("things", one): (0, 3), ("things", other): (1, 1), ("things", NIL): (1, 4),
            ("parts", other): (1, 1), ("parts", NIL): (1, 1),
        },
    }  # fmt: skip


async def test_many_changes_are_one_commit_too(pool: Pool, tenant: UUID) -> None:
    """Thousands of changes of many customers in one transaction are announced in their order and counted like few."""
    customers = [new_id() for _ in range(50)]
    things = [thing(f"THI-{number}", customers[number % 50]) for number in range(3500)]
    await commit(pool, tenant, *(created("thing.made", "things", made) for made in things))
    left = await kept(pool, tenant)
    assert left["events"] == 3500
    assert left["audit"] == [("test.operation", 201, "THI-0")]
    assert left["sizes"] == {("things", NIL): (3500, 3500), **{("things", customer): (70, 70) for customer in customers}}
    page = await stored(pool, tenant)
    assert [event.subject_reference for event in page] == [made.reference for made in things[:100]]
    assert json.loads(page[7].after or "") == json.loads(msgspec.json.encode(things[7]))


async def test_what_belongs_to_no_customer_counts_for_the_tenant_alone(pool: Pool, tenant: UUID) -> None:
    """The operator's own objects are counted once, and what has no list of its own is counted nowhere."""
    await commit(pool, tenant, created("thing.made", "things", thing("THI-1")), created("note.made", "", thing("NOT-1")))
    assert (await kept(pool, tenant))["sizes"] == {("things", NIL): (1, 1)}
    assert (await kept(pool, tenant))["events"] == 2


@pytest.mark.parametrize("how", ["left without commit", "an error", "an error while it commits"])
async def test_a_rollback_leaves_nothing(pool: Pool, tenant: UUID, how: str) -> None:
    """Of a change that was undone there is no event, no audit entry and no size."""
    work = work_on(pool, tenant)
    with contextlib.suppress(ZeroDivisionError, asyncpg.PostgresError, TypeError):
        async with Transaction(work) as transaction:
            work.record(created("thing.made", "things", thing("THI-1")))
            match how:
                case "an error":
                    await write_record(transaction.connection, work, 201, None)
                    raise ZeroDivisionError
                case "an error while it commits":
                    work.record(created("thing.made", "things", thing("nul \0 in it")))
                    await transaction.commit(201)
    assert await kept(pool, tenant) == {"events": 0, "audit": [], "sizes": {}}
    await pool.fetch("SELECT 1")


async def test_writers_of_one_collection_do_not_lose_each_others_counts(pool: Pool, tenant: UUID) -> None:
    """Sizes stay exact with many writers at once, and writers of several collections never block each other for good."""
    customers = [new_id() for _ in range(3)]
    random = Random(11)

    async def write() -> None:
        for _ in range(10):
            events = [created(f"{name}.made", name, thing("X", random.choice(customers))) for name in ("a", "b", "c")]
            random.shuffle(events)
            await commit(pool, tenant, *events)

    await asyncio.gather(*(write() for _ in range(12)))
    sizes = (await kept(pool, tenant))["sizes"]
    for name in ("a", "b", "c"):
        assert sizes[name, NIL] == (120, 120)
        assert sum(sizes[name, customer][0] for customer in customers) == 120
    assert len(await stored(pool, tenant)) == 100  # a page
