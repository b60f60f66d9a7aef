"""A name server on loopback whose answers a test decides, and receivers to call."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import cast

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSRecord

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


class NameServer(asyncio.DatagramProtocol):
    """Answers questions for addresses over UDP. `answers[name]` are rounds of addresses: each question of A begins the next round.

    The last round stays. A name in `silent` is never answered; one that is unknown does not exist.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.seconds_to_live = 0
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = DNSRecord.parse(data)
        name, kind = str(question.q.qname).rstrip("."), QTYPE[question.q.qtype]
        self.asked.append((name, kind))
        if name in self.silent:
            return
        reply = question.reply()
        rounds = self.answers.get(name)
        if rounds is None:
            reply.header.rcode = RCODE.NXDOMAIN
        else:
            for address in rounds[0]:
                if (kind == "AAAA") == (":" in address):
                    data_of = AAAA(tuple(IPv6Address(address).packed)) if kind == "AAAA" else A(address)
                    reply.add_answer(RR(question.q.qname, question.q.qtype, rdata=data_of, ttl=self.seconds_to_live))
            if kind == "A" and len(rounds) > 1:
                rounds.pop(0)
        self._transport.sendto(reply.pack(), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A name server that listens while the block runs."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield server
    transport.close()


@dataclass
class Request:
    """What came in: the first line, the header with lower-case names, the body, and the address that it came to."""

    line: str
    headers: dict[str, str]
    body: bytes
    at: str


@dataclass
class Receiver:
    """Takes requests and answers them with what `answering` writes."""

    port: int
    answering: Answering
    requests: list[Request] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)  # the addresses that were connected to

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def answer(text: bytes) -> Answering:
    """Writes `text` and keeps the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return write


def hang_up(text: bytes = b"") -> Answering:
    """Writes `text` and closes the connection."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    return write


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def receiver(
    answering: Answering | None = None, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver that listens at `host` ("" for every address) while the block runs."""
    serving: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at = writer.get_extra_info("sockname")[0]
        running.connections.append(at)
        serving.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.rstrip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in fields)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                running.requests.append(Request(line, headers, body, at))
                await running.answering(writer)
                await writer.drain()
        serving.discard(writer)
        writer.close()

    server = await asyncio.start_server(serve, host or None, _free_port() if not host else 0, ssl=tls, limit=2**20)
    running = Receiver(server.sockets[0].getsockname()[1], answering or answer(OK))
    yield running
    server.close()
    for writer in list(serving):
        writer.transport.abort()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
