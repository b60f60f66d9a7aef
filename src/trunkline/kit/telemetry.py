"""Metrics and the access log: cheap enough to be always on.

One line per request is buffered and written twice a second. Metrics are kept by prometheus-client in its multi-process mode, so
that any worker can answer for all.
"""

import asyncio
import os
import re
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from trunkline.kit.clock import wall_clock
from trunkline.kit.logs import write_lines

FLUSH_SECONDS = 0.5
FLUSH_LINES = 1000


class Durations(Histogram):
    """A histogram that takes many observations in at once: what one costs in the multi-process mode, all of them cost together."""

    def observe_all(self, seconds: Sequence[float]) -> None:
        """Count each of `seconds` in its bucket."""
        counts = [0] * len(self._buckets)
        for value in seconds:
            counts[bisect_left(self._upper_bounds, value)] += 1
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(sum(seconds))


REQUESTS = Counter("trunkline_requests_total", "Requests answered.", ["dialect", "operation", "status"])
SECONDS = Durations(
    "trunkline_request_seconds",
    "Seconds from a request's head to its answer.",
    ["dialect", "operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
FAILURES = Counter("trunkline_failures_total", "Unexpected errors (answered with 500).", ["dialect", "operation"])
JOBS_RUN = Counter("trunkline_jobs_total", "Jobs run, by how it went.", ["environment", "job", "outcome"])
JOB_SECONDS = Histogram(
    "trunkline_job_seconds", "Seconds that one run of a job took.", ["job"], buckets=(0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)
)
JOBS_HELD = Gauge(
    "trunkline_jobs_held",
    "Jobs that wait, run or have failed for good.",
    ["environment", "state"],
    multiprocess_mode="livemostrecent",
)
WEBHOOKS = Counter("trunkline_webhooks_total", "Tries to deliver a webhook, by how they went.", ["environment", "outcome"])
WEBHOOK_SECONDS = Histogram(
    "trunkline_webhook_seconds",
    "Seconds from a webhook's request to its answer, or to the end of waiting for one.",
    ["environment"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0),
)
WEBHOOKS_PENDING = Gauge(
    "trunkline_webhooks_pending",
    "Webhook deliveries that wait: for their turn, for their next try, for a paused endpoint.",
    ["environment"],
    multiprocess_mode="livemostrecent",
)
CONNECTIONS = Gauge(
    "trunkline_database_connections", "Open database connections.", ["environment"], multiprocess_mode="livesum"
)


class RequestCount:
    """Requests on their way into the metrics: they are kept here and join them twice a second, and before the metrics are shown."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str, int], list[float]] = {}
        self._scheduled = False

    def add(self, dialect: str, operation: str, status: int, seconds: float) -> None:
        """Count an answer."""
        key = (dialect, operation, status)
        if key in self._seconds:
            self._seconds[key].append(seconds)
            return
        self._seconds[key] = [seconds]
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Let the metrics have what was counted."""
        self._scheduled = False
        counted, self._seconds = self._seconds, {}
        for (dialect, operation, status), seconds in counted.items():
            REQUESTS.labels(dialect, operation, str(status)).inc(len(seconds))
            SECONDS.labels(dialect, operation).observe_all(seconds)


ANSWERED = RequestCount()


def metrics_page(multiprocess_folder: str | None) -> bytes:
    """What `/metrics` answers, in Prometheus' text format. Other processes' last half second of requests may be missing."""
    ANSWERED.flush()
    if multiprocess_folder is None:
        return generate_latest()
    _forget_the_dead(Path(multiprocess_folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=multiprocess_folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """What killed processes had open counts no more; what they had counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        if (found := re.search(r"_(\d+)\.db$", file.name)) and not _alive(int(found[1])):
            mark_process_dead(int(found[1]), path=str(folder))  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class AccessLog:
    """One JSON line per request, buffered: a line costs microseconds, not a system call."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._lines: list[bytes] = []
        self._scheduled = False
        self._encoder = msgspec.json.Encoder()

    def write(self, **line: Any) -> None:
        """Add a line; it is written within half a second."""
        if not self._enabled:
            return
        self._lines.append(self._encoder.encode({"timestamp": wall_clock(), "level": "info", **line}))
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what is buffered."""
        self._scheduled = False
        if self._lines:
            lines, self._lines = self._lines, []
            write_lines(lines)
