"""Everything that is left to chance in the demonstration, from one seed: the same seed draws the same data."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from asyncpg.pgproto import pgproto

T = TypeVar("T")

LETTERS = "ABDEFGHJLNPRSTUWXYZ"  # those that postal codes of every country here may hold


class Draw:
    """A source of choices, moments and identifiers."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)  # noqa: S311 - demonstration data has to be the same each time, not unforeseeable
        self.fraction = source.random  # 0 <= fraction < 1
        self._bits = source.getrandbits

    def id(self, at: datetime) -> UUID:
        """A uuid7 of an object that was made `at` that moment (compare kit.ids)."""
        return self.ids(at, 1)[0]

    def ids(self, at: datetime, count: int) -> list[UUID]:
        """So many identifiers of objects that were made at the same moment."""
        fixed = int(at.timestamp()) * 1000 << 80 | 0x7 << 76 | 0x2 << 62
        result: list[UUID] = []
        # asyncpg's own UUID is a `uuid.UUID` that is made ten times as fast.
        for _ in range(count):
            bits = self._bits(74)
            result.append(pgproto.UUID((fixed | (bits >> 62) << 64 | bits & 0x3FFF_FFFF_FFFF_FFFF).to_bytes(16)))
        return result

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        return int(self.fraction() * bound)

    def whole(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, both included."""
        return first + int(self.fraction() * (last - first + 1))

    def happens(self, probability: float) -> bool:
        """True in that share of all cases."""
        return self.fraction() < probability

    def one(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self.fraction() * len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of them in another order."""
        return [item for _, item in sorted(((self.fraction(), item) for item in items), key=lambda pair: pair[0])]

    def between(self, first: datetime, last: datetime) -> datetime:
        """A moment in whole seconds, not before `first`, not after `last`; `first` when that is not before `last`."""
        seconds = (last - first).total_seconds()
        return first + timedelta(seconds=int(self.fraction() * seconds)) if seconds > 0 else first

    def after(self, moment: datetime, shortest: timedelta, longest: timedelta) -> datetime:
        """A moment that follows `moment` by `shortest` to `longest`, in whole seconds."""
        return self.between(moment + shortest, moment + longest)

    def pattern(self, pattern: str) -> str:
        """`pattern` with each `#` a digit, each `%` a digit that is not 0, each `@` a letter."""
        return "".join(
            str(self.below(10)) if c == "#" else str(self.whole(1, 9)) if c == "%" else self.one(LETTERS) if c == "@" else c
            for c in pattern
        )
