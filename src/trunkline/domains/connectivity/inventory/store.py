"""Every SQL statement of the inventory that is not a list: four for each collection, three for each sealed column."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from trunkline.domains.connectivity.inventory.catalogue import DESCRIPTIONS
from trunkline.domains.connectivity.inventory.parts import Description
from trunkline.kit.errors import Conflict
from trunkline.kit.integrity import referrers
from trunkline.kit.keyring import PREFIX_BYTES
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

CALLED = {
    "system_profile_systems": "system profiles",
    "system_profile_apns": "system profiles",
}  # tables that are lists of a row
MOST_DRAWS = 1000  # of a reference, until one is free of those that were chosen

# $2 id, $3 the chosen reference or null, $4 instant, then the columns. No row: the reference is taken.
INSERT = {
    d.name: Statement(
        f"""
        INSERT INTO {d.name} (tenant_id, id, reference, created_at, modified_at, {", ".join(d.columns)})
        VALUES ($1, $2, coalesce($3::text, nextval('{d.thing}_references')::text), $4, $4,
                {", ".join(f"${number}" for number, _ in enumerate(d.columns, 5))})
        ON CONFLICT (tenant_id, reference) DO NOTHING
        RETURNING reference
        """,
        name=f"insert {d.name}",
    )
    for d in DESCRIPTIONS
}

LOCK = {
    d.name: Statement(f"SELECT version FROM {d.name} WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", name=f"lock {d.name}")
    for d in DESCRIPTIONS
}

# $2 id, $3 version, $4 instant, then the columns.
UPDATE = {
    d.name: Statement(
        f"""
        UPDATE {d.name}
           SET version = $3, modified_at = $4, {", ".join(f"{column} = ${number}" for number, column in enumerate(d.columns, 5))}
         WHERE tenant_id = $1 AND id = $2
        """,
        name=f"update {d.name}",
    )
    for d in DESCRIPTIONS
}

DELETE = {
    d.name: Statement(f"DELETE FROM {d.name} WHERE tenant_id = $1 AND id = $2", name=f"delete {d.name}") for d in DESCRIPTIONS
}

# One row for a table whose rows refer to the object, if there is any.
USED_BY = {
    d.name: Statement(
        " UNION ALL ".join(
            f"SELECT '{CALLED.get(table, table)}' FROM {table} WHERE tenant_id = $1 AND {column} = $2"
            for table, column in d.used_by
        )
        + " LIMIT 1",
        name=f"used by {d.name}",
    )
    for d in DESCRIPTIONS
    if d.used_by
}

SEALED = tuple((d, secret) for d in DESCRIPTIONS for secret in d.secrets)

READ_SECRET = {
    d.purpose(s): Statement(f"SELECT {s.name} FROM {d.name} WHERE tenant_id = $1 AND id = $2", name=f"read {d.purpose(s)}")
    for d, s in SEALED
}

WRITE_SECRET = {
    d.purpose(s): Statement(f"UPDATE {d.name} SET {s.name} = $3 WHERE tenant_id = $1 AND id = $2", name=f"write {d.purpose(s)}")
    for d, s in SEALED
}

SEALED_BEFORE = {
    d.purpose(s): Statement(
        f"""
        SELECT id, {s.name} FROM {d.name}
         WHERE tenant_id = $1 AND {s.name} IS NOT NULL AND substring({s.name} FROM 1 FOR {PREFIX_BYTES}) <> $2
         LIMIT $3 FOR UPDATE SKIP LOCKED
        """,
        name=f"sealed before {d.purpose(s)}",
    )
    for d, s in SEALED
}

FORGET_SYSTEMS = Statement("""
    DELETE FROM system_profile_systems WHERE tenant_id = $1 AND system_profile_id = $2 AND system_id <> ALL ($3::uuid[])
""")
INSERT_SYSTEMS = Statement("""
    INSERT INTO system_profile_systems (tenant_id, system_profile_id, system_id)
    SELECT $1, $2, system_id FROM unnest($3::uuid[]) AS given (system_id)
    ON CONFLICT (tenant_id, system_profile_id, system_id) DO NOTHING
