"""What processes tell each other at once, and what they forget when they could not hear."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import asyncpg
import pytest

from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.signals import Signals


class Heard:
    """What a subscriber was told, in order; "reset" stands for a reset."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def reset(self) -> None:
        self.log.append("reset")


@pytest.fixture
def channel() -> str:
    return f"test_{uuid4().hex}"


@pytest.fixture
async def sender(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def listening(database_url: str, channel: str) -> AsyncIterator[tuple[Signals, Heard]]:
    signals, heard = Signals(database_url), Heard()
    signals.subscribe(channel, heard.log.append, heard.reset)
    assert not signals.healthy
    task = asyncio.create_task(signals.run())
    await until(lambda: signals.healthy)
    yield signals, heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not signals.healthy


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def cut(sender: asyncpg.Connection, channel: str) -> None:
    """End the listening connection, as a failover would."""
    ended = await sender.fetchval(
        """
        SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
         WHERE application_name = 'trunkline signals' AND query LIKE $1
        """,
        f"%{channel}%",
    )
    assert ended == 1


async def test_a_signal_arrives_with_its_payload(
    listening: tuple[Signals, Heard], sender: asyncpg.Connection, channel: str
) -> None:
    """Signals arrive in order, those of other channels do not, and those that were rolled back never do."""
    _, heard = listening
    await sender.execute("SELECT pg_notify($1, 'one')", channel)
    await sender.execute("SELECT pg_notify('another', 'x')")
    transaction = sender.transaction()
    await transaction.start()
    await sender.execute("SELECT pg_notify($1, 'never')", channel)
    await transaction.rollback()
    await sender.execute("SELECT pg_notify($1, 'two')", channel)
    await until(lambda: len(heard.log) == 3)
    assert heard.log == ["reset", "one", "two"]


async def test_every_subscriber_hears(database_url: str, sender: asyncpg.Connection, channel: str) -> None:
    """Several caches may listen to the same signal."""
    signals, first, second = Signals(database_url), Heard(), Heard()
    signals.subscribe(channel, first.log.append, first.reset)
    signals.subscribe(channel, second.log.append, second.reset)
    task = asyncio.create_task(signals.run())
    await until(lambda: signals.healthy)
    await sender.execute("SELECT pg_notify($1, 'x')", channel)
    await until(lambda: len(first.log) + len(second.log) == 4)
    assert first.log == second.log == ["reset", "x"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_may_have_been_missed_is_forgotten(
    listening: tuple[Signals, Heard], sender: asyncpg.Connection, channel: str
) -> None:
    """While the connection is away nothing is trusted; when it is back everything is forgotten before it is trusted again."""
    signals, heard = listening
    trusted_with: list[str] = []
    await cut(sender, channel)
    await until(lambda: not signals.healthy)
    assert heard.log == ["reset"]
    await sender.execute("SELECT pg_notify($1, 'missed')", channel)
    await until(lambda: signals.healthy)
    trusted_with += heard.log
    assert trusted_with == ["reset", "reset"]
    await sender.execute("SELECT pg_notify($1, 'heard')", channel)
    await until(lambda: heard.log[-1] == "heard")
    assert heard.log == ["reset", "reset", "heard"]


async def test_it_waits_for_a_database_that_is_not_there_yet(cluster: EmbeddedPostgres, channel: str) -> None:
    """A process may start before its database: it becomes healthy when the database answers."""
    name = f"late_{uuid4().hex}"
    signals, heard = Signals(cluster.dsn(name)), Heard()
    signals.subscribe(channel, heard.log.append, heard.reset)
    task = asyncio.create_task(signals.run())
    await asyncio.sleep(0.2)
    assert not signals.healthy
    assert not task.done()
    administration = await asyncpg.connect(cluster.dsn("postgres"))
    await administration.execute(f"CREATE DATABASE {name}")
    await administration.close()
    await until(lambda: signals.healthy)
    assert heard.log == ["reset"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
