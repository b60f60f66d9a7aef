"""`trunkline serve` as a process: what it prints, what it refuses, how it ends, what it survives."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.serving import ROOT, Server
from trunkline.kit.startup import ExitCode

INCIDENT = {
    "type": "Incident",
    "subject": "ServiceDown",
    "priority": "P2",
    "startOfIncident": "2026-01-01T00:00:00Z",
    "endOfIncident": None,
}


def dsn_of(server: Server, environment: str = "production") -> str:
    address: str = json.loads((server.data / "running.json").read_text())["databases"][environment]
    return address


def status(server: Server, path: str = "/readyz") -> int:
    try:
        return httpx.get(server.url + path, timeout=5).status_code
    except httpx.TransportError:
        return 0


# The first start ------------------------------------------------------------------------------------------------------------


def test_first_start_prints_one_screen() -> None:
    """The first start prints what runs where, the credentials' place and a call; that call, pasted into a shell, is answered."""
    server = stage.first_started()
    screen = server.log.read_text()
    assert "Traceback" not in screen
    for shown in (
        server.url,
        server.https_url,
        f"http://sb2.localhost:{server.port}",
        f"{server.data}/credentials.json",
        "PostgreSQL",
    ):
        assert shown in screen
    columns = {line.index(line.split()[1]) for line in screen.splitlines() if line.startswith("    ") and "curl" not in line}
    assert len(columns) == 1, "the screen is aligned"
    call = server.banner_call
    assert call.returncode == 0, call.stderr
    assert json.loads(call.stdout)["data"][0]["accountId"]


def test_first_start_leaves_the_contract() -> None:
    """The first start writes credentials of both environments for their owner alone, and a clean stop leaves no process."""
    server = stage.first_started()
    path = server.data / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for section in (server.credentials, server.credentials["sandbox"]):
        assert {"token_url", "client_id", "client_secret", "scopes", "read_only", "other", "manager"} <= set(
            section["customer"]
        )
        assert len(section["customer"]["scopes"]) == 5
        assert section["console"]["password"]
        assert {"username", "password", "admin_key", "customer_admin_key", "read_only_key", "site_key", "other"} == set(
            section["network"]
        )
    assert server.credentials["sandbox"]["host"] == "sb2.localhost"
    assert not stage.processes_of(server.data)
    assert not (server.data / "running.json").exists()
    assert not (server.data / "postgres/data/postmaster.pid").exists()
    assert not list(server.data.glob(".credentials*"))


def test_credentials_survive_a_kill_before_they_are_written(prepared: MakeServer) -> None:
    """A start killed between its commit and credentials.json is completed by the next; its credentials work."""
    server = prepared(TRUNKLINE_WORKERS="1")
    content = server.credentials
    (server.data / "credentials.json").unlink()
    section = {name: content[name] for name in ("console", "customer", "network")}
    (server.data / ".credentials-production.json").write_text(json.dumps(section))
    (server.data / ".credentials-sandbox.json").write_text(
        json.dumps({k: v for k, v in content["sandbox"].items() if k != "host"})
    )
    server.start()
    assert server.credentials["customer"]["client_id"] == content["customer"]["client_id"]
    assert server.credentials["base_url"] == server.url
    assert server.credentials["network"] == content["network"]
    assert server.credentials["sandbox"]["network"] == content["sandbox"]["network"]
    assert server.token()
    assert server.token(environment="sandbox")
    assert not list(server.data.glob(".credentials*"))


def test_credentials_of_another_database_are_not_taken(prepared: MakeServer) -> None:
    """A draft that belongs to no tenant of this database (its transaction never committed) is thrown away."""
    server = prepared(TRUNKLINE_WORKERS="1")
    before = server.credentials
    section = {"console": {}, "customer": {**before["customer"], "client_id": "00001" + "x" * 21}}
    (server.data / ".credentials-production.json").write_text(json.dumps(section))
    server.start()
    assert server.credentials["customer"]["client_id"] == before["customer"]["client_id"]
    assert not list(server.data.glob(".credentials*"))


