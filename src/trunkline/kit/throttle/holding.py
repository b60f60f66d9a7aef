"""What this process knows and holds of one key: its lease, or until when nothing can be there.

Why a lease never breaks the rule:

- Window: a leased hit is counted at the latest moment at which it may be spent, so it leaves the window late, never early.
- Token bucket: what lies in the row and what all processes hold must together stay within the capacity, or a burst could be
  larger. The row refills while a lease is held; so a lease shrinks as soon as row and lease together might overflow: at most
  `room - fill * seconds` of it is left, where `room` is what the row lacked after the grant. The oldest lease's line covers all
  others, because what was granted later was taken out of the row. A single process loses nothing by it: in one exact bucket
  these tokens would have overflowed too.
"""

from asyncio import Future, TimerHandle
from collections import deque
from uuid import UUID

from trunkline.kit.throttle.fallback import LocalLimit
from trunkline.kit.throttle.rules import Allowance, Rule, whole_seconds
from trunkline.kit.throttle.store import Grant

# A refusal is believed for this long at most, whatever `retry_after` says: a failover empties the table.
BELIEVE_SECONDS = 10.0


class Holding:
    """One key's lease and the coroutines that wait for more. All times are of the monotonic clock."""

    __slots__ = (
        "asking",
        "closed_until",
        "fallback",
        "fill",
        "granted",
        "key",
        "late",
        "left",
        "opens_at",
        "recent",
        "resets_at",
        "room",
        "rule",
        "since",
        "spare",
        "tenant_id",
        "timer",
        "until",
        "waiters",
    )

    def __init__(self, tenant_id: UUID, key: str, rule: Rule) -> None:
        self.tenant_id = tenant_id
        self.key = key
        self.rule = rule
        self.spare = 0  # leased and not spent
        self.left = 0  # in the row after the last grant
        self.since = 0.0  # no later than the last grant
        self.until = 0.0  # the lease is good
        self.room = 0.0
        self.fill = 0.0
        self.granted = 0
        self.recent = 0.0  # hits lately, fading over a lease's life
        self.closed_until = 0.0  # asking is useless
        self.opens_at = 0.0  # what a refused caller is told
        self.resets_at = 0.0
        self.waiters: deque[Future[Allowance | None]] = deque()
        self.asking = False  # one statement at a time serves everybody who waits
        self.late = False  # and it takes too long
        self.timer: TimerHandle | None = None
        self.fallback: LocalLimit | None = None

    def spend(self, now: float) -> Allowance | None:
        """One hit from the lease, or a refusal from what is known; None when the database must be asked."""
        if self.spare:
            usable = self.room - self.fill * (now - self.since)
            if now < self.until and usable >= 1:
                if usable < self.spare:
                    self.spare = int(usable)
                self.spare -= 1
                return Allowance(True, self.left + self.spare, 0, whole_seconds(self.resets_at - now), self.rule)
            self.spare = 0
        if now < self.closed_until:
            wait = whole_seconds(self.opens_at - now)
            return Allowance(False, 0, wait, wait, self.rule)
        return None

    def demand(self, now: float, life: float) -> float:
        """Hits spent lately, as far as a lease's `life` (seconds) looks back: what the next lease is measured by."""
        self.recent = self.recent * max(0.0, 1 - (now - self.since) / life) + self.granted - self.spare
        self.granted = 0
        return self.recent

    def accept(self, grant: Grant, wanted: int, sent: float, received: float) -> None:
        """Take in the database's answer to an ask for `wanted`, and serve those who wait as far as it goes.

        What was asked for is spent at once, without regard to the lease's line. The lease counts from when the ask was sent, a
        refusal from when its answer came: each on the safe side.
        """
        self.left, self.spare, self.granted = grant.left, grant.granted, grant.granted
        self.since, self.until = sent, sent + grant.hold
        self.room, self.fill = grant.room, grant.fill
        self.resets_at = self.opens_at = received + grant.next_in
        self.closed_until = received + min(grant.pause, BELIEVE_SECONDS)
        for _ in range(min(wanted, grant.granted)):
            waiter = self._next_waiter()
            if waiter is None:
                return
            self.spare -= 1
            waiter.set_result(Allowance(True, self.left + self.spare, 0, whole_seconds(grant.next_in), self.rule))
        self.serve(received)

    def serve(self, now: float) -> None:
        """Answer those who wait, in order, as far as lease and knowledge go."""
        while (waiter := self._next_waiter()) is not None:
            allowance = self.spend(now)
            if allowance is None:
                self.waiters.appendleft(waiter)
                return
            waiter.set_result(allowance)

    def abandon(self) -> None:
        """Tell those who wait that there is no answer."""
        while (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)

    def _next_waiter(self) -> "Future[Allowance | None] | None":
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():  # a caller that went away
                return waiter
        return None
