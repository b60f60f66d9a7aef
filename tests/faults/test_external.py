"""An external PostgreSQL behind `TRUNKLINE_DATABASE_URL`, and other ASGI servers on it: the same server, the same faults told well."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.serving import Server, free_port
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.ids import new_id
from trunkline.kit.keyring import new_key
from trunkline.kit.startup import ExitCode

DEBIAN_15 = Path("/usr/lib/postgresql/15")
PASSWORD = "correct horse"


@dataclass
class External:
    """A PostgreSQL that Trunkline did not start, reached over TCP with a password."""

    postgres: EmbeddedPostgres
    port: int
    databases: list[str] = field(default_factory=list)

    def url(self, database: str, user: str = "tester", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def new_name(self) -> str:
        """A name that no database has yet."""
        return f"t_{new_id().hex}"

    async def run(self, *statements: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(self.postgres.dsn(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="module")
async def external() -> AsyncIterator[External]:
    """PostgreSQL of the oldest version that is supported, where Debian's is installed; else of the wheel's."""
    binaries = DEBIAN_15 if DEBIAN_15.exists() else None
    with tempfile.TemporaryDirectory(prefix="trunkline-external-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", binaries=binaries)
        await postgres.start()
        with (Path(folder) / "postgres/data/pg_hba.conf").open("a") as file:
            file.write("local all all scram-sha-256\n")
        path = str(Path(folder) / "postgres/socket/.s.PGSQL.5432")
        async with tcp(path) as port:
            made = External(postgres, port)
            await made.run(
                "SELECT pg_reload_conf()",
                f"CREATE ROLE tester LOGIN CREATEDB PASSWORD '{PASSWORD}'",
                f"CREATE ROLE narrow LOGIN PASSWORD '{PASSWORD}'",
            )
            yield made
        await postgres.stop()


@contextlib.asynccontextmanager
async def tcp(path: str) -> AsyncIterator[int]:
    """A TCP port (the embedded PostgreSQL has none) in front of a Unix socket."""
    port = free_port()
    forward = Path(__file__).with_name("forward.py")
    process = await asyncio.create_subprocess_exec(sys.executable, "-S", str(forward), str(port), path)
    try:
        stage.wait_for(lambda: connects(port), "the forwarder")
        yield port
    finally:
        process.kill()
        await process.wait()


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def on(new: MakeServer, external: External) -> MakeServer:
    """Makes servers on a database of the external PostgreSQL."""

    def make(url: str = "", **settings: str) -> Server:
        name = f"data{new_id().hex[-6:]}"
        return new(name, TRUNKLINE_DATABASE_URL=url or external.url(external.new_name()), TRUNKLINE_WORKERS="1", **settings)

    return make


async def test_serves_like_the_embedded_one(external: External, on: MakeServer) -> None:
    """On an external PostgreSQL a start makes both databases, loads them, serves, and leaves PostgreSQL running when it stops."""
    server = on()
    await asyncio.to_thread(server.start)
    assert not (server.data / "postgres").exists()
    for environment in ("", "sandbox"):
        with server.client(environment=environment) as client:
            assert client.get("/v2/accounts?page[limit]=1").json()["data"]
    assert f"at 127.0.0.1:{external.port}/" in server.log.read_text()
    assert PASSWORD not in server.log.read_text()
    assert await asyncio.to_thread(server.stop) == 0
    before = server.credentials
    await asyncio.to_thread(server.start)
    assert server.credentials == before
    assert await asyncio.to_thread(server.stop) == 0
    assert external.postgres.pid is not None
    assert not stage.processes_of(server.data)


async def test_two_nodes_start_at_once(external: External, on: MakeServer) -> None:
    """Two nodes with the same key that start at once on the same empty database both serve; one of them has the credentials."""
    url, key = external.url(external.new_name()), new_key().spelled
    nodes = [on(url, TRUNKLINE_DEMO="off", TRUNKLINE_SECRET_KEY=key) for _ in range(2)]
    await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
    (first,) = [node for node in nodes if "customer" in _credentials(node)]
    token = await asyncio.to_thread(first.token)
    for node in nodes:
        assert httpx.get(f"{node.url}/v2/accounts", headers={"Authorization": f"Bearer {token}"}).json()["data"] == []
    assert [await asyncio.to_thread(node.stop) for node in nodes] == [0, 0]


def _credentials(server: Server) -> dict[str, object]:
    return server.credentials if (server.data / "credentials.json").exists() else {}


async def test_role_that_may_not_create_databases(external: External, on: MakeServer) -> None:
    """A role without CREATEDB reads what to do about a missing database, and serves once it needs none."""
    name = external.new_name()
    await external.run(f"CREATE DATABASE {name} OWNER narrow")
    server = on(external.url(name, "narrow"), TRUNKLINE_DEMO="off")
    done = await asyncio.to_thread(server.run, "serve", check=False)
    stage.one_line(done, ExitCode.DATABASE_UNREACHABLE, f"{name}_sandbox", "permission denied", "TRUNKLINE_SANDBOX=off")
    server.settings["TRUNKLINE_SANDBOX"] = "off"
    await asyncio.to_thread(server.start)
    assert await asyncio.to_thread(server.stop) == 0


async def test_role_that_may_not_create_tables(external: External, on: MakeServer) -> None:
    """A role that may not create tables reads so in one line."""
    name = external.new_name()
    await external.run(f"CREATE DATABASE {name}")
    await external.run(f"GRANT CONNECT ON DATABASE {name} TO narrow; REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
    done = await asyncio.to_thread(on(external.url(name, "narrow"), TRUNKLINE_SANDBOX="off").run, "serve", check=False)
    stage.one_line(done, ExitCode.FAILED, "migration", "permission denied")


async def test_wrong_password(external: External, on: MakeServer) -> None:
    """A wrong password is told in one line that shows neither it nor the right one."""
    server = on(external.url("postgres", password="wrong horse"))
    line = stage.one_line(
        await asyncio.to_thread(server.run, "serve", check=False),
        ExitCode.DATABASE_UNREACHABLE,
        "password authentication failed",
    )
    assert "horse" not in line


async def test_database_newer_than_the_code(external: External, on: MakeServer) -> None:
    """A database that a newer version has migrated is left alone, and both revisions are named."""
    name = external.new_name()
    await external.run(f"CREATE DATABASE {name} OWNER tester")
    await external.run(
        "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('9999_future')",
        "GRANT ALL ON alembic_version TO PUBLIC", database=name,
    )  # fmt: skip
    server = on(external.url(name))
    for command in ("serve", "migrate"):
        done = await asyncio.to_thread(server.run, command, check=False)
        stage.one_line(done, ExitCode.CONFIGURATION, "9999_future", "newer")


async def test_databases_that_were_exchanged(external: External, on: MakeServer) -> None:
    """The sandbox's database is not taken for production's."""
    server = on(TRUNKLINE_DEMO="off")
    assert (await asyncio.to_thread(server.run, "migrate")).returncode == 0
    url = server.settings["TRUNKLINE_DATABASE_URL"]
    other = on(f"{url}_sandbox", TRUNKLINE_SANDBOX_DATABASE_URL=url)
    stage.one_line(
        await asyncio.to_thread(other.run, "serve", check=False), ExitCode.CONFIGURATION, "is the", "database, not the"
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://nobody@127.0.0.1:9/none", "cannot be reached"),
        ("postgresql://nobody@no.such.host.invalid/none", "cannot be reached"),
        ("postgresql://nobody@127.0.0.1/none?sslmode=perhaps", "sslmode"),
    ],
)
def test_database_out_of_reach(new: MakeServer, url: str, says: str) -> None:
    """A database that cannot be reached is told in one line."""
    stage.one_line(new(TRUNKLINE_DATABASE_URL=url).run("serve", check=False), ExitCode.DATABASE_UNREACHABLE, says)


async def test_too_old_a_server(new: MakeServer) -> None:
    """A PostgreSQL older than 15 is refused in one line with its version."""

    async def old_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def message(kind: bytes, body: bytes) -> bytes:
            return kind + (len(body) + 4).to_bytes(4, "big") + body

        while True:
            size = int.from_bytes(await reader.readexactly(4), "big")
            if await reader.readexactly(size - 4) != (80877103).to_bytes(4, "big"):  # a request for TLS
                break
            writer.write(b"N")
        writer.write(message(b"R", bytes(4)))
        for name, value in (("server_version", "14.9"), ("client_encoding", "UTF8"), ("integer_datetimes", "on")):
            writer.write(message(b"S", f"{name}\0{value}\0".encode()))
        writer.write(message(b"K", bytes(8)) + message(b"Z", b"I"))
        await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(old_server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server = new(TRUNKLINE_DATABASE_URL=f"postgresql://me@127.0.0.1:{port}/x")
        done = await asyncio.to_thread(server.run, "serve", check=False)
    stage.one_line(done, ExitCode.CONFIGURATION, "PostgreSQL 14", "15 or newer")


# uvicorn --------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def uvicorn(server: Server, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """uvicorn with the application on a server's settings and port."""
    server.data.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "--factory", "trunkline.app:create", "--port", str(server.port), *arguments]
    with (
        server.log.open("a") as log,
        subprocess.Popen(command, cwd=server.data, env=server.environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def ready(server: Server) -> int:
    try:
        return httpx.get(f"{server.url}/readyz", timeout=5).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_uvicorn(external: External, on: MakeServer, workers: str) -> None:
    """uvicorn serves the same application, with one worker or several, and ends in order."""
    server = on(TRUNKLINE_DEMO="off")
    await asyncio.to_thread(server.start)
    token = server.token()
    assert await asyncio.to_thread(server.stop) == 0

    def serve() -> int:
        with uvicorn(server, "--workers", workers) as process:
            stage.wait_for(lambda: ready(server) == 200, "uvicorn")
            with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client:
                assert client.get("/v2/accounts").json()["data"] == []
                assert client.get("/v2/accounts", headers={"Host": "sb2.localhost"}).status_code == 401
                assert b"trunkline_requests_total" in client.get("/metrics").content
        return process.returncode

    assert await asyncio.to_thread(serve) in (0, -signal.SIGTERM)
    stage.nothing_runs(server)


def test_uvicorn_without_an_address(new: MakeServer) -> None:
    """Without `TRUNKLINE_DATABASE_URL` uvicorn's log says what is missing."""
    server = new()
    with uvicorn(server) as process:
        process.wait(30)
    assert "TRUNKLINE_DATABASE_URL is not set" in server.log.read_text()


async def test_started_before_the_database(new: MakeServer) -> None:
    """An application that starts before its database answers 503 with Retry-After, and by itself as soon as the database is there."""
    with tempfile.TemporaryDirectory(prefix="trunkline-late-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        await postgres.start()
        name = "late"
        server = new(
            TRUNKLINE_DATABASE_URL=postgres.dsn(name), TRUNKLINE_DEMO="off", TRUNKLINE_SANDBOX="off", TRUNKLINE_WORKERS="1"
        )
        await asyncio.to_thread(server.start)
        token = {"Authorization": f"Bearer {server.token()}"}
        assert await asyncio.to_thread(server.stop) == 0
        await postgres.stop()

        def away() -> None:
            stage.wait_for(lambda: ready(server) == 503, "readiness to be denied")
            answer = httpx.get(f"{server.url}/v2/accounts", headers=token)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert httpx.get(f"{server.url}/healthz").status_code == 200

        with uvicorn(server):
            await asyncio.to_thread(away)
            for _ in range(2):  # comes, goes, comes
                await postgres.start()
                await asyncio.to_thread(stage.wait_for, lambda: ready(server) == 200, "readiness")
                assert httpx.get(f"{server.url}/v2/accounts", headers=token).status_code == 200
                await postgres.stop()
                await asyncio.to_thread(away)


async def test_migration_pending(new: MakeServer, external: External) -> None:
    """An application on a database that is not migrated is not ready, and becomes so after `trunkline migrate`."""
    name = external.new_name()
    await external.run(f"CREATE DATABASE {name} OWNER tester")
    server = new(TRUNKLINE_DATABASE_URL=external.url(name), TRUNKLINE_SANDBOX="off")

    def check() -> None:
        with uvicorn(server):
            stage.wait_for(lambda: ready(server) == 503, "readiness to be denied")
            assert httpx.get(f"{server.url}/readyz").json() == {"production": "migration pending"}
            server.run("migrate")
            stage.wait_for(lambda: ready(server) == 200, "readiness")

    await asyncio.to_thread(check)


async def test_cut_connections(external: External, on: MakeServer) -> None:
    """When connections of an external PostgreSQL are cut, requests recover by themselves."""
    server = on(TRUNKLINE_DEMO="off", TRUNKLINE_SANDBOX="off")
    await asyncio.to_thread(server.start)
    with server.client() as client:
        assert client.get("/v2/accounts").status_code == 200
        await external.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tester'")
        deadline = time.monotonic() + 15
        while client.get("/v2/accounts").status_code != 200:
            assert time.monotonic() < deadline
    assert await asyncio.to_thread(server.stop) == 0
