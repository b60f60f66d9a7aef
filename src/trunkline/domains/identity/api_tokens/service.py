"""Use cases of API tokens: making, listing and removing them, refreshing a site's, and the first use of a refreshed one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from trunkline.domains.identity.api_tokens import rules, store
from trunkline.domains.identity.api_tokens.fields import ACCOUNT_TOKENS, ACCOUNT_TOKENS_DEEP, SITE_TOKENS, SITE_TOKENS_DEEP
from trunkline.domains.identity.api_tokens.model import (
    ApiToken,
    DeepApiToken,
    Refreshed,
    RefreshStatus,
    TokenCredential,
    TokenKind,
)
from trunkline.domains.identity.api_tokens.revoking import NOW, revoke_tokens
from trunkline.domains.identity.model import Role
from trunkline.domains.identity.revocation import say_revoked
from trunkline.domains.identity.tenants import tenant_number
from trunkline.domains.identity.users.rules import SHOWN, give
from trunkline.kit import query, secrets
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Stale, Unauthenticated, Violation
from trunkline.kit.events import changed, created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach
from trunkline.kit.query import Listing, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

READ = "api_tokens.read"
CREATE = "api_tokens.create"
REMOVE = "api_tokens.remove"

KEPT_AFTER_EXPIRY = timedelta(days=30)  # an expired token is still listed for so long, for whoever asks why it opens nothing


async def list_account_tokens(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[Any]:
    """A page of the tokens of the users that the caller reaches: of `DeepApiToken` when `deep`, else of `ApiToken`."""
    work.require(READ)
    return await query.page(work, ACCOUNT_TOKENS_DEEP if deep else ACCOUNT_TOKENS, predicate, sort, window, total_cap)


async def list_site_tokens(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[Any]:
    """A page of the tokens of the sites that the caller reaches: of `DeepApiToken` when `deep`, else of `ApiToken`."""
    work.require(READ)
    return await query.page(work, SITE_TOKENS_DEEP if deep else SITE_TOKENS, predicate, sort, window, total_cap)


async def find_account_token(work: Work, reference: str) -> DeepApiToken:
    """A user's token. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, ACCOUNT_TOKENS_DEEP, reference)


async def find_site_token(work: Work, reference: str) -> DeepApiToken:
    """A site's token. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, SITE_TOKENS_DEEP, reference)


async def create_account_token(
    work: Work,
    name: str,
    user_reference: str,
    scopes: Sequence[str] | None = None,
    *,
    life: timedelta = rules.TOKEN_LIFE,
    found: Sequence[Violation] = (),
) -> tuple[DeepApiToken, str]:
    """Make a token that stands for a user; the token and its text, which is shown only now.

    Raises `Invalid` (fields `name`, `scopes`, `user`), `Forbidden` when the user is outside the caller's accounts or above its role.
    """
    work.require(CREATE)
    row = await store.lock_owner(work, store.LOCK_OWNER_USER, user_reference)
    broken = rules.violations(name, scopes)
    if row is None:
        broken.append(_unknown("user", user_reference))
    elif not row[5]:
        broken.append(Violation("user", "is disabled"))
    _refuse(found, broken)
    assert row is not None, "an unknown user was refused"
    user_id, account_id, customer_id, path, role, _ = row
    _must_reach(work, customer_id, path)
    work.require(give(Role(role)))
    token = _new(work, TokenKind.ACCOUNT, name, scopes, life, user_id=user_id, account_id=account_id, customer_id=customer_id)
    stored, text = await _store(work, token)
    return await query.find(work, ACCOUNT_TOKENS_DEEP, stored.reference), text


async def create_site_token(
    work: Work,
    name: str,
    site_reference: str,
    scopes: Sequence[str] | None = None,
    *,
    life: timedelta = rules.TOKEN_LIFE,
    found: Sequence[Violation] = (),
) -> tuple[DeepApiToken, str]:
    """Make a token for a site's equipment; the token and its text, which is shown only now.

    Raises `Invalid` (fields `name`, `scopes`, `site`), `Forbidden` when the site is outside the caller's accounts.
    """
    work.require(CREATE)
    row = await store.lock_owner(work, store.LOCK_OWNER_SITE, site_reference)
    broken = rules.violations(name, scopes)
    if row is None:
        broken.append(_unknown("site", site_reference))
    _refuse(found, broken)
    assert row is not None, "an unknown site was refused"
    site_id, account_id, customer_id, path = row
    _must_reach(work, customer_id, path)
    work.require(give(Role.CUSTOMER_ADMINISTRATOR))
    token = _new(work, TokenKind.SITE, name, scopes, life, site_id=site_id, account_id=account_id, customer_id=customer_id)
    stored, text = await _store(work, token)
    return await query.find(work, SITE_TOKENS_DEEP, stored.reference), text


async def remove_account_token(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Revoke a user's token. A customer's caller may remove only its own user's tokens (reference/expeto.md §2.3).

    Raises `NotFound`, `Stale`, `Forbidden`.
    """
    work.require(REMOVE)
    token = await query.find(work, ACCOUNT_TOKENS_DEEP, reference)
    if work.principal.reach is not None and token.user_name != work.principal.actor_id:
        raise Forbidden("only the tokens of one's own account may be removed", needs="own account")
    await _remove(work, ACCOUNT_TOKENS, reference, expected_version)


