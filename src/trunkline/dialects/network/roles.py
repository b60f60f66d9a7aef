"""Who may do what (reference/expeto.md §3): the roles of the wire, the house's roles behind them, and the matrix of rights."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache

READ, CREATE, CHANGE, REMOVE = "read", "create", "change", "remove"
VERBS = {"R": READ, "C": CREATE, "U": CHANGE, "D": REMOVE}


class Role(StrEnum):
    ADMIN = "ADMIN"
    CUSTOMER_ADMIN = "CUSTOMER_ADMIN"
    READ_ONLY = "READ_ONLY"


# The house's role → the wire's. Roles that are not here (support, billing, …) have no business with the network.
ROLES: Mapping[str, Role] = {
    "administrator": Role.ADMIN,
    "network": Role.ADMIN,
    "customer_manager": Role.ADMIN,
    "customer_administrator": Role.CUSTOMER_ADMIN,
    "customer_reader": Role.READ_ONLY,
    "reader": Role.READ_ONLY,
}
# The wire's role → the house's, for a user of a customer's and for one of the provider's own.
HOUSE_ROLES: Mapping[Role, tuple[str, str]] = {
    Role.ADMIN: ("customer_manager", "network"),
    Role.CUSTOMER_ADMIN: ("customer_administrator", ""),
    Role.READ_ONLY: ("customer_reader", "reader"),
}

ALL, READ_CHANGE = "CRUD", "RU"
MATRIX: Mapping[str, Mapping[Role, str]] = {
    path: dict(zip(Role, rights, strict=True))
    for path, *rights in (
        ("subs", ALL, READ_CHANGE, "R"),
        ("sites", ALL, READ_CHANGE, "R"),
        ("apns", ALL, READ_CHANGE, "R"),
        ("system-profiles", ALL, READ_CHANGE, "R"),
        ("private-radios", ALL, READ_CHANGE, "R"),
        ("monitoring-endpoints", ALL, READ_CHANGE, "R"),
        ("systems", ALL, "R", "R"),
        ("keysets", ALL, "R", "R"),
        ("keyset-mappings", ALL, "", ""),
        ("customers", ALL, "", ""),
        ("accounts", ALL, ALL, "R"),
        ("account-audit-logs", "R", "R", ""),
        ("notifications", ALL, "", ""),
        ("devices", ALL, "R", "R"),
        ("groups", ALL, ALL, "R"),
        ("account-feature-api-tokens", "CRD", "", ""),
        ("api-tokens", "CRD", "", ""),
        ("sftp-connections", ALL, "R", ""),
    )
}

# The wire's collection → the house's, in permissions.
COLLECTIONS: Mapping[str, str] = {
    "subs": "subscribers",
    "sites": "sites",
    "apns": "apns",
    "system-profiles": "system_profiles",
    "private-radios": "private_radios",
    "monitoring-endpoints": "monitoring_endpoints",
    "systems": "systems",
    "keysets": "keysets",
    "keyset-mappings": "keyset_mappings",
    "customers": "accounts",
    "accounts": "users",
    "account-audit-logs": "events",
    "notifications": "notifications",
    "devices": "devices",
    "groups": "groups",
    "account-feature-api-tokens": "api_tokens",
    "api-tokens": "api_tokens",
    "sftp-connections": "sftp_connections",
}


def scope(path: str, verb: str) -> str:
    """The right to do `verb` in a collection: `subs:read`."""
    return f"{path}:{verb}"


@cache
def rights(role: Role) -> frozenset[str]:
    """All that a role may do."""
    return frozenset(scope(path, VERBS[letter]) for path, row in MATRIX.items() for letter in row[role])


def narrowed(role: Role, scopes: Iterable[str] | None) -> frozenset[str]:
    """A role's rights within a token's own list, in which `write` stands for create, change and remove (§2.3)."""
    if scopes is None:
        return rights(role)
    listed = set()
    for text in scopes:
        path, _, verb = text.partition(":")
        listed |= {scope(path, v) for v in ((CREATE, CHANGE, REMOVE) if verb == "write" else (verb,))}
    return rights(role) & listed


@cache
def permissions(scopes: frozenset[str]) -> frozenset[str]:
    """The house's permissions for rights of the wire. Whoever writes in a collection may look up there what it writes.

    Which operations a caller may call is decided by its rights alone.
    """
    parted = (text.partition(":") for text in scopes)
    return frozenset(f"{COLLECTIONS[path]}.{permitted}" for path, _, verb in parted for permitted in (verb, READ))
