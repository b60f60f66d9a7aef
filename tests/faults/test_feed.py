"""The change feed under faults: PostgreSQL or a worker killed with -9 while clients write; a server that stops with readers waiting."""

import asyncio
import contextlib
import json
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator

import httpx

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.faults.test_recovery import first_service, open_case
from tests.serving import Server

ROUNDS = 4
WRITERS = 4


class Reader:
    """A client that follows the feed by server-sent events, and connects again whenever it is cut off."""

    def __init__(self, server: Server, token: str, after: str) -> None:
        self.server, self.token, self.last_id = server, token, after
        self.seen: list[tuple[int, str]] = []  # sequence and the case's own reference
        self.connections = 0

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._connect()
            await asyncio.sleep(0.02)

    async def _connect(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Last-Event-ID": self.last_id}
        async with (
            httpx.AsyncClient(base_url=self.server.url, timeout=httpx.Timeout(5, read=20)) as client,
            client.stream("GET", "/v2/events/stream?types=case.opened", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                assert answer.status_code == 503, await answer.aread()
                return
            self.connections += 1
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    self.last_id = line[4:]
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    self.seen.append((event["sequence"], event["after"]["customerReference"]))


@contextlib.asynccontextmanager
async def writing(server: Server, token: str, service: str, sent: dict[str, bool]) -> AsyncIterator[None]:
    """Clients that open cases, try again under the same key until they are told that it is done, and note it."""
    stopping = False

    async def write() -> None:
        async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
            while not stopping:
                key = uuid.uuid4().hex
                sent[key] = False
                while not sent[key]:
                    with contextlib.suppress(httpx.TransportError):
                        answer = await open_case(client, token, service, key)
                        sent[key] = answer.status_code == 201
                    if not sent[key]:
                        await asyncio.sleep(0.05)

    writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
    try:
        yield
        stopping = True
        async with asyncio.timeout(60):
            await asyncio.gather(*writers)
    finally:
        for writer in writers:
            writer.cancel()


async def end_of_feed(server: Server, token: str) -> str:
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        page = (await client.get("/v2/events?after=now")).json()
        return httpx.URL(page["links"]["next"]).params["after"]


async def test_no_event_is_lost_when_postgresql_or_workers_are_killed(prepared: MakeServer) -> None:
    """Readers that go on from their last event get every acknowledged change exactly once, in one order, whatever is killed."""
    server = await asyncio.to_thread(lambda: prepared(TRUNKLINE_WORKERS="2", TRUNKLINE_LOG_LEVEL="error").start())
    token = await asyncio.to_thread(server.token)
    service, after = await first_service(server, token), await end_of_feed(server, token)
    readers = [Reader(server, token, after) for _ in range(3)]
    following = [asyncio.create_task(reader.follow()) for reader in readers]
    sent: dict[str, bool] = {}
    async with writing(server, token, service, sent):
        for number in range(ROUNDS):
            before = sum(sent.values())
            async with asyncio.timeout(60):
                while sum(sent.values()) < before + 40:
                    await asyncio.sleep(0.01)
            if number % 2:
                os.kill(stage.workers_of(server)[0], signal.SIGKILL)
            else:
                os.kill(stage.postmaster_of(server), signal.SIGKILL)
    async with asyncio.timeout(30):
        while any(len(reader.seen) < len(sent) for reader in readers):
            await asyncio.sleep(0.05)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    for reader in readers:
        assert len(reader.seen) == len(sent)
        assert {reference for _, reference in reader.seen} == set(sent)
        assert [sequence for sequence, _ in reader.seen] == sorted(sequence for sequence, _ in reader.seen)
        assert reader.seen == readers[0].seen
    assert await asyncio.to_thread(server.stop) == 0


async def test_a_server_stops_with_readers_waiting(prepared: MakeServer) -> None:
    """Streams end in order within a second of SIGTERM, long polls answer empty, and nobody's patience holds up the stop."""
    server = await asyncio.to_thread(lambda: prepared(TRUNKLINE_WORKERS="2").start())
    token = await asyncio.to_thread(server.token)
    headers = {"Authorization": f"Bearer {token}"}
    opened = 0
    ended: list[float] = []

    async def stream(client: httpx.AsyncClient) -> None:
        nonlocal opened
        async with client.stream("GET", "/v2/events/stream?after=now", headers=headers) as answer:
            opened += 1
            async for _ in answer.aiter_lines():  # a cut connection would raise
                pass
        ended.append(time.monotonic())

    async def poll(client: httpx.AsyncClient) -> None:
        answer = await client.get("/v2/events?after=now&wait=30", headers=headers)
        assert (answer.status_code, answer.json()["data"]) == (200, [])
        ended.append(time.monotonic())

    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=server.url, timeout=40, limits=limits) as client:
        readers = [asyncio.create_task(stream(client)) for _ in range(20)]
        readers += [asyncio.create_task(poll(client)) for _ in range(20)]
        # Readers that never read, too.
        lazy = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for _, writer in lazy:
            head = f"GET /v2/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
        async with asyncio.timeout(20):
            while opened < 20:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        begun = time.monotonic()
        code = await asyncio.to_thread(server.stop)
        stopped = time.monotonic() - begun
        await asyncio.gather(*readers)
        for _, writer in lazy:
            writer.close()
    assert code == 0
    assert max(ended) - begun < 1.5
    assert stopped < 8
    stage.nothing_runs(server, 5)
