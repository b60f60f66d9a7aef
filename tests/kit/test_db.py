"""The connection pool: fair, thrifty, and never poorer for what happens to those who use it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.errors import Unavailable
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = Pool(database_url, 3)
    yield pool
    await pool.close()


def work_on(pool: Pool) -> Work:
    return Work(pool, Clock(), system(new_id(), Environment.PRODUCTION, "test"), Origin("test", "test"))


async def kill(dsn: str, *pids: int) -> None:
    """End backends, as an administrator or a failover would."""
    administration = await asyncpg.connect(dsn)
    try:
        for pid in pids:
            await administration.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await administration.close()


async def is_whole(pool: Pool, size: int) -> None:
    """Every connection that the pool may have can be had, at once, and works; there is not one more."""
    held = [await pool.acquire() for _ in range(size)]
    assert len({id(connection) for connection in held}) == size
    assert [await connection.fetchval("SELECT 1") for connection in held] == [1] * size
    assert pool.open == size
    for connection in held:
        pool.release(connection)
    assert pool.open == size


async def test_connections_are_opened_when_first_needed(pool: Pool) -> None:
    """A process that does little keeps few connections open."""
    assert pool.open == 0
    for _ in range(10):
        await pool.fetch("SELECT 1")
    assert pool.open == 1


async def test_the_last_used_connection_is_used_next(pool: Pool) -> None:
    """Last in, first out: the warm connection serves, the others stay cold."""
    first, second = await pool.acquire(), await pool.acquire()
    pool.release(first)
    pool.release(second)
    assert await pool.acquire() is second
    assert await pool.acquire() is first
    pool.release(first)
    pool.release(second)


async def test_who_waits_longest_is_served_first(pool: Pool) -> None:
    """With more requests than connections they are served in the order in which they came."""
    await is_whole(pool, 3)
    served: list[int] = []

    async def request(number: int) -> None:
        async with pool.connection() as connection:
            served.append(number)
            await connection.fetchval("SELECT pg_sleep(0.002)")

    await asyncio.gather(*(request(number) for number in range(60)))
    assert served == sorted(served)
    assert pool.open == 3


async def test_a_newcomer_does_not_overtake_those_who_wait(pool: Pool) -> None:
    """A connection that is given back goes straight to the longest waiter, even if somebody asks in the same moment."""
    held = [await pool.acquire() for _ in range(3)]
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)

    async def give_back_and_ask_again() -> asyncpg.Connection:
        pool.release(held[0])
        return await pool.acquire()

    newcomer = asyncio.create_task(give_back_and_ask_again())
    assert await waiting is held[0]
    await asyncio.sleep(0.01)
    assert not newcomer.done()
    pool.release(held[1])
    assert await newcomer is held[1]
    for connection in held:
        pool.release(connection)
    await is_whole(pool, 3)


async def test_the_room_of_a_broken_connection_is_given_away_once(pool: Pool) -> None:
    """When a broken connection makes room for one that waits, a newcomer in the same moment does not take the same room."""
    held = [await pool.acquire() for _ in range(3)]
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    held[0].terminate()

    async def give_back_and_ask_again() -> asyncpg.Connection:
        pool.release(held[0])
        return await pool.acquire()

    newcomer = asyncio.create_task(give_back_and_ask_again())
    replaced = await waiting
    await asyncio.sleep(0.05)
    assert pool.open == 3
    assert not newcomer.done()
    pool.release(replaced)
    await newcomer
    for connection in (replaced, held[1], held[2]):
        pool.release(connection)
    await is_whole(pool, 3)


async def test_nobody_waits_for_ever(database_url: str) -> None:
    """When all connections stay busy the request is told so in time, and the pool is as before."""
    pool = Pool(database_url, 1, wait_seconds=0.05)
    held = await pool.acquire()
    with pytest.raises(Unavailable):
        await pool.acquire()
    pool.release(held)
    await is_whole(pool, 1)
    await pool.close()


@pytest.mark.parametrize("broken", [False, True])
async def test_a_waiter_that_gives_up_as_it_is_served_loses_nothing(database_url: str, broken: bool) -> None:
    """A connection, or the room for one, that is handed to somebody in the moment of the time-out goes on to the next."""
    pool = Pool(database_url, 1, wait_seconds=0.03)
    for _ in range(3):
        held = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        if broken:
            held.terminate()
        # Released and timed out in the same turn of the loop: the waiter has its result when it is cancelled.
        release_at = asyncio.get_running_loop().time() + 0.03
        while asyncio.get_running_loop().time() < release_at:
            pass
        await asyncio.sleep(0)
        pool.release(held)
        with contextlib.suppress(Unavailable):
            pool.release(await waiting)
    await is_whole(pool, 1)
    await pool.close()


@pytest.mark.parametrize("broken", [False, True])
async def test_a_waiter_that_is_cancelled_as_it_is_served_loses_nothing(pool: Pool, broken: bool) -> None:
    """A caller that goes away in the very moment of its turn passes it on."""
    held = [await pool.acquire() for _ in range(3)]
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    if broken:
        held[0].terminate()
    pool.release(held[0])
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for connection in held[1:]:
        pool.release(connection)
    assert pool.open == (2 if broken else 3)
    await is_whole(pool, 3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_nothing_that_callers_do_costs_a_connection(database_url: str, seed: int) -> None:
    """Whatever is cancelled, killed, left in a transaction or timed out, and in whatever order: the pool stays whole."""
    random = Random(seed)
    pool = Pool(database_url, 3, wait_seconds=0.05)

    async def caller() -> None:
        await asyncio.sleep(random.random() * 0.01)
        deed = random.choice(("read", "hold", "break", "leave a transaction", "write", "sleep"))
        with contextlib.suppress(Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError):
            match deed:
                case "read":
                    await pool.fetch("SELECT 1")
                case "sleep":
                    await pool.fetch("SELECT pg_sleep(0.01)")
                case "write":
                    async with Transaction(work_on(pool)) as transaction:
                        await transaction.connection.fetchval("SELECT pg_sleep(0.001)")
                        await transaction.commit(200)
                case _:
                    async with pool.connection() as connection:
                        if deed == "leave a transaction":
                            await connection.execute("BEGIN")
                        await asyncio.sleep(random.random() * 0.01)
                        if deed == "break":
                            connection.terminate()

    tasks = [asyncio.create_task(caller()) for _ in range(25)]
    for task in random.sample(tasks, 12):
        await asyncio.sleep(random.random() * 0.002)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert 0 <= pool.open <= 3
    await is_whole(pool, 3)
    await pool.close()


async def test_a_caller_that_goes_away_at_begin_leaves_no_transaction_behind(database_url: str) -> None:
    """A transaction whose beginning was cancelled is never handed to the next caller: what that one writes stays written."""
    pool = Pool(database_url, 1)
    await pool.fetch("CREATE TABLE IF NOT EXISTS begun (n int)")
    for number in range(40):
        entering = asyncio.create_task(Transaction(work_on(pool)).__aenter__())
        for _ in range(number % 8):
            await asyncio.sleep(0)
        entering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            transaction = await entering
            await transaction.__aexit__()
        await pool.fetch("INSERT INTO begun VALUES ($1)", number)
    reader = await asyncpg.connect(database_url)
    assert await reader.fetchval("SELECT count(*) FROM begun") == 40
    await reader.execute("DROP TABLE begun")
    await reader.close()
    await is_whole(pool, 1)
    await pool.close()


async def test_a_transaction_that_is_left_open_is_never_handed_on(pool: Pool) -> None:
    """Nobody inherits another caller's transaction."""
    connection = await pool.acquire()
    await connection.execute("BEGIN")
    pool.release(connection)
    assert connection.is_closed()
    assert await pool.fetch("SELECT now() = statement_timestamp()") is not None
    assert pool.open == 1


