"""Use cases of the change feed: read on from a position, and wait for what comes next."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from trunkline.domains.events import store
from trunkline.domains.events.model import Filter, filter_of, known_pattern
from trunkline.domains.events.tail import Tail, Tails
from trunkline.kit.db import Pool
from trunkline.kit.errors import Invalid, Throttled, Violation
from trunkline.kit.events import START, StoredEvent, horizon
from trunkline.kit.principal import Environment, Principal
from trunkline.kit.realm import Realm

__all__ = ["START", "Feed", "Feeds", "Filter", "Listener", "Page", "filter_of", "known_pattern", "read_page"]

SCANNED = 1000  # events that a batch looks at
SCANS = 8  # batches of one reading; then it says how far it came
LISTENERS_OF_ONE = 50  # waiting readers of one credential in one process


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order; `position` is how far was looked, wanted or not, and `more` whether there is more to look at."""

    events: list[StoredEvent]
    position: int
    more: bool


async def read_page(pool: Pool, principal: Principal, wanted: Filter, after: int | None, limit: int) -> Page:
    """What is committed now after a position (`None`: the end), up to `limit` events.

    Bounded: after looking at so many events that are not wanted it says how far it came, with fewer events or none.
    Raises `Invalid` (field `after`) for a position that this database never reached.
    """
    tenant_id = principal.tenant_id
    last = await store.last_event(pool, tenant_id, await horizon(pool))
    if after is None:
        return Page([], last, more=False)
    if after >= last:
        await _check(pool, after, last)
        return Page([], after, more=False)
    return await _catch_up(pool, tenant_id, wanted, after, last, limit)


async def _check(pool: Pool, position: int, last: int) -> None:
    if position > last and position > await store.last_drawn(pool):
        raise Invalid([Violation("after", "is beyond the newest event: this database is from before it was given")])


async def _catch_up(pool: Pool, tenant_id: UUID, wanted: Filter, position: int, until: int, limit: int) -> Page:
    """From the database, up to `until`, which is the number of an event below which everything is final."""
    found: list[StoredEvent] = []
    for _ in range(SCANS):
        reached, more = await store.scan(pool, tenant_id, wanted, position, until, SCANNED)
        if reached > position:
            found += await store.read_matching(pool, tenant_id, wanted, position, reached, limit - len(found))
        if len(found) == limit:
            return Page(found, found[-1].sequence, found[-1].sequence < until)
        position = reached
        if not more:
            return Page(found, until, more=False)
    return Page(found, position, position < until)


class Listener:
    """Somebody who reads the feed from a position on and waits for what comes."""

    def __init__(self, pool: Pool, tail: Tail, tenant_id: UUID, wanted: Filter, position: int) -> None:
        self._pool, self._tail, self._tenant_id, self._wanted = pool, tail, tenant_id, wanted
        self.position = position

    @property
    def behind(self) -> bool:
        """Whether there is more to look at now."""
        return self.position < self._tail.last

    async def read(self, limit: int) -> list[StoredEvent]:
        """Up to `limit` events that are there already; the position moves over all that was looked at."""
        if self.position < self._tail.begin:
            page = await _catch_up(self._pool, self._tenant_id, self._wanted, self.position, self._tail.begin, limit)
            self.position = page.position
            return page.events
        found: list[StoredEvent] = []
        for event in self._tail.after(self.position):
            self.position = event.sequence
            if self._wanted.matches(event):
                found.append(event)
                if len(found) == limit:
                    break
        return found

    def news(self) -> "asyncio.Future[None]":
        """Done when there is more than was there when it was asked for. It is not the caller's alone: never cancel it."""
        return self._tail.news()


class Feed:
    """The live end of one environment's feed in this process."""

    def __init__(self, realm: Realm) -> None:
        self._pool = realm.pool
        self._tails = Tails(realm)
        self._listening: Counter[UUID] = Counter()

    @asynccontextmanager
    async def listen(self, principal: Principal, wanted: Filter, after: int | None) -> AsyncIterator[Listener]:
        """Read from a position on (`None`: the end), as long as the block lasts.

        Raises `Invalid` as `read_page`, and `Throttled` when the credential has too many listeners.
        """
        credential = principal.credential_id
        if self._listening[credential] >= LISTENERS_OF_ONE:
            raise Throttled(f"{LISTENERS_OF_ONE} readers of this credential are waiting for events already", 5)
        self._listening[credential] += 1
        tail = None
        try:
            tail = await self._tails.listen(principal.tenant_id)
            position = tail.last if after is None else after
            await _check(self._pool, position, tail.last)
            yield Listener(self._pool, tail, principal.tenant_id, wanted, position)
        finally:
            if tail is not None:
                self._tails.leave(tail)
            self._listening[credential] -= 1
            if not self._listening[credential]:
                del self._listening[credential]

    async def close(self) -> None:
        """End reading; whoever still waits hears nothing more."""
        await self._tails.close()


class Feeds:
    """The feeds of all environments."""

    def __init__(self, realms: Mapping[Environment, Realm]) -> None:
        self._feeds = {environment: Feed(realm) for environment, realm in realms.items()}

    def of(self, environment: Environment) -> Feed:
        """The feed of an environment."""
        return self._feeds[environment]

    async def close(self) -> None:
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()))
