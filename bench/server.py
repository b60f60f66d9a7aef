"""The server under measurement: `trunkline serve` on a data folder of its own, with a large customer in it."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from bench.cpu import named, place, resident_megabytes, spent, tree, usage
from bench.load import Outcome, drive
from tests.serving import Server
from trunkline.demo import bulk
from trunkline.kit.clock import wall_clock
from trunkline.kit.keyring import KeyFile, Keyring
from trunkline.kit.statements import Statement
from trunkline.sealing import FILE

ACCOUNTS = 100_000
SUBSCRIBERS = 100_000
PAGE = 20  # the customer gets so many subscribers that its last page is as full as its first

Headers = Mapping[str, str]

COUNT_SUBSCRIBERS = Statement("""
    SELECT count(*) FROM subscribers WHERE tenant_id = $1 AND customer_id = $2 AND deleted_at IS NULL
""")

ROOT_ACCOUNT = Statement("""
    SELECT a.tenant_id, a.id, a.path
      FROM api_clients AS c JOIN accounts AS a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
     WHERE c.client_id = $1
""", scope="directory")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of a load: CPU milliseconds for each request, and what the load saw."""

    application: float
    database: float
    outcome: Outcome

    @property
    def total(self) -> float:
        return self.application + self.database


class Subject:
    """A running server: as in production (access log on, fsync on), but without limits on callers."""

    def __init__(self, data: Path, workers: int) -> None:
        self.workers = workers
        self._server = Server(data, {
            "TRUNKLINE_WORKERS": str(workers), "TRUNKLINE_THROTTLE": "off", "TRUNKLINE_WEBHOOK_NETWORKS": "127.0.0.0/8",
        })  # fmt: skip

    def __enter__(self) -> "Subject":
        self._server.start()
        self.bearer = {"Authorization": f"Bearer {self._server.token()}"}
        self.key = {"X-API-KEY": self._server.credentials["network"]["admin_key"]}
        self._client = httpx.Client(timeout=60)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()
        self._server.stop()
        if exc[0] is not None:
            sys.stderr.writelines(line for line in self._server.log.open() if '"event":"request"' not in line)

    def bearer_of(self, who: str) -> dict[str, str]:
        """The header of another client of the demonstration: read_only, other or manager."""
        return {"Authorization": f"Bearer {self._server.token(who)}"}

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def server(self) -> int:
        """The process of the supervisor, whose children are all others but PostgreSQL."""
        assert self._server.process is not None
        return self._server.process.pid

    @property
    def application(self) -> int:
        """The process of the HTTP listener, whose children are the workers."""
        return named(self.server, "trunkline-http")[0]

    @property
    def postgres(self) -> int:
        """The process of the embedded PostgreSQL, whose children are all others of it."""
        return int((self._server.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    @property
    def database_url(self) -> str:
        """The production environment's database."""
        address: str = json.loads((self._server.data / "running.json").read_text())["databases"]["production"]
        return address

    @property
    def keyring(self) -> Keyring:
        """What the server seals with."""
        return Keyring(KeyFile(self._server.data / FILE))

    def worker_megabytes(self) -> float:
        """Resident memory of the largest worker."""
        return max(resident_megabytes(pid) for pid in tree(self.application)[1:])

    def get(self, address: str, headers: Headers) -> Any:
        """The JSON at a path or at a link of an answer."""
        answer = self._client.get(self._url(address), headers=headers)
        answer.raise_for_status()
        return answer.json()

    def post(self, address: str, headers: Headers, body: bytes, *, expected: int) -> httpx.Response:
        """The answer to a body. Raises `RuntimeError` when its status is not the `expected` one."""
        answer = self._client.post(self._url(address), headers=headers, content=body)
        if answer.status_code != expected:
            raise RuntimeError(f"POST {address}: {answer.status_code} instead of {expected}\n{answer.text[:2000]}")
        return answer

    def delete(self, address: str, headers: Headers) -> None:
        """Remove what is at a path or at a link."""
        self._client.delete(self._url(address), headers=headers).raise_for_status()

    def _url(self, address: str) -> httpx.URL:
        return httpx.URL(self._server.url).join(address)

    def measure(self, requests: Sequence[bytes], count: int, status: int = 200) -> Cost:
        """Send the load and say what a request of it costs."""
        trees = (self.application, self.postgres)
        with self.apart(self.application):
            before = [usage(root) for root in trees]
            outcome = drive(self.port, requests, count, status=status)
        application, database = (spent(then, usage(root)) / 1e6 / count for then, root in zip(before, trees, strict=True))
        return Cost(application, database, outcome)

    @contextlib.contextmanager
    def apart(self, application: int) -> Iterator[None]:
        """A single worker has one core for itself meanwhile; PostgreSQL and the load share the others."""
        every = os.sched_getaffinity(0)
        if self.workers > 1 or len(every) < 2:
            yield
            return
        first = min(every)
        try:
            place(os.getpid(), every - {first})  # and all that it has started: the server is below it
            place(application, {first})
            yield
        finally:
            place(os.getpid(), every)

    def load(self) -> None:
        """Add the accounts beneath the demonstration customer's root and the subscribers, and let PostgreSQL look at them."""
        asyncio.run(self._load())

    async def _load(self) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            tenant_id, account_id, path = await self.root(connection)
            await bulk.load_accounts(connection, tenant_id, account_id, path, wall_clock(), count=ACCOUNTS)
            there = await connection.fetchval(COUNT_SUBSCRIBERS, tenant_id, account_id)
            await bulk.load_subscribers(
                connection, tenant_id, account_id, self.keyring, wall_clock(), count=SUBSCRIBERS - there % PAGE
            )
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    async def root(self, connection: asyncpg.Connection) -> tuple[UUID, UUID, str]:
        """Tenant, id and path of the account that the load's credentials belong to."""
        (root,) = await connection.fetch(ROOT_ACCOUNT, self._server.credentials["customer"]["client_id"])
        return root[0], root[1], root[2]

    def version(self) -> str:
        """PostgreSQL's version."""

        async def ask() -> str:
            connection = await asyncpg.connect(self.database_url)
            try:
                return str(await connection.fetchval("SHOW server_version"))
            finally:
                await connection.close()

        return asyncio.run(ask())


def request(method: str, path: str, headers: Headers, body: bytes = b"") -> bytes:
    """The bytes of a request; a body is JSON unless `headers` say otherwise."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += [] if "Content-Type" in headers else ["Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
