"""When a webhook is tried again, and what answers mean."""

from datetime import UTC, datetime, timedelta

import pytest

from trunkline.domains.webhooks.sending.rules import (
    LONGEST_HOLD,
    PAUSES,
    TRIES,
    failure_of,
    hold_of,
    is_failing_too_long,
    pause_after,
    plain,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def test_ten_tries_over_about_three_days() -> None:
    """The nine pauses grow, and last about three days together, whatever chance says."""
    assert TRIES == 10
    assert list(PAUSES) == sorted(PAUSES)
    for chance in (0.0, 0.5, 1.0):
        pauses = [pause_after(tries, chance) for tries in range(1, 11)]
        assert pauses[-1] is None
        together = sum((pause for pause in pauses if pause is not None), timedelta())
        assert timedelta(days=2.6) < together < timedelta(days=3.3)


def test_pauses_are_spread() -> None:
    """A pause is a tenth longer or shorter, by chance: what failed together does not come back together."""
    assert pause_after(2, 0.0) == timedelta(seconds=54)
    assert pause_after(2, 0.5) == timedelta(seconds=60)
    assert pause_after(2, 1.0) == timedelta(seconds=66)


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (503, "Sun, 22 Nov 2026 12:30:00 GMT", 1800),
        (503, "Sunday, 22-Nov-26 12:30:00 GMT", 1800),
        (429, "Sun, 22 Nov 2026 13:30:00 +0100", 1800),
        (429, "99999999999999999999", LONGEST_HOLD.total_seconds()),
        (503, "Tue, 22 Nov 2033 12:30:00 GMT", LONGEST_HOLD.total_seconds()),
        (503, "0000000000120", 120),
        (503, "0", None),
        (503, "000", None),
        (503, "Sun, 22 Nov 2026 11:30:00 GMT", None),
        (503, "", None),
        (503, "-5", None),
        (503, "1.5", None),
        (503, "soon", None),
        (503, "Sun, 22 Nov 99999999999999999999 12:30:00 GMT", None),
        (503, "Sun, 22 Nov 2026 99999999999999999999:30:00 GMT", None),
        (503, "Sun, 22 Nov 2026 12:30:00 +99999999999999999999", None),
        (503, "Sun, 22 Nov 10000 12:30:00 GMT", None),
        (503, "Sun, 22 Nov 0000 12:30:00 -0000", None),
        (503, "\u0661\u0662", None),
        (500, "120", None),
        (200, "120", None),
        (302, "120", None),
    ],
)
def test_retry_after(status: int, value: str, seconds: float | None) -> None:
    """Seconds or a date, of 429 and 503 only, at most a day; what cannot be read is not there (RFC 9110, 10.2.3)."""
    for name in ("retry-after", "Retry-After"):
        found = hold_of(status, {name: value}, NOW)
        assert (found and found.total_seconds()) == seconds
    assert hold_of(status, {}, NOW) is None


def test_only_2xx_is_success() -> None:
    """Every other answer is a failure and says which."""
    assert [failure_of(status) for status in (200, 201, 204, 299)] == [None] * 4
    for status in (100, 301, 307, 400, 404, 410, 429, 500, 599):
        assert str(status) in (failure_of(status) or "")


def test_five_days_of_failure() -> None:
    """Five days without a success are too long; no failure yet is none at all."""
    assert not is_failing_too_long(None, NOW)
    assert not is_failing_too_long(NOW - timedelta(days=4.99), NOW)
    assert is_failing_too_long(NOW - timedelta(days=5), NOW)


def test_what_a_receiver_says_can_be_stored() -> None:
    """Zero bytes and lone surrogates, which PostgreSQL does not take, are replaced."""
    assert plain("a\0b\ud800c\u00e9") == "a\ufffdb?c\u00e9"
