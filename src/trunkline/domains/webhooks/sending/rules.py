"""When a delivery is tried again, and what an answer means. Pure: chance and time are passed in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

# Between one try and the next: ten tries over about three days, the first few soon, so that a restart of the receiver costs nobody a day.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=20),
    timedelta(hours=34),
)
TRIES = len(PAUSES) + 1
JITTER = 0.1  # of a pause, either way: what failed together does not come back together
DISABLED_AFTER = timedelta(days=5)
LONGEST_HOLD = timedelta(hours=24)
GONE = 410
HOLDING = (429, 503)  # the answers whose Retry-After counts


def pause_after(tries: int, chance: float) -> timedelta | None:
    """The pause after so many tries; `None` when that was the last. `chance`: from 0 to 1."""
    if tries > len(PAUSES):
        return None
    return PAUSES[tries - 1] * (1 + JITTER * (2 * chance - 1))


def hold_of(status: int, headers: Mapping[str, str], wall_clock: datetime) -> timedelta | None:
    """How long the receiver asks to be left alone (RFC 9110, section 10.2.3: seconds or a date); `None` when it does not.

    At most a day. A date is one on the receiver's clock, hence on the wall clock, whatever a sandbox believes.
    """
    if status not in HOLDING:
        return None
    text = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if text.isascii() and text.isdecimal():
        asked = timedelta(seconds=min(int(text.lstrip("0")[:9] or "0"), 10**6))
    else:
        try:
            then = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # a year, or an offset, of twenty digits
            return None
        if then.tzinfo is None:  # "-0000": the time is universal, the place unknown
            then = then.replace(tzinfo=wall_clock.tzinfo)
        asked = then - wall_clock
    return min(asked, LONGEST_HOLD) if asked > timedelta(0) else None


def failure_of(status: int) -> str | None:
    """Why an answer is no success, in words; `None` when it is one."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"the answer was {status}: redirects are not followed"
    if status == GONE:
        return "the answer was 410: the endpoint is gone for good"
    return f"the answer was {status}"


def is_failing_too_long(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint whose try has just failed is to be disabled."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER


def plain(text: str) -> str:
    """Text as the database can keep it: what a receiver sends may hold anything."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
