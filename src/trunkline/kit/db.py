"""PostgreSQL: one small pool per process and environment.

The pool is a LIFO list of raw connections that keep their prepared statements; a connection that is given back goes straight to the
longest waiter. It sends no reset query, so nothing may leave session state behind: only `SET LOCAL`, no session locks, no LISTEN
(`kit.signals` has a connection of its own). Measured reasons: docs/decisions/0002-database.md.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from trunkline.kit.errors import Unavailable
from trunkline.kit.keyring import Keyring
from trunkline.kit.statements import Row

Connection = asyncpg.Connection

# Constant for the life of a connection, so they are no session state in the sense above.
SETTINGS = {
    "application_name": "trunkline",
    "timezone": "UTC",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
    # Statements are planned once per connection, not on every call: planning a page costs five times its execution. The query compiler
    # writes what a plan depends on (order, limit, which filters) into the text.
    "plan_cache_mode": "force_generic_plan",
}

# Any of these means "the connection is gone", not "the statement is wrong". asyncpg raises many kinds after a failover.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
)

# A server that goes says so before the connection closes: nobody else may get such a connection, which still looks open.
GOING = (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.InternalClientError)


def passing(error: BaseException | None) -> Unavailable | None:
    """What to tell of a trouble of the database that another try may not have; `None` for anything else."""
    match error:
        case asyncpg.DataError():
            return None
        case asyncpg.QueryCanceledError():
            return Unavailable("the query took too long", retry_after=5)
        case asyncpg.LockNotAvailableError() | asyncpg.DeadlockDetectedError() | asyncpg.SerializationError():
            return Unavailable("too many changes of the same thing at once")
        case asyncpg.DiskFullError() | asyncpg.OutOfMemoryError():
            return Unavailable("the database has no room left", retry_after=60)
        case _ if isinstance(error, LOST):
            return Unavailable("the database cannot be reached")
    return None


async def connect(dsn: str, **settings: str) -> Connection:
    """A new connection with the house's settings."""
    return await asyncpg.connect(
        dsn, server_settings={**SETTINGS, **settings}, statement_cache_size=512, max_cached_statement_lifetime=0, timeout=5
    )


class Pool:
    """At most `size` connections, opened when first needed, mended when found broken.

    `keyring`: what the database's sealed columns are read and written with, where they are needed.
    """

    def __init__(self, dsn: str, size: int = 4, wait_seconds: float = 10.0, keyring: Keyring | None = None) -> None:
        self.dsn = dsn
        self.keyring = keyring
        self._size = size
        self._wait_seconds = wait_seconds
        self._idle: list[Connection] = []
        self._open = 0
        self._waiters: deque[tuple[asyncio.Future[Connection | None], float]] = deque()  # and until when each waits
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def open(self) -> int:
        """Connections that are open now, idle or in use."""
        return self._open

    async def acquire(self) -> Connection:
        """A connection for the caller alone; `release` it. Raises `Unavailable` when the database is away or all stay busy."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._connect()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiters.append((waiter, loop.time() + self._wait_seconds))
        if self._timer is None:
            self._timer = loop.call_later(self._wait_seconds, self._end_waits)
        try:
            connection_or_room = await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:  # handed something in the same moment
                self._hand_over(waiter.result())
            raise
        return connection_or_room if connection_or_room is not None else await self._connect()

    def _end_waits(self) -> None:
        """Refuse those who have waited too long. One timer for all: a timeout for each wait costs more than the wait's work."""
        loop = asyncio.get_running_loop()
        while self._waiters:
            waiter, until = self._waiters[0]
            if not waiter.done() and until > loop.time():
                self._timer = loop.call_at(until, self._end_waits)
                return
            self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable("every database connection is busy"))
        self._timer = None

    async def _connect(self) -> Connection:
        """Open the connection that room was made for."""
        try:
            return await connect(self.dsn)
        except (*LOST, TimeoutError, asyncpg.PostgresError) as error:
            self._hand_over(None)
            raise Unavailable("the database cannot be reached") from error
        except BaseException:
            self._hand_over(None)
            raise

    def release(self, connection: Connection) -> None:
        """Give a connection back. One that is closed or still inside a transaction is thrown away."""
        if connection.is_closed() or connection.is_in_transaction() or self._closed:
            if not connection.is_closed():
                connection.terminate()
            self._hand_over(None)
        else:
            self._hand_over(connection)

    def _hand_over(self, connection: Connection | None) -> None:
        """To the longest waiter: a connection, or (None) the room to open one, which nobody else may take meanwhile."""
        while self._waiters:
            waiter, _ = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._idle.append(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """`acquire` and `release` around a block."""
        connection = await self.acquire()
        try:
            yield connection
        except GOING:
            connection.terminate()
            raise
        finally:
            self.release(connection)

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Row]:
        """One read outside any transaction. A connection that turns out to be broken is replaced once."""
        for attempt in (1, 2):
            connection = await self.acquire()
            try:
                return await connection.fetch(statement, *arguments)
            except LOST as error:
                if isinstance(error, GOING):
                    connection.terminate()
                if not connection.is_closed():
                    raise
                if attempt == 2:
                    raise Unavailable("the database cannot be reached") from error
            finally:
                self.release(connection)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        self._closed = True
        if self._timer is not None and not self._waiters:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        for connection in idle:
            self._open -= 1
            with contextlib.suppress(*LOST, TimeoutError, asyncpg.PostgresError):
                await connection.close(timeout=2)
