"""One endpoint's outbox: takes what is due and sends it, each subject's deliveries one after the other, several subjects at once.

Nothing here is shared with other endpoints that a slow or dead receiver could use up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import random
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from trunkline.domains.webhooks.model import DisabledReason, EndpointStatus, Presenter
from trunkline.domains.webhooks.sealing import open_keys
from trunkline.domains.webhooks.sending import rules, store
from trunkline.domains.webhooks.sending.disabling import disable
from trunkline.domains.webhooks.sending.message import Unsendable, body_of, headers_of, signed
from trunkline.domains.webhooks.sending.model import Condition, Due, Exchange, Result, Target, Which
from trunkline.domains.webhooks.sending.results import Entry, Results
from trunkline.domains.webhooks.signing import Keys
from trunkline.kit import db
from trunkline.kit.clock import Clock, monotonic, wall_clock
from trunkline.kit.db import Pool
from trunkline.kit.errors import Refusal
from trunkline.kit.keyring import Damaged
from trunkline.kit.outbound.client import NotReached, Outbound
from trunkline.kit.principal import Environment
from trunkline.kit.startup import reason
from trunkline.kit.telemetry import WEBHOOK_SECONDS

log = structlog.get_logger(__name__)

AT_ONCE = 10  # requests to one endpoint
TAKEN = 200  # deliveries in one go
FEW = 100  # so few in hand: time to take more
FAILS = 3  # so many tries in a row without success, and one request at a time is enough
REST_SECONDS = 1.0  # after the database did not answer
LONG_REST_SECONDS = 30.0  # when a result could not be written, or the secret not be read: somebody has to see to it


Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]  # starts a task that ends with the courier's turn


@dataclass(frozen=True, slots=True)
class Desk:
    """What all outboxes of one courier share. `lanes` are the tasks that send."""

    environment: Environment
    clock: Clock
    pool: Pool
    presenter: Presenter
    outbound: Outbound
    results: Results
    spawn: Spawn
    stopping: asyncio.Event
    lanes: set["asyncio.Task[None]"]


class Outbox:
    """Wakes when it is told that something may be due, works until nothing is, and then costs nothing."""

    def __init__(self, desk: Desk, tenant_id: UUID, target: Target) -> None:
        self._desk, self._tenant_id = desk, tenant_id
        self._target = target
        self._condition = Condition(target.failing_since, target.held_until)
        self._misses = FAILS if target.failing_since is not None else 0
        self._keys: tuple[tuple[object, ...], list[Keys]] | None = None
        self._chains: deque[list[Due]] = deque()
        self._in_hand: set[UUID] = set()  # keys whose deliveries are being sent, or sent and not written
        self._rows = 0  # taken and not sent
        self._unwritten = 0  # results
        self._lanes = 0
        self._again = False  # something may be due
        self._skipped = False  # what was in hand may have hidden something from the last look
        self._disabling = False
        self._removed = False
        self._rest_until = 0.0
        self._change = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def adopt(self, target: Target) -> None:
        """The endpoint as it stands in the database now."""
        moved = target.url != self._target.url
        self._target = target
        if moved or not self._unwritten:
            self._condition = Condition(target.failing_since, target.held_until)
            if target.failing_since is None:
                self._misses = 0

    def close(self) -> None:
        """The endpoint was removed: nothing more is sent to it."""
        self._removed = True

    def wake(self) -> None:
        """Something may be due."""
        if self._desk.stopping.is_set():
            return
        self._again = True
        self._change.set()
        if self._task is None or self._task.done():
            self._task = self._desk.spawn(self._run())

    def lets_pass(self, now: datetime) -> Which:
        """What may be sent at this instant."""
        if self._condition.held_until is not None and now < self._condition.held_until:
            return Which.TESTS
        return Which.ALL if self._target.status == EndpointStatus.ACTIVE and not self._disabling else Which.FORCED

    # taking -----------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._desk.stopping.is_set():
            if self._again and self._rows < FEW:
                if monotonic() < self._rest_until:
                    self._again = False
                else:
                    await self._take()
            while self._chains and self._lanes < self._room():
                self._lanes += 1
                lane = self._desk.spawn(self._lane())
                self._desk.lanes.add(lane)
                lane.add_done_callback(self._desk.lanes.discard)
            if not self._lanes and not self._again:
                return
            if self._lanes:
                self._change.clear()
                await self._change.wait()

    def _room(self) -> int:
        return 1 if self._misses >= FAILS else AT_ONCE

    async def _take(self) -> None:
        """Take what is due, then the endpoint: what is sent goes to its present address with its present secret."""
        self._again, self._skipped = False, bool(self._in_hand)
        desk, now = self._desk, self._desk.clock.now()
        which = self.lets_pass(now)
        try:
            rows = await store.take(desk.pool, self._tenant_id, self._target.id, which, now, self._in_hand, TAKEN)
            if not rows:
                return
            target = await store.read_target(desk.pool, self._tenant_id, self._target.id)
            if target is None:
                self.close()
                return
            self.adopt(target)
            self._signing_keys(now)
        except (Refusal, Damaged, asyncpg.PostgresError, *db.LOST) as error:
            rest = LONG_REST_SECONDS if isinstance(error, Damaged) else REST_SECONDS
            self._rest(rest, error)
            return
        self._again = self._again or len(rows) == TAKEN
        chains: dict[UUID, list[Due]] = {}
        for due in rows:
            chains.setdefault(due.key, []).append(due)
        self._chains += chains.values()
        self._in_hand.update(chains)
        self._rows += len(rows)

    def _rest(self, seconds: float, error: BaseException | None = None) -> None:
        self._rest_until = monotonic() + seconds
        if error is not None:
            log.warning("webhooks.resting", endpoint=self._target.id, seconds=seconds, error=reason(error))

    def _signing_keys(self, now: datetime) -> list[Keys]:
        """The keys that sign now, opened once."""
        sealed = self._target.sealed
        until = sealed.previous_until
        state = (sealed, until is not None and now < until)
        if self._keys is None or self._keys[0] != state:
            if self._desk.pool.keyring is None:
                raise RuntimeError("the worker was made without a keyring")
            ring = self._desk.pool.keyring.of(self._tenant_id)
            self._keys = state, open_keys(ring, self._target.id, sealed, now)
        return self._keys[1]

    # sending ----------------------------------------------------------------------------------------------------------

    async def _lane(self) -> None:
        """Send chain after chain, as long as there is room for this lane."""
        try:
            while self._chains and self._lanes <= self._room():
                await self._send(self._chains.popleft())
                if self._again and self._rows < FEW:
                    self._change.set()
        finally:
            self._lanes -= 1
            self._change.set()

    async def _send(self, chain: list[Due]) -> None:
        """Send one subject's deliveries, in order, up to the first that has to be tried again."""
        key = chain[0].key
        for due in chain:
            if not self._may_send(due):
                break
            try:
                result = await self._deliver(due)
            except Exception as error:  # a fault of ours, or keys that cannot be read: the delivery stands as it stood
                if not isinstance(error, (Refusal, Damaged)):
                    log.exception("webhooks.fault", endpoint=self._target.id, delivery=due.id)
                self._rest(LONG_REST_SECONDS, error)
                break
            self._unwritten += 1
            self._desk.results.put(self._entry(result))
            if result.next_at is not None:
                break
        self._rows -= len(chain)
        self._desk.results.put(Entry(self._tenant_id, self._target.id, None, lambda _: self._release(key)))

    def _may_send(self, due: Due) -> bool:
        """Whether the state of things still lets this delivery pass, which was taken a while ago."""
        if self._removed or self._desk.stopping.is_set() or monotonic() < self._rest_until:
            return False
        which = self.lets_pass(self._desk.clock.now())
        return which is Which.ALL or due.is_test or (due.forced and which is Which.FORCED)

    def _entry(self, result: Result) -> Entry:
        def settled(written: bool) -> None:
            self._unwritten -= 1
            if not written:
                self._rest(LONG_REST_SECONDS)
            elif result.disable is not None and result.exchange is not None:
                self._desk.spawn(self._disable(result.exchange.url, result.disable))

        return Entry(self._tenant_id, self._target.id, result, settled)

    def _release(self, key: UUID) -> None:
        """Everything that was sent of a subject is written: its next deliveries may be taken."""
        self._in_hand.discard(key)
        if self._skipped:
            self.wake()

    async def _deliver(self, due: Due) -> Result:
        """One try, or the reason why there is none. Raises when the endpoint's keys cannot be read."""
        desk, target = self._desk, self._target
        begun = desk.clock.now()
        keys = self._signing_keys(begun)
        try:
            if not (due.is_test or due.subject_type in desk.presenter.subjects(target.permissions)):
                raise Unsendable("whoever chose the address may not read such events")
            text = body_of(due, desk.presenter)
        except Unsendable as error:
            return Result(target.id, due, begun, delivered=False, next_at=None, failure=str(error))
        headers, body = headers_of(due.id), text.encode()
        exchange, hold = await self._exchange(begun, headers, signed(headers, keys, body), body)
        WEBHOOK_SECONDS.labels(desk.environment.value).observe(exchange.duration_ms / 1000)
        now = desk.clock.now()
        result = Result(target.id, due, now, exchange.failure is None, None, exchange.failure, exchange)
        if due.payload is None:
            result.payload = text
        if not due.is_test:  # a test has one try and says nothing about the endpoint
            self._judge(result, exchange, None if hold is None else now + hold)
        return result

    async def _exchange(
        self, begun: datetime, headers: dict[str, str], request: dict[str, str], body: bytes
    ) -> tuple[Exchange, timedelta | None]:
        """The request and what came of it, and for how long the receiver wants to be left alone."""
        url, shown = self._target.url, msgspec.json.encode(headers).decode()
        try:
            reply = await self._desk.outbound.post(url, request, body)
        except NotReached as error:
            said = rules.plain(error.reason)
            return Exchange(begun, error.duration_ms, url, error.address, shown, None, None, None, said), None
        kept = msgspec.json.encode({rules.plain(name): rules.plain(value) for name, value in reply.headers.items()}).decode()
        answer, failure = rules.plain(reply.body.decode("utf-8", "replace")), rules.failure_of(reply.status)
        exchange = Exchange(begun, reply.duration_ms, url, reply.address, shown, reply.status, kept, answer, failure)
        return exchange, rules.hold_of(reply.status, reply.headers, wall_clock())

    def _judge(self, result: Result, exchange: Exchange, held_until: datetime | None) -> None:
        """When it is to be tried again, and what the try says about the endpoint."""
        before, now = self._condition, result.decided_at
        moved = self._target.url != exchange.url  # what the old address says is not asked of the new one
        if moved:
            held_until = None
        if result.delivered:
            if self._misses >= FAILS:
                self._change.set()  # there is room for more lanes
            self._misses = 0
            self._condition = replace(before, failing_since=None)
        else:
            self._misses += 1
            pause = rules.pause_after(result.due.tries + 1, random())  # noqa: S311 - spreads tries, keeps no secret
            self._condition = Condition(before.failing_since or now, held_until or before.held_until)
            if pause is not None:
                result.next_at = now + pause if held_until is None else max(now + pause, held_until)
            if exchange.response_status == rules.GONE:
                result.disable = DisabledReason.GONE
            elif rules.is_failing_too_long(before.failing_since, now):
                result.disable = DisabledReason.FAILING
        if moved or self._target.status == EndpointStatus.DISABLED:
            self._condition, result.disable = before, None
        if result.disable is not None:
            result.next_at, self._disabling = None, True
        if self._condition != before:
            result.condition = self._condition

    async def _disable(self, url: str, why: DisabledReason) -> None:
        desk = self._desk
        try:
            await disable(desk.pool, desk.clock, desk.environment, self._tenant_id, self._target.id, url, why)
            target = await store.read_target(desk.pool, self._tenant_id, self._target.id)
            if target is not None:
                self.adopt(target)
        except (Refusal, asyncpg.PostgresError, *db.LOST) as error:
            self._rest(REST_SECONDS, error)  # its next try will say the same
        finally:
            self._disabling = False
