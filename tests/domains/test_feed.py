"""The change feed inside one process: catching up, the live end in memory, filters; and readers that come and go while many write."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from random import Random
from uuid import UUID

import msgspec
import pytest

from trunkline.domains.events import service, tail
from trunkline.domains.events.service import Feed, Filter, Listener, filter_of, known_pattern, read_page
from trunkline.domains.events.tail import KEPT_EVENTS, Tail
from trunkline.kit.clock import Clock
from trunkline.kit.errors import Invalid, Throttled
from trunkline.kit.events import START, Event, StoredEvent, changed, created
from trunkline.kit.ids import new_id
from trunkline.kit.principal import ActorType, Environment, Principal, Reach, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin, write_record
from trunkline.kit.work import Transaction, Work

ALL = Filter(frozenset({"thing", "part"}), frozenset(), None)


class Thing(msgspec.Struct, frozen=True):
    """Something that changes."""

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None


def thing(reference: str, customer: UUID | None = None, version: int = 1, account: UUID | None = None) -> Thing:
    return Thing(new_id(), reference, version, account or customer, customer)


@pytest.fixture
async def realm(database_url: str) -> AsyncIterator[Realm]:
    made = Realm.at(Environment.PRODUCTION, database_url, connections=10, throttle=False)
    yield made
    await made.pool.close()


@pytest.fixture
async def feed(realm: Realm) -> AsyncIterator[Feed]:
    made = Feed(realm)
    yield made
    await made.close()


@pytest.fixture
def tenant() -> UUID:
    return new_id()


def caller(tenant: UUID, reach: Reach | None = None) -> Principal:
    return Principal(tenant, Environment.PRODUCTION, ActorType.API_CLIENT, "reader", new_id(), frozenset(), reach=reach)


def work_of(realm: Realm, tenant: UUID) -> Work:
    return Work(realm.pool, Clock(), system(tenant, Environment.PRODUCTION, "tester"), Origin("test.operation", "request"))


async def commit(realm: Realm, tenant: UUID, *events: Event) -> None:
    work = work_of(realm, tenant)
    async with Transaction(work) as transaction:
        work.record(*events)
        await transaction.commit(200)


async def make(realm: Realm, tenant: UUID, *references: str, type_: str = "thing.made", customer: UUID | None = None) -> None:
    await commit(realm, tenant, *(created(type_, "", thing(reference, customer)) for reference in references))


def names(events: list[StoredEvent]) -> list[str]:
    return [event.subject_reference for event in events]


async def following(listener: Listener, number: int, limit: int = 100, seconds: float = 10) -> list[StoredEvent]:
    """The next `number` events, waited for."""
    seen: list[StoredEvent] = []
    async with asyncio.timeout(seconds):
        while len(seen) < number:
            found = await listener.read(limit)
            seen += found
            if not found and not listener.behind:
                await asyncio.wait([listener.news()], timeout=1)
    return seen


# reading ---------------------------------------------------------------------------------------------------------------


async def test_what_was_committed_is_read_at_once(realm: Realm, tenant: UUID) -> None:
    """Whoever writes and then reads finds what it wrote, page by page, without anybody listening."""
    await make(realm, tenant, "one", "two", "three")
    first = await read_page(realm.pool, caller(tenant), ALL, START, 2)
    assert (names(first.events), first.more) == (["one", "two"], True)
    second = await read_page(realm.pool, caller(tenant), ALL, first.position, 2)
    assert (names(second.events), second.more) == (["three"], False)
    third = await read_page(realm.pool, caller(tenant), ALL, second.position, 2)
    assert (third.events, third.position, third.more) == ([], second.position, False)


async def test_the_end_is_after_everything_that_was_committed(realm: Realm, tenant: UUID) -> None:
    """A reader that begins at the end gets what comes next and nothing before."""
    assert (await read_page(realm.pool, caller(tenant), ALL, None, 10)).position == START
    await make(realm, tenant, "before")
    end = await read_page(realm.pool, caller(tenant), ALL, None, 10)
    assert end.events == []
    await make(realm, tenant, "after")
    assert names((await read_page(realm.pool, caller(tenant), ALL, end.position, 10)).events) == ["after"]


async def test_a_position_of_the_future_is_refused(realm: Realm, feed: Feed, tenant: UUID) -> None:
    """A position that this database never gave means that the database was set back: waiting there would lose events silently."""
    with pytest.raises(Invalid):
        await read_page(realm.pool, caller(tenant), ALL, 10**15, 10)
    with pytest.raises(Invalid):
        async with feed.listen(caller(tenant), ALL, 10**15):
            pass


async def test_catching_up_is_bounded(realm: Realm, tenant: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events are not wanted, one request looks at a limited number and says how far it came."""
    monkeypatch.setattr(service, "SCANNED", 10)
    for _ in range(5):
        await make(realm, tenant, *("x" * 30), type_="part.made")
    await make(realm, tenant, "wanted")
    wanted, position, requests = filter_of(frozenset({"thing", "part"}), ("thing.*",), None), START, 0
    while True:
        page = await read_page(realm.pool, caller(tenant), wanted, position, 10)
        requests += 1
        assert page.position > position
        position = page.position
        if not page.more:
            break
        assert page.events == []
    assert names(page.events) == ["wanted"]
    assert requests == 2  # 151 events, 8 batches of 10 each


