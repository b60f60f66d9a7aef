"""Importing and removing many subscribers: an answer for each row, nothing lost or done twice, no key in the clear."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from tests.conftest import MakeDatabase
from tests.domains.house import House, build
from tests.domains.network_parts import OPC, RIGHTS, K, Parts, build_parts
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers import store
from trunkline.domains.connectivity.subscribers.service import ImportJob, ImportReport, ImportRow, SubscriberDraft
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Violation
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Window

_numbers = iter(range(100_000))


@pytest.fixture(scope="module")
async def parts(house: House) -> Parts:
    return await build_parts(house, house.customer)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Chunks of ten rows, so that a small import has several."""
    from trunkline.domains.connectivity.subscribers.importing import service

    monkeypatch.setattr(service, "CHUNK", 10)
    return 10


def imsi() -> str:
    return f"30000{next(_numbers):010d}"


def row(number: str | None = None, **values: object) -> ImportRow:
    number = number or imsi()
    return ImportRow(SubscriberDraft(**{"imsi": number, "msisdn": f"+{number}", "k": K, **values}))  # type: ignore[arg-type]


async def run(house: House, rows: Sequence[ImportRow], reach: Reach | None = None, *, dry_run: bool = False) -> ImportReport:
    async with house.writing(reach or house.customer, RIGHTS) as work:
        return await subscribers.import_subscribers(work, rows, dry_run=dry_run)


async def start(house: House, rows: Sequence[ImportRow]) -> ImportJob:
    async with house.writing(house.customer, RIGHTS) as work:
        return await subscribers.start_import(work, rows)


def words(report: ImportReport) -> list[str]:
    return [result.result.value for result in report.rows]


async def count(house: House, numbers: Sequence[str]) -> int:
    rows = await house.sql(
        "SELECT 1 FROM subscribers WHERE tenant_id = $1 AND imsi = ANY ($2::text[]) AND deleted_at IS NULL", list(numbers)
    )
    return len(rows)


async def total(house: House) -> int | None:
    return (await subscribers.list_subscribers(house.reading(None, RIGHTS), EVERYTHING, (), Window(0, 1), 10**6)).total


async def test_each_row_gets_its_own_answer(house: House, parts: Parts) -> None:
    """Good rows are stored, bad ones are told with all their faults; what the dialect found counts among them."""
    before = await total(house)
    unreadable = ImportRow(SubscriberDraft(imsi=imsi(), k="zz"), (Violation("msisdn", "must be a text"),))
    good = row(opc=OPC, status="active", system=parts.system, system_profile=parts.profile)
    report = await run(house, [good, row("12x"), unreadable, row(system="nothing"), row()])
    assert words(report) == ["created", "failed", "failed", "failed", "created"]
    assert [result.row for result in report.rows] == [1, 2, 3, 4, 5]
    assert [violation.field for violation in report.rows[2].faults] == ["msisdn", "k"]
    assert report.rows[1].imsi == "12x"
    assert (report.total, report.created, report.updated, report.failed) == (5, 2, 0, 3)
    assert before is not None
    assert await total(house) == before + 2
    reference = report.rows[0].reference
    assert reference is not None
    one = await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), reference)
    assert (one.imsi, one.status, one.system_reference, one.version) == (good.draft.imsi, "active", parts.system, 1)


async def test_a_row_updates_what_has_its_imsi_or_its_iccid(house: House) -> None:
    """By IMSI first, else by ICCID, which may bring a new IMSI; what a row leaves out stays; the same again changes nothing."""
    number, card = imsi(), f"8900001{imsi()}"
    first = await run(house, [row(number, iccid=card, extensions={"a": "1"})])
    by_imsi = ImportRow(SubscriberDraft(imsi=number, type="test"))
    again = imsi()
    by_card = ImportRow(SubscriberDraft(imsi=again, iccid=card))
    second = await run(house, [by_imsi, by_card])
    assert words(second) == ["updated", "updated"]
    assert {result.reference for result in second.rows} == {first.rows[0].reference}
    one = await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), first.rows[0].reference or "")
    assert (one.imsi, one.iccid, one.type, one.extensions, one.version) == (again, card, "test", {"a": "1"}, 3)
    assert words(await run(house, [by_card])) == ["updated"]
    assert (await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), one.reference)).version == 3
    events = await house.sql("SELECT type FROM events WHERE tenant_id = $1 AND subject_id = $2", one.id)
    assert [event[0] for event in events] == ["subscriber.created", "subscriber.changed", "subscriber.changed"]


