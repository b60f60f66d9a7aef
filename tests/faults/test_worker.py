"""The worker as a process of `trunkline serve`, and alone: started, replaced, ended, connected again."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import httpx
import pytest

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.faults.test_serve import dsn_of
from tests.serving import Server
from trunkline.kit.jobs.queue import APPLICATION


@pytest.fixture
def server(new: MakeServer) -> Server:
    """A small server, not started."""
    return new(TRUNKLINE_DEMO="off", TRUNKLINE_SANDBOX="off", TRUNKLINE_WORKERS="1")


def workers_of(server: Server) -> list[int]:
    """The processes that run jobs."""
    return stage.parts_of(server, "trunkline-jobs")


def connected(server: Server) -> int:
    """How many workers have a connection to the queue."""

    async def count() -> int:
        connection = await asyncpg.connect(dsn_of(server))
        try:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
                APPLICATION,
            )
        finally:
            await connection.close()
        return found

    with contextlib.suppress(OSError, asyncpg.PostgresError):
        return asyncio.run(count())
    return 0


def taken_up(server: Server) -> bool:
    """Ask for a job that nobody can do, and say whether a worker has tried it."""

    async def ask_and_look() -> bool:
        connection = await asyncpg.connect(dsn_of(server))
        try:
            job = await connection.fetchval("""
                INSERT INTO pgqueuer (priority, entrypoint, payload, status) VALUES (0, 'connectivity.import', '\\x00', 'queued')
                RETURNING id
            """)
            for _ in range(300):
                if await connection.fetchval("SELECT attempts FROM pgqueuer WHERE id = $1", job):
                    return True
                await asyncio.sleep(0.05)
        finally:
            await connection.close()
        return False

    return asyncio.run(ask_and_look())


def test_a_server_runs_jobs(server: Server) -> None:
    """`trunkline serve` has a worker, counts its jobs in its metrics, and takes it along when it stops."""
    server.start()
    stage.wait_for(lambda: connected(server) == 1, "the worker")
    assert taken_up(server)
    counted = 'trunkline_jobs_total{environment="production",job="connectivity.import",outcome="postponed"}'
    stage.wait_for(lambda: counted in httpx.get(f"{server.url}/metrics").text, "the count")
    jobs = json.loads(server.run("jobs", "list", "--json").stdout)["jobs"]
    assert [job["name"] for job in jobs] == ["connectivity.import"]
    assert "1 workers" in server.run("doctor", check=False).stdout
    assert server.stop() == 0
    assert not stage.processes_of(server.data)


def test_a_killed_worker_is_replaced(server: Server) -> None:
    """When the worker ends by itself another one is started."""
    server.start()
    stage.wait_for(lambda: connected(server) == 1, "the worker")
    (before,) = workers_of(server)
    os.kill(before, signal.SIGKILL)
    stage.wait_for(lambda: [pid for pid in workers_of(server) if pid != before], "another worker")
    stage.wait_for(lambda: connected(server) == 1, "its connection")
    assert taken_up(server)
    assert server.stop() == 0


def test_the_worker_survives_the_database(server: Server) -> None:
    """When PostgreSQL is killed and comes back, the same worker process goes on."""
    server.start()
    stage.wait_for(lambda: connected(server) == 1, "the worker")
    (worker,) = workers_of(server)
    os.kill(stage.postmaster_of(server), signal.SIGKILL)
    stage.wait_for(lambda: connected(server) == 0, "the loss")
    stage.wait_for(lambda: connected(server) == 1, "the worker's return")
    assert taken_up(server)
    assert workers_of(server) == [worker]
    assert server.stop() == 0


@contextlib.contextmanager
def alone(server: Server) -> Iterator["subprocess.Popen[bytes]"]:
    """`trunkline worker` beside the server."""
    process = subprocess.Popen([sys.executable, "-m", "trunkline", "worker"], cwd=server.data.parent, env=server.environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_of_its_own(server: Server) -> None:
    """With jobs switched off a server has no worker; `trunkline worker` beside it runs them until SIGTERM."""
    server.settings["TRUNKLINE_JOBS"] = "off"
    server.start()
    with alone(server) as process:
        stage.wait_for(lambda: connected(server) == 1, "the worker")
        assert workers_of(server) == []
        assert taken_up(server)
        process.send_signal(signal.SIGTERM)
        assert process.wait(stage.PATIENCE) == 0
    assert connected(server) == 0
    assert server.stop() == 0
