"""Reading a request's body: never more than allowed, never for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from trunkline.kit.http.failures import BrokenMessage, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from trunkline.kit.http.operation import SAFE, Operation

Receive = Callable[[], Awaitable[dict[str, Any]]]

BODY_SECONDS = 20.0  # a client that sends slower than this for a body within the limit is not a client
DRAINED = 64 * 1024  # bytes of an unwanted body that are read rather than closing the connection
DRAINED_STREAM = 16 * 1024 * 1024  # the same over HTTP/2
DRAIN_SECONDS = 1.0
CLOSE = (("Connection", "close"),)


class Disconnected(Exception):  # noqa: N818 - nobody is left to tell
    """The client went away while it was waiting."""


def check_coding(header: bytes | None) -> None:
    """Raise `UnsupportedMediaType` for a compressed body (RFC 9110, section 8.4): none is unpacked here."""
    if header is not None and header.strip().lower() not in (b"", b"identity"):
        raise UnsupportedMediaType("the body must not be compressed", (("Accept-Encoding", "identity"),))


def check_media_type(header: bytes | None, operation: Operation) -> None:
    """Raise `UnsupportedMediaType` unless the body is of a type that the operation reads, in UTF-8."""
    media_type, _, parameters = (header or b"").decode("latin-1").partition(";")
    if media_type.strip().lower() not in operation.consumes:
        raise UnsupportedMediaType(f"the body must be {' or '.join(operation.consumes)}")
    charset = next((p.partition("=")[2] for p in parameters.lower().split(";") if p.strip().startswith("charset=")), "utf-8")
    if charset.strip().strip('"') not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("the body must be encoded in UTF-8")


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises `PayloadTooLarge`, `RequestTimeout` or `BrokenMessage`: a client that went away looks like one whose body cannot be read.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(f"the body has {declared.decode()} bytes; at most {limit} are read")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BrokenMessage("the body is not complete, or not framed as HTTP/1.1 wants it", CLOSE)
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise PayloadTooLarge(f"the body is longer than the {limit} bytes that are read", CLOSE)
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {BODY_SECONDS:.0f} seconds", CLOSE) from None
    return bytes(body)


async def drain(receive: Receive, headers: dict[bytes, bytes]) -> bool:
    """Read a body that nobody asked for, so that the connection can carry the next request; false when it is better closed.

    An answer that comes before its request's body was read would otherwise end in a connection that closes without a word, just when
    the client sends its next request.
    """
    declared = headers.get(b"content-length", b"0")
    if b"transfer-encoding" not in headers and declared == b"0":
        return True
    if b"expect" in headers or not declared.isdigit() or int(declared) > DRAINED:
        return False
    return await _thrown_away(receive, DRAINED)


async def drain_stream(receive: Receive, method: str, headers: dict[bytes, bytes]) -> None:
    """The same over HTTP/2, where no connection ends with it: clients (curl 7) lose an answer that comes before their body is sent."""
    if method not in SAFE or b"content-length" in headers:
        await _thrown_away(receive, DRAINED_STREAM)


async def _thrown_away(receive: Receive, most: int) -> bool:
    """Read what is left of a body; whether it ended in time and within `most` bytes."""
    size, more = 0, True
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while more and size <= most:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
                if message["type"] == "http.disconnect":
                    return False
    except TimeoutError:
        return False
    return size <= most