async def test_rows_see_what_the_rows_before_them_did(house: House) -> None:
    """The same IMSI twice is created and then updated; an IMSI and an ICCID of two subscribers, or of somebody else, fail."""
    number, card = imsi(), f"8900002{imsi()}"
    theirs = imsi()
    await run(house, [row(theirs)], house.other)
    report = await run(house, [row(number), row(number, type="test"), row(iccid=card), row(number, iccid=card), row(theirs)])
    assert words(report) == ["created", "updated", "created", "failed", "failed"]
    assert report.rows[0].reference == report.rows[1].reference is not None
    assert [[violation.field for violation in result.faults] for result in report.rows[3:]] == [["iccid"], ["imsi"]]
    one = await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), number, "imsi")
    assert (one.type, one.version) == ("test", 2)
    assert (await subscribers.find_subscriber(house.reading(house.other, RIGHTS), theirs, "imsi")).version == 1


async def test_a_row_changes_the_extensions_that_it_names(house: House) -> None:
    """Extensions merge key by key, row after row; null takes one away; a draft's own map replaces them all."""
    number = imsi()
    await run(house, [row(number, extensions={"a": "1", "b": "2"})])
    named: list[dict[str, str | None]] = [{"b": None, "c": "3"}, {"d": "4"}]
    report = await run(house, [ImportRow(SubscriberDraft(imsi=number), extensions=one) for one in named])
    assert words(report) == ["updated", "updated"]
    work = house.reading(house.customer, RIGHTS)
    assert (await subscribers.find_subscriber(work, number, "imsi")).extensions == {"a": "1", "c": "3", "d": "4"}
    await run(house, [ImportRow(SubscriberDraft(imsi=number, extensions={"e": "5"}))])
    assert (await subscribers.find_subscriber(work, number, "imsi")).extensions == {"e": "5"}


async def test_a_card_comes_back_to_its_subscriber(house: House) -> None:
    """A row may give a subscriber the ICCID back that a row before took from it, but not one that another one gave up."""
    number, other, card, spare = imsi(), imsi(), f"8900003{imsi()}", f"8900004{imsi()}"
    await run(house, [row(number, iccid=card), row(other)])
    cards = [(number, spare), (number, card), (number, spare), (other, card)]
    report = await run(house, [ImportRow(SubscriberDraft(imsi=who, iccid=what)) for who, what in cards])
    assert words(report) == ["updated", "updated", "updated", "failed"]
    assert [fault.field for fault in report.rows[3].faults] == ["iccid"]
    assert (await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), number, "imsi")).iccid == spare


async def test_the_same_rows_twice_at_the_same_time(house: House) -> None:
    """Who comes second updates what the first one created, as if he had come later; another customer's fail by themselves."""
    numbers = [imsi() for _ in range(4)]
    async with house.writing(house.customer, RIGHTS) as work:
        await subscribers.import_subscribers(work, [row(number) for number in numbers[1:]])
        second = asyncio.create_task(run(house, [row(number, type="test") for number in numbers]))
        stranger = asyncio.create_task(run(house, [row(numbers[3])], house.other))
        await asyncio.sleep(0.3)
    report = await second
    assert words(report) == ["created", "updated", "updated", "updated"]
    assert [result.row for result in report.rows] == [1, 2, 3, 4]
    for number in numbers:
        assert (await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), number, "imsi")).type == "test"
    assert words(await stranger) == ["failed"]


async def test_a_dry_run_tells_everything_and_stores_nothing(house: House) -> None:
    """The same answers without references for what would be new; no row, no event, no total moves."""
    number, before = imsi(), await total(house)
    report = await run(house, [row(number), row(number), row("x")], dry_run=True)
    assert words(report) == ["created", "updated", "failed"]
    assert [result.reference for result in report.rows] == [None, None, None]
    assert (await count(house, [number]), await total(house)) == (0, before)


