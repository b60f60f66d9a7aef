"""HTTP/2, frame by frame (RFC 9113): what no client of the other tests speaks, and every browser does."""

import json
import socket
import struct
from typing import Any

import httpx
import pytest

from tests.serving import Server

DATA, HEADERS, RESET, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
ACKNOWLEDGED = END_STREAM = 1
END_HEADERS = 4
FRAME = 16_384


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header as HPACK has it without any table or code (RFC 7541, section 6.2.2)."""
    return b"\0" + b"".join(length(text) + text.encode() for text in (name, value))


def length(text: str) -> bytes:
    size = len(text.encode())
    return bytes([size]) if size < 127 else bytes([127, (size - 127) % 128 | 128, (size - 127) // 128])


class Exchange:
    """One request on a connection of its own; `kinds` are the frames that came for it."""

    def __init__(self, server: Server, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        self.kinds: list[int] = []
        self.body = b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as self._connection:
            self._received = b""
            self._connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))
            while self._next()[0] != WINDOW_UPDATE:  # how much may be sent is known now ...
                pass
            self._connection.sendall(frame(SETTINGS, ACKNOWLEDGED, 0, b""))  # ... and counts from here on
            target = [(":method", method), (":scheme", "http"), (":authority", f"127.0.0.1:{server.port}"), (":path", path)]
            block = b"".join(literal(*header) for header in [*target, *headers])
            self._connection.sendall(frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), 1, block))
            pieces = [body[at : at + FRAME] for at in range(0, len(body), FRAME)]
            for number, piece in enumerate(pieces, 1):
                self._connection.sendall(frame(DATA, END_STREAM if number == len(pieces) else 0, 1, piece))
            self._read()

    def _next(self) -> tuple[int, int, int, bytes]:
        while len(self._received) < 9 or len(self._received) < 9 + int.from_bytes(self._received[:3], "big"):
            piece = self._connection.recv(65536)
            assert piece, "the connection was closed"
            self._received += piece
        size = int.from_bytes(self._received[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self._received[3:9])
        payload, self._received = self._received[9 : 9 + size], self._received[9 + size :]
        return kind, flags, stream, payload

    def _read(self) -> None:
        """Everything up to the end of the answer, and what follows at once."""
        ended = False
        while True:
            try:
                kind, flags, stream, payload = self._next()
            except TimeoutError:
                assert ended, self.kinds
                return
            if stream == 1:
                self.kinds.append(kind)
                self.body += payload if kind == DATA else b""
                ended = ended or bool(flags & END_STREAM)
                self._connection.settimeout(0.5 if ended else 10)

    @property
    def answer(self) -> Any:
        return json.loads(self.body)


@pytest.mark.parametrize("size", [10, 100_000, 900_000])
def test_a_refusal_that_comes_before_the_body(server: Server, size: int) -> None:
    """Who is refused while a long body is still on its way gets the answer: its stream is not reset, which some clients take badly."""
    headers = [("authorization", "Bearer x"), ("content-type", "application/json"), ("content-length", str(size))]
    exchange = Exchange(server, "POST", "/v2/cases", headers, b"x" * size)
    assert exchange.answer["status"] == 401
    assert RESET not in exchange.kinds


def test_a_body_of_unknown_length(server: Server) -> None:
    """A body may come without its length; refused all the same, and without a reset."""
    exchange = Exchange(server, "POST", "/v2/cases", [("authorization", "Bearer x")], b"x" * 200_000)
    assert exchange.answer["status"] == 401
    assert RESET not in exchange.kinds


def test_cookies_in_several_fields(server: Server) -> None:
    """Browsers send each cookie in a field of its own (RFC 9113, section 8.2.3): the session counts wherever it stands."""
    login = {name: server.credentials["network"][name] for name in ("username", "password")}
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}) as client:
        assert client.post("/login", data=login).status_code == 204
        session = ("cookie", f"XCSESSION={client.cookies['XCSESSION']}")
        for cookies in ([session, ("cookie", "theme=dark")], [("cookie", "theme=dark"), session]):
            assert "_links" in Exchange(server, "GET", "/v1/", cookies).answer
        client.post("/logout")
