"""Every SQL statement of subscribers that is not a list. Set-based: one row or a thousand take the same statement."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from trunkline.domains.connectivity.subscribers.fields import COLUMNS, SOURCE, read_subscriber
from trunkline.domains.connectivity.subscribers.model import Subscriber
from trunkline.kit.errors import Conflict
from trunkline.kit.statements import Row, Statement
from trunkline.kit.work import Work

WIDTH = len(COLUMNS)
OWN = ", ".join(COLUMNS)

LOCK = Statement(f"""
    SELECT {OWN}, b.k, b.opc FROM subscribers b
     WHERE b.tenant_id = $1 AND b.id = ANY ($2::uuid[]) AND b.deleted_at IS NULL
     ORDER BY b.id FOR UPDATE
""")

# Each name is looked up by itself, by the one index that gives the first name from there on: without knowing how large the table has
# grown, no other plan looks cheaper.
FIND_NAMED = Statement("""
    SELECT i.id FROM unnest($2::text[]) AS n (name) CROSS JOIN LATERAL (
        SELECT s.id, s.imsi FROM subscribers s WHERE s.tenant_id = $1 AND s.imsi >= n.name AND s.deleted_at IS NULL
         ORDER BY s.imsi LIMIT 1) AS i WHERE i.imsi = n.name
    UNION
    SELECT i.id FROM unnest($3::text[]) AS n (name) CROSS JOIN LATERAL (
        SELECT s.id, s.iccid FROM subscribers s WHERE s.tenant_id = $1 AND s.iccid >= n.name AND s.deleted_at IS NULL
         ORDER BY s.iccid LIMIT 1) AS i WHERE i.iccid = n.name
""")

# Beside each row whether the caller reaches it: the whole tenant, a whole customer ($3), or a part of it ($4, $5).
LOCK_AND_TELL = Statement(f"""
    SELECT {OWN}, b.k, b.opc,
           ($3::uuid IS NULL OR b.customer_id = $3) AND ($4::text IS NULL OR EXISTS (
               SELECT 1 FROM accounts r WHERE r.tenant_id = $1 AND r.id = b.account_id AND r.path >= $4 AND r.path < $5))
      FROM subscribers b
     WHERE b.tenant_id = $1 AND b.id = ANY ($2::uuid[]) AND b.deleted_at IS NULL
     ORDER BY b.id FOR UPDATE OF b
""")

INSERT = Statement("""
    INSERT INTO subscribers (tenant_id, id, reference, version, account_id, customer_id, service_id, site_id, system_id,
                             system_profile_id, group_id, keyset_id, device_id, imsi, msisdn, iccid, k, opc, status, type, extensions,
                             created_at, modified_at)
    SELECT $1, n.id, nextval('subscriber_references')::text, n.version, n.account_id, n.customer_id, n.service_id, n.site_id, n.system_id,
           n.system_profile_id, n.group_id, n.keyset_id, n.device_id, n.imsi, n.msisdn, n.iccid, n.k, n.opc, n.status, n.type, n.extensions,
           $22, $22
      FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[],
                  $11::uuid[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[], $18::text[], $19::text[],
                  $20::jsonb[], $21::bigint[])
           AS n (id, version, account_id, customer_id, service_id, site_id, system_id, system_profile_id, group_id, keyset_id, device_id,
                 imsi, msisdn, iccid, k, opc, status, type, extensions, place)
     ORDER BY n.place
    ON CONFLICT DO NOTHING
    RETURNING id, reference
""")

UPDATE = Statement("""
    UPDATE subscribers b
       SET version = n.version, account_id = n.account_id, customer_id = n.customer_id, service_id = n.service_id,
           site_id = n.site_id, system_id = n.system_id, system_profile_id = n.system_profile_id, group_id = n.group_id,
           keyset_id = n.keyset_id, device_id = n.device_id, imsi = n.imsi, msisdn = n.msisdn, iccid = n.iccid, k = n.k, opc = n.opc,
           status = n.status, type = n.type, extensions = n.extensions, suspended_with_account = n.suspended, modified_at = n.modified_at
      FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[],
                  $11::uuid[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[], $18::text[], $19::text[],
                  $20::jsonb[], $21::boolean[], $22::timestamptz[])
           AS n (id, version, account_id, customer_id, service_id, site_id, system_id, system_profile_id, group_id, keyset_id, device_id,
                 imsi, msisdn, iccid, k, opc, status, type, extensions, suspended, modified_at)
     WHERE b.tenant_id = $1 AND b.id = n.id
