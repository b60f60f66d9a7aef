"""The command line beside a running server, without one, and where it has to refuse."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.serving import Server
from trunkline.kit.startup import ExitCode

NOWHERE = "https://receiver.invalid/hooks"  # a name that no server knows (RFC 2606)
SCOPES = ("--scope", "customerapi/basic.read", "--scope", "customerapi/support.read")


def answer(server: Server, *command: str) -> Any:
    return json.loads(server.run(*command, "--json").stdout)


def token_of(server: Server, client: dict[str, Any], host: str = "127.0.0.1") -> httpx.Response:
    data = {"grant_type": "client_credentials", "scope": " ".join(client["scopes"])}
    return httpx.post(
        f"{server.url}/oauth2/token", data=data, auth=(client["client_id"], client["client_secret"]), headers={"Host": host}
    )


def get(server: Server, token: str, host: str = "127.0.0.1") -> httpx.Response:
    return httpx.get(f"{server.url}/v2/accounts?page[limit]=2", headers={"Authorization": f"Bearer {token}", "Host": host})


# Beside a running server ----------------------------------------------------------------------------------------------------


def test_credentials(server: Server) -> None:
    """`credentials --json` prints the whole file; without --json it is for people."""
    assert answer(server, "credentials") == server.credentials
    shown = server.run("credentials").stdout
    assert server.credentials["customer"]["client_secret"] in shown
    assert server.credentials["console"]["password"] in shown


def test_client_create_and_revoke(server: Server) -> None:
    """A client made on the command line works at once, sees what its account sees, and ends at once when it is revoked."""
    account = get(server, server.token()).json()["data"][0]["accountId"]
    client = answer(server, "client", "create", "Made by hand", *SCOPES, "--account", account)
    assert client["scopes"] == [SCOPES[1], SCOPES[3]]
    token = token_of(server, client).json()["access_token"]
    seen = {row["accountId"] for row in get(server, token).json()["data"]}
    assert account in seen
    assert get(server, server.token("other")).json()["data"][0]["accountId"] not in seen
    server.run("client", "revoke", client["client_id"])
    assert get(server, token).status_code == 401
    assert token_of(server, client).status_code == 401


def test_client_for_the_operator(server: Server) -> None:
    """Without an account a client is the operator's: it sees every customer."""
    token = token_of(server, answer(server, "client", "create", "Operator", *SCOPES)).json()["access_token"]
    listed = httpx.get(f"{server.url}/v2/accounts?page[limit]=100", headers={"Authorization": f"Bearer {token}"}).json()["data"]
    ids = {row["accountId"] for row in listed}
    for who in ("", "other"):
        assert get(server, server.token(who)).json()["data"][0]["accountId"] in ids


def test_token_create(server: Server) -> None:
    """`token create` alone prints a token that works, and nothing else, so that it can stand in $( )."""
    printed = server.run("token", "create").stdout
    assert printed == printed.strip() + "\n"
    assert get(server, printed.strip()).status_code == 200
    read_only = server.credentials["customer"]["read_only"]
    issued = answer(server, "token", "create", read_only["client_id"], "--scope", "customerapi/basic.read")
    assert issued["token_type"] == "Bearer"
    assert issued["scopes"] == ["customerapi/basic.read"]
    assert issued["expires_in"] > 0
    assert get(server, issued["access_token"]).status_code == 200


def test_sandbox_is_apart(server: Server) -> None:
    """What is made in the sandbox is unknown in production."""
    printed = server.run("token", "create", "--environment", "sandbox").stdout.strip()
    assert get(server, printed, "sb2.localhost").status_code == 200
    assert get(server, printed).status_code == 401
    client = answer(server, "client", "create", "Sandbox only", *SCOPES, "--environment", "sandbox")
    assert token_of(server, client).status_code == 401
    assert token_of(server, client, "sb2.localhost").status_code == 200


