"""Use cases of accounts and sites."""

from collections.abc import Sequence
from uuid import UUID

from trunkline.domains.customers import store
from trunkline.domains.customers.fields import ACCOUNTS, SITES
from trunkline.domains.customers.model import Account, Site
from trunkline.kit import query
from trunkline.kit.db import Connection
from trunkline.kit.errors import NotFound
from trunkline.kit.principal import Reach
from trunkline.kit.query import And, Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.statements import Row
from trunkline.kit.work import Work

__all__ = [
    "ACCOUNTS",
    "SITES",
    "Account",
    "Site",
    "find_account",
    "find_reach",
    "find_site",
    "list_accounts",
    "list_sites",
    "reach_of",
]

READ = "accounts.read"


async def list_accounts(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[Account]:
    """A page of the accounts that the caller reaches."""
    work.require(READ)
    return await query.page(work, ACCOUNTS, predicate, sort, window, total_cap)


async def find_account(work: Work, reference: str) -> Account:
    """The account with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, ACCOUNTS, reference)


async def list_sites(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    account: Account | None = None,
) -> Page[Site]:
    """A page of sites; with `account` only its own, not its children's."""
    work.require(READ)
    if account is not None:
        predicate = And((Compare("account_id", Operator.EQUAL, account.id), predicate))
    return await query.page(work, SITES, predicate, sort, window, total_cap)


async def find_site(work: Work, reference: str) -> Site:
    """The site with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, SITES, reference)


async def reach_of(connection: Connection, tenant_id: UUID, account_id: UUID) -> Reach:
    """What a credential of this account sees. Raises `NotFound`."""
    row = await connection.fetchrow(store.READ_REACH, tenant_id, account_id)
    if row is None:
        raise NotFound(f"account {account_id} was not found")
    return _reach(account_id, row)


async def find_reach(work: Work, reference: str) -> Reach:
    """What a credential of the account with this reference sees. Raises `NotFound`."""
    account = await query.find(work, ACCOUNTS, reference)
    rows = await work.fetch(store.READ_REACH, account.id)
    return _reach(account.id, rows[0])


def _reach(account_id: UUID, row: Row) -> Reach:
    customer_id, path = row
    return Reach(account_id, customer_id, "" if customer_id == account_id else path)
