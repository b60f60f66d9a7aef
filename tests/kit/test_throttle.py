"""Rate limits: exact with any number of processes, cheap when refused, alive without the database."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest

from trunkline.kit.db import Pool
from trunkline.kit.throttle import (
    Allowance,
    Rule,
    SlidingWindow,
    Throttle,
    TokenBucket,
    forget_idle,
    limit_field,
    policy_field,
)
from trunkline.kit.throttle.fallback import LocalWindow
from trunkline.kit.throttle.memory import Recent

READ = TokenBucket("read", 50, 3.0)
WRITE = SlidingWindow("write", 30, 60)

# How much a limit lets through cannot be seen while a busy machine takes the time away: one try must reach it, and none exceed it.
TRIES = ("first", "second", "third")


@pytest.fixture
def tenant() -> UUID:
    return uuid4()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = Pool(database_url)
    yield pool
    await pool.close()


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[tuple[Throttle, Throttle]]:
    """Two throttles that know nothing of each other, as two processes behind a load balancer would."""
    pools = Pool(database_url, 2), Pool(database_url, 2)
    yield Throttle(pools[0], processes=2), Throttle(pools[1], processes=2)
    for pool in pools:
        await pool.close()


async def hits(throttle: Throttle, tenant: UUID, rule: Rule, count: int, key: str = "client") -> list[Allowance]:
    return [await throttle.take(tenant, key, rule) for _ in range(count)]


# what a limit lets through ---------------------------------------------------------------------------------------------


async def test_burst_then_rate(pair: tuple[Throttle, Throttle], tenant: UUID) -> None:
    """Of 100 reads at ten a second (here ten times faster) a full bucket of 50 serves about 71, and then three a second."""
    rule = TokenBucket("read", 50, 30.0)
    served = []  # what is missing to all that the rule allows, and the first refusal
    for client in TRIES:
        begin = time.monotonic()
        allowed = refused_first = 0
        for number in range(100):
            await asyncio.sleep(begin + number / 100 - time.monotonic())
            allowance = await pair[number % 2].take(tenant, client, rule)
            allowed += allowance.allowed
            if not allowance.allowed and not refused_first:
                refused_first = number
        seconds = time.monotonic() - begin
        assert allowed <= 50 + 30 * seconds + 1
        served.append((50 + 30 * seconds - allowed, refused_first))
        if served[-1][0] <= 2.5 and refused_first >= 68:
            return
    pytest.fail(f"hardly what the rule allows in any try: {served}")


async def test_window_at_once(pair: tuple[Throttle, Throttle], tenant: UUID) -> None:
    """30 writes pass at once through two processes, the 31st is told to come back when the oldest leaves the window."""
    answers = [await pair[number % 2].take(tenant, "client", WRITE) for number in range(32)]
    assert [a.allowed for a in answers] == [True] * 30 + [False] * 2
    assert [a.remaining for a in answers] == [*range(29, -1, -1), 0, 0]
    assert answers[30].retry_after in {59, 60}
    assert answers[30].reset == answers[30].retry_after


async def test_window_slides(pool: Pool, tenant: UUID) -> None:
    """A hit leaves the window exactly its length after it came, not before, and refused hits cost nothing."""
    throttle, rule = Throttle(pool), SlidingWindow("write", 3, 1)
    await throttle.take(tenant, "warm", rule)
    begin = time.monotonic()
    first = await hits(throttle, tenant, rule, 2)
    await asyncio.sleep(0.5)
    second = await hits(throttle, tenant, rule, 5)
    assert [a.allowed for a in first + second] == [True, True, True, False, False, False, False]
    assert second[-1].retry_after == 1
    while not (await throttle.take(tenant, "client", rule)).allowed:
        await asyncio.sleep(0.002)
    assert time.monotonic() - begin == pytest.approx(1.0, abs=0.1)
    await asyncio.sleep(0.1)
    assert [a.allowed for a in await hits(throttle, tenant, rule, 2)] == [True, False]


async def test_retry_after_is_right(pool: Pool, tenant: UUID) -> None:
    """Who waits as long as Retry-After says is served; one who does not is not."""
    throttle, rule = Throttle(pool), TokenBucket("read", 2, 1.0)
    answers = await hits(throttle, tenant, rule, 3)
    assert [(a.allowed, a.retry_after) for a in answers] == [(True, 0), (True, 0), (False, 1)]
    await asyncio.sleep(0.6)
    assert not (await throttle.take(tenant, "client", rule)).allowed
    await asyncio.sleep(0.4)
    assert (await throttle.take(tenant, "client", rule)).allowed
    slow = TokenBucket("slow", 1, 0.1)
    assert [a.retry_after for a in await hits(throttle, tenant, slow, 2)] == [0, 10]


def one_exact_limiter(rule: Rule) -> Callable[[float], bool]:
    """The definition: what a single limiter with a perfect memory answers to a hit at a moment."""
    past: list[float] = []
    level, last = float(rule.quota), 0.0

    def window(now: float) -> bool:
        past[:] = [hit for hit in past if hit > now - rule.window]
        if len(past) < rule.quota:
            past.append(now)
            return True
        return False

    def bucket(now: float) -> bool:
        nonlocal level, last
        assert isinstance(rule, TokenBucket)
        level, last = min(rule.capacity, level + (now - last) * rule.per_second), now
        if level >= 1:
            level -= 1
            return True
        return False

    return bucket if isinstance(rule, TokenBucket) else window


@pytest.mark.parametrize("rule", [READ, WRITE, SlidingWindow("write", 100, 60)])
async def test_like_one_exact_limiter(pool: Pool, tenant: UUID, rule: Rule) -> None:
    """Minutes of random bursts and pauses over many processes are answered as one exact limiter would."""
    random = Random(7)
    expect, passed, begin = one_exact_limiter(rule), 0.0, time.monotonic()
    expected = answered = 0
    for _ in range(60):
        pause = random.choice([0.0, 0.1, 1.3, 7.7, 31.1])
        passed += pause
        async with pool.connection() as connection:  # time passes: everything in the row becomes older
            await connection.execute(
                "UPDATE throttle_buckets SET updated_at = updated_at - $2,"
                " times = ARRAY(SELECT t - $2 FROM unnest(times) WITH ORDINALITY AS u (t, n) ORDER BY n) WHERE tenant_id = $1",
                tenant,
                int(pause * 1_000_000),
            )
        process = Throttle(pool)
        for _ in range(random.choice([1, 3, 20])):
            expected += expect(time.monotonic() - begin + passed)
            answered += (await process.take(tenant, "client", rule)).allowed
            if rule.quota <= 60:
                assert abs(answered - expected) <= 1  # the two look at their clocks one after the other
            else:
                assert answered <= expected + 1
    assert answered >= 0.96 * expected - 1


async def test_budgets_are_apart(pool: Pool, tenant: UUID) -> None:
    """Reads, writes, credentials and tenants each have their own budget, and any text may be a key."""
    throttle, rule = Throttle(pool), TokenBucket("read", 1, 0.01)
    cases = [
        (tenant, "a", rule),
        (tenant, "a", SlidingWindow("read", 1, 60)),
        (tenant, "a", TokenBucket("write", 1, 0.01)),
        (tenant, "b", rule),
        (tenant, "\x00\udc80é" * 1000, rule),
        (tenant, "\x00\udc80é" * 1001, rule),
        (uuid4(), "a", rule),
    ]
    for case in cases:
        assert [(await throttle.take(*case)).allowed for _ in range(2)] == [True, False]


async def test_changed_rule(pool: Pool, tenant: UUID) -> None:
    """A changed setting counts at once: a raised limit gives the difference, a lowered one refuses."""
    throttle = Throttle(pool)
    assert sum(a.allowed for a in await hits(throttle, tenant, SlidingWindow("write", 3, 60), 5)) == 3
    assert sum(a.allowed for a in await hits(throttle, tenant, SlidingWindow("write", 5, 60), 5)) == 2
    assert sum(a.allowed for a in await hits(throttle, tenant, SlidingWindow("write", 4, 60), 5)) == 0


async def test_switched_off(pool: Pool, tenant: UUID) -> None:
    """With the throttle off everything is allowed and the database hears nothing of it."""
    throttle = Throttle(pool, enabled=False)
    assert all(a.allowed and a.remaining == 30 for a in await hits(throttle, tenant, WRITE, 100))
    assert throttle.statements == 0


# what it costs ---------------------------------------------------------------------------------------------------------


async def test_refusals_are_free(pool: Pool, tenant: UUID) -> None:
    """A client that hammers on after a refusal costs no statement."""
    throttle = Throttle(pool)
    await hits(throttle, tenant, WRITE, 31)
    before = throttle.statements
    assert not any(a.allowed for a in await hits(throttle, tenant, WRITE, 1000))
    assert throttle.take_now(tenant, "client", WRITE) is not None
    assert throttle.statements == before


async def test_one_statement_for_many(pool: Pool, tenant: UUID) -> None:
    """Hits that come together are asked for together, and still counted one by one."""
    throttle = Throttle(pool)
    answers = await asyncio.gather(*(throttle.take(tenant, "client", READ) for _ in range(60)))
    assert sum(a.allowed for a in answers) == 50
    assert throttle.statements == 1


async def test_large_budgets_are_local(pool: Pool, tenant: UUID) -> None:
    """With a large budget nearly every hit is spent from the process's lease."""
    throttle = Throttle(pool)
    for rule in (TokenBucket("read", 100_000, 100_000.0), SlidingWindow("write", 600_000, 60)):
        before, begin, local = throttle.statements, time.monotonic(), 0
        for _ in range(20_000):
            allowance = throttle.take_now(tenant, "client", rule)
            if allowance is None:
                allowance = await throttle.take(tenant, "client", rule)
            else:
                local += 1
            assert allowance.allowed
        assert local > 19_500
        assert throttle.statements - before < 100 + 40 * (time.monotonic() - begin)