def test_user_create(server: Server) -> None:
    """A user is made with a password that is shown once, or with one from standard input that is not shown."""
    made = answer(server, "user", "create", "ann@example.com", "--role", "administrator")
    assert made["username"] == "ann@example.com"
    assert len(made["password"]) >= 12
    done = run(server, "user", "create", "bob@example.com", "--password-stdin", "--json", text="Long-enough-1\n")
    assert "password" not in json.loads(done.stdout)


def test_tenant_create(server: Server) -> None:
    """A new tenant has a number, and clients of its own that see nothing of the others."""
    tenant = answer(server, "tenant", "create", "Another provider")
    client = answer(server, "client", "create", "First", *SCOPES, "--tenant", str(tenant["number"]))
    token = token_of(server, client).json()["access_token"]
    assert get(server, token).json()["data"] == []


def test_clock(server: Server) -> None:
    """The sandbox's clock moves for every process at once, and only forward; production has none."""
    before = datetime.fromisoformat(answer(server, "clock", "show")["now"])
    moved = answer(server, "clock", "advance", "3600", "--environment", "sandbox")
    assert 3590 < (datetime.fromisoformat(moved["now"]) - before).total_seconds() < 3700
    assert moved["seconds_ahead"] >= 3600
    line = stage.one_line(server.run("clock", "advance", "60", "--environment", "production", check=False), ExitCode.USAGE)
    assert "production has no clock" in line
    assert server.run("clock", "advance", "-5", check=False).returncode == ExitCode.USAGE
    far = server.run("clock", "advance", str(100 * 366 * 86_400), check=False)  # in all it would be more than a hundred years
    assert (far.returncode != 0, "more than a hundred years" in far.stderr) == (True, True)


def test_webhooks(server: Server) -> None:
    """An endpoint is made for an account, shown, paused, rotated and deleted; the account's own clients see it."""
    account = get(server, server.token()).json()["data"][0]["accountId"]
    made = answer(server, "webhook", "create", NOWHERE, "--event-type", "account.removed", "--account", account)
    id_, path = made["endpoint_id"], f"/v2/webhook-endpoints/{made['endpoint_id']}"
    assert made["secret"].startswith("whsec_")
    with server.client() as customer, server.client("other") as other:
        assert customer.get(path).json()["data"]["publicKey"] == made["public_key"]
        assert other.get(path).status_code == 404
        assert answer(server, "webhook", "pause", id_)["status"] == "paused"
        assert customer.get(path).json()["data"]["status"] == "Paused"
        assert answer(server, "webhook", "resume", id_)["status"] == "active"
        assert id_ in [
            one["endpoint_id"] for one in answer(server, "webhook", "list", "--account", account)["webhook_endpoints"]
        ]
        others = other.get("/v2/accounts", params={"page[limit]": 1}).json()["data"][0]["accountId"]
        assert id_ not in server.run("webhook", "list", "--account", others).stdout
        assert NOWHERE in server.run("webhook", "list").stdout
        rotated = answer(server, "webhook", "rotate", id_, "--overlap-hours", "0")
        assert rotated["secret"] != made["secret"]
        assert "secret" not in answer(server, "webhook", "show", id_)
        own = f"whsec_{'A' * 43}="
        done = run(server, "webhook", "rotate", id_, "--secret-stdin", "--json", text=f"{own}\n")
        assert "secret" not in json.loads(done.stdout)
        assert "is deleted" in server.run("webhook", "delete", id_).stdout
        assert customer.get(path).status_code == 404


