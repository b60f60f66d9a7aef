"""Logs and metrics: cheap enough to be always on.

Logs are JSON lines on standard error with `timestamp`, `level`, `event` and the request's id. One line per request is buffered and
written twice a second. Metrics are kept by prometheus-client in its multi-process mode, so that any worker can answer for all.
"""

import asyncio
import logging
import sys
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from trunkline.kit.clock import wall_clock

FLUSH_SECONDS = 0.5
FLUSH_LINES = 1000

REQUESTS = Counter("trunkline_requests_total", "Requests answered.", ["dialect", "operation", "status"])
SECONDS = Histogram(
    "trunkline_request_seconds",
    "Seconds from a request's head to its answer.",
    ["dialect", "operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
FAILURES = Counter("trunkline_failures_total", "Unexpected errors (answered with 500).", ["dialect", "operation"])
CONNECTIONS = Gauge(
    "trunkline_database_connections", "Open database connections.", ["environment"], multiprocess_mode="livesum"
)


def configure_logging(level: str = "info") -> None:
    """Structured logs for our own code and for what libraries log."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=lambda value, **_: msgspec.json.encode(value, enc_hook=str).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)


def metrics_page(multiprocess_folder: str | None) -> bytes:
    """What `/metrics` answers, in Prometheus' text format."""
    if multiprocess_folder is None:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=multiprocess_folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


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
            sys.stderr.buffer.write(b"\n".join(lines) + b"\n")
            sys.stderr.buffer.flush()
