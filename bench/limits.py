"""The physical limits: what PostgreSQL and the bare HTTP server cost by themselves."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx

from bench.cpu import spent, usage
from bench.load import drive
from bench.server import Subject, request
from tests.serving import ROOT, free_port
from trunkline.kit.embedded.binaries import find_binaries

DATABASE = "pgbench"


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
    costs = []
    with _bare_server() as (port, pid):
        for _ in range(rounds):
            before = usage(pid)
            drive(port, [request("GET", "/", {})], count)
            costs.append(spent(before, usage(pid)) / 1e6 / count)
    return median(costs), min(costs)


async def _make_database(address: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


@contextmanager
def _bare_server() -> Iterator[tuple[int, int]]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "bench.hello", str(port)], cwd=ROOT) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/")
            yield port, process.pid
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    for _ in range(500):
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
