"""A receiver of webhooks: a small HTTP/1.1 server on the loopback that notes what comes and answers as it is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request; `headers` have lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)
        return message


@dataclass(frozen=True)
class Answer:
    """What is answered, after so many seconds."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: float = 0.0


OK = Answer()
Rule = Callable[[Received], Answer | Awaitable[Answer]]


class Receiver:
    """`async with Receiver() as receiver`; `rule` says what is answered."""

    def __init__(self, rule: Rule = lambda _: OK) -> None:
        self.rule = rule
        self.received: list[Received] = []
        self.answered: list[Received] = []
        self.at_once = 0  # requests that wait for their answer
        self.most_at_once = 0
        self._news = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait(self, number: int, seconds: float = 10) -> list[Received]:
        """What has come, once there are so many requests."""
        async with asyncio.timeout(seconds):
            while len(self.received) < number:
                self._news.clear()
                await self._news.wait()
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                await self._answer(Received(head[0].split(" ")[1], headers, body), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.received.append(request)
        self._news.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            ruled = self.rule(request)
            answer = ruled if isinstance(ruled, Answer) else await ruled
            await asyncio.sleep(answer.after)
        finally:
            self.at_once -= 1
        lines = [f"HTTP/1.1 {answer.status} X", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)
        await writer.drain()
        self.answered.append(request)
