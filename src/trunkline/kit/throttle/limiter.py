"""The throttle: local where it can be, the database where it must be, alone when the database is away."""

import asyncio
from uuid import UUID

import asyncpg
import structlog

from trunkline.kit.clock import monotonic
from trunkline.kit.db import LOST, Pool
from trunkline.kit.errors import Unavailable
from trunkline.kit.throttle.fallback import local_limit
from trunkline.kit.throttle.holding import Holding
from trunkline.kit.throttle.memory import Recent
from trunkline.kit.throttle.rules import Allowance, Rule, TokenBucket
from trunkline.kit.throttle.store import Grant, take_hits, take_tokens, window_lease

KEYS = 100_000
IDLE_SECONDS = 120.0
PATIENCE_SECONDS = 0.15  # how long a caller waits for the database ...
GRACE_SECONDS = 0.03  # ... and once more, in case it was this process that stood still
GIVE_UP_SECONDS = 2.0  # when a connection that does not answer is thrown away
BREAKER_SECONDS = 1.0  # between two tries of a database that is away

AWAY = (Unavailable, asyncpg.PostgresError, *LOST, TimeoutError)

log = structlog.get_logger()


class Breaker:
    """Remembers that the database is away, and lets one ask in `BREAKER_SECONDS` try again."""

    __slots__ = ("_next_try",)

    def __init__(self) -> None:
        self._next_try: float | None = None

    @property
    def closed(self) -> bool:
        return self._next_try is None

    def lets_through(self, now: float) -> bool:
        """Whether this ask may go to the database."""
        if self._next_try is None:
            return True
        if now < self._next_try:
            return False
        self._next_try = now + BREAKER_SECONDS
        return True

    def trip(self, why: BaseException | str) -> None:
        """The database did not answer."""
        if self._next_try is None:
            log.warning("throttle.local", reason=str(why) or type(why).__name__)
        self._next_try = monotonic() + BREAKER_SECONDS

    def close(self) -> None:
        """The database answered."""
        if self._next_try is not None:
            log.info("throttle.exact")
        self._next_try = None


class Throttle:
    """Counts hits against rules, for all processes on one database together.

    `processes` is how many share the limit while the database is away. With `enabled` False everything is allowed.
    """

    def __init__(self, pool: Pool, *, processes: int = 1, enabled: bool = True) -> None:
        self.statements = 0  # sent so far
        self._pool = pool
        self._processes = max(1, processes)
        self._enabled = enabled
        self._holdings: Recent[tuple[str, str, int], Holding] = Recent(KEYS, IDLE_SECONDS)
        self._breaker = Breaker()
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Close the connections to the database."""
        await self._pool.close()

    @property
    def exact(self) -> bool:
        """Whether the database counts; False while this process is on its own."""
        return self._breaker.closed

    def take_now(self, tenant_id: UUID, key: str, rule: Rule) -> Allowance | None:
        """Count a hit of `key` without waiting: from the lease, or refused by what is known; None when `take` is needed."""
        if not self._enabled:
            return Allowance(True, rule.quota, 0, 1, rule)
        holding = self._holdings.get((key, rule.name, tenant_id.int))
        if holding is None or (holding.rule is not rule and holding.rule != rule):
            return None
        return holding.spend(monotonic())

    async def take(self, tenant_id: UUID, key: str, rule: Rule, *, fail_open: bool = True) -> Allowance:
        """Count a hit of `key` (a credential, an address). Answers within about 0.2 s, whatever the database does.

        While the database is away this process goes on with its share of the limit; with `fail_open` False, a fraction of that.
        """
        allowance = self.take_now(tenant_id, key, rule)
        if allowance is not None:
            return allowance
        now = monotonic()
        holding = self._holding(tenant_id, key, rule, now)
        if holding.late or not (holding.asking or self._breaker.lets_through(now)):
            return self._alone(holding, fail_open)
        waiter: asyncio.Future[Allowance | None] = asyncio.get_running_loop().create_future()
        holding.waiters.append(waiter)
        if not holding.asking:
            holding.asking = True
            task = asyncio.create_task(self._serve(holding))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        allowance = await waiter
        return allowance if allowance is not None else self._alone(holding, fail_open)

    def _holding(self, tenant_id: UUID, key: str, rule: Rule, now: float) -> Holding:
        self._holdings.forget_idle(now)
        name = (key, rule.name, tenant_id.int)
        holding = self._holdings.get(name)
        if holding is None or holding.rule != rule:
            holding = Holding(tenant_id, key, rule)
            self._holdings.put(name, holding)
        return holding

    async def _serve(self, holding: Holding) -> None:
        """Ask until nobody waits: one statement at a time, for all who came meanwhile."""
        try:
            while holding.waiters and await self._ask(holding):
                pass
        finally:
            holding.asking = holding.late = False
            holding.abandon()

    async def _ask(self, holding: Holding) -> bool:
        """One statement for all who wait; False when the database is away."""
        wanted = len(holding.waiters)
        loop = asyncio.get_running_loop()
        holding.timer = loop.call_later(PATIENCE_SECONDS, self._warn, loop, holding)
        sent = monotonic()
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                grant = await self._query(holding, wanted, sent)
        except AWAY as error:
            self._breaker.trip(error)
            return False
        except Exception as error:  # a fault of ours: requests go on all the same
            log.exception("throttle.failed")
            self._breaker.trip(error)
            return False
        finally:
            holding.timer.cancel()
        self._breaker.close()
        holding.late = False
        holding.fallback = None
        holding.accept(grant, wanted, sent, monotonic())
        return True

    def _warn(self, loop: asyncio.AbstractEventLoop, holding: Holding) -> None:
        """The answer is due. Perhaps it lies unread because this process was busy: look once more."""
        holding.timer = loop.call_later(GRACE_SECONDS, self._lose_patience, holding)

    def _lose_patience(self, holding: Holding) -> None:
        self._breaker.trip("no answer in time")
        holding.late = True
        holding.abandon()

    async def _query(self, holding: Holding, wanted: int, now: float) -> Grant:
        connection = await self._pool.acquire()
        self.statements += 1
        try:
            if isinstance(holding.rule, TokenBucket):
                return await take_tokens(connection, holding.tenant_id, holding.key, holding.rule, wanted=wanted)
            lease, life = window_lease(holding.rule)
            extra = min(lease, int(holding.demand(now, life)) // 4) if lease else 0
            return await take_hits(connection, holding.tenant_id, holding.key, holding.rule, wanted=wanted, extra=extra)
        except BaseException:
            connection.terminate()  # it may be waiting for an answer, or speak to a server that is no longer the primary
            raise
        finally:
            self._pool.release(connection)

    def _alone(self, holding: Holding, fail_open: bool) -> Allowance:
        now = monotonic()
        if holding.fallback is None:
            left = holding.left if holding.since else None
            holding.fallback = local_limit(
                holding.rule, processes=self._processes, strict=not fail_open, left=left, since=holding.since, now=now
            )
        return holding.fallback.take(now)