def test_webhook_deliveries(server: Server) -> None:
    """A test says what came of it; what failed is listed, and sent again: one, or by the time."""
    made = answer(server, "webhook", "create", NOWHERE, "--event-type", "account.removed")
    id_ = made["endpoint_id"]
    done = server.run("webhook", "test", id_, "--json", check=False)
    assert done.returncode == ExitCode.FAILED
    outcome = json.loads(done.stdout)
    assert (outcome["status"], outcome["event_type"]) == ("failed", "webhook.test")
    assert outcome["failure"] in done.stderr
    (listed,) = answer(server, "webhook", "deliveries", id_, "--status", "failed")["deliveries"]
    assert listed == outcome
    assert outcome["delivery_id"] in server.run("webhook", "deliveries", id_).stdout
    assert answer(server, "webhook", "deliveries", id_, "--status", "delivered") == {"deliveries": []}
    assert answer(server, "webhook", "replay", id_, "--delivery", outcome["delivery_id"]) == {"replayed": 1}
    assert answer(server, "webhook", "replay", id_, "--failed-since", "2020-01-01") == {"replayed": 0}  # tests are left alone
    assert answer(server, "webhook", "replay", id_, "--from", "2020-01-01", "--to", "2020-02-01") == {"replayed": 0}
    server.run("webhook", "delete", id_)


def test_migrate_beside_a_running_server(server: Server) -> None:
    """`migrate` beside a running server finds nothing to do and says so."""
    assert "up to date" in server.run("migrate").stdout


def test_doctor_beside_a_running_server(server: Server) -> None:
    """`doctor` looks at settings, folder, databases and ports, one line each."""
    done = server.run("doctor", check=False)
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok ", "WRONG")) for line in lines)
    for what in ("python", "settings", "data", "production", "sandbox", "ports"):
        assert any(what in line for line in lines), what
    assert f"port {server.port}" in done.stdout


# Without a running server ---------------------------------------------------------------------------------------------------


def test_without_a_running_server(prepared: MakeServer) -> None:
    """Commands start the embedded PostgreSQL for a moment, several at once too, and leave nothing behind."""
    server = prepared()
    commands = (
        ("client", "create", "Alone", *SCOPES, "--json"),
        ("user", "create", "carl@example.com", "--json"),
        ("clock", "advance", "7200", "--json"),
    )
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda command: server.run(*command, check=False), commands))
    assert [done.returncode for done in results] == [0, 0, 0], [done.stderr for done in results]
    assert not stage.processes_of(server.data)
    assert server.run("doctor", check=False).stdout.count("is free") == 2
    client = next(json.loads(done.stdout) for done in results if "client_id" in done.stdout)
    server.start()
    assert token_of(server, client).status_code == 200
    assert answer(server, "clock", "show")["seconds_ahead"] == 7200
    assert server.stop() == 0


def test_while_the_server_starts(prepared: MakeServer) -> None:
    """A command that is called while the server starts waits for it, and the server waits for a command that was first."""
    server = prepared(TRUNKLINE_WORKERS="1").start(wait=False)
    stage.wait_for((server.data / "server.lock").exists, "the start")
    assert server.run("token", "create").stdout.startswith("tlat_")
    assert server.stop() == 0
    done: list[subprocess.CompletedProcess[str]] = []
    command = threading.Thread(target=lambda: done.append(server.run("clock", "advance", "60", check=False)))
    command.start()
    server.start()
    command.join()
    assert done[0].returncode == 0, done[0].stderr
    assert server.stop() == 0


def test_a_revoked_demonstration_does_not_stop_a_start(prepared: MakeServer) -> None:
    """When the demonstration's reading client is revoked, or credentials.json is moved away, the screen does without the call."""
    server = prepared(TRUNKLINE_WORKERS="1")
    server.run("client", "revoke", server.credentials["customer"]["read_only"]["client_id"])
    server.start()
    stage.wait_for(lambda: "Credentials" in server.log.read_text(), "the screen")
    assert "Bearer tlat_" not in server.log.read_text()
    assert server.stop() == 0
    (server.data / "credentials.json").rename(server.data / "elsewhere.json")
    server.start()
    stage.wait_for(lambda: "none in this data folder" in server.log.read_text(), "the screen")
    assert server.stop() == 0


# What is refused ------------------------------------------------------------------------------------------------------------


