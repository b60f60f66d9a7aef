"""Use cases of users: the provider's people and customers', as the Network API's accounts.

A caller without `users.read_others` sees only itself; nobody makes, changes or removes users whose role it may not give.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.domains.customers.service import ACCOUNTS
from trunkline.domains.identity.api_tokens.revoking import revoke_tokens_of_user
from trunkline.domains.identity.model import Role
from trunkline.domains.identity.passwords import NO_PASSWORD, hash_password
from trunkline.domains.identity.revocation import say_revoked
from trunkline.domains.identity.users import rules, store
from trunkline.domains.identity.users.fields import USERS, USERS_DEEP
from trunkline.domains.identity.users.model import DeepUser, User, UserDraft
from trunkline.kit import query
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Stale, Violation
from trunkline.kit.events import changed, created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.query import And, Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

READ = "users.read"
CREATE = "users.create"
CHANGE = "users.change"
REMOVE = "users.remove"

# Whoever has logged in with one of these being otherwise must log in again (reference/expeto.md §2.2).
ENDS_SESSIONS = ("role", "active", "account_id")


async def list_users(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[Any]:
    """A page of the users that the caller sees: of `DeepUser` when `deep`, else of `User`."""
    work.require(READ)
    if not _sees_others(work):
        predicate = And((Compare("username", Operator.EQUAL, work.principal.actor_id), predicate))
    return await query.page(work, USERS_DEEP if deep else USERS, predicate, sort, window, total_cap)


async def find_user(work: Work, reference: str) -> DeepUser:
    """The user with this reference. Raises `NotFound`."""
    work.require(READ)
    user = await query.find(work, USERS_DEEP, reference)
    if not _sees_others(work) and user.username != work.principal.actor_id:
        raise NotFound(f"{reference!r} was not found")
    return user


async def create_user(
    work: Work, draft: UserDraft, found: Sequence[Violation] = (), *, password_hash: str | None = None
) -> DeepUser:
    """Make a user; a customer's caller makes it in its own account unless `draft` names another that it reaches.

    `password_hash`: of the draft's password, from a caller that has hashed it already.

    Raises `Invalid` with every broken rule and what the dialect `found`, `Forbidden` when the role is above the caller's or a feature
    is not the caller's to give, `Conflict` when the name is taken.
    """
    work.require(CREATE)
    account, unknown = await _account(work, draft.account)
    broken = rules.violations(draft, None, account_given=account is not None or bool(unknown))
    _refuse(found, broken, unknown)
    role = Role(_given(draft.role))
    _may_give(work, role)
    features = tuple(draft.features or ())
    _may_switch_on(work, set(features))
    user = User(
        id=new_id(), reference="", version=1, account_id=account and account[0], customer_id=account and account[1],
        username=_given(draft.username).strip(), role=role, features=features, active=draft.active is not False,
        last_login_at=None, created_at=work.now, modified_at=work.now,
    )  # fmt: skip
    hash_ = password_hash or await _hash(draft.password)
    reference = await store.insert_user(work, user, hash_ or NO_PASSWORD)
    user = msgspec.structs.replace(user, reference=reference)
    work.record(created("user.created", "users", user))
    return await query.find(work, USERS_DEEP, reference)


async def change_user(
    work: Work, reference: str, draft: UserDraft, expected_version: int | None = None, found: Sequence[Violation] = ()
) -> DeepUser:
    """Change a user. Another role, account or password, or being switched off, ends its sessions at once.

    Raises `NotFound`, `Stale` (no longer `expected_version`), and as `create_user`.
    """
    work.require(CHANGE)
    before = await _lock(work, reference, expected_version)
    _may_give(work, before.role)
    account, unknown = await _account(work, draft.account, before)
    broken = rules.violations(draft, before, account_given=account is not None or bool(unknown))
    if before.account_id is not None and draft.account is None:
        broken.append(Violation("account", "must not be null"))
    elif account is not None and before.customer_id is not None and account[1] != before.customer_id:
        broken.append(Violation("account", "is another customer's"))
    elif (account is None) != (before.account_id is None) and not unknown:
        broken.append(Violation("account", "the provider's people and customers' cannot become each other"))
    _refuse(found, broken, unknown)
    after = _changed(before, draft, account)
    _may_give(work, after.role)
    _may_switch_on(work, set(after.features) - set(before.features))
    hash_ = await _hash(draft.password)
    if after != before or hash_ is not None:
        after = msgspec.structs.replace(after, version=before.version + 1, modified_at=max(work.now, before.modified_at))
        await store.update_user(work, after, hash_)
        await _end_what_changed(work, before, after, password=hash_ is not None)
        work.record(changed("user.changed" if hash_ is None else "user.password_changed", "users", before, after))
    return await query.find(work, USERS_DEEP, reference)


async def remove_user(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Remove a user with its sessions and API tokens. Raises `NotFound`, `Stale`, or `Forbidden` when its role is above the caller's."""
    work.require(REMOVE)
    user = await _lock(work, reference, expected_version)
    _may_give(work, user.role)
    await revoke_tokens_of_user(work, user.id)
    await work.write(store.DELETE_USER, user.id)
    await say_revoked(work, user.id)
    work.record(removed("user.removed", "users", user))


