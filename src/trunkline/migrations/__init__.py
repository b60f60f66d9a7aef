"""The schema's history: Alembic with plain-SQL revisions, run on our own asyncpg connection.

A revision is `versions/NNNN_name.py` with `NNNN_name.sql` beside it; the file's name is the revision's name. Every statement of
a database starts in one transaction under a lock, so that many nodes may start at once and a failed migration leaves nothing.

A database that was never migrated gets all revisions' SQL as one script, without Alembic: loading it and SQLAlchemy takes half a
second, which is a tenth of a first start. So a revision's `upgrade` calls `run_sql` and `server_version` and does nothing else.
"""

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg

from trunkline.kit.startup import ExitCode, StartupError, reason

VERSIONS = Path(__file__).parent / "versions"
LOCK = 7_233_180_244  # pg_advisory_lock: one migration at a time in one database
LOCK_TIMEOUT = "5s"  # a migration that would queue behind a long transaction fails instead of stopping everybody behind it
VERSION_TABLE = """
    CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""  # as Alembic makes it


@dataclass(frozen=True, slots=True)
class _Script:
    """What the revisions want to be run in a database that has nothing yet."""

    server_version: int
    parts: list[str] = field(default_factory=list)


_collecting: ContextVar[_Script | None] = ContextVar("_collecting", default=None)


@cache
def revisions() -> tuple[str, ...]:
    """Names of all revisions that this code has, oldest first."""
    return tuple(sorted(path.stem for path in VERSIONS.glob("[0-9]*.py")))


async def current(connection: asyncpg.Connection) -> str | None:
    """The revision of the database; `None` when it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def pending(connection: asyncpg.Connection) -> bool:
    """Whether the database is older than the code. Raises `StartupError` when it is newer."""
    known = revisions()
    revision = await current(connection)
    if revision is not None and revision not in known:
        raise StartupError(
            f"the database is at revision {revision}, which is newer than this code (it knows up to {known[-1]}): "
            "install the newer Trunkline",
            ExitCode.CONFIGURATION,
        )
    return revision != known[-1]


async def migrate(dsn: str) -> None:
    """Bring the database to the newest revision. Raises `StartupError` with what the failing statement said."""
    try:
        made = await _make(dsn)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise _failed(error) from error
    if not made:
        await asyncio.get_running_loop().run_in_executor(None, _upgrade, dsn)


async def _make(dsn: str) -> bool:
    """Give a database that was never migrated everything at once; whether it was one."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            # Another node may be migrating: that is waited for.
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is not None:
                return False
            await connection.execute(_everything(int(await connection.fetchval("SHOW server_version_num"))))
            await connection.execute("INSERT INTO alembic_version VALUES ($1)", revisions()[-1])
        return True
    finally:
        await connection.close()


def _everything(server_version: int) -> str:
    """The SQL of all revisions, and the table that tells Alembic about them."""
    script = _Script(server_version)
    collecting = _collecting.set(script)
    try:
        for name in revisions():
            import_module(f"{__name__}.{VERSIONS.name}.{name}").upgrade()
    finally:
        _collecting.reset(collecting)
    return "\n;\n".join([*script.parts, VERSION_TABLE])


# Alembic keeps the running migration in globals.
# SQLAlchemy's modules import each other, so that two threads cannot load them at the same time.
_one_at_a_time = threading.Lock()


def _upgrade(dsn: str) -> None:
    with _one_at_a_time:
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

        try:
            asyncio.run(_upgrade_with_alembic(dsn))
        except DBAPIError as error:
            raise _failed(error.orig or error) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _failed(error) from error


def _failed(error: BaseException) -> StartupError:
    code = ExitCode.CANNOT_WRITE if isinstance(error, asyncpg.DiskFullError) else ExitCode.FAILED
    return StartupError(f"the migration failed and changed nothing: {reason(error)}", code)


async def _upgrade_with_alembic(dsn: str) -> None:
    # Imported here: a start that has nothing to migrate does not pay for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import text  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    async def connect(*_: Any) -> asyncpg.Connection:
        return await asyncpg.connect(dsn)

    def upgrade(connection: Any) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # Another node may be migrating: that is waited for, without the limit that holds for the tables' locks.
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def run_sql(file: str | None = None, *, text: str | None = None) -> None:
    """For revisions: run a file beside them (many statements at once), or `text`."""
    script = text if text is not None else (VERSIONS / str(file)).read_text(encoding="utf-8")
    if (collected := _collecting.get()) is not None:
        collected.parts.append(script)
        return
    from alembic import op  # noqa: PLC0415

    adapted: Any = op.get_bind().connection.dbapi_connection
    # SQLAlchemy begins its transaction lazily, at the first statement that goes through it.
    op.get_bind().exec_driver_sql("SELECT 1")
    adapted.run_async(lambda connection: connection.execute(script))


def server_version() -> int:
    """For revisions: the server's version as a number, 180006 for 18.6."""
    if (collected := _collecting.get()) is not None:
        return collected.server_version
    from alembic import op  # noqa: PLC0415

    return int(op.get_bind().exec_driver_sql("SHOW server_version_num").scalar_one())
