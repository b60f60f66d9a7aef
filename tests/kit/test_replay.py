"""A request that is sent twice takes effect once, whatever dies and whenever."""

import asyncio
import contextlib
import json
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from tests.conftest import MakeDatabase
from tests.kit import replay_node
from tests.kit.replay_node import handle, refused
from tests.serving import Server, free_port
from trunkline.kit import db, replay
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.errors import InProgress
from trunkline.kit.ids import new_id

NODES = 3
processes = multiprocessing.get_context("forkserver")  # respawning must be cheap: the tests' own process is too big to fork


@pytest.fixture(scope="module")
async def database(make_database: MakeDatabase) -> str:
    """A database of its own, with a table that shows what took effect."""
    dsn = await make_database()
    connection = await asyncpg.connect(dsn)
    await connection.execute(replay_node.TABLE)
    await connection.close()
    return dsn


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = Pool(database, 6)
    yield pool
    await pool.close()


@pytest.fixture
def tenant() -> UUID:
    return new_id()


def asking(key: str, body: str, client: UUID | None = None, keep: float = 3600) -> dict[str, Any]:
    return {"key": key, "body": body, "client": str(client or UUID(int=1)), "keep": keep}


async def effects(pool: Pool, tenant: UUID) -> Counter[str]:
    """How often each request took effect."""
    rows = await pool.fetch("SELECT reference, count(*)::int FROM effects WHERE tenant_id = $1 GROUP BY reference", tenant)
    return Counter(dict(map(tuple, rows)))


# processes that die ----------------------------------------------------------------------------------------------------


@dataclass
class Nodes:
    """Several API processes; one that dies is started again."""

    dsn: str
    tenant: UUID
    deaths: float
    naive: bool = False
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(NODES)])
    running: dict[int, Any] = field(default_factory=dict)
    died: int = 0

    def start(self, port: int) -> None:
        arguments = (self.dsn, port, str(self.tenant), self.deaths, self.naive)
        self.running[port] = processes.Process(target=replay_node.serve, args=arguments, daemon=True)
        self.running[port].start()

    async def keep(self) -> None:
        while True:
            for port in self.ports:
                if port in self.running and not self.running[port].is_alive():
                    self.died += 1
                    self.start(port)
                elif port not in self.running:
                    self.start(port)
            await asyncio.sleep(0.02)

    async def ask(self, asked: dict[str, Any], random: Random) -> tuple[int, str, str]:
        """Send a request to any node, again and again until one answers, as a client does that was told to retry."""
        for _ in range(400):
            with contextlib.suppress(OSError, TimeoutError):
                reader, writer = await asyncio.open_connection("127.0.0.1", random.choice(self.ports))
                writer.write(json.dumps(asked).encode() + b"\n")
                line = await asyncio.wait_for(reader.readline(), 10)
                writer.close()
                if line:
                    status, body, how = json.loads(line)
                    if how != "busy":
                        return status, body, how
            await asyncio.sleep(0.02)
        return 0, "", "gave up"


async def storm(nodes: Nodes, requests: int, copies: int) -> dict[str, list[tuple[int, str, str]]]:
    """Every request in several copies at once, to several nodes; all answers by request."""
    keeping = asyncio.create_task(nodes.keep())
    random = Random(5)
    turns = asyncio.Semaphore(6)
    answers: dict[str, list[tuple[int, str, str]]] = {}

    async def send(number: int) -> None:
        async with turns:
            asked = asking(f"key-{number}", f"order-{number}")
            answers[asked["body"]] = await asyncio.gather(*(nodes.ask(asked, random) for _ in range(copies)))

    try:
        async with asyncio.timeout(40):
            await asyncio.gather(*(send(number) for number in range(requests)))
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        for process in nodes.running.values():
            process.kill()
            process.join()
    return answers


async def test_every_request_takes_effect_exactly_once_through_crashes(database: str, pool: Pool, tenant: UUID) -> None:
    """Processes that end before the effect, between effect and record, or after the commit: nothing is lost or done twice."""
    nodes = Nodes(database, tenant, deaths=0.035)
    answers = await storm(nodes, requests=180, copies=4)
    assert nodes.died >= 4, "too few crashes to prove anything"
    wanted = {f"order-{number}" for number in range(180)}
    done = {name for name in wanted if not refused(name)}
    assert await effects(pool, tenant) == Counter(dict.fromkeys(done, 1))
    for name in wanted:
        given = {(status, body) for status, body, _ in answers[name]}
        assert len(given) == 1, f"{name}: {answers[name]}"
        assert given.pop()[0] == (422 if refused(name) else 201)
        assert [how for _, _, how in answers[name]].count("executed") <= 1


