"""Encryption at rest: what is sealed is in no dump, keys are rotated under load, and no server starts without what it needs."""

import base64
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import MakeDatabase
from tests.domains import house
from tests.serving import ROOT
from trunkline.dialects.customer.webhooks import CustomerPresenter
from trunkline.domains.connectivity.inventory import service as inventory
from trunkline.domains.connectivity.inventory.service import KeysetDraft
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import SubscriberDraft
from trunkline.domains.identity.service import create_tenant
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks import store as webhook_store
from trunkline.domains.webhooks.sealing import open_keys
from trunkline.domains.webhooks.service import EndpointDraft, UrlPolicy
from trunkline.domains.webhooks.signing import secret_text
from trunkline.kit.clock import wall_clock
from trunkline.kit.keyring import KeyFile, new_key
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.startup import ExitCode
from trunkline.resealing import SEALED
from trunkline.sealing import adopt

# Columns of bytes that hold no secrets in need of a key: digests, answers that were given out, what waits in the queue.
UNSEALED = {
    "api_clients.secret_hash", "access_tokens.token_hash", "sessions.session_hash", "api_tokens.token_hash",
    "request_guard.scope", "request_guard.fingerprint", "request_guard.body", "pgqueuer.payload",
}  # fmt: skip


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    """A database of the test's own with one tenant."""
    dsn = await make_database()
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO environments (name, created_at) VALUES ('production', now())")
    await create_tenant(connection, "Sealed", wall_clock())
    await connection.close()
    return dsn


async def adopted(dsn: str, source: KeyFile) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return await adopt(connection, source, "production")
    finally:
        await connection.close()


