"""Time that is passed in, and may run ahead in the sandbox."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kit.clock import Clock, monotonic, wall_clock, whole_seconds


def test_production_s_clock_is_the_machine_s() -> None:
    """Without an offset the clock tells the machine's time, in UTC."""
    clock = Clock()
    assert abs(clock.timestamp() - time.time()) < 1
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    assert clock.now().tzinfo is UTC
    assert clock.offset == timedelta(0)


@given(st.integers(0, 10 * 365 * 86_400))
def test_a_sandbox_s_clock_is_ahead_by_its_offset(seconds: int) -> None:
    """Instant, timestamp and date all move together."""
    clock = Clock(seconds)
    assert abs((clock.now() - datetime.now(UTC)) - timedelta(seconds=seconds)) < timedelta(seconds=1)
    assert abs(clock.timestamp() - clock.now().timestamp()) < 1
    assert clock.today() in {clock.now().date(), (clock.now() - timedelta(seconds=1)).date()}
    assert clock.offset.total_seconds() == seconds


def test_a_clock_can_be_moved_while_it_runs() -> None:
    """Every process that hears of a new offset tells the new time at once."""
    clock = Clock()
    before = clock.now()
    clock.offset_seconds = 86_400
    assert timedelta(days=1) <= clock.now() - before < timedelta(days=1, seconds=1)
    assert abs(wall_clock() - before) < timedelta(seconds=1)  # logs keep to the machine's


@given(st.datetimes(timezones=st.just(UTC)))
def test_objects_carry_whole_seconds(instant: datetime) -> None:
    """A fraction is cut off, never rounded up into the future."""
    assert whole_seconds(instant).microsecond == 0
    assert timedelta(0) <= instant - whole_seconds(instant) < timedelta(seconds=1)


def test_durations_do_not_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations come from a clock that never jumps."""
    before = monotonic()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= monotonic() - before < 1
