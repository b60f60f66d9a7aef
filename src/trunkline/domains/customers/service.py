"""Use cases of accounts and sites, and what a credential reaches."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from trunkline.domains.customers import rules, store
from trunkline.domains.customers.countries import country_code
from trunkline.domains.customers.fields import ACCOUNTS, ACCOUNTS_DEEP, SITES, SITES_DEEP
from trunkline.domains.customers.model import Account, AccountDraft, DeepAccount, DeepSite, Site, SiteDraft
from trunkline.kit import query
from trunkline.kit.db import Connection
from trunkline.kit.errors import Invalid, NotFound, Stale, Violation
from trunkline.kit.events import changed, created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach
from trunkline.kit.query import And, Compare, Listing, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.rules import required, together
from trunkline.kit.statements import Row
from trunkline.kit.work import Work

__all__ = [
    "ACCOUNTS", "ACCOUNTS_DEEP", "SITES", "SITES_DEEP", "Account", "AccountDraft", "DeepAccount", "DeepSite", "Site", "SiteDraft",
    "change_account", "change_site", "create_account", "create_site", "find_account", "find_reach", "find_site", "list_accounts",
    "list_sites", "reach_of", "remove_account", "remove_site",
]  # fmt: skip

SHOWN = 80  # characters of a reference that an error text repeats


# accounts --------------------------------------------------------------------------------------------------------------


async def list_accounts(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[Account]:
    """A page of the accounts that the caller reaches, of `DeepAccount` when `deep`."""
    work.require("accounts.read")
    listing: Listing[Any] = ACCOUNTS_DEEP if deep else ACCOUNTS
    return await query.page(work, listing, predicate, sort, window, total_cap)


async def find_account(work: Work, reference: str) -> DeepAccount:
    """The account with this reference. Raises `NotFound`."""
    work.require("accounts.read")
    return await query.find(work, ACCOUNTS_DEEP, reference)


async def create_account(work: Work, draft: AccountDraft, found: Sequence[Violation] = ()) -> DeepAccount:
    """Create an account below `draft.parent`, below the caller's own, or (for operators) as the root of a new customer.

    Raises `Invalid` with every broken rule and what the dialect `found`, `Conflict` when the parent has just been removed.
    """
    work.require("accounts.create")
    broken = rules.account_violations(draft, None)
    parent = await _owner(work, "parent", draft.parent, broken)
    if parent is not None:
        broken += rules.too_deep(parent.path)
    if refused := together(found, broken):
        raise Invalid(refused)
    id_, name = new_id(), draft.name or ""
    account = DeepAccount(
        id=id_, reference="", version=1, customer_id=parent.customer_id if parent else id_,
        parent_reference=parent.reference if parent else None, name=name, legal_name=draft.legal_name or name,
        country=draft.country or (parent.country if parent else None),
        currency=draft.currency or (parent.currency if parent else rules.DEFAULT_CURRENCY),
        created_at=work.now, modified_at=work.now, enabled=draft.enabled is not False, extensions=draft.extensions or {},
        parent_name=parent.name if parent else None,
    )  # fmt: skip
    account = msgspec.structs.replace(account, reference=await store.insert_account(work, account, parent))
    work.record(created("account.created", "accounts", account))
    return account


async def change_account(
    work: Work, reference: str, draft: AccountDraft, expected_version: int | None = None, found: Sequence[Violation] = ()
) -> DeepAccount:
    """Change what the draft names; nothing is written when nothing differs. `enabled` alone does not touch subscribers.

    Raises `NotFound`, `Stale` (no longer `expected_version`), `Invalid` with every broken rule and what the dialect `found`.
    """
    work.require("accounts.change")
    before = await _lock_account(work, reference, expected_version)
    if refused := together(found, rules.account_violations(draft, before)):
        raise Invalid(refused)
    given = {name: value for name in rules.CHANGEABLE if (value := getattr(draft, name)) is not UNSET}
    nulls = {"legal_name": given.get("name", before.name), "country": None, "enabled": True, "extensions": {}}
    given = {name: nulls.get(name) if value is None else value for name, value in given.items()}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return before
    after = msgspec.structs.replace(after, version=before.version + 1, modified_at=max(work.now, before.modified_at))
    await store.update_account(work, after)
    event = "changed" if after.enabled == before.enabled else "resumed" if after.enabled else "suspended"
    work.record(changed(f"account.{event}", "accounts", before, after))
    return after


async def remove_account(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Remove an account. Raises `NotFound`, `Stale`, and `Conflict` while anything refers to it."""
    work.require("accounts.remove")
    before = await _lock_account(work, reference, expected_version)
    await store.delete_account(work, before)
    work.record(removed("account.removed", "accounts", before))


# sites -----------------------------------------------------------------------------------------------------------------


