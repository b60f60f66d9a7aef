"""`trunkline doctor`: what would keep a server from starting or running, one line each."""

import asyncio
import sys
from collections.abc import Iterator
from enum import StrEnum

import asyncpg
import typer

from trunkline import migrations
from trunkline.cli.connect import database_addresses
from trunkline.cli.show import say
from trunkline.kit.embedded import find_binaries
from trunkline.kit.jobs.queue import APPLICATION, COUNT, WORKERS
from trunkline.kit.keyring.registry import registered
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.sealing import missing_text, source_of
from trunkline.settings import Profile, Settings, load, unknown, variable
from trunkline.supervisor.databases import close, connect, room_in, shown
from trunkline.supervisor.running import State, look, make_data_folder
from trunkline.supervisor.servers import servers_of
from trunkline.webhooks import bases_of

app = typer.Typer()

GIGABYTE = 1024**3
ENOUGH = GIGABYTE  # of free disk


class Verdict(StrEnum):
    """How it stands with what was looked at. A note is nothing wrong, but seldom what is wanted."""

    OK = "ok"
    NOTE = "note"
    WRONG = "WRONG"

    @classmethod
    def when(cls, well: bool) -> "Verdict":
        """The verdict on what is either well or wrong."""
        return cls.OK if well else cls.WRONG


Finding = tuple[Verdict, str, str]  # what was looked at, and what was seen


@app.command()
def doctor() -> None:
    """Check settings, data folder, database, migrations and ports: one line each, exit code 1 when anything is wrong."""
    findings = asyncio.run(_examine())
    for verdict, what, seen in findings:
        say(f"{verdict:<7}{what:<12}{seen}")
    sys.exit(ExitCode.FAILED if any(verdict is Verdict.WRONG for verdict, _, _ in findings) else 0)


async def _examine() -> list[Finding]:
    findings = [(Verdict.OK, "python", sys.version.split()[0])]
    try:
        settings = load()
    except StartupError as error:
        return [*findings, (Verdict.WRONG, "settings", str(error))]
    strange = unknown()
    seen = f"nothing reads {', '.join(strange)}" if strange else f"profile {settings.profile}"
    findings.append((Verdict.when(not strange), "settings", seen))
    findings += _reach(settings)
    return [*findings, *_folder(settings), *await _databases(settings), *await _ports(settings)]


def _reach(settings: Settings) -> Iterator[Finding]:
    """What keeps clients of a server in production from it, although it runs well."""
    if settings.profile is not Profile.PRODUCTION:
        return
    if settings.tls_certificate is None and not settings.trusted_proxies:
        ways = f"set {variable('tls_certificate')}, or name a proxy with HTTPS in {variable('trusted_proxies')}"
        yield Verdict.NOTE, "https", f"every request is answered with 400, as plain HTTP: {ways}"
    if not settings.public_url:
        own = bases_of(settings).without_request(Environment.PRODUCTION)
        yield Verdict.NOTE, "links", f"webhooks link to {own}: set {variable('public_url')} to where clients reach this server"


def _folder(settings: Settings) -> Iterator[Finding]:
    try:
        make_data_folder(settings.data)
        free = room_in(settings.data)
    except (StartupError, OSError) as error:
        yield Verdict.WRONG, "data", str(error)
        return
    yield Verdict.when(free > ENOUGH), "data", f"{settings.data.absolute()}, {free / GIGABYTE:.1f} GB free"


async def _databases(settings: Settings) -> list[Finding]:
    try:
        if not settings.database_url:
            find_binaries()
        async with database_addresses(settings) as (addresses, _):
            findings = [await _database(name, address) for name, address in addresses.items()]
            for name, address in addresses.items():
                findings += await _inside(settings, name, address)
            return findings
    except StartupError as error:
        new = error.exit_code == ExitCode.CONFIGURATION and "yet" in str(error)
        return [(Verdict.when(new), "database", str(error))]


async def _database(environment: str, address: str) -> Finding:
    try:
        connection = await connect(address)
    except asyncpg.InvalidCatalogNameError:
        return Verdict.OK, environment, f"{shown(address)} does not exist yet; the next start makes it"
    except StartupError as error:
        return Verdict.WRONG, environment, str(error)
    try:
        pending = await migrations.pending(connection)
        version = connection.get_server_version()
        state = "the next start migrates it" if pending else f"at {await migrations.current(connection)}"
    except (StartupError, asyncpg.PostgresError) as error:
        return Verdict.WRONG, environment, reason(error)
    finally:
        await close(connection)
    return Verdict.OK, environment, f"{shown(address)} on PostgreSQL {version.major}.{version.micro}, {state}"


async def _inside(settings: Settings, environment: str, address: str) -> list[Finding]:
    """Whether the keys are there that the database was sealed with, and how its jobs fare; nothing before it is migrated."""
    try:
        connection = await connect(address)
    except (StartupError, asyncpg.PostgresError):
        return []  # said already
    try:
        if await migrations.pending(connection):
            return []
        known = await registered(connection)
        ((waiting, running, failed),) = await connection.fetch(COUNT)
        workers = await connection.fetchval(WORKERS, APPLICATION)
    except (StartupError, asyncpg.PostgresError):
        return []
    finally:
        await close(connection)
    jobs = f"{environment}: {waiting} waiting, {running} running, {failed} failed for good, {workers} workers"
    return [_keys(settings, environment, known), (Verdict.when(not failed and bool(workers or not waiting)), "jobs", jobs)]


def _keys(settings: Settings, environment: str, known: tuple[str, ...]) -> Finding:
    source = source_of(settings)
    try:
        held = [key.id for key in source.read()]
    except StartupError as error:
        return Verdict.WRONG, "keys", str(error)
    if missing := [key_id for key_id in known if key_id not in held]:
        return Verdict.WRONG, "keys", missing_text(source, environment, missing)
    return Verdict.OK, "keys", f"{environment}: {f'sealed with {held[0]}' if held else 'the next start makes the first one'}"


async def _ports(settings: Settings) -> list[Finding]:
    if look(settings)[0] is not State.STOPPED:
        return [(Verdict.OK, "ports", f"a server runs at port {settings.port}")]
    findings = []
    try:
        servers = servers_of(settings)
    except (StartupError, OSError) as error:
        return [(Verdict.WRONG, "ports", reason(error))]
    for server in servers:
        try:
            await server.claim_port(0.0)
        except StartupError as error:
            findings.append((Verdict.WRONG, "ports", str(error)))
        else:
            findings.append((Verdict.OK, "ports", f"{server.port} is free"))
    return findings