async def test_looking_first_and_doing_then_is_not_enough(database: str, pool: Pool, tenant: UUID) -> None:
    """The negative control: without the claim copies take effect several times, so the test above can tell."""
    await storm(Nodes(database, tenant, deaths=0.0, naive=True), requests=40, copies=4)
    assert any(count > 1 for count in (await effects(pool, tenant)).values())


# one promise at a time -------------------------------------------------------------------------------------------------


async def test_a_copy_waits_for_the_first_and_repeats_its_answer(pool: Pool, tenant: UUID) -> None:
    """A copy that arrives while the first is at work waits, then gets the first's answer."""
    asked = asking("k", "slow")
    answers = await asyncio.gather(*(handle(pool, tenant, asked, seconds=0.2) for _ in range(5)))
    assert Counter(how for _, _, how in answers) == {"executed": 1, "replayed": 4}
    assert len({answer[:2] for answer in answers}) == 1
    assert await effects(pool, tenant) == {"slow": 1}


async def test_a_copy_takes_over_when_the_first_fails(pool: Pool, tenant: UUID) -> None:
    """When the first copy breaks down, the one that waited does the work."""

    claimed = asyncio.Event()

    def breaks(place: str) -> None:
        claimed.set()
        if place == "between effect and record":
            raise ZeroDivisionError

    first = asyncio.create_task(handle(pool, tenant, asking("k", "x"), breaks, 0.1))
    await claimed.wait()
    second = asyncio.create_task(handle(pool, tenant, asking("k", "x")))
    with pytest.raises(ZeroDivisionError):
        await first
    assert (await second)[2] == "executed"
    assert await effects(pool, tenant) == {"x": 1}


async def test_a_key_that_comes_with_another_request_is_refused(pool: Pool, tenant: UUID) -> None:
    """The same key with another body is a mistake of the caller, and has no effect."""
    assert (await handle(pool, tenant, asking("k", "one")))[2] == "executed"
    assert await handle(pool, tenant, asking("k", "two")) == (422, "", "mismatch")
    assert (await handle(pool, tenant, asking("k", "one")))[2] == "replayed"
    assert await effects(pool, tenant) == {"one": 1}


async def test_keys_belong_to_their_client_and_tenant(pool: Pool, tenant: UUID) -> None:
    """Two clients, or two tenants, may use the same key."""
    for client, of in ((UUID(int=1), tenant), (UUID(int=2), tenant), (UUID(int=1), new_id())):
        assert (await handle(pool, of, asking("k", "x", client)))[2] == "executed"
    assert await effects(pool, tenant) == {"x": 2}


async def test_a_refusal_is_remembered_without_its_effects(pool: Pool, tenant: UUID) -> None:
    """What was refused stays refused under its key, and nothing that was written on the way remains."""
    answers = await asyncio.gather(*(handle(pool, tenant, asking("k", "order-7"), seconds=0.01) for _ in range(4)))
    assert {answer[:2] for answer in answers} == {(422, "refused order-7")}
    assert await effects(pool, tenant) == {}


async def test_an_expired_claim_is_taken_anew(pool: Pool, tenant: UUID) -> None:
    """After its time a key is as good as new, and many copies at that moment still take effect once."""
    assert (await handle(pool, tenant, asking("k", "first", keep=0.5)))[2] == "executed"
    assert (await handle(pool, tenant, asking("k", "first", keep=0.5)))[2] == "replayed"
    await asyncio.sleep(0.6)
    answers = await asyncio.gather(*(handle(pool, tenant, asking("k", "second")) for _ in range(5)))
    assert Counter(how for _, _, how in answers) == {"executed": 1, "replayed": 4}
    assert await effects(pool, tenant) == {"first": 1, "second": 1}


