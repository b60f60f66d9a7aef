"""Which keys a database was sealed with: their ids stand in `encryption_keys`, so that a missing key is noticed at the start."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from trunkline.kit.clock import wall_clock
from trunkline.kit.db import Connection
from trunkline.kit.keyring.keys import ID_BYTES
from trunkline.kit.keyring.ring import FORMAT
from trunkline.kit.statements import Statement

LOCK = Statement("SELECT pg_advisory_xact_lock(7233180247)", scope="directory")  # one node at a time decides
READ_IDS = Statement("SELECT id FROM encryption_keys ORDER BY since, id", scope="directory")
REGISTER = Statement("INSERT INTO encryption_keys (id, since) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", scope="directory")
ONE_COMMAND = Statement("SELECT pg_try_advisory_lock(7233180246)", scope="directory")
TELL = Statement("SELECT pg_notify($1, '')", scope="directory")
# Also while a transaction could still begin that knows only an older key.
OLDER_TRANSACTIONS = Statement(
    """
    SELECT (clock_timestamp() < k.since + $2::interval)::int
           + (SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < k.since + $2::interval)
      FROM encryption_keys k WHERE k.id = $1
    """,
    scope="directory",
)
FORGET = Statement("DELETE FROM encryption_keys WHERE id = ANY ($1::text[])", scope="directory")


async def registered(connection: Connection) -> tuple[str, ...]:
    """The ids of the keys that this database may need, oldest first."""
    return tuple(row[0] for row in await connection.fetch(READ_IDS))


async def register(connection: Connection, key_id: str) -> None:
    """Note that this key seals from now on."""
    await connection.execute(REGISTER, key_id, wall_clock())


async def forget(connection: Connection, key_ids: Sequence[str]) -> None:
    """Note that nothing needs these keys any more."""
    await connection.execute(FORGET, list(key_ids))


@asynccontextmanager
async def deciding(connection: Connection) -> AsyncIterator[None]:
    """A transaction in which one node at a time decides which keys there are."""
    async with connection.transaction():
        await connection.execute(LOCK)
        yield


async def only_command(connection: Connection) -> bool:
    """Whether no other command changes keys; nobody else may as long as the connection is open."""
    alone: bool = await connection.fetchval(ONE_COMMAND)
    return alone


async def tell(connection: Connection, channel: str) -> None:
    """Have every process that listens on `channel` read the keys again."""
    await connection.execute(TELL, channel)


async def older_transactions(connection: Connection, key_id: str, within: timedelta) -> int:
    """Transactions that began before every process knew the key, which takes at most `within`: they may still seal with an older one."""
    running: int = await connection.fetchval(OLDER_TRANSACTIONS, key_id, within)
    return running


def counting(table: str, column: str) -> str:
    """The statement that counts a tenant's values of a sealed column by the key that sealed them."""
    return Statement(
        f"""
        SELECT encode(substring(t.{column} FROM {len(FORMAT) + 1} FOR {ID_BYTES}), 'hex') AS key_id, count(*)
          FROM {table} t WHERE t.tenant_id = $1 AND t.{column} IS NOT NULL GROUP BY 1
        """,
        name=f"{table}.{column}",
    )