async def test_large_window_stays_small(pool: Pool, tenant: UUID) -> None:
    """A window for many hits keeps at most 64 entries, whatever passes through it."""
    throttle, rule = Throttle(pool), SlidingWindow("write", 100_000, 1)
    begin = time.monotonic()
    while time.monotonic() - begin < 1.15:
        await throttle.take(tenant, uuid4().hex[:1], rule)
        await asyncio.sleep(0)
    rows = await pool.fetch("SELECT cardinality(times), cardinality(totals) FROM throttle_buckets WHERE tenant_id = $1", tenant)
    assert all(20 < times <= 64 and times == totals for times, totals in rows)


def test_memory_is_bounded() -> None:
    """A process remembers the keys used lately, never more than its bound, and none for long that nobody uses."""
    memory: Recent[int, str] = Recent(100, idle_seconds=60)
    memory.put(-1, "in use")
    for number in range(1000):
        memory.put(number, "x")
        assert memory.get(-1) == "in use"
        assert len(memory) <= 100
    assert memory.get(999) == "x"
    assert memory.get(0) is None
    now = time.monotonic()
    memory.forget_idle(now + 61)
    memory.forget_idle(now + 122)
    assert len(memory) == 0


async def test_idle_rows_are_forgotten(pool: Pool, tenant: UUID) -> None:
    """Rows of keys that nobody uses any more can be deleted, of one tenant only, without touching those in use."""
    throttle = Throttle(pool)
    await throttle.take(tenant, "idle", READ)
    await throttle.take(uuid4(), "idle", READ)
    await asyncio.sleep(0.5)
    await throttle.take(tenant, "busy", READ)
    assert await forget_idle(pool, tenant, idle_seconds=3600) == 0
    async with pool.connection() as connection:
        await connection.execute("UPDATE throttle_buckets SET updated_at = updated_at - 7200000000 WHERE bucket LIKE '%idle'")
    assert await forget_idle(pool, tenant, idle_seconds=3600) == 1