async def test_the_time_to_keep_an_answer_runs_from_the_answer(pool: Pool, tenant: UUID) -> None:
    """A request that took longer than its answer is kept does not run twice for that."""
    answers = await asyncio.gather(*(handle(pool, tenant, asking("k", "slow", keep=0.6), seconds=0.8) for _ in range(3)))
    assert await effects(pool, tenant) == {"slow": 1}
    assert Counter(how for _, _, how in answers) == {"executed": 1, "replayed": 2}


async def test_a_copy_does_not_wait_for_ever(database: str, tenant: UUID) -> None:
    """When the first copy takes too long the second is told that it is still in progress."""
    guarded = replay_node.guarded_by(UUID(int=1), "k", "x")
    first, second = await db.connect(database), await db.connect(database, lock_timeout="80ms")
    async with first.transaction():
        assert isinstance(await replay.claim(first, tenant, guarded, Clock()), replay.Claim)
        with pytest.raises(InProgress):
            async with second.transaction():
                await replay.claim(second, tenant, guarded, Clock())
    await first.close()
    await second.close()


async def test_a_sandbox_clock_that_moves_ends_what_was_kept(pool: Pool, tenant: UUID) -> None:
    """The sandbox's clock counts for keys too: a day later on its clock the key is free."""
    guarded = replay_node.guarded_by(UUID(int=1), "k", "x")
    clock = Clock()
    for offset, expected in ((0, replay.Claim), (3000, replay.Stored), (3601, replay.Claim)):
        clock.offset_seconds = offset
        async with pool.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            claimed = await replay.claim(connection, tenant, guarded, clock)
            assert isinstance(claimed, expected)
            await connection.execute(
                "UPDATE request_guard SET status = 201, headers = '[]', body = '' WHERE tenant_id = $1", tenant
            )
            await transaction.commit()


def test_parts_of_a_request_cannot_run_into_each_other() -> None:
    """Different requests have different fingerprints, even if their parts are the same text in a row."""
    requests = [
        ("POST", "/a", b"b", b"c"),
        ("POST", "/ab", b"", b"c"),
        ("POST", "/a", b"", b"bc"),
        ("PUT", "/a", b"b", b"c"),
        ("POST", "/a", b"bc", b""),
    ]
    keep = timedelta(seconds=1)
    for make in (
        lambda *r: replay.by_key(UUID(int=1), "k", *r, keep).fingerprint,
        lambda *r: replay.by_content(UUID(int=1), *r, keep).scope,
    ):
        assert len({make(*request) for request in requests}) == len(requests)
    assert (
        replay.by_key(UUID(int=1), "k", *requests[0], keep).scope == replay.by_key(UUID(int=1), "k", *requests[1], keep).scope
    )
    assert replay.by_content(UUID(int=1), *requests[0], keep).scope != replay.by_content(UUID(int=2), *requests[0], keep).scope


# sweeping --------------------------------------------------------------------------------------------------------------


async def guards(pool: Pool, tenant: UUID) -> int:
    count: int = (await pool.fetch("SELECT count(*) FROM request_guard WHERE tenant_id = $1", tenant))[0][0]
    return count


async def test_sweeping_forgets_only_what_is_over(pool: Pool, tenant: UUID) -> None:
    """Answers whose time is over go; those that are still promised stay."""
    await handle(pool, tenant, asking("old", "x", keep=0.01))
    await handle(pool, tenant, asking("new", "y"))
    await asyncio.sleep(0.05)
    async with pool.connection() as connection:
        await replay.sweep(connection, tenant, Clock().now(), timedelta(seconds=3600))
        assert await guards(pool, tenant) == 2
        await replay.sweep(connection, tenant, Clock().now(), timedelta(0))
    assert await guards(pool, tenant) == 1
    assert (await handle(pool, tenant, asking("new", "y")))[2] == "replayed"


async def test_sweeping_spares_a_key_that_is_taken_anew_meanwhile(pool: Pool, tenant: UUID) -> None:
    """A sweep that meets an old key in the moment in which it is used again leaves the new answer alone."""
    await handle(pool, tenant, asking("k", "first", keep=0.01))
    await asyncio.sleep(0.05)
    again = asyncio.create_task(handle(pool, tenant, asking("k", "second"), seconds=0.2))
    await asyncio.sleep(0.05)
    async with pool.connection() as connection:
        await replay.sweep(connection, tenant, Clock().now(), timedelta(0))
    assert (await again)[2] == "executed"
    assert (await handle(pool, tenant, asking("k", "second")))[2] == "replayed"
    assert await effects(pool, tenant) == {"first": 1, "second": 1}


