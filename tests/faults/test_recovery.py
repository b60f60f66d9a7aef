"""Nothing acknowledged is lost, nothing is done twice: everything is killed at once while clients write."""

import asyncio
import contextlib
import os
import random
import signal
import uuid
from collections.abc import AsyncIterator

import asyncpg
import httpx

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.faults.test_serve import INCIDENT, dsn_of
from tests.serving import Server

ROUNDS = 3
CLIENTS = 8


async def test_kill_everything_under_load(prepared: MakeServer) -> None:
    """After kill -9 of every process under write load the next start recovers by itself: what was answered with 201 is there,
    and what is sent again with its Idempotency-Key is there once."""
    server = await asyncio.to_thread(lambda: prepared(TRUNKLINE_WORKERS="2", TRUNKLINE_LOG_LEVEL="error").start())
    sent: dict[str, str | None] = {}  # key to the case that was acknowledged
    for _ in range(ROUNDS):
        token = await asyncio.to_thread(server.token)
        service = await first_service(server, token)
        before = len(acknowledged(sent))
        async with writing(server, token, service, sent):
            async with asyncio.timeout(30):
                while len(acknowledged(sent)) < before + 40:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(random.random() / 10)
            kill_everything(server)
        await asyncio.to_thread(server.start)
        await everything_is_there_once(server, await asyncio.to_thread(server.token), service, sent)
    assert await asyncio.to_thread(server.stop) == 0
    assert not stage.processes_of(server.data)


@contextlib.asynccontextmanager
async def writing(server: Server, token: str, service: str, sent: dict[str, str | None]) -> AsyncIterator[None]:
    """Clients that open cases for as long as the block runs, and note what was acknowledged."""

    async def write() -> None:
        async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
            while True:
                key = uuid.uuid4().hex
                sent[key] = None
                answer = await open_case(client, token, service, key)
                assert answer.status_code == 201, answer.text
                sent[key] = answer.json()["data"]["caseId"]

    writers = [asyncio.create_task(write()) for _ in range(CLIENTS)]
    try:
        yield
        ended = await asyncio.wait_for(asyncio.gather(*writers, return_exceptions=True), 15)
        assert all(isinstance(error, httpx.TransportError) for error in ended), ended
    finally:
        for writer in writers:
            writer.cancel()


async def open_case(client: httpx.AsyncClient, token: str, service: str, key: str) -> httpx.Response:
    body = {**INCIDENT, "serviceId": service, "message": f"mark-{key}", "customerReference": key}
    return await client.post("/v2/cases", json=body, headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key})


async def first_service(server: Server, token: str) -> str:
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
        service: str = (await client.get("/v2/services?page[limit]=1")).json()["data"][0]["serviceId"]
        return service


def acknowledged(sent: dict[str, str | None]) -> list[str]:
    return [key for key, case in sent.items() if case is not None]


def kill_everything(server: Server) -> None:
    """kill -9 of every process of the server at once: stopped first, so that none sees another die."""
    processes = list(stage.processes_of(server.data))
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    assert server.process is not None
    server.process.wait()


async def everything_is_there_once(server: Server, token: str, service: str, sent: dict[str, str | None]) -> None:
    """Send all again with their keys: what was acknowledged is replayed with the same case, and every mark stands once."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        for key, case in sent.items():
            if case is None:
                answer = await open_case(client, token, service, key)
                assert answer.status_code == 201, answer.text
                sent[key] = answer.json()["data"]["caseId"]
        keys = list(sent)
        for key in random.sample(keys, min(60, len(keys))):
            answer = await open_case(client, token, service, key)
            assert answer.status_code == 201, answer.text
            assert answer.headers["Idempotency-Replayed"] == "true"
            assert answer.json()["data"]["caseId"] == sent[key]
    cases = await cases_by_reference(server)
    assert {key: [case] for key, case in sent.items()} == {key: found for key, found in cases.items() if key in sent}


async def cases_by_reference(server: Server) -> dict[str, list[str]]:
    """Straight from the database: customer reference to the cases that carry it."""
    connection = await asyncpg.connect(dsn_of(server))
    try:
        rows = await connection.fetch(
            "SELECT customer_reference, array_agg(reference) FROM cases WHERE customer_reference <> '' GROUP BY 1"
        )
    finally:
        await connection.close()
    return {row[0]: list(row[1]) for row in rows}