async def test_killed_connections_are_replaced_unnoticed(pool: Pool, database_url: str) -> None:
    """After a restart or failover a read is repeated on a new connection; the caller sees no error."""
    held = [await pool.acquire() for _ in range(3)]
    pids = [connection.get_server_pid() for connection in held]
    for connection in held:
        pool.release(connection)
    await kill(database_url, *pids)
    assert (await pool.fetch(PID))[0][0] not in pids
    async with Transaction(work_on(pool)) as transaction:
        assert await transaction.connection.fetchval(PID) not in pids
    await is_whole(pool, 3)


async def test_a_connection_that_dies_in_use_is_replaced(pool: Pool, database_url: str) -> None:
    """Who loses a connection in the middle of a transaction is told; the next caller gets a new one."""
    async with Transaction(work_on(pool)) as transaction:
        await kill(database_url, transaction.connection.get_server_pid())
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError)):
            await transaction.connection.fetchval("SELECT 1")
    await is_whole(pool, 3)


async def test_a_closed_pool_closes_what_comes_back(pool: Pool) -> None:
    """Closing ends idle connections at once and the others when they are given back."""
    busy, idle = await pool.acquire(), await pool.acquire()
    pool.release(idle)
    await pool.close()
    assert idle.is_closed()
    assert not busy.is_closed()
    pool.release(busy)
    assert busy.is_closed()
    assert pool.open == 0


async def test_a_database_that_restarts_is_unavailable_and_then_back(tmp_path: Path) -> None:
    """While PostgreSQL is away callers are told so quickly; when it is back everything works again by itself."""
    postgres = EmbeddedPostgres(tmp_path / "postgres", progress=lambda _: None)
    await postgres.start()
    pool = Pool(postgres.dsn("postgres"), 2)
    try:
        await is_whole(pool, 2)
        await postgres.stop()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await pool.fetch("SELECT 1")
            with pytest.raises(Unavailable):
                await Transaction(work_on(pool)).__aenter__()
        assert pool.open == 0
        await postgres.start()
        assert (await pool.fetch("SELECT 1"))[0][0] == 1
        await is_whole(pool, 2)
    finally:
        await pool.close()
        await postgres.stop()


async def test_a_commit_that_no_standby_confirmed_is_no_success(tmp_path: Path) -> None:
    """Where PostgreSQL waits for a standby and is told not to, it reports success with a warning: callers hear that it is uncertain."""
    postgres = EmbeddedPostgres(tmp_path / "postgres", progress=lambda _: None)
    await postgres.start()
    pool = Pool(postgres.dsn("postgres"), 1)
    administration = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        await administration.execute("CREATE TABLE things (name text)")
        await administration.execute("SET synchronous_commit = local")
        await administration.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await administration.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while await administration.fetchval("SHOW synchronous_standby_names") != "nobody":
                await asyncio.sleep(0.05)

        async def write() -> None:
            async with Transaction(work_on(pool)) as transaction:
                await transaction.connection.execute("INSERT INTO things VALUES ('one')")
                await transaction.commit(201)

        writing = asyncio.create_task(write())
        waiting = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        async with asyncio.timeout(30):
            while not await administration.fetch(waiting):
                await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="not certain"):
            await writing
        assert await administration.fetchval("SELECT count(*) FROM things") == 1
        await is_whole(pool, 1)
    finally:
        await administration.close()
        await pool.close()
        await postgres.stop()
