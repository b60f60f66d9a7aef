"""Calls a receiver on the Internet: one POST, one answer, 15 seconds, no way into our own networks.

The address is judged three times: what a name leads to (`resolver`), what a socket is made for, and what the connection's other end
is before a request goes out on it. So a name whose answers change between two look-ups gains nothing, and a connection of the pool
leads where it was judged to lead. Redirects are answers like others, proxies and credentials of the environment are not read,
cookies are not kept, bodies are not unpacked. Only the worker loads this module: the HTTP client is no part of the listeners.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from trunkline.kit.clock import monotonic
from trunkline.kit.outbound.addresses import Allowed, literal_address
from trunkline.kit.outbound.connections import EXCHANGE, Connector
from trunkline.kit.outbound.reasons import Exchange, refused_address, too_late, words
from trunkline.kit.outbound.resolver import NoAddress, Resolver
from trunkline.kit.outbound.target import target
from trunkline.kit.outbound.trust import tls_context

KEPT_BODY = 4096
KEPT_HEADERS = 64
KEPT_HEADER_CHARACTERS = 16_384
MOST_HEADERS = 100
IDLE_SECONDS = 15.0  # a connection that nothing was sent on for so long is closed

UNSAFE = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "�") | {9: " "}  # what neither a text column nor a page should hold


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered: whatever status. `headers` have lower-case names; `body` is its first 4 KiB as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    address: str
    duration_ms: int


class NotReached(Exception):  # noqa: N818 - an outcome of a call, not a fault of ours
    """There is no answer. `reason` says why in words for people; `address` is the IP address that was tried, when it came to that."""

    def __init__(self, reason: str, address: str | None, duration_ms: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.address = address
        self.duration_ms = duration_ms


class Outbound:
    """Sends requests to addresses that `allowed` lets us reach; connections are kept and used again.

    `seconds` limits a whole exchange: look-up, connection, TLS, request and answer. With `https_only` an http:// address is refused.
    `ca_file` holds certificates of authorities (PEM) that are believed besides the system's. `nameservers` ("127.0.0.1:5353") are
    asked instead of the system's. Raises `StartupError` when `ca_file` cannot be read.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        ca_file: Path | None = None,
        seconds: float = 15.0,
        https_only: bool = False,
        nameservers: Sequence[str] = (),
    ) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._https_only = https_only
        self._nameservers = tuple(nameservers)
        self._tls = tls_context(ca_file)
        self._target = lru_cache(4096)(self._permitted)
        self._resolver: Resolver | None = None
        self._kept: aiohttp.ClientSession | None = None
        self._single: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send `body` with exactly `headers` (and host, accept, content-length). Raises `NotReached` when there is no answer.

        When a kept connection turns out to be closed before anything was answered, the request is sent once more on a new one:
        the receiver may, seldom, see it twice.
        """
        began = monotonic()
        exchange = Exchange()
        EXCHANGE.set(exchange)
        try:
            called = self._target(url)
            exchange.host, exchange.tls = called.host or "", called.scheme == "https"
            async with asyncio.timeout(self._seconds):
                try:
                    return await self._exchanged(self._session(), called, headers, body, exchange, began)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError):
                    if exchange.fresh or exchange.received:
                        raise
                return await self._exchanged(self._new_session(), called, headers, body, exchange, began)
        except TimeoutError:
            reason = too_late(exchange, self._seconds)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            reason = words(error, exchange)
            exchange.address = refused_address(error) or exchange.address
        raise NotReached(reason, exchange.address, _milliseconds(began))

    async def close(self) -> None:
        """Close all connections; what is under way ends with `NotReached`."""
        for session in (self._kept, self._single):
            if session is not None:
                await session.close()
        if self._resolver is not None:
            await self._resolver.close()
        self._kept = self._single = self._resolver = None

    def _permitted(self, url: str) -> URL:
        """What to call for `url`. Raises `ValueError`, or `NoAddress` for an address that is refused as it stands there."""
        called = target(url)
        if self._https_only and called.scheme != "https":
            raise ValueError("the address must begin with https://")
        address = literal_address(called.host or "")
        if address is not None and (refusal := self._allowed.refusal(address)):
            raise NoAddress(refusal, address)
        return called

    async def _exchanged(
        self,
        session: aiohttp.ClientSession,
        called: URL,
        headers: Mapping[str, str],
        body: bytes,
        exchange: Exchange,
        began: float,
    ) -> Reply:
        async with session.post(called, data=body, headers=headers, allow_redirects=False) as response:
            exchange.status = response.status
            kept = b""
            while len(kept) <= KEPT_BODY:
                more = await response.content.read(KEPT_BODY + 1 - len(kept))
                if not more:
                    break  # it has ended: the connection is kept for the next call
                kept += more
            exchange.ended = True
            # What is longer than we keep is not read to its end: leaving this block closes the connection.
        return Reply(
            response.status, _safe(response.raw_headers), kept[:KEPT_BODY], exchange.address or "", _milliseconds(began)
        )

    def _session(self) -> aiohttp.ClientSession:
        if self._kept is None:
            self._kept = self._opened(keepalive_timeout=IDLE_SECONDS)
        return self._kept

    def _new_session(self) -> aiohttp.ClientSession:
        """For calls that need a new connection."""
        if self._single is None:
            self._single = self._opened(force_close=True)
        return self._single

    def _opened(self, **keeping: Any) -> aiohttp.ClientSession:
        if self._resolver is None:
            self._resolver = Resolver(self._allowed, self._nameservers)
        return aiohttp.ClientSession(
            connector=Connector(self._allowed, self._resolver, ssl=self._tls, **keeping),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # post() has the one limit over all
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
            max_headers=MOST_HEADERS,
        )


def _safe(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header fields as text that can be stored and shown; of endless ones the first."""
    kept: dict[str, str] = {}
    left = KEPT_HEADER_CHARACTERS
    for name_bytes, value_bytes in raw:
        name = name_bytes.decode("latin-1").lower().translate(UNSAFE)
        value = value_bytes.decode("latin-1").translate(UNSAFE)
        left -= len(name) + len(value)
        if left < 0 or (name not in kept and len(kept) == KEPT_HEADERS):
            break
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def _milliseconds(began: float) -> int:
    return round((monotonic() - began) * 1000)