def test_without_demonstration_and_sandbox(new: MakeServer) -> None:
    """Without demonstration data and sandbox a start makes an empty provider; the sandbox may be switched on later."""
    server = new(TRUNKLINE_DEMO="off", TRUNKLINE_SANDBOX="off", TRUNKLINE_WORKERS="1").start()
    with server.client() as client:
        assert client.get("/v2/accounts").json()["data"] == []
        assert client.get("/v2/accounts", headers={"Host": "sb2.localhost"}).status_code == 404
    assert "sandbox" not in server.credentials
    before = server.credentials
    assert set(before["network"]) == {"username", "password", "admin_key"}, "there is no customer to make the others for"
    assert server.stop() == 0
    server.settings["TRUNKLINE_SANDBOX"] = "on"
    server.start()
    assert server.credentials["customer"] == before["customer"]
    with server.client(environment="sandbox") as client:
        assert client.get("/v2/accounts").json()["data"] == []
    assert server.stop() == 0


def test_killed_at_any_moment_of_the_first_start(new: MakeServer) -> None:
    """A first start killed with -9 at any moment is made good by the next one."""
    server = new(TRUNKLINE_WORKERS="1", TRUNKLINE_DEMO="off")
    for moment in ("postgres/supervisor.lock", "postgres/data/postmaster.pid", ".credentials-production.json"):
        server.start(wait=False)
        stage.wait_for(lambda seen=server.data / moment: seen.exists() or list(server.data.glob("credentials.json")), moment)  # type: ignore[misc]
        assert server.process is not None
        server.process.kill()
        server.process.wait()
    server.start()
    assert server.token()
    assert server.token(environment="sandbox")
    assert server.stop() == 0


# What is refused ------------------------------------------------------------------------------------------------------------


def test_second_server_on_a_folder_is_refused(prepared: MakeServer) -> None:
    """A second start on the same data folder says so, whatever its port, and the first server goes on."""
    server = prepared(TRUNKLINE_WORKERS="1").start()
    assert server.process is not None
    for port in (server.port, Server(server.data).port):
        second = Server(server.data, port=port)
        stage.one_line(
            second.run("serve", check=False), ExitCode.ALREADY_RUNNING, str(server.data), f"pid {server.process.pid}"
        )
    assert status(server) == 200
    assert server.stop() == 0


@pytest.mark.parametrize("offset", [0, 443])
def test_port_in_use(new: MakeServer, offset: int) -> None:
    """A port in use is told in one line that names it, before anything is made."""
    server = new()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", server.port + offset))
        squatter.listen()
        stage.one_line(
            server.run("serve", check=False), ExitCode.ADDRESS_IN_USE, f"port {server.port + offset}", "TRUNKLINE_PORT"
        )
    assert not (server.data / "postgres").exists()
    stage.nothing_runs(server)