# many processes --------------------------------------------------------------------------------------------------------

HAMMERED: list[tuple[str, Rule]] = [
    ("one", TokenBucket("small", 50, 30.0)),
    ("one", SlidingWindow("writes", 30, 60)),
    ("one", TokenBucket("large", 2000, 1000.0)),
    ("one", SlidingWindow("wide", 1500, 1)),
    ("two", SlidingWindow("slots", 100, 1)),
]
HAMMER_SECONDS = 2.2


def hammer(url: str, tenant: UUID, start: Any, results: Any) -> None:
    """A process of its own: take as fast as allowed, and tell when each hit was allowed."""

    async def one(throttle: Throttle, index: int, end: float, allowed: list[list[float]]) -> None:
        key, rule = HAMMERED[index]
        while time.monotonic() < end:
            if (await throttle.take(tenant, key, rule)).allowed:
                allowed[index].append(time.monotonic())
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(0.001)

    async def run() -> list[list[float]]:
        pool = Pool(url)
        throttle = Throttle(pool, processes=2)
        await throttle.take(tenant, "warm", WRITE)
        await asyncio.to_thread(start.wait, 30)
        allowed: list[list[float]] = [[] for _ in HAMMERED]
        end = time.monotonic() + HAMMER_SECONDS
        await asyncio.gather(*(one(throttle, index, end, allowed) for index in range(len(HAMMERED)) for _ in range(3)))
        await pool.close()
        return allowed

    results.put(asyncio.run(run()))


def excess(rule: Rule, moments: list[float], slack: float = 0.04) -> int:
    """Hits beyond what one exact limiter would ever have let through; moments are known only to about `slack` seconds."""
    worst, first, debt, last = 0, 0, 0.0, moments[0]
    for number, moment in enumerate(moments):
        if isinstance(rule, SlidingWindow):
            while moments[first] <= moment - rule.seconds + slack:
                first += 1
            worst = max(worst, number - first + 1 - rule.limit)
        else:
            debt = max(0.0, debt - (moment - last) * rule.per_second) + 1
            last = moment
            worst = max(worst, int(debt - rule.capacity - rule.per_second * slack))
    return worst


