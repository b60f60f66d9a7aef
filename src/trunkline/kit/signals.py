"""What processes tell each other at once: revoked credentials, a moved clock. One LISTEN connection per process and database.

A signal is only a hint to forget; the truth stands in tables. While the connection is away `healthy` is false and caches must not be
trusted; when it comes back everything that could have been missed is forgotten (`reset`).
"""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg
import structlog

from trunkline.kit import db

log = structlog.get_logger(__name__)

CHECK_SECONDS = 5.0  # how often a silent connection is asked whether it still lives
RETRY_SECONDS = 0.5


class Signals:
    """Subscriptions of one process to the channels of one database."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._callbacks: dict[str, list[Callable[[str], None]]] = {}
        self._resets: list[Callable[[], None]] = []
        self.healthy = False

    def subscribe(self, channel: str, callback: Callable[[str], None], reset: Callable[[], None]) -> None:
        """Call `callback(payload)` on each signal, and `reset()` whenever signals may have been missed. Only before `run`."""
        self._callbacks.setdefault(channel, []).append(callback)
        self._resets.append(reset)

    async def run(self) -> None:
        """Listen until cancelled; reconnects for ever."""
        while True:
            connection = None
            try:
                connection = await db.connect(self._dsn, application_name="trunkline signals")
                await self._listen(connection)
            except (*db.LOST, asyncpg.PostgresError, TimeoutError) as error:
                if self.healthy:
                    log.warning("signals.lost", error=str(error))
            finally:
                self.healthy = False
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, connection: db.Connection) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        for channel in self._callbacks:
            await connection.add_listener(channel, self._received)
        for reset in self._resets:
            reset()
        self.healthy = True
        while not gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):  # Python 3.11's wait_for may swallow a cancellation
                    await gone.wait()
            if not gone.is_set():
                await connection.fetchval("SELECT 1", timeout=CHECK_SECONDS)

    def _received(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for callback in self._callbacks[channel]:
            callback(str(payload))
