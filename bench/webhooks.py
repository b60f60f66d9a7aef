"""Webhooks: how many deliveries a second one worker makes to a receiver on the same machine, and what one costs."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import cast
from uuid import UUID

import asyncpg
import msgspec
import uvloop

from bench.cpu import named, spent, usage
from bench.feed import example_case
from bench.server import Subject
from trunkline.domains.support.service import Case
from trunkline.domains.webhooks.service import EndpointDraft, UrlPolicy, create_endpoint, remove_endpoint
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.events import changed
from trunkline.kit.ids import new_id
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin
from trunkline.kit.statements import Statement
from trunkline.kit.work import Transaction, Work

EVENTS_OF_SUBJECT = 4
EVENTS_PER_COMMIT = 100
NETWORKS = "127.0.0.0/8"
PATIENCE = 120.0
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"

COUNT_DELIVERED = Statement("""
    SELECT count(*) FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'delivered'
""")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`per_second` from the first arrival to the last; `worker`, `database`: CPU milliseconds for each, from the event's row on."""

    count: int
    per_second: float
    worker: float
    database: float


def webhooks(subject: Subject, count: int) -> Deliveries:
    """Have so many committed events delivered. Raises `RuntimeError` when not every one arrives, once.

    The worker stands still while the events are written: making deliveries of events is measured, writing events is not.
    """
    (worker,) = named(subject.server, "trunkline-jobs")
    case, tenant_id = asyncio.run(example_case(subject))
    with _receiver() as (port, pipe), subject.apart(worker):
        endpoint_id, reference = asyncio.run(_create(subject, tenant_id, f"http://127.0.0.1:{port}/"))
        time.sleep(1.0)  # the worker finds the endpoint
        os.kill(worker, signal.SIGSTOP)
        try:
            asyncio.run(_write(subject.database_url, tenant_id, msgspec.json.decode(case, type=Case), count))
            trees = (worker, subject.postgres)
            before = [usage(root) for root in trees]
        finally:
            os.kill(worker, signal.SIGCONT)
        asyncio.run(_until_delivered(subject.database_url, tenant_id, endpoint_id, count))
        cpu = [spent(then, usage(root)) / 1e6 / count for then, root in zip(before, trees, strict=True)]
        asyncio.run(_remove(subject, tenant_id, reference))
        pipe.send(None)
        arrived, lasted = pipe.recv()
    if arrived != count:
        raise RuntimeError(f"{arrived} deliveries arrived of {count}")
    return Deliveries(count, (count - 1) / lasted, cpu[0], cpu[1])


def _work(pool: Pool, tenant_id: UUID) -> Work:
    return Work(pool, Clock(), system(tenant_id, Environment.PRODUCTION, "bench"), Origin("bench.webhooks", "bench"))


async def _create(subject: Subject, tenant_id: UUID, url: str) -> tuple[UUID, str]:
    from trunkline.dialects.customer.webhooks import CustomerPresenter  # noqa: PLC0415 - slow to load

    pool = Pool(subject.database_url, 1, keyring=subject.keyring)
    work = _work(pool, tenant_id)
    async with Transaction(work) as transaction:
        policy, presenter = UrlPolicy(https_only=False, allowed=Allowed([NETWORKS])), CustomerPresenter("http://127.0.0.1")
        endpoint, _ = await create_endpoint(work, EndpointDraft(url, ["case.changed"]), policy, presenter)
        await transaction.commit(200)
    await pool.close()
    return endpoint.id, endpoint.reference


async def _remove(subject: Subject, tenant_id: UUID, reference: str) -> None:
    pool = Pool(subject.database_url, 1)
    work = _work(pool, tenant_id)
    async with Transaction(work) as transaction:
        await remove_endpoint(work, reference)
        await transaction.commit(200)
    await pool.close()


async def _write(dsn: str, tenant_id: UUID, case: Case, count: int) -> None:
    """Commit changes of many cases, a few of each."""
    pool = Pool(dsn, 1)
    subjects = max(1, count // EVENTS_OF_SUBJECT)
    cases = [msgspec.structs.replace(case, id=new_id(), reference=f"CAS-{number}") for number in range(subjects)]
    for begin in range(0, count, EVENTS_PER_COMMIT):
        work = _work(pool, tenant_id)
        async with Transaction(work) as transaction:
            made = (cases[number % subjects] for number in range(begin, min(begin + EVENTS_PER_COMMIT, count)))
            work.record(*(changed("case.changed", "", one, one) for one in made))
            await transaction.commit(200)
    await pool.close()


async def _until_delivered(dsn: str, tenant_id: UUID, endpoint_id: UUID, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        deadline = time.monotonic() + PATIENCE
        while (there := await connection.fetchval(COUNT_DELIVERED, tenant_id, endpoint_id)) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{there} deliveries of {count} after {PATIENCE:g} s")
            await asyncio.sleep(0.2)
    finally:
        await connection.close()


# the receiver ----------------------------------------------------------------------------------------------------------


class _Receiving(asyncio.Protocol):
    """Answers every request at once; notes when they came."""

    def __init__(self, arrivals: list[float]) -> None:
        self._arrivals = arrivals
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its type

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._rest) < end + 4 + length:
                return
            self._rest = self._rest[end + 4 + length :]
            self._arrivals.append(time.monotonic())
            self._transport.write(ANSWER)


@contextmanager
def _receiver() -> Iterator[tuple[int, Pipe]]:
    """A receiver in a process of its own: its port, and what tells (once something is sent) how many came, and within how long."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs,))
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        process.terminate()
        process.join()


def _receive(pipe: Pipe) -> None:
    uvloop.run(_answer(pipe))


async def _answer(pipe: Pipe) -> None:
    arrivals: list[float] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Receiving(arrivals), "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(pipe.recv)
    pipe.send((len(arrivals), arrivals[-1] - arrivals[0]))