""")
FORGET_APNS = Statement("DELETE FROM system_profile_apns WHERE tenant_id = $1 AND system_profile_id = $2")
INSERT_APNS = Statement("""
    INSERT INTO system_profile_apns (tenant_id, system_profile_id, position, apn_id, max_download, max_upload)
    SELECT $1, $2, given.position, given.apn_id, given.max_download, given.max_upload
      FROM unnest($3::uuid[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS given (apn_id, max_download, max_upload, position)
""")


async def insert(
    work: Work, described: Description[Any, Any, Any], id_: UUID, reference: str | None, columns: Mapping[str, Any]
) -> str:
    """Store an object; its reference. Raises `Conflict` when the chosen one is taken, or what may exist once exists already."""
    values = _parameters(described, columns)
    for _ in range(MOST_DRAWS):
        try:
            rows = await work.write(INSERT[described.name], id_, reference, work.now, *values)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise refusal(described, error) from error
        if rows:
            stored: str = rows[0][0]
            return stored
        if reference is not None:
            raise Conflict(f"there is already a {described.words} {reference!r}")
    raise Conflict(f"no free reference was found for the {described.words}")


async def lock(work: Work, described: Description[Any, Any, Any], id_: UUID) -> int | None:
    """The version of an object, locked until the transaction ends; `None` when it is gone."""
    rows = await work.write(LOCK[described.name], id_)
    return rows[0][0] if rows else None


async def update(
    work: Work, described: Description[Any, Any, Any], id_: UUID, version: int, at: datetime, columns: Mapping[str, Any]
) -> None:
    """Write every column of an object. Raises `Conflict` when what may exist once exists already."""
    values = _parameters(described, columns)
    try:
        await work.write(UPDATE[described.name], id_, version, at, *values)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise refusal(described, error) from error


async def delete(work: Work, described: Description[Any, Any, Any], id_: UUID) -> None:
    """Remove an object. Raises `Conflict` while something refers to it."""
    try:
        await work.write(DELETE[described.name], id_)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict(f"the {described.words} cannot be removed: {referrers(error, CALLED)} refer to it") from error


async def user_of(work: Work, described: Description[Any, Any, Any], id_: UUID) -> str | None:
    """What refers to an object, as people call it; `None` when nothing does."""
    row = await work.fetch_one(USED_BY[described.name], id_) if described.used_by else None
    return None if row is None else str(row[0]).replace("_", " ")


async def read_secret(work: Work, purpose: str, id_: UUID) -> bytes | None:
    """A sealed column."""
    row = await work.fetch_one(READ_SECRET[purpose], id_)
    return None if row is None else row[0]


async def write_secret(work: Work, purpose: str, id_: UUID, sealed: bytes | None) -> None:
    """Write a sealed column."""
    await work.write(WRITE_SECRET[purpose], id_, sealed)


async def sealed_before(work: Work, purpose: str, limit: int) -> Sequence[tuple[UUID, bytes]]:
    """Rows (id, sealed) that an older key than the newest sealed, locked; those that somebody else holds are left out."""
    return [(row[0], row[1]) for row in await work.write(SEALED_BEFORE[purpose], work.keyring.prefix, limit)]


async def write_systems(work: Work, profile_id: UUID, systems: Sequence[UUID]) -> None:
    """Make these the systems that a profile is for. Raises `Conflict` when a subscriber has the profile on one that is left out."""
    try:
        await work.write(FORGET_SYSTEMS, profile_id, list(systems))
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict(
            f"a system cannot be taken from the system profile: {referrers(error, CALLED)} use the profile on it"
        ) from error
    if systems:
        await _insert_linked(work, INSERT_SYSTEMS, profile_id, list(systems))


async def write_apns(work: Work, profile_id: UUID, apns: Sequence[tuple[UUID, int | None, int | None]]) -> None:
    """Make these (APN, download, upload) the APNs of a profile, in this order."""
    await work.write(FORGET_APNS, profile_id)
    if apns:
        await _insert_linked(work, INSERT_APNS, profile_id, *map(list, zip(*apns, strict=True)))


async def _insert_linked(work: Work, statement: str, *arguments: Any) -> None:
    try:
        await work.write(statement, *arguments)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("something that the system profile names was removed at the same time") from error


def _parameters(described: Description[Any, Any, Any], columns: Mapping[str, Any]) -> list[Any]:
    """The columns' values in their order; maps as JSON."""
    values = (columns[column] for column in described.columns)
    return [msgspec.json.encode(value).decode() if isinstance(value, dict) else value for value in values]


def refusal(described: Description[Any, Any, Any], error: asyncpg.IntegrityConstraintViolationError) -> Exception:
    """What a broken constraint means to the caller; the error itself when it is none of theirs."""
    if isinstance(error, asyncpg.UniqueViolationError) and described.duplicate:
        return Conflict(described.duplicate)
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return Conflict(f"something that the {described.words} is linked to was removed at the same time")
    return error
