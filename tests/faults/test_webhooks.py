"""Webhooks under faults: API, worker and PostgreSQL are killed with -9 while clients write; what was acknowledged arrives, in order.

`make kills` kills thirty times (WEBHOOK_KILLS), `make test` a few.
"""

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator
from random import random
from typing import Any

import asyncpg
import httpx

from tests.domains.receiver import OK, Answer, Received, Receiver
from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.faults.test_recovery import first_service
from tests.faults.test_serve import INCIDENT, dsn_of
from tests.serving import Server

KILLS = int(os.environ.get("WEBHOOK_KILLS", "5"))
WRITERS = 4
CHANGES = 6  # of one case, before its writer opens the next
ACKNOWLEDGED = 30  # requests between two kills
REFUSED = 0.03  # of the deliveries, when they come first

SETTINGS = {
    "TRUNKLINE_WORKERS": "2", "TRUNKLINE_LOG_LEVEL": "error", "TRUNKLINE_SANDBOX": "off",
    "TRUNKLINE_WEBHOOK_NETWORKS": "127.0.0.0/8",
}  # fmt: skip

LAST = "SELECT coalesce(max(sequence), 0) FROM events"
EVENTS = """
    SELECT sequence, subject_id, subject_version FROM events
     WHERE sequence > $1 AND subject_type IN ('case', 'case_message') ORDER BY sequence
"""
DELIVERIES = "SELECT id, sequence, status FROM webhook_deliveries"


class Writer:
    """A client that opens cases, changes them and writes messages, sending each request again until it is acknowledged."""

    def __init__(self, server: Server, token: str, service: str) -> None:
        self._server, self._token, self._service = server, token, service
        self.acknowledged: list[str] = []  # marks of what was acknowledged
        self.stopping = False

    async def write(self) -> None:
        async with httpx.AsyncClient(base_url=self._server.url, timeout=10) as client:
            while not self.stopping:
                opened = {**INCIDENT, "serviceId": self._service, "message": "Down."}
                case = (await self._send(client, "POST", "/v2/cases", opened, "customerReference"))["caseId"]
                for number in range(CHANGES):
                    if number % 3:
                        await self._send(client, "PATCH", f"/v2/cases/{case}", {}, "customerReference")
                    else:
                        await self._send(client, "POST", f"/v2/cases/{case}/case-messages", {}, "message")

    async def _send(
        self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any], field: str
    ) -> dict[str, Any]:
        """What the API answers in the end to a request that carries a mark in a field."""
        mark = uuid.uuid4().hex
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": mark}
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.request(method, path, json={**body, field: mark}, headers=headers)
                if answer.status_code in (200, 201):
                    self.acknowledged.append(mark)
                    data: dict[str, Any] = answer.json()["data"]
                    return data
                assert answer.status_code in (409, 503), answer.text  # the same key is still at work; the database is away
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def writing(writers: list[Writer]) -> AsyncIterator[None]:
    """The writers at work; at the end of the block each finishes its case."""
    tasks = [asyncio.create_task(writer.write()) for writer in writers]
    try:
        yield
        for writer in writers:
            writer.stopping = True
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


class Shaky:
    """A receiver that sometimes refuses what comes first, and notes what it took."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.taken: list[Received] = []

    def __call__(self, request: Received) -> Answer:
        first = request.id not in self.seen
        self.seen.add(request.id)
        if first and random() < REFUSED:
            return Answer(500)
        self.taken.append(request)
        return OK


async def kill(server: Server, number: int) -> None:
    """kill -9 whom this number hits: PostgreSQL, the worker, the API's processes, the listeners above them, the first three at once."""
    kinds = (
        lambda: [stage.postmaster_of(server)], lambda: stage.parts_of(server, "trunkline-jobs"), lambda: stage.workers_of(server),
        lambda: stage.listeners_of(server),
    )  # fmt: skip
    for kind in kinds[:3] if number % 5 == 4 else kinds[number % 5 : number % 5 + 1]:
        killed = 0
        async with asyncio.timeout(30):
            while not killed:  # what was killed before may still be on its way back
                with contextlib.suppress(OSError):
                    for pid in kind():
                        os.kill(pid, signal.SIGKILL)
                        killed += 1
                await asyncio.sleep(0.05 if not killed else 0)