# listening -------------------------------------------------------------------------------------------------------------


async def test_a_listener_hears_at_once(realm: Realm, feed: Feed, tenant: UUID) -> None:
    """What is committed while somebody waits arrives within a tenth of a second."""
    async with feed.listen(caller(tenant), ALL, None) as listener:
        await asyncio.sleep(0.1)
        for number in range(5):
            await make(realm, tenant, f"{number}")
            begun = asyncio.get_running_loop().time()
            assert names(await following(listener, 1)) == [f"{number}"]
            assert asyncio.get_running_loop().time() - begun < 0.1


async def test_a_listener_from_the_past_misses_nothing_where_database_and_memory_meet(
    realm: Realm, feed: Feed, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It catches up from the database in batches, goes over to memory, and back when it is slower than memory is long."""
    monkeypatch.setattr(tail, "KEPT_EVENTS", 20)
    expected: list[str] = []

    async def write(number: int) -> None:
        for _ in range(number):
            batch = [f"{len(expected) + part}" for part in range(7)]
            expected.extend(batch)
            await make(realm, tenant, *batch)

    await write(5)
    async with feed.listen(caller(tenant), ALL, START) as listener, feed.listen(caller(tenant), ALL, None) as live:
        seen = names(await following(listener, 10, limit=3))
        await write(10)  # memory keeps the last of them only
        await following(live, 70)
        seen += names(await following(listener, 50, limit=4))
        await write(10)
        seen += names(await following(listener, len(expected) - len(seen), limit=5))
    assert seen == expected


async def test_the_memory_is_bounded() -> None:
    """The tail keeps the newest events, by number and by size, and knows from where on it is complete."""
    kept = Tail(0)
    for number in range(1, 3 * KEPT_EVENTS, 100):
        kept.add([_stored(number + part) for part in range(100)])
        assert len(kept.after(kept.begin)) <= KEPT_EVENTS
        assert [event.sequence for event in kept.after(kept.begin)] == list(range(kept.begin + 1, kept.last + 1))
    large = Tail(0)
    for number in range(1, 40):
        large.add([_stored(number, after="x" * 1024 * 1024)])
        assert len(large.after(large.begin)) <= 16


def _stored(sequence: int, after: str | None = None, **changes: object) -> StoredEvent:
    plain = StoredEvent(
        sequence, Clock().now(), "thing.made", "thing", new_id(), "T", 1, None, None, None, "system", "tester", "r", None, after
    )
    return msgspec.structs.replace(plain, **changes)


async def test_nobody_listening_means_no_polling(
    realm: Realm, feed: Feed, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A while after the last listener has gone the reader of the database ends; the next listener starts it again."""
    monkeypatch.setattr(tail, "LINGER_SECONDS", 0.1)
    async with feed.listen(caller(tenant), ALL, None):
        task = feed._tails._task
    assert task is not None
    async with asyncio.timeout(5):
        await task
    async with feed.listen(caller(tenant), ALL, None) as listener:
        await make(realm, tenant, "again")
        assert names(await following(listener, 1)) == ["again"]


async def test_a_credential_has_so_many_listeners(feed: Feed, tenant: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller cannot take all of a process's attention; a place that is left is free again."""
    monkeypatch.setattr(service, "LISTENERS_OF_ONE", 1)
    one = caller(tenant)
    for _ in range(2):
        async with feed.listen(one, ALL, None):
            with pytest.raises(Throttled):
                async with feed.listen(one, ALL, None):
                    pass
            async with feed.listen(caller(tenant), ALL, None):
                pass


# who gets what -----------------------------------------------------------------------------------------------------------


def test_patterns() -> None:
    """`*`, `case.*` and `case.opened` choose among what one may read; what one may not read is left out without a word."""
    readable = frozenset({"case", "site"})
    assert filter_of(readable, (), None).subjects == readable
    assert filter_of(readable, ("case.*", "invoice.*"), None).subjects == {"case"}
    assert filter_of(readable, ("case.opened", "invoice.overdue"), None) == Filter(
        frozenset(), frozenset({"case.opened"}), None
    )
    assert filter_of(readable, ("*", "case.opened"), None).subjects == readable
    assert known_pattern("case.*", ["case.opened"])
    assert not known_pattern("cas.*", ["case.opened"])
    assert not known_pattern("case.", ["case.opened"])


async def test_memory_and_database_choose_alike(realm: Realm, feed: Feed, tenant: UUID) -> None:
    """For every reach and every choice of types, the live end and catching up give the same events."""
    customer, other = new_id(), new_id()
    accounts = {path: (new_id() if path.count("/") > 1 else customer) for path in ("A/", "A/B/", "A/B/C/", "A/BB/", "A/D/")}
    async with realm.pool.connection() as connection:
        number = int.from_bytes(tenant.bytes[-3:], "big") + 2
        await connection.execute(
            "INSERT INTO tenants (tenant_id, number, name, created_at) VALUES ($1, $2, 'T', now())", tenant, number
        )
        for path, account in accounts.items():
            await connection.execute(
                """
                INSERT INTO accounts (tenant_id, id, reference, customer_id, parent_id, path, name, legal_name, currency, created_at,
                                      modified_at)
                VALUES ($1, $2, $3, $4, nullif($4::uuid, $2::uuid), $3, 'N', 'N', 'EUR', now(), now())
                """,
                tenant, account, path, customer,
            )  # fmt: skip
    reaches = [
        None, Reach(customer, customer), Reach(other, other), Reach(accounts["A/B/"], customer, "A/B/"),
        Reach(accounts["A/B/"], customer, "A/B/", own=True), Reach(accounts["A/D/"], customer, "A/D/"),
    ]  # fmt: skip
    choices: list[tuple[str, ...]] = [(), ("thing.*",), ("part.made",), ("thing.made", "part.*"), ("other.*",)]
    filters = [filter_of(frozenset({"thing", "part"}), choice, reach) for reach in reaches for choice in choices]
    events = [
        created(f"{kind}.made", "", thing(f"{kind} {path}", customer, account=account))
        for kind in ("thing", "part", "secret")
        for path, account in accounts.items()
    ]
    events += [created("thing.made", "", thing("none")), created("part.made", "", thing("theirs", other))]
    async with feed.listen(caller(tenant), ALL, START) as live:
        await commit(realm, tenant, *events)
        await following(live, len(events) - len(accounts))
        stored = live._tail.after(START)
        assert len(stored) == len(events)
        for wanted in filters:
            page = await read_page(realm.pool, caller(tenant, wanted.reach), wanted, START, 100)
            assert names(page.events) == names([event for event in stored if wanted.matches(event)])
    everything = [names([event for event in stored if wanted.matches(event)]) for wanted in filters]
    assert everything[5 * 3] == ["thing A/B/", "thing A/B/C/", "part A/B/", "part A/B/C/"]
    assert everything[5 * 4] == ["thing A/B/", "part A/B/"]
    assert everything[5 * 2] == ["theirs"]


# breaking the order --------------------------------------------------------------------------------------------------------


async def test_readers_that_stop_and_resume_while_many_write(realm: Realm, feed: Feed, tenant: UUID) -> None:
    """Seven writers in and out of locks, long transactions, rollbacks; readers that wait, poll, stop and go on, in two feeds.

    Everybody sees every committed event once, all in the same order, each object's in the order of its versions.
    """
    random = Random(5)
    row_locks = [asyncio.Lock() for _ in range(4)]
    versions = [0] * 4
    ids = [new_id() for _ in range(4)]
    committed: set[tuple[UUID, int]] = set()
    writing = True

    async def write(writer: int) -> None:
        for _ in range(20):
            which = random.randrange(4)
            work = work_of(realm, tenant)
            with suppress(ZeroDivisionError):
                async with Transaction(work) as transaction:
                    await transaction.connection.execute("SELECT pg_current_xact_id()")  # as a claimed key does
                    await asyncio.sleep(random.random() * 0.01)
                    async with row_locks[which]:  # the object's row
                        version = versions[which] + 1
                        made = Thing(ids[which], f"{which}", version, None, None)
                        work.record(changed("thing.changed", "", made, made), created("part.made", "", thing(f"{writer}")))
                        await write_record(transaction.connection, work, 200, None)
                        work.recorded.clear()
                        await asyncio.sleep(random.random() * random.choice((0.001, 0.02, 0.1)))
                        if random.random() < 0.3:
                            raise ZeroDivisionError
                        await transaction.commit(200)
                        versions[which] = version
                        committed.add((ids[which], version))

    async def wait_and_read(own: Feed, rest: float) -> list[StoredEvent]:
        seen: list[StoredEvent] = []
        last_round = False
        while not last_round:
            last_round = not writing
            async with own.listen(caller(tenant), ALL, seen[-1].sequence if seen else START) as listener:
                for _ in range(random.randint(1, 6)):
                    seen += await listener.read(random.choice((1, 5, 100)))
                    await asyncio.wait([listener.news()], timeout=0.05)
                while last_round and (listener.behind or await _settled(listener)):
                    seen += await listener.read(100)
            await asyncio.sleep(random.random() * rest)
        return seen

    second = Feed(realm)
    readers = [asyncio.create_task(wait_and_read(own, rest)) for own in (feed, second) for rest in (0.0, 0.05)]
    readers.append(asyncio.create_task(polling(realm, tenant, lambda: writing)))
    await asyncio.gather(*(write(writer) for writer in range(7)))
    writing = False
    results = await asyncio.gather(*readers)
    await second.close()

    for seen in results:
        assert [event.sequence for event in seen] == sorted({event.sequence for event in seen})
        of_things = [(event.subject_id, event.subject_version) for event in seen if event.subject_type == "thing"]
        assert set(of_things) == committed
        for id_ in ids:
            own = [version for subject, version in of_things if subject == id_]
            assert own == list(range(1, len(own) + 1))
    assert all(seen == results[0] for seen in results)


async def polling(realm: Realm, tenant: UUID, writing: Callable[[], bool]) -> list[StoredEvent]:
    """What a reader gets that asks again and again, page by page, until there are no more writers."""
    seen: list[StoredEvent] = []
    last_round = False
    while not last_round:
        last_round = not writing()
        more = True
        while more:
            page = await read_page(realm.pool, caller(tenant), ALL, seen[-1].sequence if seen else START, 7)
            seen, more = seen + page.events, page.more
        await asyncio.sleep(0.002)
    return seen


async def _settled(listener: Listener) -> bool:
    """Whether more has come within three polls."""
    await asyncio.wait([listener.news()], timeout=0.2)
    return listener.behind
