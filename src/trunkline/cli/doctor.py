"""`trunkline doctor`: what would keep a server from starting or running, one line each."""

import asyncio
import sys
from collections.abc import Iterator

import asyncpg
import typer

from trunkline import migrations
from trunkline.cli.connect import database_addresses
from trunkline.cli.show import say
from trunkline.kit.embedded import find_binaries
from trunkline.kit.jobs.queue import APPLICATION, COUNT, WORKERS
from trunkline.kit.keyring.registry import registered
from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.sealing import missing_text, source_of
from trunkline.settings import Settings, load, unknown
from trunkline.supervisor.databases import close, connect, room_in, shown
from trunkline.supervisor.running import State, look, make_data_folder
from trunkline.supervisor.servers import servers_of

app = typer.Typer()

GIGABYTE = 1024**3
ENOUGH = GIGABYTE  # of free disk

Finding = tuple[bool, str, str]  # whether it is well, what was looked at, what was seen


@app.command()
def doctor() -> None:
    """Check settings, data folder, database, migrations and ports: one line each, exit code 1 when anything is wrong."""
    findings = asyncio.run(_examine())
    for well, what, seen in findings:
        say(f"{'ok   ' if well else 'WRONG'}  {what:<12}{seen}")
    sys.exit(ExitCode.FAILED if not all(well for well, _, _ in findings) else 0)


async def _examine() -> list[Finding]:
    findings = [(True, "python", sys.version.split()[0])]
    try:
        settings = load()
    except StartupError as error:
        return [*findings, (False, "settings", str(error))]
    strange = unknown()
    seen = f"nothing reads {', '.join(strange)}" if strange else f"profile {settings.profile}"
    findings.append((not strange, "settings", seen))
    return [*findings, *_folder(settings), *await _databases(settings), *await _ports(settings)]


def _folder(settings: Settings) -> Iterator[Finding]:
    try:
        make_data_folder(settings.data)
        free = room_in(settings.data)
    except (StartupError, OSError) as error:
        yield False, "data", str(error)
        return
    yield free > ENOUGH, "data", f"{settings.data.absolute()}, {free / GIGABYTE:.1f} GB free"


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
        return [(new, "database", str(error))]


async def _database(environment: str, address: str) -> Finding:
    try:
        connection = await connect(address)
    except asyncpg.InvalidCatalogNameError:
        return True, environment, f"{shown(address)} does not exist yet; the next start makes it"
    except StartupError as error:
        return False, environment, str(error)
    try:
        pending = await migrations.pending(connection)
        version = connection.get_server_version()
        state = "the next start migrates it" if pending else f"at {await migrations.current(connection)}"
    except (StartupError, asyncpg.PostgresError) as error:
        return False, environment, reason(error)
    finally:
        await close(connection)
    return True, environment, f"{shown(address)} on PostgreSQL {version.major}.{version.micro}, {state}"


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
    return [_keys(settings, environment, known), (not failed and bool(workers or not waiting), "jobs", jobs)]


def _keys(settings: Settings, environment: str, known: tuple[str, ...]) -> Finding:
    source = source_of(settings)
    try:
        held = [key.id for key in source.read()]
    except StartupError as error:
        return False, "keys", str(error)
    if missing := [key_id for key_id in known if key_id not in held]:
        return False, "keys", missing_text(source, environment, missing)
    return True, "keys", f"{environment}: {f'sealed with {held[0]}' if held else 'the next start makes the first one'}"


async def _ports(settings: Settings) -> list[Finding]:
    if look(settings)[0] is not State.STOPPED:
        return [(True, "ports", f"a server runs at port {settings.port}")]
    findings = []
    try:
        servers = servers_of(settings)
    except (StartupError, OSError) as error:
        return [(False, "ports", reason(error))]
    for server in servers:
        try:
            await server.claim_port(0.0)
        except StartupError as error:
            findings.append((False, "ports", str(error)))
        else:
            findings.append((True, "ports", f"{server.port} is free"))
    return findings
