"""The rules of users: names, passwords, who may give which role. Pure; sources: reference/expeto.md §2.2, §2.3, §3, §5."""

import re
from collections.abc import Mapping

from msgspec import UNSET

from trunkline.domains.identity.model import Feature, Role
from trunkline.domains.identity.users.model import User, UserDraft
from trunkline.kit.errors import Violation

USERNAME_LENGTH = 100
PASSWORD_LENGTH = (8, 200)
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
SHOWN = 80  # characters of a wrong value that an error text repeats

_CUSTOMERS = frozenset({Role.CUSTOMER_MANAGER, Role.CUSTOMER_ADMINISTRATOR, Role.CUSTOMER_READER})

# Which roles each role may give, and whose holders it may change and remove: never one above its own.
GIVES: Mapping[Role, frozenset[Role]] = {
    Role.ADMINISTRATOR: frozenset(Role),
    Role.NETWORK: _CUSTOMERS | {Role.NETWORK, Role.READER},
    Role.SUPPORT: _CUSTOMERS,
    Role.FINANCE: frozenset(),
    Role.FIELD: frozenset(),
    Role.READER: frozenset(),
    Role.CUSTOMER_MANAGER: _CUSTOMERS,
    Role.CUSTOMER_ADMINISTRATOR: _CUSTOMERS - {Role.CUSTOMER_MANAGER},
    Role.CUSTOMER_READER: frozenset(),
}

READ_OTHERS = "users.read_others"


def give(role: Role) -> str:
    """The permission to make users with this role."""
    return f"users.give_{role}"


def role_permissions(role: Role) -> frozenset[str]:
    """What a role adds to its holder's permissions: the roles that may be given, and whether others than oneself are seen."""
    given = GIVES[role]
    return frozenset({give(other) for other in given} | ({READ_OTHERS} if given else set()))


def violations(draft: UserDraft, user: User | None, account_given: bool) -> list[Violation]:
    """Every rule that `draft` breaks, in field order, for a new user or a change of `user`.

    `account_given`: whether the user will belong to an account.
    """
    broken: list[Violation] = []
    role = draft.role if draft.role is not UNSET or user is None else user.role
    if draft.username is not UNSET or user is None:
        broken += _username_violations(draft.username or "", user)
    if not role:
        broken.append(Violation("role", "is required"))
    elif isinstance(role, Role) and role.is_customers != account_given:
        broken.append(Violation("role", "customers' roles, and only they, need an account"))
    broken += _password_violations(draft, user)
    known = {feature.value for feature in Feature}
    for feature in draft.features or ():
        if feature not in known:
            broken.append(Violation("features", "{feature} is not a feature", {"feature": repr(feature[:SHOWN])}))
    if draft.active is None:
        broken.append(Violation("active", "must not be null"))
    return broken


def _username_violations(username: str, user: User | None) -> list[Violation]:
    name = username.strip()
    if not 1 <= len(name) <= USERNAME_LENGTH:
        return [Violation("username", f"must have 1 to {USERNAME_LENGTH} characters")]
    if not EMAIL.fullmatch(name) and (user is None or name != user.username):  # older names stay as they are
        return [Violation("username", "must be an e-mail address")]
    return []


def _password_violations(draft: UserDraft, user: User | None) -> list[Violation]:
    if draft.password is UNSET or (draft.password is None and user is None):
        return []
    if draft.password is None:
        return [Violation("password", "must not be null")]
    if broken := password_faults(draft.password):
        return [Violation("password", f"must have {', '.join(broken)}")]
    return []


def password_faults(password: str) -> list[str]:
    """What a password lacks (reference/expeto.md §2.2), as words that follow "must have"."""
    low, high = PASSWORD_LENGTH
    checks = (
        (low <= len(password) <= high, f"{low} to {high} characters"),
        (any(character.isdigit() for character in password), "a number"),
        (any(character.isupper() for character in password), "an upper-case letter"),
        (any(not character.isalnum() and not character.isspace() for character in password), "a special character"),
    )
    return [lacking for fine, lacking in checks if not fine]
