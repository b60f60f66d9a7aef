"""The databases of a server: where they are, made when missing, migrated."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from trunkline import migrations
from trunkline.kit.clock import wall_clock
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.statements import Statement
from trunkline.settings import Settings

OLDEST_SERVER = 150000
NAMES = {Environment.PRODUCTION: "trunkline", Environment.SANDBOX: "trunkline_sandbox"}

SET_ENVIRONMENT = Statement(
    "INSERT INTO environments (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", scope="directory"
)
READ_ENVIRONMENTS = Statement("SELECT name FROM environments", scope="directory")


@dataclass(frozen=True, slots=True)
class Databases:
    """The addresses of the environments' databases, and the embedded server if they are its."""

    addresses: dict[Environment, str]
    embedded: EmbeddedPostgres | None = None


def locate(settings: Settings, progress: Callable[[str], None]) -> Databases:
    """Where the settings put the databases. Nothing is started or connected."""
    if not settings.database_url:
        embedded = EmbeddedPostgres(settings.data.absolute() / "postgres", progress=progress)
        return Databases({}, embedded)
    addresses = {Environment.PRODUCTION: settings.database_url}
    if settings.sandbox:
        addresses[Environment.SANDBOX] = settings.sandbox_database_url or _beside(settings.database_url)
    return Databases(addresses)


def embedded_addresses(settings: Settings, embedded: EmbeddedPostgres) -> dict[Environment, str]:
    """The databases inside the embedded server."""
    return {
        environment: embedded.dsn(name)
        for environment, name in NAMES.items()
        if environment is Environment.PRODUCTION or settings.sandbox
    }


def _beside(address: str) -> str:
    parts = urlsplit(address)
    name = parts.path.lstrip("/")
    if not name:
        raise StartupError("TRUNKLINE_DATABASE_URL names no database (postgresql://host/NAME)", ExitCode.CONFIGURATION)
    return urlunsplit(parts._replace(path=f"/{name}_sandbox"))


async def prepare(environment: Environment, address: str, maintenance: str | None = None) -> None:
    """Make the database if it is missing (through `maintenance`, a database that exists), check and migrate it.

    Raises `StartupError`: unreachable, too old a server, newer than the code, the other environment's.
    """
    connection = await _connect(address, maintenance)
    try:
        version = connection.get_server_version()
        if version.major * 10000 < OLDEST_SERVER:
            raise StartupError(f"PostgreSQL {version.major} is too old; 15 or newer is needed", ExitCode.CONFIGURATION)
        await migrations.pending(connection)  # refuses a newer database before anything is touched
    finally:
        await connection.close()
    try:
        await migrations.migrate(address)
    except (asyncpg.PostgresError, OSError) as error:
        raise StartupError(
            f"the migration of the {environment} database failed: {error}", ExitCode.DATABASE_UNREACHABLE
        ) from error
    connection = await _connect(address, None)
    try:
        names = [row[0] for row in await connection.fetch(READ_ENVIRONMENTS)]
        if names and environment.value not in names:
            raise StartupError(
                f"{_shown(address)} is the {names[0]} database, not the {environment} one", ExitCode.CONFIGURATION
            )
        await connection.execute(SET_ENVIRONMENT, environment.value, wall_clock())
    finally:
        await connection.close()


async def _connect(address: str, maintenance: str | None) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(address, timeout=5)
    except asyncpg.InvalidCatalogNameError:
        await _create(address, maintenance or address)
        return await asyncpg.connect(address, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        reason = (
            "no answer within 5 s"
            if isinstance(error, TimeoutError)
            else str(error).splitlines()[0]
            if str(error)
            else repr(error)
        )
        raise StartupError(
            f"the database {_shown(address)} cannot be reached: {reason}", ExitCode.DATABASE_UNREACHABLE
        ) from error


async def _create(address: str, maintenance: str) -> None:
    name = urlsplit(address).path.lstrip("/")
    if maintenance == address:
        maintenance = urlunsplit(urlsplit(address)._replace(path="/postgres"))
    try:
        connection = await asyncpg.connect(maintenance, timeout=5)
        try:
            quoted = name.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}"')
        finally:
            await connection.close()
    except asyncpg.DuplicateDatabaseError:
        return  # another node made it in the same moment
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StartupError(
            f"the database {name} does not exist and could not be made ({error}); create it, or for the sandbox set TRUNKLINE_SANDBOX=off",
            ExitCode.DATABASE_UNREACHABLE,
        ) from error


def _shown(address: str) -> str:
    """The address without its password."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{host}{parts.path}" if host else parts.path.lstrip("/")


def make_data_folder(folder: Path) -> None:
    """The data folder, 0700 when it is made here. Raises `StartupError` when it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise StartupError(f"TRUNKLINE_DATA={folder} cannot be written: {error.strerror}", ExitCode.CANNOT_WRITE) from error


async def prepare_all(databases: dict[Environment, str], maintenance: str | None) -> None:
    """`prepare` for every environment, side by side."""
    results = await asyncio.gather(
        *(prepare(environment, address, maintenance) for environment, address in databases.items()), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