def test_data_folder_that_cannot_be(new: MakeServer, tmp_path: Path) -> None:
    """A data folder that cannot be made is told in one line."""
    (tmp_path / "file").write_text("")
    server = new(TRUNKLINE_DATA=str(tmp_path / "file" / "data"))
    stage.one_line(server.run("serve", check=False), ExitCode.CANNOT_WRITE, "TRUNKLINE_DATA", "Not a directory")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, whose size the test sets."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False).returncode != 0
    ):
        pytest.skip("only root may mount a disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_full_disk(small_disk: Path, new: MakeServer) -> None:
    """Whenever the disk becomes full during the first start, one line says so; with room the next start succeeds."""
    server = new("disk/data", TRUNKLINE_WORKERS="1")
    for size in ("64k", "24m", "80m"):
        subprocess.run(["mount", "-o", f"remount,size={size}", small_disk], check=True)
        done = server.run("serve", check=False)
        lines = [line for line in done.stderr.splitlines() if line.startswith("trunkline: ")]
        assert done.returncode == ExitCode.CANNOT_WRITE, (size, done.stderr)
        assert len(lines) == 1, (size, done.stderr)
        assert "Traceback" not in done.stderr, (size, done.stderr)
        stage.nothing_runs(server)
    subprocess.run(["mount", "-o", "remount,size=600m", small_disk], check=True)
    server.start()
    assert server.token()
    assert server.token(environment="sandbox")
    assert server.stop() == 0


def test_every_wrong_setting_is_told_at_once(new: MakeServer) -> None:
    """Wrong settings are told together, each by its name, and no secret is repeated."""
    settings = {
        "TRUNKLINE_WORKERS": "many",
        "TRUNKLINE_PROFILE": "staging",
        "TRUNKLINE_THROTTLE": "perhaps",
        "TRUNKLINE_TRUSTED_PROXIES": "10.0.0.0/99",
        "TRUNKLINE_DATABASE_URL": "mysql://me:hush-hush@db/x",
        "TRUNKLINE_TLS_KEY": "/nowhere/key.pem",
        "TRUNKLINE_HOST": "0.0.0.0",  # noqa: S104
    }
    line = stage.one_line(new(**settings).run("serve", check=False), ExitCode.CONFIGURATION, *settings, "profile local")
    assert "hush-hush" not in line


def test_settings_file(new: MakeServer, tmp_path: Path) -> None:
    """Settings may stand in a .env file; one that cannot be read is told in one line."""
    (tmp_path / ".env").write_text("TRUNKLINE_LOG_LEVEL=loud\n")
    stage.one_line(new().run("serve", check=False), ExitCode.CONFIGURATION, "TRUNKLINE_LOG_LEVEL", "'loud'")
    (tmp_path / ".env").write_bytes(b"TRUNKLINE_PORT=\xff\xfe\n")
    stage.one_line(new().run("serve", check=False), ExitCode.CONFIGURATION, ".env", "UTF-8")


def test_wrong_python(tmp_path: Path) -> None:
    """Without a Python that is new enough, setting up says which is needed, in one line."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "sed", "rm"):
        (tools / name).symlink_to(shutil.which(name) or "")
    (tools / "python3").write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    (tools / "python3").chmod(0o755)
    environment = {"PATH": str(tools), "VENV": str(tmp_path / "venv")}
    done = subprocess.run(["sh", ROOT / "setup.sh", "runtime"], env=environment, capture_output=True, text=True, check=False)
    stage.one_line(done, 1, "3.11", "found: Python 3.9.2")
    assert not (tmp_path / "venv").exists()


# Certificates and the profile production ------------------------------------------------------------------------------------


def own_certificate(folder: Path, name: str) -> dict[str, str]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=x",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return {"TRUNKLINE_TLS_CERTIFICATE": str(certificate), "TRUNKLINE_TLS_KEY": str(key)}


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@needs_openssl
def test_bad_certificates(new: MakeServer, tmp_path: Path) -> None:
    """A certificate that is none, is missing or does not go with its key is told in one line."""
    good, other = own_certificate(tmp_path, "good"), own_certificate(tmp_path, "other")
    (tmp_path / "garbage").write_text("nothing")
    for fault in (
        {"TRUNKLINE_TLS_CERTIFICATE": str(tmp_path / "garbage")},
        {"TRUNKLINE_TLS_CERTIFICATE": str(tmp_path / "absent")},
        {"TRUNKLINE_TLS_KEY": other["TRUNKLINE_TLS_KEY"]},
    ):
        server = new(**{**good, **fault})
        stage.one_line(server.run("serve", check=False), ExitCode.CONFIGURATION, next(iter(fault.values())))
    assert not (server.data / "postgres").exists()


@needs_openssl
def test_profile_production(prepared: MakeServer, tmp_path: Path) -> None:
    """Production answers every plain request with 400, believes only its proxies, and serves HTTPS with its own certificate."""
    own = own_certificate(tmp_path, "own")
    server = prepared(
        TRUNKLINE_PROFILE="production", TRUNKLINE_TRUSTED_PROXIES="127.0.0.1", TRUNKLINE_WORKERS="1", **own
    ).start()
    forwarded = {"X-Forwarded-Proto": "https"}
    stranger = httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
    for path in ("/v2/accounts", "/healthz", "/readyz", "/metrics", "/docs", "/nothing/here", "/"):
        assert httpx.get(server.url + path).status_code == 400, path
        assert stranger.get(path, headers=forwarded).status_code == 400, path
    assert httpx.post(f"{server.url}/oauth2/token").status_code == 400
    assert httpx.options(f"{server.url}/v2/accounts").status_code == 400
    assert httpx.get(f"{server.url}/readyz", headers=forwarded).status_code == 200
    assert httpx.get(f"{server.url}/v2/accounts", headers=forwarded).status_code == 401
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=own["TRUNKLINE_TLS_CERTIFICATE"])
        context.minimum_version = context.maximum_version = version
        assert httpx.get(f"{server.https_url}/readyz", verify=context).status_code == 200
    assert server.credentials["base_url"] == server.https_url
    assert server.stop() == 0


def test_local_https(prepared: MakeServer) -> None:
    """Profile local serves HTTPS beside HTTP with a certificate that names localhost, the sandbox and the loopback addresses."""
    server = prepared(TRUNKLINE_WORKERS="1").start()
    context = ssl.create_default_context(cafile=server.data / "localhost.crt")
    assert httpx.get(f"{server.https_url}/readyz", verify=context).status_code == 200
    with (
        socket.create_connection(("127.0.0.1", server.port + 443)) as raw,
        context.wrap_socket(raw, server_hostname="sb2.localhost") as tls,
    ):
        assert tls.version() == "TLSv1.3"
    assert stat.S_IMODE((server.data / "localhost.key").stat().st_mode) == 0o600
    assert server.stop() == 0


# Ending ---------------------------------------------------------------------------------------------------------------------


MOMENTS = {
    "server.lock": signal.SIGINT,
    "postgres/supervisor.lock": signal.SIGTERM,
    "postgres/data.new-*/data/PG_VERSION": signal.SIGINT,
    "postgres/data/postmaster.pid": signal.SIGTERM,
    "postgres/data/base/1638?": signal.SIGINT,  # the databases are being made
    "credentials.json": signal.SIGTERM,
}


def test_stopped_at_any_moment_of_a_start(new: MakeServer) -> None:
    """Ctrl-C or SIGTERM at any moment of a start ends it in order: no traceback, no process, and the next start succeeds."""
    server = new(TRUNKLINE_WORKERS="1", TRUNKLINE_DEMO="off")
    for moment, sent in MOMENTS.items():
        server.start(wait=False)
        stage.wait_for(lambda sought=moment: list(server.data.glob(sought)), moment)  # type: ignore[misc]
        assert server.stop(sent) == 0, (moment, server.log.read_text()[-2000:])
        assert not stage.processes_of(server.data), moment
        assert not list(server.data.glob("postgres/data/postmaster.pid")), moment
        assert "Traceback" not in server.log.read_text(), moment
    server.start()
    assert server.token()
    assert server.stop() == 0


async def test_requests_in_flight_are_answered(prepared: MakeServer) -> None:
    """At SIGTERM what is being answered is finished, new connections are refused, and PostgreSQL ends last."""
    server = await asyncio.to_thread(lambda: prepared().start())
    assert server.process is not None
    token = {"Authorization": f"Bearer {server.token()}"}
    service = httpx.get(f"{server.url}/v2/services?page[limit]=1", headers=token).json()["data"][0]["serviceId"]
    connection = await asyncpg.connect(dsn_of(server))
    holding = connection.transaction()
    await holding.start()
    await connection.execute("SELECT 1 FROM services FOR UPDATE")  # a new case has to wait for its service's row
    body = {**INCIDENT, "serviceId": service, "message": "held"}
    async with httpx.AsyncClient(headers=token, timeout=30, verify=False) as client:  # noqa: S501
        urls = (server.url, server.url, server.https_url)
        posts = [asyncio.create_task(client.post(f"{url}/v2/cases", json=body)) for url in urls]
        observer = await asyncpg.connect(dsn_of(server))
        async with asyncio.timeout(20):
            while await observer.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") < len(posts):
                await asyncio.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            with contextlib.suppress(OSError):
                while True:
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    writer.close()
                    await asyncio.sleep(0.02)
        assert not any(post.done() for post in posts)
        await holding.rollback()
        assert [answer.status_code for answer in await asyncio.gather(*posts)] == [201, 201, 201]
    await connection.close()
    await observer.close()
    assert await asyncio.to_thread(server.stop) == 0
    assert not stage.processes_of(server.data)


# Parts that die -------------------------------------------------------------------------------------------------------------


def test_dead_parts_are_replaced(prepared: MakeServer) -> None:
    """A worker, a listener or PostgreSQL killed with -9 is replaced; without the database answers are 503 with Retry-After."""
    server = prepared(TRUNKLINE_WORKERS="2").start()
    with server.client() as client:
        killed = workers_killed(server)
        stage.wait_for(lambda: len(stage.workers_of(server)) == len(killed), "new workers")
        stage.wait_for(lambda: status(server) == 200, "readiness after the workers' death")
        before = stage.listeners_of(server)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        stage.wait_for(lambda: len(set(stage.listeners_of(server)) - set(before)) == 2, "new listeners")
        stage.wait_for(lambda: status(server) == 200, "readiness after the listeners' death")
        stage.wait_for(lambda: len(stage.workers_of(server)) == len(killed), "no more workers than before")

        old = stage.postmaster_of(server)
        os.kill(old, signal.SIGKILL)

        def answered() -> bool:
            answer = client.get("/v2/accounts?page[limit]=1")
            assert answer.status_code in (200, 503), answer.text
            assert answer.status_code == 200 or int(answer.headers["Retry-After"]) >= 1
            return answer.status_code == 200 and new_postmaster(server, old)

        stage.wait_for(answered, "answers after PostgreSQL's death")
        stage.wait_for(lambda: status(server) == 200, "readiness after PostgreSQL's death")
    assert server.stop() == 0
    assert not stage.processes_of(server.data)


def new_postmaster(server: Server, old: int) -> bool:
    """Whether another PostgreSQL than `old` runs."""
    try:
        return stage.postmaster_of(server) != old
    except (OSError, ValueError):
        return False


def workers_killed(server: Server) -> list[int]:
    """Kill every worker; who they were."""
    workers = stage.workers_of(server)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    stage.wait_for(lambda: not set(workers) & set(stage.workers_of(server)), "the workers' death")
    return workers


def test_killed_supervisor_takes_everything_along(prepared: MakeServer) -> None:
    """After kill -9 of the supervisor alone everything ends by itself, and a start right after it succeeds."""
    server = prepared(TRUNKLINE_WORKERS="2").start()
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()
    assert server.token()
    server.process.kill()
    server.process.wait()
    stage.nothing_runs(server)


# Telemetry ------------------------------------------------------------------------------------------------------------------


def test_metrics_and_logs(prepared: MakeServer) -> None:
    """Metrics count both listeners' workers and outlive them; logs are JSON lines that carry the request's id."""
    server = prepared(TRUNKLINE_WORKERS="2").start()
    context = ssl.create_default_context(cafile=server.data / "localhost.crt")
    with server.client() as client:
        for number in range(6):
            assert client.get("/v2/accounts?page[limit]=1", headers={"X-Request-Id": f"mine-{number}"}).status_code == 200
        token = {"Authorization": client.headers["Authorization"]}
    assert httpx.get(f"{server.https_url}/v2/accounts?page[limit]=1", headers=token, verify=context).status_code == 200
    stage.wait_for(lambda: counted(server, 'operation="listAccounts",status="200"') == 7, "the counts of all workers")
    stage.wait_for(lambda: "mine-5" in server.log.read_text(), "the lines that are written twice a second")
    workers_killed(server)
    stage.wait_for(lambda: status(server) == 200, "readiness after the workers' death")
    assert counted(server, 'operation="listAccounts",status="200"') == 7
    stage.wait_for(
        lambda: 0 < counted(server, 'trunkline_database_connections{environment="production"}') < 20, "living connections only"
    )
    assert server.stop() == 0
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("{")]
    entries = [json.loads(line) for line in lines]
    assert {f"mine-{number}" for number in range(6)} <= {entry.get("request_id") for entry in entries}
    assert all({"timestamp", "level", "event"} <= set(entry) for entry in entries)
    assert any("worker" in entry["event"] for entry in entries), "the HTTP server's own log lines are JSON too"
    assert "[ERROR]" not in server.log.read_text()


def counted(server: Server, what: str) -> float:
    """The value of the metric's line that contains `what`; 0 when there is none."""
    text = httpx.get(f"{server.url}/metrics").text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if what in line and not line.startswith("#"))


def test_uninstalled_commands_explain_themselves() -> None:
    """`python -m trunkline` without a command shows the commands and does nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "trunkline"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert "serve" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