async def _lock(work: Work, reference: str, expected_version: int | None) -> User:
    seen = await query.find(work, USERS, reference)
    user = await store.lock_user(work, seen.id)
    if user is None or (not _sees_others(work) and user.username != work.principal.actor_id):
        raise NotFound(f"{reference!r} was not found")
    if expected_version is not None and user.version != expected_version:
        raise Stale(f"the user is at version {user.version}")
    return user


async def _account(
    work: Work, reference: str | UnsetType | None, user: User | None = None
) -> tuple[tuple[Any, Any] | None, list[Violation]]:
    """((account, customer) that the user is to belong to, what is wrong with the reference)."""
    if reference is UNSET or reference is None:
        if user is not None:
            return ((user.account_id, user.customer_id) if user.account_id is not None else None), []
        reach = work.principal.reach
        return ((reach.account_id, reach.customer_id) if reach is not None else None), []
    try:
        account = await query.find(work, ACCOUNTS, reference)
    except NotFound:
        shown = reference[: rules.SHOWN] or "''"
        return None, [Violation("account", "{reference} was not found", {"reference": shown})]
    return (account.id, account.customer_id), []


def _changed(before: User, draft: UserDraft, account: tuple[Any, Any] | None) -> User:
    """`before` with what the draft gives; the draft breaks no rule."""
    given: dict[str, Any] = {}
    if draft.username is not UNSET:
        given["username"] = _given(draft.username).strip()
    if draft.role is not UNSET:
        given["role"] = draft.role
    if draft.features is not UNSET:
        given["features"] = tuple(draft.features or ())
    if draft.active is not UNSET:
        given["active"] = draft.active
    if account is not None:
        given["account_id"], given["customer_id"] = account
    return msgspec.structs.replace(before, **given)


async def _end_what_changed(work: Work, before: User, after: User, *, password: bool) -> None:
    """Sessions end where they must, tokens follow their user, and every process asks anew what the user may do."""
    if after.account_id != before.account_id:
        await work.write(store.MOVE_TOKENS, after.id, after.account_id, after.customer_id)
    if password or any(getattr(before, name) != getattr(after, name) for name in ENDS_SESSIONS):
        await work.write(store.DROP_SESSIONS, after.id)
    await say_revoked(work, after.id)


async def _hash(password: str | UnsetType | None) -> str | None:
    return await hash_password(password) if isinstance(password, str) else None


def _given(value: Any) -> Any:
    """A value whose absence the rules have refused."""
    assert value is not UNSET, "the rules let nothing unset through"
    assert value is not None, "the rules let no null through"
    return value


def _refuse(found: Sequence[Violation], *broken: list[Violation]) -> None:
    """Raise `Invalid` with what the dialect found and the rules that are broken; a field that could not be read breaks no rule."""
    unreadable = {violation.field for violation in found}
    together = [*found, *(violation for some in broken for violation in some if violation.field not in unreadable)]
    if together:
        raise Invalid(together)


def _sees_others(work: Work) -> bool:
    held = work.principal.permissions
    return rules.READ_OTHERS in held or "*" in held


def _may_give(work: Work, role: Role) -> None:
    work.require(rules.give(role))


def _may_switch_on(work: Work, features: set[str]) -> None:
    """Features are switched on by the provider's own people (reference/expeto.md §2.3)."""
    if features and work.principal.reach is not None:
        raise Forbidden(f"only the provider switches {', '.join(sorted(features))} on", needs="features")
