"""The live end of the feed in memory: one reader of the database for everybody who listens in this process.

While somebody listens, one connection asks every 30 ms how far events are final, and only when that has moved reads what is new of each
tenant that is listened to. A notification for each commit would make commits queue for PostgreSQL's one notification lock.
"""

import asyncio
from bisect import bisect_right
from uuid import UUID

import asyncpg
import structlog

from trunkline.domains.events import store
from trunkline.kit import db
from trunkline.kit.clock import monotonic
from trunkline.kit.db import Connection
from trunkline.kit.errors import Refusal
from trunkline.kit.events import StoredEvent, horizon, read_between
from trunkline.kit.realm import Realm

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.03
LINGER_SECONDS = 5.0  # after the last listener has gone: long polls come back
RETRY_SECONDS = 0.5
BATCH = 1000
KEPT_EVENTS = 4096  # of one tenant
KEPT_BYTES = 16 * 1024 * 1024


class Tail:
    """The newest events of one tenant: all that came after `begin`, up to `last`."""

    def __init__(self, last: int) -> None:
        self.begin = last
        self.last = last
        self.listeners = 0
        self.checked = False  # whether the reader has looked for what came since it was made
        self.left_at = monotonic()
        self._events: list[StoredEvent] = []
        self._numbers: list[int] = []
        self._bytes = 0
        self._news: asyncio.Future[None] | None = None

    def add(self, events: list[StoredEvent]) -> None:
        """Append what came next, and wake everybody who waits."""
        self._events += events
        self._numbers += [event.sequence for event in events]
        self._bytes += sum(event.size for event in events)
        self.last = self._numbers[-1]
        if len(self._events) > KEPT_EVENTS or self._bytes > KEPT_BYTES:
            self._forget()
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
        self._news = None

    def _forget(self) -> None:
        """Drop the older half: whoever still needs it reads it from the database."""
        cut, kept = len(self._events), 0
        while cut and len(self._events) - cut < KEPT_EVENTS // 2 and kept < KEPT_BYTES // 2:
            cut -= 1
            kept += self._events[cut].size
        if cut:
            self.begin = self._numbers[cut - 1]
            del self._events[:cut], self._numbers[:cut]
            self._bytes = sum(event.size for event in self._events)

    def after(self, position: int) -> list[StoredEvent]:
        """What came after a position that is not before `begin`."""
        return self._events[bisect_right(self._numbers, position) :]

    def news(self) -> "asyncio.Future[None]":
        """Done when something comes next; shared by everybody who waits."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news


class Tails:
    """The tails of one environment, kept up to date while there are listeners."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._tails: dict[UUID, Tail] = {}
        self._task: asyncio.Task[None] | None = None

    async def listen(self, tenant_id: UUID) -> Tail:
        """The tenant's tail, kept up to date until `leave`."""
        tail = self._tails.get(tenant_id)
        if tail is None:
            last = await store.last_event(self._realm.pool, tenant_id, await horizon(self._realm.pool))
            tail = self._tails.setdefault(tenant_id, Tail(last))
        tail.listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return tail

    @staticmethod
    def leave(tail: Tail) -> None:
        """One listener has gone."""
        tail.listeners -= 1
        tail.left_at = monotonic()

    async def close(self) -> None:
        """End reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._wanted():
            connection = None
            try:
                connection = await db.connect(self._realm.pool.dsn)
                await self._follow(connection)
            except (*db.LOST, asyncpg.PostgresError, TimeoutError, Refusal) as error:
                log.warning("feed.lost", environment=self._realm.environment, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                if connection is not None:
                    connection.terminate()

    def _wanted(self) -> bool:
        """Whether anybody listens; forgets the tails that nobody has listened to for a while."""
        before = monotonic() - LINGER_SECONDS
        self._tails = {tenant: tail for tenant, tail in self._tails.items() if tail.listeners or tail.left_at > before}
        return bool(self._tails)

    async def _follow(self, connection: Connection) -> None:
        final = 0  # of this connection alone, which a crash of the database ends (see `horizon`)
        while self._wanted():
            moved = await horizon(connection, final)
            for tenant_id, tail in list(self._tails.items()):
                if moved != final or not tail.checked:
                    await self._catch_up(connection, tenant_id, tail, moved)
                    tail.checked = True
            final = moved
            await asyncio.sleep(POLL_SECONDS)

    @staticmethod
    async def _catch_up(connection: Connection, tenant_id: UUID, tail: Tail, until: int) -> None:
        while tail.last < until:
            events = await read_between(connection, tenant_id, tail.last, until, BATCH)
            if events:
                tail.add(events)
            if len(events) < BATCH:
                return