""")

# What is deleted gives up its keys and its links, so that nothing is held by it and its IMSI and ICCID are free again.
REMOVE = Statement("""
    UPDATE subscribers
       SET deleted_at = $3, modified_at = $3, version = version + 1, k = NULL, opc = NULL, status = 'inactive',
           suspended_with_account = false, account_id = NULL, customer_id = NULL, service_id = NULL, site_id = NULL, system_id = NULL,
           system_profile_id = NULL, group_id = NULL, keyset_id = NULL, device_id = NULL
     WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at IS NULL
""")

TAKEN = Statement(
    "SELECT imsi, iccid FROM subscribers WHERE tenant_id = $1 AND deleted_at IS NULL AND (imsi = $2 OR iccid = $3)"
)

LISTED = Statement("""
    SELECT system_profile_id, system_id FROM system_profile_systems WHERE tenant_id = $1 AND system_profile_id = ANY ($2::uuid[])
""")

# An account and all above it, kept from being suspended until this transaction ends. The accounts above are those whose paths begin its
# own: each is looked up by its path, because a customer may have a hundred thousand accounts to compare with.
HOLD_ACCOUNTS = Statement("""
    SELECT a.id, up.enabled
      FROM accounts a
     CROSS JOIN LATERAL generate_series(1, cardinality(string_to_array(a.path, '/')) - 1) AS level
     CROSS JOIN LATERAL (
        SELECT u.enabled FROM accounts u
         WHERE u.tenant_id = $1 AND u.path = array_to_string((string_to_array(a.path, '/'))[:level], '/') || '/'
           FOR SHARE) AS up
     WHERE a.tenant_id = $1 AND a.id = ANY ($2::uuid[])
""")

OWNERS = Statement(f"""
    SELECT b.system_id, y.customer_id, b.system_profile_id, p.customer_id, b.group_id, g.customer_id, b.keyset_id, e.customer_id,
           b.device_id, d.customer_id
      FROM {SOURCE}
     WHERE b.tenant_id = $1 AND b.id = ANY ($2::uuid[])
""")

ACCOUNTS_OF = Statement("""
    SELECT DISTINCT account_id FROM subscribers
     WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND account_id IS NOT NULL AND deleted_at IS NULL
""")

READ_KEYS = Statement("SELECT k, opc FROM subscribers WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL")

# The five bytes that everything begins with that one key sealed (kit.keyring).
SEALED_BEFORE = Statement("""
    SELECT id, k, opc FROM subscribers
     WHERE tenant_id = $1 AND (substring(k FROM 1 FOR 5) <> $2 OR substring(opc FROM 1 FOR 5) <> $2)
     ORDER BY id LIMIT $3 FOR UPDATE
""")
SEAL_AGAIN = Statement("""
    UPDATE subscribers b SET k = n.k, opc = n.opc FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) AS n (id, k, opc)
     WHERE b.tenant_id = $1 AND b.id = n.id
""")


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A subscriber with its sealed keys, as it stands in the table."""

    subscriber: Subscriber
    k: bytes | None
    opc: bytes | None


def _stored(row: Row) -> Stored:
    return Stored(read_subscriber(*row[:WIDTH]), row[WIDTH], row[WIDTH + 1])


async def lock(work: Work, ids: Sequence[UUID]) -> list[Stored]:
    """The live ones among these, locked until the transaction ends."""
    return [_stored(row) for row in await work.write(LOCK, ids)]


async def find_named(work: Work, imsis: Collection[str], iccids: Collection[str]) -> list[UUID]:
    """The live subscribers with one of these names, whoever they belong to."""
    return [row[0] for row in await work.fetch(FIND_NAMED, list(imsis), list(iccids))]


async def lock_known(work: Work, ids: Sequence[UUID]) -> tuple[list[Stored], list[Stored]]:
    """The live ones among these, locked until the transaction ends: (those that the caller reaches, the others)."""
    reach = work.principal.reach
    part = (reach.path, reach.path_end) if reach and reach.path else (None, None)
    rows = await work.write(LOCK_AND_TELL, ids, reach and reach.customer_id, *part) if ids else ()
    return [_stored(row) for row in rows if row[-1]], [_stored(row) for row in rows if not row[-1]]


