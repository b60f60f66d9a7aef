"""A receiver of webhooks on this machine: a real HTTP server that keeps what it gets and answers what it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request: path, headers (names in lower case) and body as they came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The body's JSON."""
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded

    @property
    def type(self) -> str:
        found: str = self.message["type"]
        return found


@dataclass
class Receiver:
    """What came, in order. `status`: what the next requests are answered with."""

    url: str = ""
    status: int = 204
    answer_headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, wanted: Callable[[Received], bool] = lambda _: True, count: int = 1) -> list[Received]:
        """The first `count` requests that are wanted, as soon as they are there."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self.arrived:
            while len(found := [one for one in self.received if wanted(one)]) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(found)} of {count} came: {[one.message for one in self.received]}"
                self.arrived.wait(left)
        return found[:count]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port of the loopback address."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            one = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with receiver.arrived:
                receiver.received.append(one)
                receiver.arrived.notify_all()
            self.send_response(receiver.status)
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            if receiver.status >= 200 and receiver.status != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