async def remove_site_token(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Revoke a site's token. Raises `NotFound`, `Stale`."""
    work.require(REMOVE)
    await _remove(work, SITE_TOKENS, reference, expected_version)


async def _remove(work: Work, listing: Listing[ApiToken], reference: str, expected_version: int | None) -> None:
    found = await query.find(work, listing, reference)
    locked = await store.lock_token(work, found.id)
    if locked is None or locked[1] is not None:
        raise NotFound(f"{reference!r} was not found")
    if expected_version is not None and locked[0].version != expected_version:
        raise Stale(f"the token is at version {locked[0].version}")
    await revoke_tokens(work, [locked[0]])


async def refresh(work: Work, credential: TokenCredential, *, life: timedelta = rules.TOKEN_LIFE) -> Refreshed:
    """Refresh a site's token by the table of reference/expeto.md §2.7, under a lock on its row.

    The new token ends the children of the old one that were never used; the old one lives until the new one is activated.
    Raises `Unauthenticated` when the token has gone in the meantime.
    """
    locked = await store.lock_token(work, credential.token_id)
    if locked is None or not _lives(locked[0], locked[1], work.now):
        raise Unauthenticated("the token is unknown, expired or revoked")
    token, dies_at = locked
    status = rules.decide(token, dies_at is not None, work.now)
    if status is not RefreshStatus.CREATED:
        return Refreshed(status, None, rules.MESSAGES[status])
    await revoke_tokens(work, await store.lock_tokens(work, store.LOCK_CHILDREN, token.id))
    fresh = _new(
        work, token.kind, token.name, token.scopes, life, site_id=token.site_id, account_id=token.account_id,
        customer_id=token.customer_id, is_refresh=True,
    )  # fmt: skip
    _, text = await _store(work, fresh, token.id)
    after = msgspec.structs.replace(token, version=token.version + 1, refreshed_at=work.now, modified_at=work.now)
    await work.write(store.MARK_REFRESHED, token.id, work.now, after.version)
    work.record(changed("api_token.refreshed", token.collection, token, after))
    return Refreshed(status, text, rules.MESSAGES[status])


async def activate(work: Work, token_id: UUID, grace: timedelta = NOW) -> None:
    """A refreshed token was used: from now on it is the site's token, and the one that it came from ends. Idempotent."""
    parent = await store.lock_parent(work, token_id)  # first the parent, as a refresh does: two locks in one order
    locked = await store.lock_token(work, token_id)
    if locked is None or not await work.write(store.MARK_ACTIVATED, token_id, work.now):
        return
    before = locked[0]
    after = msgspec.structs.replace(before, version=before.version + 1, activated_at=work.now, modified_at=work.now)
    work.record(changed("api_token.activated", before.collection, before, after))
    if parent is not None and parent[1] is None:
        await revoke_tokens(work, [parent[0]], grace)
    await say_revoked(work, token_id)


async def remove_expired_tokens(work: Work, limit: int = 200) -> int:
    """Remove tokens that expired long ago or were replaced; how many. The house's own work, for its timer."""
    expired = await store.lock_tokens(work, store.LOCK_EXPIRED, work.now - KEPT_AFTER_EXPIRY, limit)
    await store.delete_tokens(work, expired)
    work.record(*(removed("api_token.expired", token.collection, token) for token in expired))
    await work.write(store.SWEEP_REPLACED, work.now)
    return len(expired)


def _new(
    work: Work,
    kind: TokenKind,
    name: str,
    scopes: Sequence[str] | None,
    life: timedelta,
    *,
    account_id: UUID | None,
    customer_id: UUID | None,
    user_id: UUID | None = None,
    site_id: UUID | None = None,
    is_refresh: bool = False,
) -> ApiToken:
    return ApiToken(
        id=new_id(), reference="", version=1, account_id=account_id, customer_id=customer_id, kind=kind, name=name.strip(),
        user_id=user_id, site_id=site_id, last_four="", scopes=None if scopes is None else tuple(scopes), is_refresh=is_refresh,
        created_at=work.now, modified_at=work.now, expires_at=work.now + life, activated_at=None, refreshed_at=None,
    )  # fmt: skip


async def _store(work: Work, token: ApiToken, parent_id: UUID | None = None) -> tuple[ApiToken, str]:
    text = secrets.new_token(secrets.API_TOKEN, await tenant_number(work))
    token = msgspec.structs.replace(token, last_four=text[-4:])
    token = msgspec.structs.replace(token, reference=await store.insert_token(work, token, secrets.digest(text), parent_id))
    work.record(created("api_token.created", token.collection, token))
    return token, text


def _lives(token: ApiToken, dies_at: datetime | None, now: datetime) -> bool:
    return token.expires_at > now and (dies_at is None or dies_at > now)


def _must_reach(work: Work, customer_id: UUID | None, path: str | None) -> None:
    """Raise `Forbidden` for an owner outside the caller's accounts: creating a token tells it apart from an unknown one (§2.4)."""
    if (reach := work.principal.reach) is None:
        return
    inside = customer_id == reach.customer_id and path is not None and _within(path, reach)
    if not inside:
        raise Forbidden("it belongs to an account outside your own", needs="account")


def _within(path: str, reach: Reach) -> bool:
    return not reach.path or reach.path <= path < reach.path_end


def _unknown(field: str, reference: str) -> Violation:
    return Violation(field, "{reference} was not found", {"reference": reference[:SHOWN] or "''"})


def _refuse(found: Sequence[Violation], broken: Sequence[Violation]) -> None:
    unreadable = {violation.field for violation in found}
    if together := [*found, *(violation for violation in broken if violation.field not in unreadable)]:
        raise Invalid(together)
