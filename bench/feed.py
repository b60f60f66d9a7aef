"""The change feed: how long after its commit a reader sees an event, while a thousand a second are written."""

import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection as Pipe
from uuid import UUID

import asyncpg
import msgspec

from bench.cpu import spent, usage
from bench.server import Subject, request
from trunkline.domains.support.service import Case
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.events import changed, read_after
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin, write_record
from trunkline.kit.work import Transaction, Work

EVENTS_PER_SECOND = 1000
EVENTS_PER_COMMIT = 2  # as opening a case has
WRITERS = 4
WARM_SECONDS = 1.0
QUIET_SECONDS = 0.2
STREAM = "/v2/events/stream?after=now&types=case.*"


@dataclass(frozen=True, slots=True)
class FeedDelay:
    """Milliseconds from just before the COMMIT is sent until the reader has the event; `cpu` is the server's, of a core."""

    events: int
    per_second: float
    p50: float
    p99: float
    longest: float
    cpu: float


def feed_delay(subject: Subject, seconds: float) -> FeedDelay:
    """Write for so long while one reader follows the stream. Raises `RuntimeError` when it does not get every event, in order."""
    case, tenant_id = asyncio.run(example_case(subject))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with socket.create_connection(("127.0.0.1", subject.port)) as line:
        line.sendall(request("GET", STREAM, subject.bearer).replace(b"application/json", b"text/event-stream"))
        arriving = _arriving(line)
        while next(arriving) is None:
            pass
        trees = (subject.server, subject.postgres)
        before = [usage(root) for root in trees]
        begun = time.monotonic()
        writer = context.Process(target=_write, args=(subject.database_url, tenant_id, case, seconds, theirs))
        writer.start()
        arrived: dict[str, float] = {}
        sent: dict[str, float] = {}
        while not sent or len(arrived) < len(sent):
            if (arrival := next(arriving)) is not None:
                name, at = arrival
                if name in arrived:
                    raise RuntimeError(f"{name} came twice")
                arrived[name] = at
            if not sent and ours.poll():
                sent = ours.recv()
        writer.join()
    lasted = time.monotonic() - begun
    cpu = sum(spent(then, usage(root)) for then, root in zip(before, trees, strict=True)) / 1e9 / lasted
    if set(arrived) != set(sent):
        raise RuntimeError(f"{len(arrived)} events arrived of {len(sent)}")
    warm = min(sent.values()) + WARM_SECONDS
    delays = sorted((arrived[name] - at) * 1000 for name, at in sent.items() if at >= warm)
    rate = len(sent) / (max(sent.values()) - min(sent.values()))
    return FeedDelay(len(sent), rate, delays[len(delays) // 2], delays[int(len(delays) * 0.99)], delays[-1], cpu)


def _arriving(line: socket.socket) -> Iterator[tuple[str, float] | None]:
    """The name that each event was given, and when it came; first of all an empty one, when the stream is open. `None`: nothing came for
    a while.
    """
    rest = b""
    line.settimeout(QUIET_SECONDS)
    while True:
        try:
            got = line.recv(256 * 1024)
        except TimeoutError:
            yield None
            continue
        now = time.monotonic()
        if not got:
            raise RuntimeError("the stream has ended")
        *lines, rest = (rest + got).split(b"\n")
        for text in lines:
            if text.startswith(b"retry: "):
                yield "", now
            elif text.startswith(b"data: "):
                yield json.loads(text[6:])["requestId"], now


async def example_case(subject: Subject) -> tuple[str, UUID]:
    """A case of the reader's customer as events have it, and its tenant."""
    service = subject.get("/v2/services?filter[Status]=RFS&page[limit]=1", subject.bearer)["data"][0]["serviceId"]
    body = {"type": "NonIncident", "subject": "Other", "serviceId": service, "message": "Feed."}
    headers = {**subject.bearer, "Content-Type": "application/json"}
    reference = subject.post("/v2/cases", headers, json.dumps(body).encode(), expected=201).json()["data"]["caseId"]
    connection = await asyncpg.connect(subject.database_url)
    try:
        tenant_id, _, _ = await subject.root(connection)
        position = 0
        while events := await read_after(connection, tenant_id, position, 1000):
            for event in events:
                if event.subject_reference == reference and event.after is not None:
                    return event.after, tenant_id
            position = events[-1].sequence
    finally:
        await connection.close()
    raise RuntimeError(f"{reference} is not in the feed")


def _write(dsn: str, tenant_id: UUID, case: str, seconds: float, pipe: Pipe) -> None:
    pipe.send(asyncio.run(_write_at_pace(dsn, tenant_id, msgspec.json.decode(case, type=Case), seconds)))


async def _write_at_pace(dsn: str, tenant_id: UUID, case: Case, seconds: float) -> dict[str, float]:
    """Commit changes of the case, evenly spread; when each COMMIT was sent, by the names of its events."""
    pool = Pool(dsn, WRITERS)
    numbers = count()
    sent: dict[str, float] = {}
    begun = time.monotonic()

    async def write() -> None:
        while (due := begun + (number := next(numbers)) * EVENTS_PER_COMMIT / EVENTS_PER_SECOND) < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            work = Work(pool, Clock(), system(tenant_id, Environment.PRODUCTION, "bench"), Origin("bench.feed", "bench"))
            async with Transaction(work) as transaction:
                names = [f"bench-{number}-{part}" for part in range(EVENTS_PER_COMMIT)]
                for name in names:  # a request for each, so that the reader can tell them apart
                    work.origin, work.recorded = Origin("bench.feed", name), [changed("case.changed", "", case, case)]
                    await write_record(transaction.connection, work, 200, None)
                work.recorded = []
                sent.update(dict.fromkeys(names, time.monotonic()))
                await transaction.commit(200)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    await pool.close()
    return sent