async def test_too_many_rows_need_a_job(house: House) -> None:
    """More than a thousand rows at once are refused before anything is read."""
    with pytest.raises(Invalid, match="at most 1000"):
        await run(house, [row("123456")] * 1001)


async def test_removing_many(house: House) -> None:
    """By reference or IMSI; what is not there, not within reach or named twice fails; totals follow."""
    made = await run(house, [row() for _ in range(3)])
    theirs = (await run(house, [row()], house.other)).rows[0]
    before = await total(house)
    assert before is not None
    references = [made.rows[0].reference or "", made.rows[0].reference or "", "nothing", theirs.reference or ""]
    async with house.writing(house.customer, RIGHTS) as work:
        report = await subscribers.remove_subscribers(work, references=references)
        dry = await subscribers.remove_subscribers(work, imsis=[made.rows[1].imsi or ""], dry_run=True)
    assert words(report) == ["deleted", "failed", "failed", "failed"]
    assert [result.faults[0].field for result in report.rows[1:]] == ["reference"] * 3
    assert (report.deleted, report.failed, words(dry)) == (1, 3, ["deleted"])
    assert await total(house) == before - 1
    async with house.writing(house.customer, RIGHTS) as work:
        report = await subscribers.remove_subscribers(work, imsis=[made.rows[1].imsi or "", made.rows[2].imsi or ""])
    assert words(report) == ["deleted", "deleted"]
    assert await total(house) == before - 3


async def test_who_may_import_and_remove(house: House) -> None:
    """Importing takes the rights to create and to change, removing the right to remove."""
    for missing in ("create", "change"):
        with pytest.raises(Forbidden):
            async with house.writing(house.customer, RIGHTS - {f"subscribers.{missing}"}) as work:
                await subscribers.start_import(work, [row()])
    with pytest.raises(Forbidden):
        async with house.writing(house.customer, RIGHTS - {"subscribers.remove"}) as work:
            await subscribers.remove_subscribers(work, imsis=[imsi()])


# as a job ----------------------------------------------------------------------------------------------------------------


async def test_a_job_works_its_rows_off_chunk_by_chunk(house: House, small_chunks: int) -> None:
    """All rows once, in the order they came, with results page by page; running it again does nothing."""
    rows = [row() if index % 7 else row("x") for index in range(35)]
    job = await start(house, rows)
    work = house.reading(house.customer, RIGHTS)
    assert (job.status, job.total, job.done) == ("waiting", 35, 0)
    assert await subscribers.find_import(work, job.reference) == job
    assert await subscribers.list_import_rows(work, job, 0, 100) == []
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    done = await subscribers.find_import(work, job.reference)
    assert (done.status, done.done, done.created, done.failed) == ("completed", 35, 30, 5)
    assert done.finished_at is not None
    seen = [result for offset in range(0, 40, 8) for result in await subscribers.list_import_rows(work, done, offset, 8)]
    assert [result.row for result in seen] == list(range(1, 36))
    assert [result.result for result in seen if (result.row - 1) % 7 == 0] == ["failed"] * 5
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    assert await subscribers.find_import(work, job.reference) == done
    types = await house.sql("SELECT type FROM events WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence", job.id)
    assert [one[0] for one in types] == ["import_job.started", "import_job.completed"]


async def test_a_job_that_runs_twice_at_the_same_time_does_each_row_once(house: House, small_chunks: int) -> None:
    """Two workers share the chunks: no subscriber is created and then updated by its own row."""
    job = await start(house, [row() for _ in range(60)])
    await asyncio.gather(*(subscribers.run_import(house.realm, house.tenant_id, job.id) for _ in range(2)))
    done = await subscribers.find_import(house.reading(house.customer, RIGHTS), job.reference)
    assert (done.created, done.updated, done.failed, done.status) == (60, 0, 0, "completed")