def test_two_processes_share_one_limit(database_url: str) -> None:
    """Two processes that hammer the same keys get together what one limiter gives: never more in any interval, hardly less."""
    context = multiprocessing.get_context("spawn")
    short: list[str] = []
    for _ in TRIES:
        start, results = context.Barrier(2), context.Queue()
        tenant = uuid4()
        children = [context.Process(target=hammer, args=(database_url, tenant, start, results)) for _ in range(2)]
        for child in children:
            child.start()
        parts = [results.get(timeout=30) for _ in children]
        for child in children:
            child.join(10)
        short = []
        for index, (_, rule) in enumerate(HAMMERED):
            moments = sorted(parts[0][index] + parts[1][index])
            assert excess(rule, moments) <= 0, rule
            if isinstance(rule, TokenBucket):
                due = 0.9 * (rule.capacity + rule.per_second * (moments[-1] - moments[0]))
            else:
                due = rule.limit if rule.seconds == 60 else 2.6 * rule.limit
            if len(moments) < due:
                short.append(f"{len(moments)} of {due}: {rule}")
        if not short:
            return
    pytest.fail(f"hardly what the rules allow in any try: {short}")


async def test_clock_set_back(pool: Pool, tenant: UUID) -> None:
    """When the database's clock is set back by an hour nobody stays locked out for that hour."""
    throttle = Throttle(pool)
    await hits(throttle, tenant, WRITE, 31)
    await hits(throttle, tenant, READ, 51)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE throttle_buckets SET updated_at = updated_at + 3600000000,"
            " times = ARRAY(SELECT t + 3600000000 FROM unnest(times) t) WHERE tenant_id = $1",
            tenant,
        )
    later = Throttle(pool)
    answers = await hits(later, tenant, WRITE, 31)
    assert [a.allowed for a in answers] == [True] * 30 + [False]
    assert answers[-1].retry_after in {59, 60}
    assert not (await later.take(tenant, "client", READ)).allowed
    await asyncio.sleep(0.4)
    assert (await later.take(tenant, "client", READ)).allowed


# without the database --------------------------------------------------------------------------------------------------


class Gate:
    """A way to the database that can be frozen (nothing passes, nothing breaks) or cut."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def open(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        port = self._server.sockets[0].getsockname()[1]
        user = self._target.netloc.rpartition("@")[0]
        netloc = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
        self.url = urlunsplit(self._target._replace(netloc=netloc, query="sslmode=disable"))

    async def cut(self) -> int:
        """Close every connection and refuse new ones; returns the port, to open it again."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)
        return port

    def freeze(self) -> None:
        self._passing.clear()

    def thaw(self) -> None:
        self._passing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = parse_qs(self._target.query)
        host = query.get("host", [self._target.hostname or "127.0.0.1"])[0]
        port = int(query.get("port", [self._target.port or 5432])[0])
        if host.startswith("/"):
            back_reader, back_writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            back_reader, back_writer = await asyncio.open_connection(host, port)
        self._writers |= {writer, back_writer}
        await asyncio.gather(self._pipe(reader, back_writer), self._pipe(back_reader, writer))
        self._writers -= {writer, back_writer}

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
            writer.close()


@pytest.fixture
async def gate(database_url: str) -> AsyncIterator[Gate]:
    gate = Gate(database_url)
    await gate.open()
    yield gate
    gate.thaw()
    await gate.cut()


async def until_exact(throttle: Throttle, take: Callable[[], Any]) -> None:
    """Wait until a hit has reached the database again."""
    before, end = throttle.statements, time.monotonic() + 4
    while time.monotonic() < end:
        await take()
        if throttle.exact and throttle.statements > before:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the throttle did not find the database again")


async def test_database_stopped(gate: Gate, tenant: UUID) -> None:
    """When the database is stopped each process goes on with its share of the limit; when it is back, all count together."""
    pool = Pool(gate.url, 2)
    throttle = Throttle(pool, processes=2)
    assert (await throttle.take(tenant, "other", WRITE)).allowed
    port = await gate.cut()
    answers = await hits(throttle, tenant, WRITE, 40)
    assert sum(a.allowed for a in answers) == 15
    assert answers[-1].retry_after in {59, 60, 61}
    assert sum(a.allowed for a in await hits(throttle, tenant, READ, 40)) == 25
    await gate.open(port)
    await until_exact(throttle, lambda: throttle.take(tenant, "other", WRITE))
    assert sum(a.allowed for a in await hits(throttle, tenant, WRITE, 40)) == 30
    await pool.close()


