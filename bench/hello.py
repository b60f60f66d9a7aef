"""The bare server: granian on our listener's settings, an ASGI application that knows one answer. Run by `bench.limits`."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings

from trunkline.supervisor.listener import HEADER_MILLISECONDS

BODY = b"hello" * 100  # about the size of an account


async def application(scope: dict[str, Any], receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answers everything with the same 500 bytes."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


def serve(target: str, port: int) -> None:
    """Serve an application as our listener does."""
    Granian(
        target,
        interface=Interfaces.ASGI,
        port=port,
        workers=1,
        loop=Loops.uvloop,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        websockets=False,
        log_access=False,
        log_level="warning",  # type: ignore[arg-type]
    ).serve()


if __name__ == "__main__":
    serve("bench.hello:application", int(sys.argv[1]))
