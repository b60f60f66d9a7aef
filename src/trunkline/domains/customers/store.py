"""Every SQL statement of the customers domain that is not a list."""

from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from trunkline.domains.customers.model import Account, Site
from trunkline.kit.errors import Conflict
from trunkline.kit.integrity import referrers
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

CALLED = {"accounts": "accounts below it"}

READ_REACH = Statement("SELECT customer_id, path FROM accounts WHERE tenant_id = $1 AND id = $2")

READ_OWNER = Statement("""
    SELECT id, reference, name, customer_id, path, country, currency FROM accounts WHERE tenant_id = $1 AND id = $2
""")

# $2 id, $3 parent, $4 customer, $5 the parent's path, $6 instant. The path needs the reference, so that is drawn first.
INSERT_ACCOUNT = Statement("""
    WITH drawn AS (SELECT 'ACC-' || nextval('account_references') AS reference)
    INSERT INTO accounts (tenant_id, id, reference, parent_id, customer_id, path, created_at, modified_at, name, legal_name, country,
                          currency, enabled, extensions)
    SELECT $1, $2, reference, $3, $4, $5 || reference || '/', $6, $6, $7, $8, $9, $10, $11, $12
      FROM drawn
    RETURNING reference
""")

LOCK_ACCOUNT = Statement("SELECT version FROM accounts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")

UPDATE_ACCOUNT = Statement("""
    UPDATE accounts SET version = $3, modified_at = $4, name = $5, legal_name = $6, country = $7, enabled = $8, extensions = $9
     WHERE tenant_id = $1 AND id = $2
""")

DELETE_ACCOUNT = Statement("DELETE FROM accounts WHERE tenant_id = $1 AND id = $2")

INSERT_SITE = Statement("""
    INSERT INTO sites (tenant_id, id, reference, account_id, customer_id, created_at, modified_at, name, address, country, country_code,
                       latitude, longitude)
    VALUES ($1, $2, 'SIT-' || nextval('site_references'), $3, $4, $5, $5, $6, $7, $8, $9, $10, $11)
    RETURNING reference
""")

LOCK_SITE = Statement("SELECT version FROM sites WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")

UPDATE_SITE = Statement("""
    UPDATE sites SET version = $3, modified_at = $4, name = $5, address = $6, latitude = $7, longitude = $8
     WHERE tenant_id = $1 AND id = $2
""")

DELETE_SITE = Statement("DELETE FROM sites WHERE tenant_id = $1 AND id = $2")


class Owner(NamedTuple):
    """What an account hands down to what is made below it."""

    id: UUID
    reference: str
    name: str
    customer_id: UUID
    path: str
    country: str | None
    currency: str


async def read_owner(work: Work, account_id: UUID) -> Owner:
    """What an account hands down. Raises `Conflict` when it has just been removed."""
    rows = await work.fetch(READ_OWNER, account_id)
    if not rows:
        raise Conflict("the account was removed at the same time")
    return Owner(*rows[0])


async def insert_account(work: Work, account: Account, parent: Owner | None) -> str:
    """Store a new account below `parent`, or as a root; its reference. Raises `Conflict` when the parent has just been removed."""
    parent_id, path = (parent.id, parent.path) if parent else (None, "")
    try:
        rows = await work.write(
            INSERT_ACCOUNT, account.id, parent_id, account.customer_id, path, work.now, account.name, account.legal_name,
            account.country, account.currency, account.enabled, msgspec.json.encode(account.extensions).decode(),
        )  # fmt: skip
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("the account above it was removed at the same time") from error
    reference: str = rows[0][0]
    return reference


async def lock(work: Work, statement: str, id_: UUID) -> int | None:
    """The version of an account or site, locked by its statement until the transaction ends; `None` when it is gone."""
    rows = await work.write(statement, id_)
    return rows[0][0] if rows else None


async def update_account(work: Work, account: Account) -> None:
    """Write every changeable field of `account`."""
    await work.write(
        UPDATE_ACCOUNT, account.id, account.version, account.modified_at, account.name, account.legal_name, account.country,
        account.enabled, msgspec.json.encode(account.extensions).decode(),
    )  # fmt: skip


async def delete_account(work: Work, account: Account) -> None:
    """Remove an account. Raises `Conflict` while something refers to it."""
    try:
        await work.write(DELETE_ACCOUNT, account.id)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict(f"the account cannot be removed: {referrers(error, CALLED)} refer to it") from error


async def insert_site(work: Work, site: Site) -> str:
    """Store a new site; its reference. Raises `Conflict` when its account has just been removed."""
    try:
        rows = await work.write(
            INSERT_SITE, site.id, site.account_id, site.customer_id, work.now, site.name, site.address, site.country,
            site.country_code, site.latitude, site.longitude,
        )  # fmt: skip
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("the account of the site was removed at the same time") from error
    reference: str = rows[0][0]
    return reference


async def update_site(work: Work, site: Site) -> None:
    """Write every changeable field of `site`."""
    await work.write(
        UPDATE_SITE, site.id, site.version, site.modified_at, site.name, site.address, site.latitude, site.longitude
    )


async def delete_site(work: Work, site: Site) -> None:
    """Remove a site. Raises `Conflict` while something refers to it."""
    try:
        await work.write(DELETE_SITE, site.id)
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict(f"the site cannot be removed: {referrers(error)} refer to it") from error
