"""Connections to addresses that may be reached, for the HTTP client: where it judges sockets and bounds what comes in."""

import socket
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.outbound.reasons import MOST_RECEIVED, Exchange
from trunkline.kit.outbound.resolver import NoAddress

RECEIVED_AT_ONCE = 65_536

EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")  # of the task that calls, and of those that it starts to connect


class Connector(aiohttp.TCPConnector):
    """Connections to addresses that may be reached; notes in the task's `Exchange` where they lead."""

    def __init__(self, allowed: Allowed, resolver: AbstractResolver, **keeping: Any) -> None:
        super().__init__(
            resolver=resolver,
            socket_factory=self._socket,
            use_dns_cache=False,  # the resolver keeps answers for as long as they say themselves
            limit=0,  # the couriers limit each endpoint; a limit over all would let slow receivers delay the others
            **keeping,
        )
        self._factory = partial(Receiver, loop=self._loop)  # type: ignore[assignment] # a partial of a subclass makes what is asked for
        self._allowed = allowed

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that is about to be connected to."""
        family, kind, protocol, _, address = found
        exchange = EXCHANGE.get()
        exchange.address, exchange.fresh = address[0], True
        self._judge(address[0])
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AT_ONCE)
        return made

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """A connection for the request, new or kept; its other end is judged before anything is sent on it."""
        connection = await super().connect(req, traces, timeout)
        exchange = EXCHANGE.get()
        peer = connection.transport and connection.transport.get_extra_info("peername")
        if not peer:
            connection.close()
            raise aiohttp.ServerDisconnectedError
        exchange.address, exchange.connected = peer[0], True
        try:
            self._judge(peer[0])
        except NoAddress:
            connection.close()
            raise
        if isinstance(connection.protocol, Receiver):
            connection.protocol.exchange = exchange
        return connection

    def _judge(self, address: str) -> None:
        if refusal := self._allowed.refusal(address):
            raise NoAddress(refusal, address)


class Receiver(ResponseHandler):
    """Takes an answer in, and ends the connection when more comes than any answer that we read to its end is long.

    Without it a receiver could keep us busy for its 15 seconds with interim answers or chunk extensions, as fast as the wire allows.
    What comes when nothing was asked ends the connection too, so that it is not taken for the answer to the next request.
    """

    exchange: Exchange | None = None

    def data_received(self, data: bytes) -> None:
        """Read on, or hang up."""
        exchange = self.exchange
        if exchange is not None and not exchange.ended:
            exchange.received += len(data)
            if exchange.received <= MOST_RECEIVED:
                super().data_received(data)
                return
        if self.transport is not None:
            self.transport.abort()