async def rows(server: Server, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn_of(server))
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def create_endpoint(server: Server, url: str) -> None:
    """An endpoint of the operator's, who hears of every case."""
    types = ("--event-type", "case.*", "--event-type", "case_message.*")
    made = await asyncio.to_thread(server.run, "webhook", "create", url, *types, "--json")
    assert json.loads(made.stdout)["url"] == url


async def test_every_acknowledged_change_arrives_in_order_whatever_is_killed(prepared: MakeServer) -> None:
    """Each committed event becomes one delivery and arrives at least once; those of one object arrive first in the order of versions."""
    server = await asyncio.to_thread(lambda: prepared(**SETTINGS).start())
    token = await asyncio.to_thread(server.token)
    writers = [Writer(server, token, await first_service(server, token)) for _ in range(WRITERS)]
    shaky = Shaky()
    async with Receiver(shaky) as receiver:
        await create_endpoint(server, receiver.url)
        begin = (await rows(server, LAST))[0][0]
        async with writing(writers):
            for number in range(KILLS):
                before = sum(len(writer.acknowledged) for writer in writers)
                async with asyncio.timeout(90):
                    while sum(len(writer.acknowledged) for writer in writers) < before + ACKNOWLEDGED:
                        await asyncio.sleep(0.01)
                await kill(server, number)
        async with asyncio.timeout(120):
            while any(row["status"] == "pending" for row in await rows(server, DELIVERIES)) or not await all_heard(
                server, begin
            ):
                await asyncio.sleep(0.2)
        events, deliveries = await rows(server, EVENTS, begin), await rows(server, DELIVERIES)
    assert await asyncio.to_thread(server.stop) == 0

    assert [row["sequence"] for row in events] == sorted(row["sequence"] for row in deliveries)
    assert {row["status"] for row in deliveries} == {"delivered"}
    ids = {f"msg_{row['id'].hex}": row["sequence"] for row in deliveries}
    arrived = list(dict.fromkeys(request.id for request in shaky.taken))
    assert {ids[id_] for id_ in arrived} == {row["sequence"] for row in events}
    for request in shaky.taken:
        assert request.message["data"]["sequence"] == ids[request.id]

    subjects = {row["sequence"]: (row["subject_id"], row["subject_version"]) for row in events}
    seen: dict[Any, list[int]] = {}
    for id_ in arrived:
        subject, version = subjects[ids[id_]]
        seen.setdefault(subject, []).append(version)
    for versions in seen.values():
        assert versions == sorted(versions)

    bodies = b"".join(request.body for request in shaky.taken)
    for writer in writers:
        for mark in writer.acknowledged:
            assert mark.encode() in bodies


async def all_heard(server: Server, begin: int) -> bool:
    """Whether every event is a delivery by now."""
    return len(await rows(server, DELIVERIES)) >= len(await rows(server, EVENTS, begin))


async def test_a_server_that_stops_waits_for_the_answers(new: MakeServer) -> None:
    """SIGTERM while a receiver takes its time: the request is answered and written down, and is not sent again after the next start."""
    server = new(**SETTINGS, TRUNKLINE_DEMO="off")
    await asyncio.to_thread(server.start)
    async with Receiver(lambda _: Answer(200, after=2)) as receiver:
        for path in ("/one", "/two"):  # the first one hears of the second
            types = ("--event-type", "webhook_endpoint.created")
            await asyncio.to_thread(server.run, "webhook", "create", receiver.url + path, *types)
        await receiver.wait(1, seconds=30)
        assert await asyncio.to_thread(server.stop) == 0
        assert len(receiver.answered) == len(receiver.received)
        answered = len(receiver.answered)
        await asyncio.to_thread(server.start)
        written = await rows(server, "SELECT status, attempts FROM webhook_deliveries")
        assert [(row["status"], row["attempts"]) for row in written].count(("delivered", 1)) >= answered
        await asyncio.sleep(2)
        assert len({request.id for request in receiver.received}) == len(receiver.received)
        assert await asyncio.to_thread(server.stop) == 0
