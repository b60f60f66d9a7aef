"""Identifiers: version 7, in order of their making."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from trunkline.kit import ids
from trunkline.kit.clock import Clock


def instant_of(id_: UUID) -> datetime:
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def test_an_id_is_a_uuid_of_version_7() -> None:
    """RFC 9562: version, variant and the milliseconds since 1970 stand where they belong."""
    before = Clock().now() - timedelta(milliseconds=1)
    id_ = ids.new_id()
    assert (id_.version, id_.variant) == (7, RFC_4122)
    assert before <= instant_of(id_) <= Clock().now() + timedelta(milliseconds=1)


def test_ids_are_in_order_and_never_the_same() -> None:
    """Ids of one process sort by their making, as numbers, as texts and as bytes."""
    made = [ids.new_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    assert [str(id_) for id_ in made] == sorted(str(id_) for id_ in made)
    assert [id_.bytes for id_ in made] == sorted(id_.bytes for id_ in made)


def test_a_clock_that_is_set_back_does_not_disturb_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the machine's time jumps back ids go on upwards until it has caught up."""
    first = ids.new_id()
    past = time.time_ns() - 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: past)
    made = [ids.new_id() for _ in range(5000)]
    assert [first, *made] == sorted({first, *made})


def some(count: int) -> list[UUID]:
    return [ids.new_id() for _ in range(count)]


def test_processes_do_not_make_the_same_ids() -> None:
    """62 random bits keep the ids of processes that start at once apart."""
    with ProcessPoolExecutor(2) as processes:
        made = [id_ for several in processes.map(some, [2000, 2000]) for id_ in several]
    assert len(set(made)) == 4000


def test_the_random_part_is_random() -> None:
    """Every random bit is set about half of the time: nobody guesses an id from its neighbour."""
    made = [ids.new_id().int for _ in range(4000)]
    for bit in range(62):
        assert 1700 < sum(number >> bit & 1 for number in made) < 2300, bit
    assert os.getpid() not in {number & 0xFFFF_FFFF for number in made}
