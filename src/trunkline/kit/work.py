"""The unit of work: what a use case reads and writes through, and the one place that opens and commits transactions.

A `Work` knows the caller and the instant. Reads run as single statements. A write request runs in one transaction in which the
effect, its events, its audit entry, the collection sizes and (with an Idempotency-Key) the remembered answer commit together:

    BEGIN → claim of the key → the use case's statements → one statement that writes everything `record` collected → COMMIT
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import asyncpg.transaction

from trunkline.kit import db
from trunkline.kit.clock import Clock, whole_seconds
from trunkline.kit.db import Connection, Pool
from trunkline.kit.errors import Unavailable
from trunkline.kit.events import Event
from trunkline.kit.keyring import TenantKeyring
from trunkline.kit.principal import Principal
from trunkline.kit.record import Origin, Remembered, write_record
from trunkline.kit.statements import Row


@dataclass(slots=True)
class Work:
    """One caller's unit of work. Use cases only use it; `kit.http` makes and ends it."""

    pool: Pool
    clock: Clock
    principal: Principal
    origin: Origin
    connection: Connection | None = None  # set while a transaction is open
    recorded: list[Event] = field(default_factory=list)
    dirty: bool = False  # whether any statement may have written
    after_commit: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The instant of this unit of work, whole seconds, UTC; the same for everything it writes."""
        if self._now is None:
            self._now = whole_seconds(self.clock.now())
        return self._now

    @property
    def tenant_id(self) -> Any:
        return self.principal.tenant_id

    @property
    def keyring(self) -> TenantKeyring:
        """What this tenant's sealed columns are written and read with."""
        if self.pool.keyring is None:
            raise RuntimeError("this unit of work was made without a keyring")
        return self.pool.keyring.of(self.principal.tenant_id)

    def require(self, permission: str) -> None:
        """Raise `Forbidden` unless the caller holds `permission`."""
        self.principal.require(permission)

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Row]:
        """Rows of a reading statement; `$1` is the tenant and is put in front of `arguments`."""
        if self.connection is not None:
            return await self.connection.fetch(statement, self.principal.tenant_id, *arguments)
        return await self.pool.fetch(statement, self.principal.tenant_id, *arguments)

    async def fetch_one(self, statement: str, *arguments: Any) -> Row | None:
        """The first row, or `None`."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def write(self, statement: str, *arguments: Any) -> Sequence[Row]:
        """Run a writing statement in this unit's transaction; its `RETURNING` rows."""
        if self.connection is None:
            raise RuntimeError("a reading unit of work cannot write: the operation must be declared as a write")
        self.dirty = True
        return await self.connection.fetch(statement, self.principal.tenant_id, *arguments)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[None]:
        """A part of a writing unit of work: when it fails, nothing of it stays, and the rest does."""
        assert self.connection is not None, "only a writing unit of work has parts"
        recorded, after_commit = len(self.recorded), len(self.after_commit)
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            del self.recorded[recorded:]
            del self.after_commit[after_commit:]
            raise

    def record(self, *recorded: Event) -> None:
        """Announce changes: event, audit, feed, webhooks and collection sizes follow from this one call."""
        self.recorded.extend(recorded)


class Transaction:
    """An open transaction around a `Work`. `commit` writes what was recorded; leaving the block without it rolls back."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._transaction: asyncpg.transaction.Transaction | None = None

    @property
    def _begun(self) -> asyncpg.transaction.Transaction:
        assert self._transaction is not None, "the transaction is not open"
        return self._transaction

    @property
    def connection(self) -> Connection:
        connection = self.work.connection
        assert connection is not None, "the transaction is not open"
        return connection

    async def __aenter__(self) -> "Transaction":
        for attempt in (1, 2):
            connection = await self.work.pool.acquire()
            try:
                self._transaction = connection.transaction()
                await self._transaction.start()
            except BaseException as error:
                connection.terminate()  # BEGIN may be on its way: nobody else may get this connection
                self.work.pool.release(connection)
                if not isinstance(error, db.LOST):
                    raise
                if attempt == 2:  # the first may have gone stale while it was idle
                    raise Unavailable("the database cannot be reached") from error
            else:
                self.work.connection = connection
                break
        return self

    async def restart(self) -> None:
        """Undo everything so far and begin anew on the same connection."""
        await self._begun.rollback()
        self._transaction = self.connection.transaction()
        await self._transaction.start()
        self.work.recorded.clear()
        self.work.after_commit.clear()
        self.work.dirty = False

    async def commit(self, outcome: int, answer: Remembered | None = None) -> None:
        """Write events, audit, sizes and the guarded `answer` (status `outcome`) in one statement, then commit.

        Raises `Unavailable` when no standby has confirmed the commit, where PostgreSQL was told to wait for one.
        """
        if self.work.recorded or answer is not None:
            await write_record(self.connection, self.work, outcome, answer)
        warned = await self._commit()
        for callback in self.work.after_commit:
            await callback()
        if warned:
            raise Unavailable("it is not certain that the change will be kept; send the same request again with its key")

    async def _commit(self) -> bool:
        """COMMIT; whether the database warned. It does so when its wait for a standby was cut short, and reports success."""
        warned = False

        def listen(_: object, message: Any) -> None:
            nonlocal warned
            warned = warned or message.severity_en == "WARNING"

        connection = self.connection
        connection.add_log_listener(listen)
        try:
            await self._begun.commit()
        finally:
            connection.remove_log_listener(listen)
        self._transaction = None
        return warned

    async def __aexit__(self, *exc: object) -> None:
        connection = self.connection
        self.work.connection = None
        try:
            if self._transaction is not None and not connection.is_closed():
                await self._transaction.rollback()
        except (*db.LOST, asyncpg.PostgresError):
            connection.terminate()
        finally:
            self.work.pool.release(connection)
