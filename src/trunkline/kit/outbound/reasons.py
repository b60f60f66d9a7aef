"""Why a call failed, in words for the receiver's people: they read them in the delivery log."""

import errno
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from trunkline.kit.outbound.resolver import NoAddress

LONGEST = 300
CARET = " ^:\n"  # the parser points with it at where it gave up
MOST_RECEIVED = 524_288  # bytes of an answer: more than a head and a full buffer of the body


@dataclass(slots=True)
class Exchange:
    """How far a call has come."""

    host: str = ""
    tls: bool = False
    address: str | None = None  # that was connected to, or tried last
    fresh: bool = False  # a connection was made for it
    connected: bool = False
    status: int | None = None  # when an answer has begun
    received: int = 0  # bytes
    ended: bool = False  # all of the answer that we want is here


def too_late(exchange: Exchange, seconds: float) -> str:
    """Why nothing came of a call within its time."""
    within = f"within {seconds:g} seconds"
    if exchange.status is not None:
        return f"the answer (status {exchange.status}) did not end {within}"
    if exchange.connected:
        return f"no answer {within}"
    if exchange.address is not None:
        return f"no connection to {exchange.address}{' with TLS' if exchange.tls else ''} {within}"
    return f"the address of {exchange.host} was not found {within}"


def words(error: BaseException, exchange: Exchange) -> str:
    """Why `error` ended the call: printable, one line, at most 300 characters."""
    said = " ".join(_said(error, exchange).split())
    return "".join(character if character.isprintable() else "�" for character in said)[:LONGEST]


def refused_address(error: BaseException) -> str | None:
    """The address that `error` says may not be reached; None when it says nothing of the kind."""
    return next((cause.address for cause in _causes(error) if isinstance(cause, NoAddress)), None)


def _said(error: BaseException, exchange: Exchange) -> str:
    for cause in reversed(list(_causes(error))):  # aiohttp's own errors are of ssl's classes too, without their attributes
        match cause:
            case NoAddress():
                return cause.reason
            case ssl.SSLCertVerificationError():
                return f"TLS: {cause.verify_message}"
            case ssl.SSLError():
                return f"TLS: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    if exchange.received > MOST_RECEIVED:
        return "the answer does not end"
    match error:
        case aiohttp.ClientPayloadError():
            said = f"the answer (status {exchange.status}) broke off"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            said = f"the answer is not proper HTTP: {error.message.strip(CARET) or 'it cannot be read'}"
        case aiohttp.ServerDisconnectedError():
            said = "the connection was closed without an answer"
        case ValueError():
            said = str(error)
        case _:
            said = _of_the_system(error, exchange)
    return said


def _of_the_system(error: BaseException, exchange: Exchange) -> str:
    """What the operating system says of the connection."""
    numbers = [cause.errno for cause in _causes(error) if isinstance(cause, OSError) and cause.errno]
    what = os.strerror(numbers[-1]).lower() if numbers else str(error) or type(error).__name__
    if not exchange.connected:
        return f"no connection to {exchange.address or exchange.host}: {what}"
    broken = bool(numbers) and numbers[-1] in (errno.ECONNRESET, errno.EPIPE)
    return "the receiver broke the connection off" if broken else f"the connection failed: {what}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or getattr(found, "os_error", None)