async def list_sites(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    account: Account | None = None,
    *,
    deep: bool = False,
) -> Page[Site]:
    """A page of sites, of `DeepSite` when `deep`; with `account` only its own, not its children's."""
    work.require("sites.read")
    if account is not None:
        predicate = And((Compare("account_id", Operator.EQUAL, account.id), predicate))
    listing: Listing[Any] = SITES_DEEP if deep else SITES
    return await query.page(work, listing, predicate, sort, window, total_cap)


async def find_site(work: Work, reference: str) -> DeepSite:
    """The site with this reference. Raises `NotFound`."""
    work.require("sites.read")
    return await query.find(work, SITES_DEEP, reference)


async def create_site(work: Work, draft: SiteDraft, found: Sequence[Violation] = ()) -> DeepSite:
    """Create a site at the draft's account, or at the caller's own; its country is the account's.

    Raises `Invalid` with every broken rule and what the dialect `found`, `Conflict` when the account has just been removed.
    """
    work.require("sites.create")
    broken = rules.site_violations(draft, None)
    owner = await _owner(work, "account", draft.account, broken)
    if draft.account in (UNSET, None) and owner is None:
        broken.append(required("account"))
    if refused := together(found, broken):
        raise Invalid(refused)
    assert owner is not None, "without an account the site is refused"
    site = DeepSite(
        id=new_id(), reference="", version=1, account_id=owner.id, customer_id=owner.customer_id, account_reference=owner.reference,
        name=draft.name or "", address=draft.address or None, city=None, postal_code=None, state_province=None,
        country=owner.country, country_code=country_code(owner.country), latitude=_given(draft.latitude),
        longitude=_given(draft.longitude), time_zone=None, created_at=work.now, modified_at=work.now, account_name=owner.name,
    )  # fmt: skip
    site = msgspec.structs.replace(site, reference=await store.insert_site(work, site))
    work.record(created("site.created", "sites", site))
    return site


async def change_site(
    work: Work, reference: str, draft: SiteDraft, expected_version: int | None = None, found: Sequence[Violation] = ()
) -> DeepSite:
    """Change what the draft names; nothing is written when nothing differs.

    Raises `NotFound`, `Stale` (no longer `expected_version`), `Invalid` with every broken rule and what the dialect `found`.
    """
    work.require("sites.change")
    before = await _lock_site(work, reference, expected_version)
    if refused := together(found, rules.site_violations(draft, before)):
        raise Invalid(refused)
    given = {name: value for name in rules.SITE_RULES if (value := getattr(draft, name)) is not UNSET}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return before
    after = msgspec.structs.replace(after, version=before.version + 1, modified_at=max(work.now, before.modified_at))
    await store.update_site(work, after)
    work.record(changed("site.changed", "sites", before, after))
    return after


async def remove_site(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Remove a site. Raises `NotFound`, `Stale`, and `Conflict` while anything refers to it."""
    work.require("sites.remove")
    before = await _lock_site(work, reference, expected_version)
    await store.delete_site(work, before)
    work.record(removed("site.removed", "sites", before))


# reach -----------------------------------------------------------------------------------------------------------------


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


# what the use cases are made of ----------------------------------------------------------------------------------------


async def _owner(work: Work, field: str, given: Any, broken: list[Violation]) -> store.Owner | None:
    """The account that a draft's `field` names, else the caller's own; `None` for operators, and with a violation for an unknown one."""
    if given is UNSET or given is None:
        reach = work.principal.reach
        return await store.read_owner(work, reach.account_id) if reach else None
    try:
        account = await query.find(work, ACCOUNTS, given)
    except NotFound:
        broken.append(Violation(field, "{reference} was not found", {"reference": given[:SHOWN] or "''"}))
        return None
    return await store.read_owner(work, account.id)


async def _lock_account(work: Work, reference: str, expected_version: int | None) -> DeepAccount:
    """The account as it is now, locked until the transaction ends. Raises `NotFound`, `Stale`."""
    before = await query.find(work, ACCOUNTS_DEEP, reference)
    version = await store.lock(work, store.LOCK_ACCOUNT, before.id)
    if version != before.version:  # somebody changed it in between
        before = await query.find(work, ACCOUNTS_DEEP, reference)
    if expected_version is not None and before.version != expected_version:
        raise Stale(f"the account is at version {before.version}")
    return before


async def _lock_site(work: Work, reference: str, expected_version: int | None) -> DeepSite:
    """The site as it is now, locked until the transaction ends. Raises `NotFound`, `Stale`."""
    before = await query.find(work, SITES_DEEP, reference)
    version = await store.lock(work, store.LOCK_SITE, before.id)
    if version != before.version:
        before = await query.find(work, SITES_DEEP, reference)
    if expected_version is not None and before.version != expected_version:
        raise Stale(f"the site is at version {before.version}")
    return before


def _given(value: Any) -> Any:
    return None if value is UNSET else value
