"""One listening address: granian with its workers, a part that is forked from the stem. The workers are forks of it in turn."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings

from trunkline.kit.logs import configure_logging
from trunkline.settings import load

DRAIN_SECONDS = 20  # a worker that still has requests after this is ended all the same
HEADER_MILLISECONDS = 15_000  # a client that needs longer to send its request's head is not a client

# Through our own handler of the root logger, as JSON.
LOGGING = {
    "handlers": {},
    "formatters": {},
    "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
}


def handle_signals_in_workers() -> None:
    """A worker starts with the system's own handling of signals: the listener's, which it inherits, would swallow an early SIGTERM."""
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

    def reset() -> None:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signals),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, signals),
        after_in_child=reset,
    )


def listen(address: str, port: int, workers: int, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until SIGTERM, then finish what is being answered. `certificate`, `key`: paths, for HTTPS."""
    configure_logging(load().log_level)
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")
        handle_signals_in_workers()
    Granian(
        "trunkline.app:create",
        factory=True,
        interface=Interfaces.ASGI,
        address=address,
        port=port,
        workers=workers,
        loop=Loops.uvloop,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        websockets=False,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type] # granian takes the text, its annotation only the enum
        log_dictconfig={"version": 1, "disable_existing_loggers": False, **LOGGING},
        ssl_cert=Path(certificate) if certificate else None,
        ssl_key=Path(key) if key else None,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=DRAIN_SECONDS,
        process_name=None,
    ).serve()