async def test_database_hangs(gate: Gate, tenant: UUID) -> None:
    """A database that accepts and never answers costs a request 0.2 seconds once, not each request, and heals by itself."""
    pool = Pool(gate.url, 2)
    throttle = Throttle(pool, processes=2)
    await hits(throttle, tenant, WRITE, 10)
    gate.freeze()
    begin = time.monotonic()
    answers = await asyncio.gather(*(throttle.take(tenant, "client", WRITE) for _ in range(20)))
    assert time.monotonic() - begin < 0.4
    assert sum(a.allowed for a in answers) == 10  # half of the 20 that were left
    begin = time.monotonic()
    await hits(throttle, tenant, READ, 200)
    assert time.monotonic() - begin < 0.1
    await asyncio.sleep(1.0)
    begin = time.monotonic()
    await hits(throttle, tenant, READ, 200, key="second try")
    assert 0.1 < time.monotonic() - begin < 0.4
    gate.thaw()
    await until_exact(throttle, lambda: throttle.take(tenant, "other", READ))
    assert sum(a.allowed for a in await hits(throttle, tenant, SlidingWindow("fresh", 30, 60), 40)) == 30
    await pool.close()


async def test_never_answering_from_the_start(tenant: UUID) -> None:
    """A process that never reached its database still limits: its share for credentials, a quarter of that for bad ones."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    pool = Pool(f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/nothing?sslmode=disable", 2)
    throttle = Throttle(pool, processes=2)
    begin = time.monotonic()
    assert sum([(await throttle.take(tenant, "a", WRITE)).allowed for _ in range(100)]) == 15
    assert sum([(await throttle.take(tenant, "b", WRITE, fail_open=False)).allowed for _ in range(100)]) == 3
    assert sum([(await throttle.take(tenant, "c", TokenBucket("bad", 8, 0.1), fail_open=False)).allowed for _ in range(9)]) == 1
    assert time.monotonic() - begin < 0.4
    server.close()


async def test_blocked_row(pool: Pool, tenant: UUID) -> None:
    """A lock that somebody holds on one key's row delays a request by 0.2 seconds at most."""
    throttle = Throttle(pool)
    await throttle.take(tenant, "client", READ)
    async with pool.connection() as connection, connection.transaction():
        await connection.fetch("SELECT FROM throttle_buckets WHERE tenant_id = $1 FOR UPDATE", tenant)
        begin = time.monotonic()
        assert (await throttle.take(tenant, "client", READ)).allowed
        assert time.monotonic() - begin < 0.4
    await until_exact(throttle, lambda: throttle.take(tenant, "other", READ))


async def test_callers_that_go_away(pool: Pool, tenant: UUID) -> None:
    """A client that hangs up while its hit is being counted disturbs nobody else's."""
    throttle = Throttle(pool)
    tasks = [asyncio.create_task(throttle.take(tenant, "client", READ)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(a, Allowance) and a.allowed for a in answers) == 5
    assert sum(a.allowed for a in await hits(throttle, tenant, READ, 50)) >= 40


def test_local_window_slides() -> None:
    """A process on its own lets hits leave the window as time passes, in slots when they are many."""
    for limit in (30, 6000):
        window = LocalWindow(SlidingWindow("write", limit, 60), 2, limit, 0.0)
        assert sum(window.take(1000.0 + n / 1e6).allowed for n in range(limit)) == limit // 2
        assert window.take(1059.0).retry_after in {1, 2}
        assert window.take(1061.5).allowed


# header fields ---------------------------------------------------------------------------------------------------------


async def test_header_fields(pool: Pool, tenant: UUID) -> None:
    """The RateLimit fields say the policy, what is left, and the seconds until one more hit becomes available."""
    assert policy_field([READ, WRITE]) == '"read";q=50;w=17, "write";q=30;w=60'
    throttle = Throttle(pool)
    assert limit_field(await throttle.take(tenant, "client", READ)) == '"read";r=49;t=1'
    assert limit_field(await throttle.take(tenant, "client", WRITE)) == '"write";r=29;t=60'


@pytest.mark.parametrize(
    "build", [lambda: TokenBucket("read", 0, 1.0), lambda: TokenBucket("read", 1, 0), lambda: SlidingWindow("w", 1, 0)]
)
def test_impossible_rules(build: Callable[[], Rule]) -> None:
    """A limit that could never let anything through is a mistake in the settings."""
    with pytest.raises(ValueError, match="above zero"):
        build()