async def insert(work: Work, new: Sequence[Stored]) -> Mapping[UUID, str]:
    """Store these; the references they were given, by id. One whose IMSI or ICCID was taken meanwhile is left out."""
    columns = _columns(new)
    try:
        rows = await work.write(INSERT, *columns, list(range(len(new))), work.now)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("something that the subscriber is linked to was removed meanwhile") from error
    return {row[0]: row[1] for row in rows}


async def update(work: Work, changed: Sequence[Stored]) -> None:
    """Write every field of these. Raises `Conflict` when an IMSI or ICCID is another's."""
    suspended = [one.subscriber.suspended_with_account for one in changed]
    try:
        await work.write(UPDATE, *_columns(changed), suspended, [one.subscriber.modified_at for one in changed])
    except asyncpg.UniqueViolationError as error:
        name = "ICCID" if "iccid" in (error.constraint_name or "") else "IMSI"
        raise Conflict(f"another subscriber has this {name}") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("something that the subscriber is linked to was removed meanwhile") from error


def _columns(several: Sequence[Stored]) -> list[list[Any]]:
    """The values that `INSERT` and `UPDATE` have in common, by column."""
    rows = [
        (
            s.id, s.version, s.account_id, s.customer_id, s.service_id, s.site_id, s.system_id, s.system_profile_id, s.group_id,
            s.keyset_id, s.device_id, s.imsi, s.msisdn, s.iccid, one.k, one.opc, str(s.status), str(s.type),
            msgspec.json.encode(s.extensions).decode(),
        )
        for one in several
        for s in (one.subscriber,)
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]


async def remove(work: Work, ids: Sequence[UUID], at: datetime) -> None:
    """Delete these: they leave every list, their keys are erased."""
    await work.write(REMOVE, ids, at)


async def taken(work: Work, imsi: str, iccid: str | None) -> tuple[bool, bool]:
    """Whether live subscribers have this IMSI, and this ICCID; whoever they belong to."""
    rows = await work.fetch(TAKEN, imsi, iccid)
    return any(row[0] == imsi for row in rows), any(iccid is not None and row[1] == iccid for row in rows)


async def listed(work: Work, profiles: Collection[UUID]) -> frozenset[tuple[UUID, UUID]]:
    """(profile, system) for every system of these profiles."""
    return frozenset((row[0], row[1]) for row in await work.fetch(LISTED, list(profiles)))


async def hold_accounts(work: Work, accounts: Collection[UUID]) -> frozenset[UUID]:
    """Those of the accounts that are suspended, or stand below one that is; none can change that until the transaction ends."""
    return frozenset(row[0] for row in await work.write(HOLD_ACCOUNTS, list(accounts)) if not row[1])


async def accounts_of(work: Work, ids: Sequence[UUID]) -> list[UUID]:
    """The accounts that these subscribers belong to."""
    return [row[0] for row in await work.fetch(ACCOUNTS_OF, list(ids))]


async def owners(work: Work, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The customers that own what these subscribers are linked to, by the linked thing's id; the provider's own things have none."""
    rows = [tuple(row) for row in await work.fetch(OWNERS, list(ids))]
    return {id_: customer for row in rows for id_, customer in zip(row[::2], row[1::2], strict=True) if customer is not None}


async def read_keys(work: Work, id_: UUID) -> tuple[bytes | None, bytes | None]:
    """The sealed K and OPc of a live subscriber."""
    row = await work.fetch_one(READ_KEYS, id_)
    return (row[0], row[1]) if row else (None, None)


async def sealed_before(work: Work, prefix: bytes, limit: int) -> Sequence[tuple[UUID, bytes | None, bytes | None]]:
    """(id, K, OPc) of subscribers with a key that is not sealed under `prefix`, locked."""
    return [(row[0], row[1], row[2]) for row in await work.write(SEALED_BEFORE, prefix, limit)]


async def seal_again(work: Work, rows: Sequence[tuple[UUID, bytes | None, bytes | None]]) -> None:
    """Write sealed keys, and nothing else."""
    if rows:
        await work.write(SEAL_AGAIN, *map(list, zip(*rows, strict=True)))
