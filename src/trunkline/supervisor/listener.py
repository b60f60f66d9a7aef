"""One listening address: granian with its workers, in a process of its own. Started by the supervisor as `python -m`."""

import argparse
import os
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings

from trunkline.kit.processes import end_with_parent

DRAIN_SECONDS = 20  # a worker that still has requests after this is ended all the same
HEADER_MILLISECONDS = 15_000  # a client that needs longer to send its request's head is not a client


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
    os.setsid()  # a terminal's Ctrl-C is for the supervisor, which ends us in order
    end_with_parent(arguments.parent)
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
        log_level="warning",  # type: ignore[arg-type]
        ssl_cert=arguments.certificate,
        ssl_key=arguments.key,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=DRAIN_SECONDS,
        process_name=None,
    ).serve()


if __name__ == "__main__":
    main()
