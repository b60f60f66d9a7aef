"""The databases of a server: where they are, made when missing, migrated."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from trunkline import migrations
from trunkline.kit.clock import wall_clock
from trunkline.kit.embedded import FULL, EmbeddedPostgres
from trunkline.kit.errors import Unavailable
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.kit.statements import Statement
from trunkline.settings import Settings, variable
from trunkline.supervisor.together import together

OLDEST_SERVER = 15
NAMES = {Environment.PRODUCTION: "trunkline", Environment.SANDBOX: "trunkline_sandbox"}
FOLDER = "postgres"

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
COMING_UP_SECONDS = 20.0  # how long to wait for a server that says that it is starting
COMMAND_SECONDS = 20.0  # how long another command may hold the embedded PostgreSQL
SPARE_CONNECTIONS = 31  # the supervising process, the couriers, commands
LITTLE_ROOM = 1024 * 1024

SET_ENVIRONMENT = Statement(
    "INSERT INTO environments (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", scope="directory"
)
READ_ENVIRONMENTS = Statement("SELECT name FROM environments", scope="directory")
ANY_TENANT = Statement("SELECT tenant_id FROM tenants ORDER BY number LIMIT 1", scope="directory")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A database that is ready. `empty`: it has no tenant yet."""

    address: str
    empty: bool
    server: str


def embedded_postgres(
    settings: Settings, progress: Callable[[str], None], patience: float = COMMAND_SECONDS
) -> EmbeddedPostgres | None:
    """The embedded server of the data folder, not started; `None` when the settings name an external one."""
    if settings.database_url:
        return None
    processes = settings.workers * 2 + 2
    connections = processes * (settings.database_connections + 3) * len(NAMES) + SPARE_CONNECTIONS
    return EmbeddedPostgres(
        settings.data.absolute() / FOLDER, progress=progress, connections=max(100, connections), patience=patience
    )


def addresses_of(settings: Settings, embedded: EmbeddedPostgres | None) -> dict[Environment, str]:
    """Where the environments' databases are."""
    if embedded is None:
        return settings.addresses()
    return {
        environment: embedded.dsn(name)
        for environment, name in NAMES.items()
        if environment is Environment.PRODUCTION or settings.sandbox
    }


async def prepare_all(addresses: dict[Environment, str], maintenance: str | None = None) -> dict[Environment, Prepared]:
    """`prepare` for every environment, side by side."""
    done = await together(*(prepare(environment, address, maintenance) for environment, address in addresses.items()))
    return dict(zip(addresses, done, strict=True))


async def prepare(environment: Environment, address: str, maintenance: str | None = None) -> Prepared:
    """Make the database if it is missing (through `maintenance`, a database that exists), check and migrate it.

    Raises `StartupError`: unreachable, too old a server, newer than the code, the other environment's.
    """
    connection = await _connect_or_create(environment, address, maintenance)
    try:
        version = connection.get_server_version()
        if version.major < OLDEST_SERVER:
            raise StartupError(
                f"{shown(address)} is PostgreSQL {version.major}, which is too old; {OLDEST_SERVER} or newer is needed",
                ExitCode.CONFIGURATION,
            )
        if await migrations.pending(connection):
            await migrations.migrate(address)
        names = [row[0] for row in await connection.fetch(READ_ENVIRONMENTS)]
        if names and environment.value not in names:
            raise StartupError(
                f"{shown(address)} is the {names[0]} database, not the {environment} one", ExitCode.CONFIGURATION
            )
        if not names:
            await connection.execute(SET_ENVIRONMENT, environment.value, wall_clock())
        return Prepared(address, await connection.fetchval(ANY_TENANT) is None, f"PostgreSQL {version.major}.{version.micro}")
    finally:
        await close(connection)


async def close(connection: asyncpg.Connection) -> None:
    """End a connection, politely if the server lets us."""
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()


async def connect(address: str) -> asyncpg.Connection:
    """A connection for a moment.

    Raises `StartupError` in one line, and `InvalidCatalogNameError` when there is no such database.
    """
    deadline = asyncio.get_running_loop().time() + COMING_UP_SECONDS
    while True:
        try:
            return await asyncpg.connect(address, timeout=CONNECT_SECONDS)
        except asyncpg.InvalidCatalogNameError:
            raise
        except asyncpg.CannotConnectNowError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise _unreachable(address, error) from error
            await asyncio.sleep(0.2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise _unreachable(address, error) from error


def _unreachable(address: str, error: BaseException) -> StartupError:
    return StartupError(f"the database {shown(address)} cannot be reached: {reason(error)}", ExitCode.DATABASE_UNREACHABLE)


async def _connect_or_create(environment: Environment, address: str, maintenance: str | None) -> asyncpg.Connection:
    try:
        return await connect(address)
    except asyncpg.InvalidCatalogNameError:
        await _create(environment, address, maintenance or _with_name(address, "postgres"))
        return await connect(address)


async def _create(environment: Environment, address: str, maintenance: str) -> None:
    name = _name(address)
    try:
        connection = await asyncpg.connect(maintenance, timeout=CONNECT_SECONDS)
        try:
            await connection.execute(f"CREATE DATABASE {_quoted(name)}")
        finally:
            await close(connection)
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # another node made it in the same moment
    except asyncpg.DiskFullError:
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        ways = f'create it (CREATE DATABASE "{name}")'
        if environment is Environment.SANDBOX:
            ways += f", name another one with {variable('sandbox_database_url')}, or do without: {variable('sandbox')}=off"
        raise StartupError(
            f"the {environment} database {name} does not exist and could not be made ({reason(error)}); {ways}",
            ExitCode.DATABASE_UNREACHABLE,
        ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _name(address: str) -> str:
    return urlsplit(address).path.lstrip("/")


def _with_name(address: str, name: str) -> str:
    head, mark, options = address.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{mark}{options}"


def shown(address: str) -> str:
    """The address without user, password and options."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{host}{parts.path}" if host else parts.path.lstrip("/")


@contextmanager
def one_line(what: str, folder: Path, embedded: EmbeddedPostgres | None = None) -> Iterator[None]:
    """Turn what a database or a disk may do to `what` into a `StartupError`."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Unavailable, StartupError) as error:
        # A server that died of a full disk says so in its log; its clients only see it go.
        said = (embedded.disk_trouble() if embedded else None) or reason(error)
        if isinstance(error, asyncpg.DiskFullError) or FULL.search(said) or room_in(folder) < LITTLE_ROOM:
            raise StartupError(f"no room is left for the database: {what} failed: {said}", ExitCode.CANNOT_WRITE) from error
        if isinstance(error, StartupError):
            raise
        raise StartupError(f"{what} failed: {said}", ExitCode.FAILED) from error


def room_in(folder: Path) -> int:
    """Bytes that may still be written in a folder."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize
