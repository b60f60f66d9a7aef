"""The rules of accounts and sites. Pure; source: reference/expeto.md §5, and §7 for what a change may not touch."""

import re

from msgspec import UNSET

from trunkline.domains.customers.model import AccountDraft, DeepAccount, DeepSite, SiteDraft
from trunkline.kit.errors import Violation
from trunkline.kit.rules import Rule, extensions, number, required, text

CURRENCY = re.compile(r"[A-Z]{3}")
DEFAULT_CURRENCY = "EUR"
DEEPEST = 50  # levels of accounts; a path must fit into an index


def currency(field: str, value: str) -> list[Violation]:
    """A currency's ISO 4217 code."""
    return [] if CURRENCY.fullmatch(value) else [Violation(field, "must be a currency's ISO 4217 code, such as EUR")]


ACCOUNT_RULES: dict[str, Rule] = {
    "name": text(255, 1),
    "legal_name": text(255, 1),
    "country": text(100),
    "currency": currency,
    "extensions": extensions,
}
CHANGEABLE = ("name", "legal_name", "country", "enabled", "extensions")
SITE_RULES: dict[str, Rule] = {
    "name": text(255, 1),
    "address": text(1000),
    "latitude": number(-90, 90),
    "longitude": number(-180, 180),
}


def account_violations(draft: AccountDraft, before: DeepAccount | None) -> list[Violation]:
    """Every rule that `draft` breaks, in field order, as a new account or as a change of `before`."""
    broken = _broken(draft, ACCOUNT_RULES, creating=before is None)
    if before is not None and draft.currency not in (UNSET, None, before.currency):
        broken.append(Violation("currency", "cannot be changed"))
    if before is not None and draft.parent not in (UNSET, before.parent_reference):
        broken.append(Violation("parent", "cannot be changed"))
    return broken


def site_violations(draft: SiteDraft, before: DeepSite | None) -> list[Violation]:
    """Every rule that `draft` breaks, in field order, as a new site or as a change of `before`."""
    broken = _broken(draft, SITE_RULES, creating=before is None)
    if before is not None and draft.account not in (UNSET, before.account_reference):
        broken.append(Violation("account", "cannot be changed"))
    return broken


def too_deep(path: str) -> list[Violation]:
    """Whether an account may be put below the one with this path."""
    if path.count("/") < DEEPEST:
        return []
    return [Violation("parent", f"is {DEEPEST} levels deep, and nothing goes below that")]


def _broken(draft: AccountDraft | SiteDraft, rules: dict[str, Rule], *, creating: bool) -> list[Violation]:
    broken = []
    for name, rule in rules.items():
        value = getattr(draft, name)
        if value is UNSET or value is None:
            if name == "name" and (creating or value is None):
                broken.append(required(name))
        else:
            broken += rule(name, value)
    return broken