# over HTTP -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(customer: httpx.Client) -> dict[str, str]:
    service = customer.get("/v2/services", params={"filter[Status]": "RFS", "page[limit]": "1"}).json()["data"][0]["serviceId"]
    return {
        "type": "NonIncident",
        "subject": "ChangeRequest",
        "message": "Once.",
        "serviceId": service,
        "customerReference": uuid4().hex,
    }


@pytest.fixture
def clients(server: Server) -> Iterator[list[httpx.Client]]:
    """Twenty connections of one API client, spread over the server's processes."""
    token = server.token()
    with contextlib.ExitStack() as stack:
        headers = {"Authorization": f"Bearer {token}"}
        yield [stack.enter_context(httpx.Client(base_url=server.url, headers=headers, timeout=30)) for _ in range(20)]


def cases_of(customer: httpx.Client, draft: dict[str, str]) -> list[str]:
    found = customer.get("/v2/cases", params={"filter[CustomerReference]": draft["customerReference"]}).json()["data"]
    return [case["caseId"] for case in found]


def test_twenty_copies_at_once_open_one_case(
    clients: list[httpx.Client], customer: httpx.Client, draft: dict[str, str]
) -> None:
    """Twenty identical requests with one key, at once: one case, twenty equal answers, nineteen of them marked as replayed."""
    headers = {"Idempotency-Key": uuid4().hex}
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda client: client.post("/v2/cases", json=draft, headers=headers), clients))
    assert [answer.status_code for answer in answers] == [201] * 20
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotency-replayed") for answer in answers) == {None: 1, "true": 19}
    for name in ("location", "etag", "content-type"):
        assert len({answer.headers[name] for answer in answers}) == 1
    assert cases_of(customer, draft) == [answers[0].json()["data"]["caseId"]]


def test_without_a_key_each_request_counts(clients: list[httpx.Client], customer: httpx.Client, draft: dict[str, str]) -> None:
    """The negative control: without a key every copy opens a case of its own."""
    with ThreadPoolExecutor(4) as threads:
        assert {a.status_code for a in threads.map(lambda client: client.post("/v2/cases", json=draft), clients[:4])} == {201}
    assert len(cases_of(customer, draft)) == 4


def test_a_key_with_another_body_is_refused_over_http(customer: httpx.Client, draft: dict[str, str]) -> None:
    """422 names the header, and nothing is created."""
    headers = {"Idempotency-Key": uuid4().hex}
    assert customer.post("/v2/cases", json=draft, headers=headers).status_code == 201
    answer = customer.post("/v2/cases", json={**draft, "message": "Twice."}, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["Idempotency-Key"]
    assert len(cases_of(customer, draft)) == 1


def test_a_refusal_is_replayed_over_http(customer: httpx.Client, draft: dict[str, str]) -> None:
    """A request that breaks a rule gets the same answer again under its key, marked as replayed, and leaves nothing."""
    headers = {"Idempotency-Key": uuid4().hex}
    answers = [customer.post("/v2/cases", json={**draft, "priority": "P1"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].content == answers[1].content
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert cases_of(customer, draft) == []


async def test_a_secret_in_a_remembered_answer_is_sealed(server: Server, manager: httpx.Client) -> None:
    """A copy of a request for a new secret gets the same secret, which stands nowhere in the database."""
    name, headers = f"sealed {uuid4().hex}", {"Idempotency-Key": uuid4().hex}
    body = {"apiClientName": name, "scopes": ["BasicRead"]}
    first, copy = (manager.post("/v2/api-clients", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, copy.status_code) == (201, 201)
    assert copy.headers["Idempotency-Replayed"] == "true"
    assert copy.json() == first.json()
    secret = first.json()["data"]["clientSecret"].encode()
    database = json.loads((server.data / "running.json").read_text())["databases"]["production"]
    connection = await asyncpg.connect(database)
    try:
        kept = [row[0] for row in await connection.fetch("SELECT body FROM request_guard WHERE body IS NOT NULL")]
    finally:
        await connection.close()
    assert kept
    assert not any(secret in answer for answer in kept)