async def test_a_job_goes_on_where_it_stopped(house: House, small_chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies in the middle of a chunk leaves that chunk undone; the next run does it and the rest, nothing twice."""
    rows = [row() for _ in range(40)]
    job = await start(house, rows)
    original, calls = store.insert, 0

    async def dying(*arguments: Any) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ConnectionResetError("the worker died")
        return await original(*arguments)

    monkeypatch.setattr(store, "insert", dying)
    with pytest.raises(ConnectionResetError):
        await subscribers.run_import(house.realm, house.tenant_id, job.id)
    work = house.reading(house.customer, RIGHTS)
    half = await subscribers.find_import(work, job.reference)
    numbers = [str(one.draft.imsi) for one in rows]
    assert (half.status, half.done, await count(house, numbers)) == ("running", 20, 20)
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    done = await subscribers.find_import(work, job.reference)
    assert (done.status, done.created, await count(house, numbers)) == ("completed", 40, 40)


async def test_a_job_tells_the_planner_how_large_the_table_has_become(make_database: MakeDatabase, small_chunks: int) -> None:
    """Statements that were planned for an empty table are planned anew while it fills, long before autovacuum comes by."""
    house = await build(await make_database())
    job = await start(house, [row() for _ in range(300)])
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    known = await house.sql("SELECT reltuples FROM pg_class WHERE oid = 'subscribers'::regclass AND $1::uuid IS NOT NULL")
    assert known[0][0] >= 300 / 2 - small_chunks
    await house.realm.pool.close()


async def test_a_job_acts_for_the_caller_who_started_it(house: House, small_chunks: int) -> None:
    """With his reach, his name in the records, and the rights of the command alone; nobody else finds it."""
    theirs = imsi()
    await run(house, [row(theirs)], house.other)
    job = await start(house, [row(theirs), row()])
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    results = await subscribers.list_import_rows(house.reading(house.customer, RIGHTS), job, 0, 10)
    assert [result.result for result in results] == ["failed", "created"]
    one = await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), results[1].reference or "")
    assert one.account_id == house.customer.account_id
    actors = await house.sql("SELECT actor_id FROM events WHERE tenant_id = $1 AND subject_id = $2", one.id)
    assert [actor[0] for actor in actors] == ["tester"]
    with pytest.raises(NotFound):
        await subscribers.find_import(house.reading(house.other, RIGHTS), job.reference)


async def test_no_key_waits_in_the_clear(house: House, small_chunks: int) -> None:
    """Rows are sealed while they wait, erased when they are done, and never in results, jobs or the queue."""
    job = await start(house, [row(k="ab" * 16) for _ in range(12)])

    async def everything() -> list[asyncpg.Record]:
        return await house.sql(
            """SELECT coalesce(c.rows, ''::bytea) AS rows, c.results::text AS results, row_to_json(j)::text AS job
                 FROM import_chunks c JOIN import_jobs j ON j.tenant_id = c.tenant_id AND j.id = c.job_id
                WHERE c.tenant_id = $1 AND j.id = $2""",
            job.id,
        )

    for chunk in await everything():
        assert b"ab" * 16 not in chunk["rows"]
        assert b"imsi" not in chunk["rows"]
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    for chunk in await everything():
        assert chunk["rows"] == b""
        assert "ab" * 16 not in chunk["results"] + chunk["job"]
    async with house.realm.pool.connection() as connection:
        queued = await connection.fetch("SELECT payload FROM pgqueuer")
    assert all(b"ab" * 16 not in (one[0] or b"") for one in queued)


async def test_a_removal_can_be_a_job_too(house: House, small_chunks: int) -> None:
    """It works like an import, and counts what it deleted."""
    made = await run(house, [row() for _ in range(25)])
    async with house.writing(house.customer, RIGHTS) as work:
        job = await subscribers.start_removal(work, references=[result.reference or "" for result in made.rows] + ["nothing"])
    await subscribers.run_import(house.realm, house.tenant_id, job.id)
    done = await subscribers.find_import(house.reading(house.customer, RIGHTS), job.reference)
    assert (done.kind, done.deleted, done.failed, done.status) == ("remove", 25, 1, "completed")
    assert await count(house, [result.imsi or "" for result in made.rows]) == 0