def run(dsn: str, data: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A `trunkline` command on this database."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")},
        "PYTHONPATH": str(ROOT / "src"), "TRUNKLINE_DATABASE_URL": dsn, "TRUNKLINE_SANDBOX": "off", "TRUNKLINE_DATA": str(data),
        **settings,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "trunkline", *command],
        cwd=data,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answer(dsn: str, data: Path, *command: str, **settings: str) -> Any:
    done = run(dsn, data, "keys", *command, "--json", **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# What is sealed ------------------------------------------------------------------------------------------------------------


async def test_every_column_of_bytes_is_sealed_or_known(dsn: str) -> None:
    """A column that could hold a secret is either sealed, counted and re-sealed with the others, or named as harmless."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        """
        SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.atttypid = 'bytea'::regtype AND NOT a.attisdropped
        """
    )
    await connection.close()
    sealed = {f"{table}.{column}" for table, columns in SEALED.items() for column in columns}
    assert {row[0] for row in rows} == sealed | UNSEALED


def spellings(secret: bytes) -> Iterator[bytes]:
    """Every way in which a secret may stand in a dump."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield base64.b64encode(secret).rstrip(b"=")
    yield base64.urlsafe_b64encode(secret).rstrip(b"=")


async def webhook_keys(built: house.House) -> list[bytes]:
    """The secrets and private keys of an endpoint, those before its rotation too."""
    policy, presenter = UrlPolicy(https_only=True, allowed=Allowed()), CustomerPresenter("https://api.example.com")
    rights = house.ALL | {"webhooks.read", "webhooks.manage"}
    async with built.writing(built.customer, rights) as work:
        draft = EndpointDraft("https://hooks.example.com/", ["case.*"], secret=secret_text(os.urandom(24)))
        endpoint, _ = await webhooks.create_endpoint(work, draft, policy, presenter)
    async with built.writing(built.customer, rights) as work:
        await webhooks.rotate_secret(work, endpoint.reference)
        stored = await webhook_store.lock(work, endpoint.id)
        assert stored is not None
        keys = open_keys(work.keyring, endpoint.id, stored.keys, work.now)
    assert len(keys) == 2
    return [part for generation in keys for part in (generation.secret, generation.signing_key)]


async def test_a_dump_holds_neither_keys_nor_what_they_seal(make_database: MakeDatabase) -> None:
    """A copy of every table shows no encryption key, SIM key or webhook's secret, in no spelling, also after changes and in events."""
    built = await house.build(await make_database())
    assert built.realm.keyring is not None
    op, k, opc, changed = (os.urandom(16) for _ in range(4))
    async with built.writing(built.customer) as work:
        await inventory.KEYSETS.create(work, KeysetDraft(name="Dumped", op=op.hex()))
        made = await subscribers.create_subscriber(
            work, SubscriberDraft(imsi="001019999999999", msisdn="499999999999", k=k.hex(), opc=opc.hex())
        )
    async with built.writing(built.customer) as work:
        await subscribers.change_subscriber(work, made.reference, SubscriberDraft(k=changed.hex()))
    signing = await webhook_keys(built)
    dump = io.BytesIO()
    connection = await asyncpg.connect(built.realm.pool.dsn)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for (table,) in tables:
        await connection.copy_from_table(table, output=dump)
        await connection.copy_from_table(table, output=dump, format="binary")
    await connection.close()
    content = dump.getvalue()
    assert content.count(built.realm.keyring.current_id.encode()) >= 3, "what is sealed is in the dump"
    keys = [key.secret for key in built.realm.keyring._read()]
    assert not [
        spelled for secret in (op, k, opc, changed, *signing, *keys) for spelled in spellings(secret) if spelled in content
    ]
    await built.realm.close()


# Rotation ------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def node(dsn: str, data: Path, seed: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that writes and reads subscribers' keys all the time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.security.keys_node", dsn, str(data), str(seed)],
        cwd=ROOT, env={"PYTHONPATH": "src:."}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended_well(process: "subprocess.Popen[str]") -> int:
    """How many subscribers it wrote, all read back well."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return int(out)


async def test_keys_are_rotated_while_processes_write_and_read(dsn: str, tmp_path: Path) -> None:
    """Two processes write and read SIM keys without a single error while keys are rotated twice and the old ones removed."""
    first = await adopted(dsn, KeyFile(tmp_path / "secret.key"))
    with node(dsn, tmp_path, 1) as one, node(dsn, tmp_path, 2) as two:
        await written(dsn, 40, one, two)
        rotated = [answer(dsn, tmp_path, "rotate") for _ in range(2)]
        assert rotated[0]["old"] == [first]
        assert rotated[0]["resealed"]["production"] >= 40
        listed = answer(dsn, tmp_path, "list")["keys"]
        assert [key["state"] for key in listed] == ["current", "old", "old"]
        pruned = answer(dsn, tmp_path, "prune")
        assert set(pruned["removed"]) == {first, rotated[0]["current"]}
        now = await count(dsn)
        await written(dsn, now + 20, one, two)
        total = ended_well(one) + ended_well(two)
    assert total == await count(dsn)
    (listed_last,) = answer(dsn, tmp_path, "list")["keys"]
    assert listed_last == {"id": rotated[1]["current"], "state": "current", "uses": {"production": 2 * total}}
    assert len(KeyFile(tmp_path / "secret.key").read()) == 1


async def count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    number: int = await connection.fetchval("SELECT count(*) FROM subscribers")
    await connection.close()
    return number


async def written(dsn: str, number: int, *processes: "subprocess.Popen[str]") -> None:
    """Wait until there are so many subscribers; no process may have ended meanwhile."""
    deadline = time.monotonic() + 30
    while await count(dsn) < number:
        for process in processes:
            assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the processes do not write"
        time.sleep(0.05)


async def test_a_key_that_is_used_stays(dsn: str, tmp_path: Path) -> None:
    """Pruning refuses while a single value needs an old key, and says what to do; afterwards it removes the key."""
    source = KeyFile(tmp_path / "secret.key")
    old = await adopted(dsn, source)
    with node(dsn, tmp_path, 1) as process:
        await written(dsn, 3, process)
        ended_well(process)
    source.write([new_key(), *source.read()])
    refused = run(dsn, tmp_path, "keys", "prune")
    assert refused.returncode == ExitCode.FAILED
    assert old in refused.stderr
    assert "trunkline keys reseal" in refused.stderr
    assert len(source.read()) == 2
    answer(dsn, tmp_path, "reseal")
    assert answer(dsn, tmp_path, "prune")["removed"] == [old]
    assert len(source.read()) == 1


async def test_prune_waits_for_what_is_under_way(dsn: str, tmp_path: Path) -> None:
    """A transaction that began before the rotation may still write with the old key: it is waited for, then refused."""
    await adopted(dsn, KeyFile(tmp_path / "secret.key"))
    connection = await asyncpg.connect(dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetch("SELECT 1")
    answer(dsn, tmp_path, "rotate")
    refused = run(dsn, tmp_path, "keys", "prune", "--wait", "6")
    assert refused.returncode == ExitCode.FAILED
    assert "1 transactions" in refused.stderr
    await transaction.rollback()
    await connection.close()
    assert answer(dsn, tmp_path, "prune")["removed"]


async def test_keys_of_a_variable(dsn: str, tmp_path: Path) -> None:
    """Keys of a variable are the operator's to change: rotate says how, reseal and prune do their part."""
    old, new = new_key(), new_key()
    first = {"TRUNKLINE_SECRET_KEY": old.spelled}
    both = {"TRUNKLINE_SECRET_KEY": f"{new.spelled},{old.spelled}"}
    answer(dsn, tmp_path, "reseal", **first)
    told = run(dsn, tmp_path, "keys", "rotate", **first)
    assert told.returncode == ExitCode.USAGE
    assert "TRUNKLINE_SECRET_KEY" in told.stderr
    assert old.spelled not in told.stderr
    assert answer(dsn, tmp_path, "reseal", **both)["current"] == new.id
    pruned = answer(dsn, tmp_path, "prune", **both)
    assert pruned["removed"] == [old.id]
    assert old.id in pruned["next"]
    assert not (tmp_path / "secret.key").exists()
    foreign = run(dsn, tmp_path, "keys", "prune", **first)
    assert foreign.returncode == ExitCode.CONFIGURATION
    assert new.id in foreign.stderr


# Starting ------------------------------------------------------------------------------------------------------------------


def damage_text(path: Path) -> None:
    path.write_text(path.read_text()[:-10])


def empty(path: Path) -> None:
    path.write_text("")


def open_up(path: Path) -> None:
    path.chmod(0o640)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def exchange(path: Path) -> None:
    KeyFile(path).write([new_key()])


WRONG: dict[str, Callable[[Path], object]] = {
    "damaged": damage_text, "is damaged: it holds no key": empty, "mode 0640": open_up, "cannot be read": link,
    "does not hold": exchange, "but there is no": Path.unlink,
}  # fmt: skip


@pytest.mark.parametrize("says", WRONG)
async def test_no_start_without_the_keys_that_are_needed(says: str, dsn: str, tmp_path: Path) -> None:
    """A server whose key file is missing, damaged, open to others or another one's says so in one line, and so does doctor."""
    path = tmp_path / "secret.key"
    key_id = await adopted(dsn, KeyFile(path))
    spelled = KeyFile(path).read()[0].spelled
    WRONG[says](path)
    for command in ("serve", "doctor") if says == "but there is no" else ("serve",):
        done = run(dsn, tmp_path, command, TRUNKLINE_DEMO="off", TRUNKLINE_PORT="31999")
        told = done.stderr + (done.stdout if command == "doctor" else "")
        assert done.returncode == (ExitCode.CONFIGURATION if command == "serve" else ExitCode.FAILED), told
        assert says in told
        assert str(path) in told
        assert spelled not in told
        assert command == "doctor" or told.count("\n") == 1
        if says in ("does not hold", "but there is no"):
            assert key_id in told


async def test_a_lost_key_can_be_given_up(dsn: str, tmp_path: Path) -> None:
    """Only when its id is typed does a server start without a key that is lost for good."""
    path = tmp_path / "secret.key"
    key_id = await adopted(dsn, KeyFile(path))
    assert run(dsn, tmp_path, "keys", "forget", key_id).returncode == ExitCode.USAGE, "it is not lost"
    path.unlink()
    assert answer(dsn, tmp_path, "forget", key_id)["unreadable"] == {"production": 0}
    assert await adopted(dsn, KeyFile(path)) != key_id


async def test_a_first_start_makes_a_key_for_its_owner_alone(dsn: str, tmp_path: Path) -> None:
    """The file is made once, with mode 0600; another server with a folder of its own is refused."""
    path = tmp_path / "secret.key"
    key_id = await adopted(dsn, KeyFile(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert await adopted(dsn, KeyFile(path)) == key_id
    (tmp_path / "other").mkdir()
    refused = run(dsn, tmp_path / "other", "serve", TRUNKLINE_DEMO="off", TRUNKLINE_PORT="31997")
    assert refused.returncode == ExitCode.CONFIGURATION
    assert key_id in refused.stderr
    assert not (tmp_path / "other" / "secret.key").exists()
