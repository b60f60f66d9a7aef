"""One environment inside one process: its database, its clock, its limits, its signals."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from trunkline.kit.clock import Clock
from trunkline.kit.db import Connection, Pool
from trunkline.kit.errors import Invalid, Refusal, Violation
from trunkline.kit.keyring import Keyring
from trunkline.kit.principal import Environment
from trunkline.kit.signals import Signals
from trunkline.kit.statements import Statement
from trunkline.kit.throttle import Throttle

CLOCK_CHANNEL = "trunkline_clock"
KEYS_CHANNEL = "trunkline_keys"
RETRY_SECONDS = 0.5

log = structlog.get_logger(__name__)

READ_OFFSET = Statement("SELECT clock_offset_seconds FROM environments WHERE name = $1", scope="directory")
READ_TENANTS = Statement("SELECT number, tenant_id FROM tenants", scope="directory")
ADVANCE = Statement(
    """
    UPDATE environments SET clock_offset_seconds = clock_offset_seconds + $2
     WHERE name = $1 AND clock_offset_seconds + $2 <= $3 RETURNING clock_offset_seconds
    """,
    scope="directory",
)
FARTHEST = 100 * 366 * 86_400  # seconds, a hundred years: whatever is dated after it must still have a date


@dataclass(slots=True)
class Realm:
    """What a request needs of its environment. `tenants` maps the number that credentials carry to the tenant's id."""

    environment: Environment
    pool: Pool
    clock: Clock
    throttle: Throttle
    signals: Signals
    tenants: dict[int, UUID] = field(default_factory=dict)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _clock_unknown: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def at(
        cls,
        environment: Environment,
        dsn: str,
        *,
        connections: int = 4,
        throttle: bool = True,
        processes: int = 1,
        keyring: Keyring | None = None,
    ) -> "Realm":
        """A realm on a database; `open` it before use."""
        # The throttle asks through a connection of its own: it must not wait behind the requests that it holds back.
        limiter = Throttle(Pool(dsn, 1), processes=processes, enabled=throttle)
        return cls(environment, Pool(dsn, connections, keyring=keyring), Clock(), limiter, Signals(dsn))

    async def open(self) -> None:
        """Read the clock's offset, begin to listen.

        Works while the database is away: everything is read again when it is back.
        """
        self.signals.subscribe(CLOCK_CHANNEL, self._clock_moved, self._clock_unknown.set)
        if self.keyring is not None:
            self.signals.subscribe(KEYS_CHANNEL, lambda _: self.reload_keys(), self.reload_keys)
        with contextlib.suppress(Refusal, asyncpg.PostgresError):
            await self.read_clock()
        self._tasks = [asyncio.create_task(self.signals.run()), asyncio.create_task(self._keep_reading_clock())]

    @property
    def keyring(self) -> Keyring | None:
        """What the environment's sealed columns are read and written with."""
        return self.pool.keyring

    def reload_keys(self) -> None:
        """Read the keys again: they were changed, or may have been."""
        if self.keyring is not None:
            self.keyring.reload()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.close()
        await self.throttle.close()

    def _clock_moved(self, payload: str) -> None:
        self.clock.offset_seconds = int(payload)

    async def _keep_reading_clock(self) -> None:
        """Read the offset whenever a move may have been missed, until it is read."""
        while True:
            await self._clock_unknown.wait()
            self._clock_unknown.clear()
            try:
                await self.read_clock()
            except (Refusal, asyncpg.PostgresError, OSError) as error:
                log.warning("clock.unknown", environment=self.environment, error=str(error))
                self._clock_unknown.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def read_clock(self) -> None:
        """Take the clock's offset from the database."""
        rows = await self.pool.fetch(READ_OFFSET, self.environment.value)
        self.clock.offset_seconds = rows[0][0] if rows else 0

    async def tenant(self, number: int) -> UUID | None:
        """The tenant with a number, or `None`. Tenants are few and never go; an unknown number is looked up again."""
        if number not in self.tenants:
            self.tenants.update({row[0]: row[1] for row in await self.pool.fetch(READ_TENANTS)})
        return self.tenants.get(number)

    async def all_tenants(self) -> list[UUID]:
        """Every tenant's id, as the directory has them now."""
        self.tenants.update({row[0]: row[1] for row in await self.pool.fetch(READ_TENANTS)})
        return list(self.tenants.values())


async def advance_clock(connection: Connection, environment: Environment, seconds: int) -> int:
    """Move the sandbox's clock forward and tell every process; the new offset in seconds.

    Raises `Invalid` when it would be more than a hundred years ahead.
    """
    async with connection.transaction():
        offset: int | None = await connection.fetchval(ADVANCE, environment.value, seconds, FARTHEST)
        if offset is None:
            raise Invalid([Violation("seconds", "would set the clock more than a hundred years ahead")])
        await connection.execute("SELECT pg_notify($1, $2)", CLOCK_CHANNEL, str(offset))
    return offset
