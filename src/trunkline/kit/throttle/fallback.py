"""The database is away: each process goes on alone with its share of the limit.

It starts from what the process knew last, not from a full budget. A strict limit (bad credentials, token endpoints) counts as
if four times as many processes were there: nobody shall win tries by taking the database away.
"""

import math
from collections import deque
from typing import Protocol

from trunkline.kit.throttle.rules import Allowance, Rule, SlidingWindow, TokenBucket, whole_seconds

STRICT = 4
SLOTS = 60


class LocalLimit(Protocol):
    """One key's share in this process."""

    def take(self, now: float) -> Allowance: ...


def local_limit(rule: Rule, *, processes: int, strict: bool, left: int | None, since: float, now: float) -> LocalLimit:
    """The share of one process among `processes`, where `left` of the whole limit were left at `since` (None: never asked)."""
    parts = processes * STRICT if strict else processes
    left = rule.quota if left is None else left
    if isinstance(rule, TokenBucket):
        return LocalBucket(rule, parts, left, since, now)
    return LocalWindow(rule, parts, left, since)


class LocalBucket:
    """A token bucket of one process."""

    __slots__ = ("_at", "_capacity", "_level", "_rate", "_rule")

    def __init__(self, rule: TokenBucket, parts: int, left: int, since: float, now: float) -> None:
        self._rule = rule
        self._capacity = max(1.0, rule.capacity / parts)
        self._rate = rule.per_second / parts
        self._level = min(self._capacity, left / parts)
        self._at = since if left < rule.capacity else now

    def take(self, now: float) -> Allowance:
        """Spend a token or say when there will be one."""
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        allowed = self._level >= 1
        if allowed:
            self._level -= 1
        wait = whole_seconds((1 - self._level % 1) / self._rate)
        return Allowance(allowed, int(self._level), 0 if allowed else wait, wait, self._rule)


class LocalWindow:
    """A sliding window of one process; hits are counted by slots of a sixtieth and leave with the slot's end."""

    __slots__ = ("_hits", "_limit", "_rule", "_slot", "_slots")

    def __init__(self, rule: SlidingWindow, parts: int, left: int, since: float) -> None:
        self._rule = rule
        self._limit = max(1, rule.limit // parts)
        self._slot = rule.seconds / SLOTS if rule.limit > SLOTS else 0.0
        self._hits = min(self._limit, math.ceil((rule.limit - left) / parts))
        self._slots: deque[tuple[float, int]] = deque([(since, self._hits)] if self._hits else ())

    def take(self, now: float) -> Allowance:
        """Count a hit or say when the oldest leaves."""
        while self._slots and self._slots[0][0] <= now - self._rule.seconds:
            self._hits -= self._slots.popleft()[1]
        allowed = self._hits < self._limit
        if allowed:
            self._hits += 1
            self._count(math.ceil(now / self._slot) * self._slot if self._slot else now)
        wait = whole_seconds(self._slots[0][0] + self._rule.seconds - now)
        return Allowance(allowed, self._limit - self._hits, 0 if allowed else wait, wait, self._rule)

    def _count(self, moment: float) -> None:
        if self._slots and self._slots[-1][0] >= moment:
            last, hits = self._slots.pop()
            self._slots.append((last, hits + 1))
        else:
            self._slots.append((moment, 1))
