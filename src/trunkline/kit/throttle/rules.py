"""What a limit is, what a caller is told, and the two header fields that say so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """At most `capacity` hits in one burst, then `per_second`. `name` is what the header fields call it."""

    name: str
    capacity: int
    per_second: float

    def __post_init__(self) -> None:
        if self.capacity < 1 or not 0 < self.per_second < math.inf:
            raise ValueError(f"a token bucket needs capacity and rate above zero, not {self.capacity} and {self.per_second}")

    @property
    def quota(self) -> int:
        return self.capacity

    @property
    def window(self) -> int:
        """Whole seconds from empty to full."""
        return math.ceil(self.capacity / self.per_second)


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most `limit` hits in any `seconds` seconds."""

    name: str
    limit: int
    seconds: int

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds < 1:
            raise ValueError(f"a sliding window needs limit and length above zero, not {self.limit} and {self.seconds}")

    @property
    def quota(self) -> int:
        return self.limit

    @property
    def window(self) -> int:
        return self.seconds


Rule = TokenBucket | SlidingWindow


@dataclass(slots=True)
class Allowance:
    """The answer to one hit. Seconds are whole, rounded up, and at least 1 where they say how long to wait."""

    allowed: bool
    remaining: int  # hits that would be allowed right now
    retry_after: int  # seconds until a hit can be allowed again; 0 when this one was
    reset: int  # seconds until one more hit becomes available (the field's `t`)
    rule: Rule


def policy_field(rules: Sequence[Rule]) -> str:
    """The `RateLimit-Policy` value, such as `"read";q=50;w=17, "write";q=30;w=60` (draft-ietf-httpapi-ratelimit-headers-10)."""
    return ", ".join(f'"{rule.name}";q={rule.quota};w={rule.window}' for rule in rules)


def limit_field(allowance: Allowance) -> str:
    """The `RateLimit` value, such as `"read";r=49;t=1`.

    `t` is what the draft's revision 10 says: seconds until additional quota is made available, not until all of it is back.
    """
    return f'"{allowance.rule.name}";r={allowance.remaining};t={allowance.reset}'


def whole_seconds(seconds: float) -> int:
    """Rounded up, at least 1. A microsecond of float noise does not make a second."""
    return 1 if seconds <= 1 else math.ceil(seconds - 1e-6)
