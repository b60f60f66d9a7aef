"""The physical limits: what PostgreSQL and the bare HTTP server cost by themselves."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.cpu import spent, usage
from bench.load import drive
from bench.server import Subject, request
from tests.serving import ROOT, free_port
from trunkline.kit.embedded.binaries import find_binaries
from trunkline.kit.statements import Statement

DATABASE = "pgbench"

SOME_ACCOUNTS = Statement("SELECT reference FROM accounts WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id DESC LIMIT $3")


def select_by_key(subject: Subject, rounds: int, seconds: int) -> tuple[float, float]:
    """(median, least) CPU milliseconds of PostgreSQL for a transaction of `pgbench -S`, prepared, 8 clients."""
    asyncio.run(_make_database(subject.database_url))
    address = urlunsplit(urlsplit(subject.database_url)._replace(path=f"/{DATABASE}"))
    pgbench = [str(find_binaries() / "bin" / "pgbench")]
    subprocess.run([*pgbench, "-i", "-q", "-s", "1", address], check=True, capture_output=True)
    costs = []
    for _ in range(rounds):
        before = usage(subject.postgres)
        done = subprocess.run(
            [*pgbench, "-n", "-S", "-M", "prepared", "-c", "8", "-T", str(seconds), address],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        time.sleep(0.3)  # until the postmaster has taken note of its clients' end
        cost = spent(before, usage(subject.postgres))
        found = re.search(r"actually processed: (\d+)", done.stdout)
        assert found, done.stdout
        costs.append(cost / 1e6 / int(found[1]))
    return median(costs), min(costs)


def hello(rounds: int, count: int) -> tuple[float, float]:
    """(median, least) CPU milliseconds of the bare HTTP server for a request."""
    with _serving("bench.hello", {}) as (port, pid):
        return _costs(rounds, count, port, [request("GET", "/", {})], [pid])


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare way of a row, served beside the server under measurement and measured as that is, in the same rounds."""

    subject: Subject
    port: int
    pid: int
    requests: list[bytes]

    def measure(self) -> float:
        """CPU milliseconds for a request, PostgreSQL's part included."""
        with self.subject.apart(self.pid):
            _, least = _costs(1, len(self.requests), self.port, self.requests, [self.pid, self.subject.postgres])
        return least


@contextmanager
def bare(subject: Subject, count: int) -> Iterator[Bare]:
    """Serve the bare way of a row; `count` requests will be sent in each round."""
    requests = [request("GET", path, {}) for path in asyncio.run(_bare_paths(subject, count))]
    with _serving("bench.bare", {"BENCH_DATABASE": subject.database_url}) as (port, pid):
        drive(port, requests, 1000)
        yield Bare(subject, port, pid, requests)


def _costs(rounds: int, count: int, port: int, requests: list[bytes], trees: list[int]) -> tuple[float, float]:
    costs = []
    for _ in range(rounds):
        before = [usage(pid) for pid in trees]
        drive(port, requests, count)
        costs.append(sum(spent(then, usage(pid)) for then, pid in zip(before, trees, strict=True)) / 1e6 / count)
    return median(costs), min(costs)


async def _bare_paths(subject: Subject, count: int) -> list[str]:
    connection = await asyncpg.connect(subject.database_url)
    try:
        tenant_id, account_id, _ = await subject.root(connection)
        rows = await connection.fetch(SOME_ACCOUNTS, tenant_id, account_id, count)
    finally:
        await connection.close()
    return [f"/{tenant_id}/{account_id}/{row[0]}" for row in rows]


async def _make_database(address: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


@contextmanager
def _serving(module: str, variables: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, "-m", module, str(port)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}) as process:
        try:
            _wait_for(port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nothing answers at port {port}")
