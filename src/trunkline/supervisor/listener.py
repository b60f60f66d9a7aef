"""One listening address: granian with its workers, in a process of its own. Started by the supervisor as `python -m`.

It loads the application while the database is still being made ready, and opens its port when the supervisor says on its
standard input where the databases are: one line, a JSON object of environment variables. The workers are forks that share what
is loaded.
"""

import argparse
import gc
import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings

import trunkline.app  # noqa: F401 - the workers inherit it
from trunkline.dialects.cases.schema import schema
from trunkline.kit.logs import configure_logging
from trunkline.kit.processes import end_with_parent
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


def main() -> None:
    """Serve until SIGTERM, then finish what is being answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    arguments = parser.parse_args()
    end_with_parent(arguments.parent)
    schema()  # once for all workers, while the database is made ready
    given = sys.stdin.readline()
    if not given:
        return  # the supervisor gave up
    os.environ.update(json.loads(given))
    configure_logging(load().log_level)
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork")
        handle_signals_in_workers()
    gc.collect()
    gc.freeze()
    Granian(
        "trunkline.app:create",
        factory=True,
        interface=Interfaces.ASGI,
        address=arguments.address,
        port=arguments.port,
        workers=arguments.workers,
        loop=Loops.uvloop,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        websockets=False,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type] # granian takes the text, its annotation only the enum
        log_dictconfig={"version": 1, "disable_existing_loggers": False, **LOGGING},
        ssl_cert=arguments.certificate,
        ssl_key=arguments.key,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=DRAIN_SECONDS,
        process_name=None,
    ).serve()


if __name__ == "__main__":
    main()
