"""Logs: JSON lines on standard error with `timestamp`, `level` and `event`, from our own code and from what libraries log."""

import logging
import os
import select
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from structlog.tracebacks import ExceptionDictTransformer

DETAIL = "\nDETAIL:"
STANDARD_ERROR = 2


def configure_logging(level: str = "info") -> None:
    """Set up this process's logs: our own from `level` on, libraries' from warnings on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without local variables: they hold tokens, passwords and customers' data.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _without_rows,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


def write_lines(lines: Iterable[bytes]) -> None:
    """Write whole lines. As many at once as the system never mixes with another process's, since workers share one pipe."""
    batch = b""
    for line in lines:
        if batch and len(batch) + len(line) >= select.PIPE_BUF:
            _write(batch)
            batch = b""
        batch += line + b"\n"
    _write(batch)


def _write(data: bytes) -> None:
    while data:
        try:
            data = data[os.write(STANDARD_ERROR, data) :]
        except BlockingIOError:
            select.select([], [STANDARD_ERROR], [])
        except OSError:  # nobody reads our logs any more, or the disk is full: no reason to stop serving
            return


class _Lines:
    """A structlog logger that writes one line per message."""

    def msg(self, message: str) -> None:
        write_lines([message.encode("utf-8", "backslashreplace")])

    log = debug = info = warning = error = critical = msg


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        structlog.get_logger().log(record.levelno, text, logger=record.name, exc_info=record.exc_info or None)


def _json(value: Any, **_: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _without_rows(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """PostgreSQL's DETAIL ("Failing row contains ...") shows customers' data; the message says enough."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = value.partition(DETAIL)[0]
    for one in event.get("exception") or ():
        if isinstance(one, dict):
            one["exc_value"] = str(one.get("exc_value", "")).partition(DETAIL)[0]
    return event
