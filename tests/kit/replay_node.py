"""An API process for tests/kit/test_replay.py: does what the pipeline does with a guarded request, and dies where it is told.

It reads a JSON object per line (key, body, client) and answers with a list (status, body, how). Its effect: a row in `effects`.
"""

import asyncio
import json
import os
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from trunkline.kit import replay
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.errors import InProgress
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

TABLE = "CREATE TABLE effects (tenant_id uuid NOT NULL, reference text NOT NULL)"
EFFECT = "INSERT INTO effects (tenant_id, reference) VALUES ($1, $2)"
READ_NAIVELY = "SELECT status, body FROM request_guard WHERE tenant_id = $1 AND scope = $2"
WRITE_NAIVELY = """
    INSERT INTO request_guard (tenant_id, scope, fingerprint, status, headers, body, created_at, expires_at)
    VALUES ($1, $2, $3, 201, '[]', $4, $5, $5) ON CONFLICT DO NOTHING
"""
Answer = tuple[int, str, str]


def refused(reference: str) -> bool:
    """Business says no to these, after it has written."""
    return reference.endswith("7")


def guarded_by(client: UUID, key: str, body: str, keep: float = 3600) -> replay.Guarded:
    return replay.by_key(client, key, "POST", "/effects", b"", body.encode(), timedelta(seconds=keep))


async def handle(pool: Pool, tenant: UUID, asked: dict[str, Any], die: Any = lambda _: None, seconds: float = 0.0) -> Answer:
    """One guarded request: the steps and their order are those of `kit.http.pipeline`."""
    guarded = guarded_by(UUID(asked["client"]), asked["key"], asked["body"], asked.get("keep", 3600))
    clock = Clock()
    work = Work(pool, clock, system(tenant, Environment.PRODUCTION, "node"), Origin("test", "test"))
    try:
        async with Transaction(work) as transaction:
            claimed = await replay.claim(transaction.connection, tenant, guarded, clock)
            if isinstance(claimed, replay.Stored):
                return (claimed.status, claimed.body.decode(), "replayed") if claimed.same else (422, "", "mismatch")
            die("before the effect")
            await work.write(EFFECT, asked["body"])
            await asyncio.sleep(seconds)
            die("between effect and record")
            answer: Answer = (201, f"made {asked['body']} as {os.urandom(4).hex()}", "executed")
            if refused(asked["body"]):
                answer = (422, f"refused {asked['body']}", "executed")
                await transaction.restart()
                claimed = await replay.claim(transaction.connection, tenant, guarded, clock)
                if isinstance(claimed, replay.Stored):
                    return claimed.status, claimed.body.decode(), "replayed"
            await transaction.commit(answer[0], claimed.remember(answer[0], [], answer[1].encode()))
    except InProgress:
        return 409, "", "busy"
    die("after the commit")
    return answer


async def handle_naively(pool: Pool, tenant: UUID, asked: dict[str, Any]) -> Answer:
    """The negative control: look whether it was done, do it, note that it was done."""
    guarded = guarded_by(UUID(asked["client"]), asked["key"], asked["body"])
    found = await pool.fetch(READ_NAIVELY, tenant, guarded.scope)
    if found:
        return found[0][0], found[0][1].decode(), "replayed"
    await pool.fetch(EFFECT, tenant, asked["body"])
    await pool.fetch(WRITE_NAIVELY, tenant, guarded.scope, guarded.fingerprint, b"made", Clock().now())
    return 201, "made", "executed"


def serve(dsn: str, port: int, tenant: str, deaths: float, naive: bool) -> None:
    """Run a node until it dies: at each of three places with probability `deaths`."""
    random = Random()

    def die(_place: str) -> None:
        if random.random() < deaths:
            os._exit(9)

    async def run() -> None:
        pool = Pool(dsn, 4, wait_seconds=20)

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                asked = json.loads(await reader.readline())
                if naive:
                    answer = await handle_naively(pool, UUID(tenant), asked)
                else:
                    answer = await handle(pool, UUID(tenant), asked, die, random.random() * 0.003)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError):
                pass  # the client sees a closed connection and asks again
            finally:
                writer.close()

        server = await asyncio.start_server(converse, "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    asyncio.run(run())
