"""Totals after writes: exact at once, and without counting the table."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import msgspec

from bench.cpu import spent, usage
from bench.server import Subject

LIST = "/v1/subs"
IMSI_PREFIX = "12351"  # nobody else's
QUIET_SECONDS = 0.03  # what a write leaves to be done in the background is not the page's


@dataclass(frozen=True, slots=True)
class AfterWrites:
    """CPU milliseconds of a page with total, one request at a time: right after a write, and after another page."""

    after_write: float
    after_page: float

    @property
    def ratio(self) -> float:
        return self.after_write / self.after_page


def after_writes(subject: Subject, times: int) -> AfterWrites:
    """Add and remove a subscriber so often, each time reading two pages. Raises `RuntimeError` when a total is not exact."""
    first: list[float] = []
    second: list[float] = []
    expected, _ = _page(subject)
    for _, change in zip(range(times), _writes(subject), strict=False):
        expected += change
        for costs in (first, second):
            total, cost = _page(subject)
            costs.append(cost)
            if total != expected:
                raise RuntimeError(f"the total is {total} right after a write, {expected} would be exact")
    return AfterWrites(median(first), median(second))


def _writes(subject: Subject) -> Iterator[int]:
    """Writes without end, and by how much each changes the total."""
    number = 0
    while True:
        number += 1
        digits = f"{2_000_000_000 + number}"
        body = {"imsi": f"{IMSI_PREFIX}{digits}", "msisdn": f"+88352{digits}", "k": f"{number:032x}"}
        headers = {**subject.key, "Content-Type": "application/json"}
        made = subject.post(LIST, headers, msgspec.json.encode(body), expected=201)
        yield 1
        subject.delete(made.headers["Location"], subject.key)
        yield -1


def _page(subject: Subject) -> tuple[int, float]:
    time.sleep(QUIET_SECONDS)
    trees = (subject.application, subject.postgres)
    before = [usage(root) for root in trees]
    total: int = subject.get(LIST, subject.key)["page"]["totalElements"]
    return total, sum(spent(then, usage(root)) for then, root in zip(before, trees, strict=True)) / 1e6
