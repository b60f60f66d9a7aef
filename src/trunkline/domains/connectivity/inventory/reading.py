"""What a draft asks for: its values checked, its references looked up within the caller's reach."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from trunkline.domains.connectivity.inventory import rules
from trunkline.domains.connectivity.inventory.fields import LISTED
from trunkline.domains.connectivity.inventory.parts import Attribute, D, Description, Link, M, Secret, X
from trunkline.domains.customers.service import ACCOUNTS, SITES
from trunkline.kit import query
from trunkline.kit.errors import NotFound, Violation
from trunkline.kit.query import Listing
from trunkline.kit.rules import required
from trunkline.kit.work import Work

SHOWN = 80  # characters of a reference that an error text repeats

# What a link can lead to, by its collection.
LINKABLE: Mapping[str, Listing[Any]] = {
    "accounts": ACCOUNTS,
    "sites": SITES,
    **{name: listing for name, (listing, _) in LISTED.items()},
}


@dataclass(slots=True)
class Asked:
    """Columns by name, secrets in plain by name, lists beside the row by name, and every broken rule.

    `moves`: to another account, so that what it stays linked to must be looked up again.
    """

    columns: dict[str, Any]
    reference: str | None = None
    secrets: dict[str, bytes | None] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    broken: list[Violation] = field(default_factory=list)
    moves: bool = False


async def read_draft(work: Work, described: Description[M, D, X], draft: X, before: D | None) -> Asked:
    """What `draft` asks of `before`, or of a new object. What it leaves out keeps its value, or takes its default in a new one."""
    asked = await _read_account(work, draft, before)
    if described.chosen and before is None:
        _read_reference(asked, getattr(draft, "reference", UNSET))
    for part in described.parts:
        given = getattr(draft, part.name)
        if given is UNSET and before is not None:
            if not (asked.moves and isinstance(part, Link)):
                continue
            given = getattr(before, f"{part.name}_reference")
        value = None if given is UNSET else given
        match part:
            case Attribute():
                _read_attribute(asked, part, value)
            case Secret():
                _read_secret(asked, part, value)
            case Link():
                await _read_link(work, asked, part, value)
    return asked


async def linked(work: Work, asked: Asked, name: str, to: str, reference: str) -> Any:
    """The object of the collection `to` with this reference; `None` with a violation when the caller cannot link it."""
    try:
        found = await query.find(work, LINKABLE[to], reference)
    except NotFound:
        asked.broken.append(not_found(name, reference))
        return None
    customer_id = asked.columns["customer_id"]
    if customer_id is not None and found.customer_id not in (None, customer_id):
        asked.broken.append(Violation(name, "belongs to another customer"))
    return found


def not_found(name: str, reference: str) -> Violation:
    """Said of a reference that the caller does not reach."""
    return Violation(name, "{reference} was not found", {"reference": reference[:SHOWN] or "''"})


async def _read_account(work: Work, draft: X, before: D | None) -> Asked:
    reach, given = work.principal.reach, draft.account
    if before is not None and (given is UNSET or given == getattr(before, "account_reference", None)):
        return Asked({"account_id": before.account_id, "customer_id": before.customer_id})
    if given is UNSET or given is None:
        asked = Asked({"account_id": reach and reach.account_id, "customer_id": reach and reach.customer_id})
        if before is not None and reach is not None:
            asked.broken.append(Violation("account", "must not be null"))
    else:
        asked = Asked({"account_id": None, "customer_id": None})
        if (account := await linked(work, asked, "account", "accounts", given)) is not None:
            asked.columns = {"account_id": account.id, "customer_id": account.customer_id}
    asked.moves = before is not None
    return asked


def _read_reference(asked: Asked, given: Any) -> None:
    if given is not UNSET and given is not None:
        asked.broken += rules.REFERENCE("reference", given)
        asked.reference = given


def _read_attribute(asked: Asked, part: Attribute, value: Any) -> None:
    if value is None:
        if part.required:
            asked.broken.append(required(part.name))
        value = part.default
    else:
        asked.broken += part.rule(part.name, value)
    asked.columns[part.column] = value


def _read_secret(asked: Asked, part: Secret, value: str | None) -> None:
    if value is None:
        asked.secrets[part.name] = None
    elif faults := part.rule(part.name, value):
        asked.broken += faults
    else:
        asked.secrets[part.name] = part.read(value)


async def _read_link(work: Work, asked: Asked, part: Link, reference: str | None) -> None:
    found = None
    if reference is not None:
        found = await linked(work, asked, part.name, part.to, reference)
    elif part.required:
        asked.broken.append(required(part.name))
    asked.columns[part.column] = found and found.id
