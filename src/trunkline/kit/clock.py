"""Time is passed in. No other module asks the machine what time it is.

The sandbox's clock runs ahead of the machine's by an offset that stands in its database (`environments.clock_offset_seconds`);
`trunkline clock advance` moves it and every process hears of it at once.
"""

import time
from datetime import UTC, date, datetime, timedelta


class Clock:
    """The wall clock of one environment, plus its offset in whole seconds (always 0 in production)."""

    __slots__ = ("offset_seconds",)

    def __init__(self, offset_seconds: int = 0) -> None:
        self.offset_seconds = offset_seconds

    def now(self) -> datetime:
        """This instant, UTC, with microseconds."""
        return datetime.fromtimestamp(time.time() + self.offset_seconds, UTC)

    def timestamp(self) -> float:
        """This instant as seconds since 1970."""
        return time.time() + self.offset_seconds

    def today(self) -> date:
        """Today's date in UTC."""
        return self.now().date()

    @property
    def offset(self) -> timedelta:
        return timedelta(seconds=self.offset_seconds)


def whole_seconds(instant: datetime) -> datetime:
    """`instant` without its fraction: what objects carry, so that what is printed is what is stored."""
    return instant.replace(microsecond=0)


def monotonic() -> float:
    """Seconds of a clock that never jumps, for durations."""
    return time.monotonic()


def wall_clock() -> datetime:
    """The machine's time, for logs: they tell what happened when, whatever a sandbox believes."""
    return datetime.now(UTC)