def run(server: Server, *command: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trunkline", *command], cwd=server.data.parent, env=server.environment, input=text,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("client", "create", "X", "--scope", "customerapi/everything"), "customerapi/everything"),
        (("client", "create", "", "--scope", "customerapi/basic.read"), "name"),
        (("client", "create", "X", "--scope", "customerapi/basic.read", "--account", "ACC-1"), "ACC-1"),
        (("client", "create", "X", "--scope", "customerapi/basic.read", "--tenant", "99"), "tenant 99"),
        (("client", "revoke", "nobody"), "nobody"),
        (("token", "create", "nobody"), "nobody"),
        (("token", "create", "00001" + "0" * 21), "0000"),
        (("token", "create", "--scope", "customerapi/apiclients.manage"), "customerapi/apiclients.manage"),
        (("user", "create", "admin@trunkline.example"), "taken"),
        (("webhook", "create", "no address", "--event-type", "case.*"), "url"),
        (("webhook", "create", "https://receiver.invalid/", "--event-type", "case.lost"), "case.lost"),
        (("webhook", "create", "https://receiver.invalid/", "--event-type", "*", "--account", "ACC-1"), "ACC-1"),
        (("webhook", "show", "WHE-1"), "WHE-1"),
        (("webhook", "test", "WHE-1"), "WHE-1"),
        (("webhook", "replay", "WHE-1"), "--delivery"),
        (("webhook", "replay", "WHE-1", "--from", "2020-01-01", "--failed-since", "2020-01-01"), "--failed-since"),
        (("webhook", "replay", "WHE-1", "--from", "yesterday"), "yesterday"),
        (("user", "create", "dora", "--role", "customer_administrator"), "account"),
    ],
)
def test_refusals_are_one_line(server: Server, command: tuple[str, ...], says: str) -> None:
    """What cannot be done is said in one line that names it, with exit code 2."""
    stage.one_line(server.run(*command, check=False), ExitCode.USAGE, says)


def test_empty_password(server: Server) -> None:
    """An empty password on standard input is refused."""
    stage.one_line(run(server, "user", "create", "eve", "--password-stdin"), ExitCode.USAGE, "no password")


def test_unknown_commands(server: Server) -> None:
    """An unknown command or option is refused with exit code 2 and no traceback."""
    for command in (("dance",), ("client", "dance"), ("serve", "--fast"), ("clock", "advance")):
        done = server.run(*command, check=False)
        assert done.returncode == ExitCode.USAGE, command
        assert "Traceback" not in done.stderr


def test_nothing_there_yet(tmp_path: Path) -> None:
    """In a folder without a server, commands say that one has to be started first, and make nothing."""
    server = Server(tmp_path / "data")
    for command in (("credentials",), ("token", "create"), ("client", "create", "X", *SCOPES), ("clock", "show")):
        stage.one_line(server.run(*command, check=False), ExitCode.CONFIGURATION, "start the server once")
    assert not (tmp_path / "data").exists()


def test_help(server: Server) -> None:
    """Every command and every option explains itself."""
    top = server.run("--help").stdout
    commands = ("serve", "migrate", "doctor", "credentials", "client", "token", "user", "tenant", "clock", "webhook")
    assert [command for command in commands if command not in top] == []
    with ThreadPoolExecutor(3) as threads:
        assert all(done.stdout.strip() for done in threads.map(lambda command: server.run(command, "--help"), commands))


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    """`doctor` names settings that nothing reads and databases that cannot be reached, and exits with 1."""
    settings = {"TRUNKLINE_PROT": "9000", "TRUNKLINE_DATABASE_URL": "postgresql://me@127.0.0.1:9/x"}
    done = Server(tmp_path / "data", settings).run("doctor", check=False)
    assert done.returncode == ExitCode.FAILED
    assert "TRUNKLINE_PROT" in done.stdout
    assert "cannot be reached" in done.stdout
    done = Server(tmp_path / "data", {"TRUNKLINE_WORKERS": "0"}).run("doctor", check=False)
    assert "WRONG  settings" in done.stdout
