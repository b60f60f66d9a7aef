"""Which keys a database was sealed with: their ids stand in `encryption_keys`, so that a missing key is noticed at the start."""

from collections.abc import Sequence

from trunkline.kit.clock import wall_clock
from trunkline.kit.db import Connection
from trunkline.kit.statements import Statement

LOCK = Statement("SELECT pg_advisory_xact_lock(7233180247)", scope="directory")  # one node at a time decides
READ_IDS = Statement("SELECT id FROM encryption_keys ORDER BY since, id", scope="directory")
REGISTER = Statement("INSERT INTO encryption_keys (id, since) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", scope="directory")
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
