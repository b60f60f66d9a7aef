"""From a draft to a subscriber: what a draft names is looked up, the rules are asked, keys are sealed.

One draft or a thousand cost the same few reads: `surroundings` reads once for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.domains.connectivity.subscribers import rules, store
from trunkline.domains.connectivity.subscribers.fields import LINKED
from trunkline.domains.connectivity.subscribers.model import Subscriber, SubscriberDraft, SubscriberStatus, SubscriberType
from trunkline.domains.connectivity.subscribers.rules import Facts, Linked
from trunkline.domains.connectivity.subscribers.store import Stored
from trunkline.kit import query
from trunkline.kit.errors import Violation
from trunkline.kit.events import Event, changed, created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.query import And, Compare, In, Operator, Predicate, Window
from trunkline.kit.rules import together
from trunkline.kit.work import Work

MOST_DRAFTS = 1000  # in one go
REFERENCE_LENGTH = 100
HOUSE_REFERENCES = ("account", "service", "site")  # upper-case, as ACC-98000001
PLACES = ("account", "service", "site")
# A field that is at fault is not told again as the cause of another fault.
FOLLOWS = {"system_profile": "system", "opc": "keyset"}
PURPOSES = {"k": "subscriber.k", "opc": "subscriber.opc"}
BESIDE_KEYS = ("version", "modified_at", "has_k", "has_opc")  # what differs too when only keys were set, replaced or taken away


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What some drafts name, by link and reference, and what the rules must know. `home` is the caller's account, if he has one."""

    linked: Mapping[str, Mapping[str, Linked]]
    facts: Facts
    home: Linked | None


def _spelled(name: str, reference: str) -> str:
    reference = reference.strip()
    return reference.upper() if name in HOUSE_REFERENCES else reference


async def by_id(work: Work, predicate: Predicate) -> Predicate:
    """`predicate` with the ids of what it names by reference, as far as the caller reaches that: indexes stand on ids."""
    match predicate:
        case And(items=items):
            return And(tuple([await by_id(work, item) for item in items]))
        case Compare(field=field, operator=Operator.EQUAL, value=str(value)) if (name := _link_of(field)) and _askable(value):
            found = await query.page(work, LINKED[name], In("reference", (_spelled(name, value),)), (), Window(0, 1))
            return Compare(f"{name}_id", Operator.EQUAL, found.items[0].id) if found.items else predicate
    return predicate


def _link_of(field: str) -> str | None:
    name = field.removesuffix("_reference")
    return name if name != field and name in LINKED else None


def _askable(reference: str) -> bool:
    return 0 < len(reference) <= REFERENCE_LENGTH and "\0" not in reference


async def surroundings(work: Work, drafts: Sequence[SubscriberDraft], existing: Sequence[Subscriber]) -> Surroundings:
    """Everything that editing with these drafts (at most `MOST_DRAFTS`) will ask for; `existing` are the subscribers that may change."""
    reach = work.principal.reach
    home = Linked(reach.account_id, "", reach.account_id, reach.customer_id) if reach else None
    linked: dict[str, Mapping[str, Linked]] = {}
    for name, listing in LINKED.items():
        named = {_spelled(name, value) for draft in drafts if isinstance(value := getattr(draft, name), str)}
        asked = tuple(sorted(filter(_askable, named)))
        found = await query.page(work, listing, In("reference", asked), (), Window(0, MOST_DRAFTS)) if asked else None
        linked[name] = {one.reference: one for one in found.items} if found else {}
    return Surroundings(linked, await _facts(work, drafts, existing, linked, home), home)


def needs_accounts(draft: SubscriberDraft) -> bool:
    """Whether what the draft asks for may need the subscriber's account to be held (`store.hold_accounts`).

    Who holds it does so before he locks the subscriber: a suspension locks the account first too, and neither waits for the other.
    """
    return draft.status == SubscriberStatus.ACTIVE or any(getattr(draft, name) is not UNSET for name in PLACES)


async def _facts(
    work: Work,
    drafts: Sequence[SubscriberDraft],
    existing: Sequence[Subscriber],
    linked: Mapping[str, Mapping[str, Linked]],
    home: Linked | None,
) -> Facts:
    moving = any(getattr(draft, name) is not UNSET for draft in drafts for name in PLACES)
    profiles = {one.id for one in linked["system_profile"].values()}
    profiles |= {one.system_profile_id for one in existing if one.system_profile_id} if linked["system"] else set()
    accounts: set[UUID] = set()
    if any(d.status == SubscriberStatus.ACTIVE for d in drafts) or (moving and any(e.status == "active" for e in existing)):
        several = [one for name in PLACES for one in linked[name].values()]
        accounts = {one.account_id for one in (*several, *existing, *((home,) if home else ())) if one.account_id}
    owners = {one.id: one.customer_id for name in rules.EQUIPMENT for one in linked[name].values() if one.customer_id}
    if moving and existing:
        owners |= await store.owners(work, [one.id for one in existing])
    return Facts(
        listed=await store.listed(work, profiles) if profiles else frozenset(),
        suspended=await store.hold_accounts(work, accounts) if accounts else frozenset(),
        owners=owners,
    )


def blank(work: Work, home: Linked | None) -> Subscriber:
    """A subscriber of the caller's own account, before anything is known of it."""
    return Subscriber(
        id=new_id(), reference="", version=0, account_id=home.account_id if home else None, customer_id=home.customer_id if home else None,
        service_id=None, site_id=None, system_id=None, system_profile_id=None, group_id=None, keyset_id=None, device_id=None, imsi="",
        msisdn="", iccid=None, has_k=False, has_opc=False, status=SubscriberStatus.INACTIVE, type=SubscriberType.PRODUCTION,
        extensions={}, suspended_with_account=False, created_at=work.now, modified_at=work.now,
    )  # fmt: skip


def edited(
    work: Work, around: Surroundings, before: Stored | None, draft: SubscriberDraft, found: Sequence[Violation] = ()
) -> tuple[Stored, list[Violation]]:
    """What `before` (`None`: a new subscriber) becomes by `draft`, and every broken rule after what was `found` already.

    The result is `before` itself when nothing differs, and worth nothing when a rule is broken.
    """
    start = before.subscriber if before else blank(work, around.home)
    linked: dict[str, Linked] = {}
    broken = rules.value_violations(draft, new=before is None)
    for name in LINKED:
        reference = getattr(draft, name)
        if isinstance(reference, str):
            one = around.linked[name].get(_spelled(name, reference))
            if one is not None:
                linked[name] = one
            else:
                broken.append(Violation(name, "{reference} was not found", {"reference": reference[: rules.SHOWN] or "''"}))
    after = rules.merged(start, draft, linked, {violation.field for violation in broken} if broken else ())
    after, misplaced = rules.placed(start, after, draft, linked, around.home)
    told = together(found, [*broken, *misplaced])
    at_fault = {violation.field for violation in told}
    for violation in rules.state_violations(start, after, linked, around.facts):
        if violation.field not in at_fault and FOLLOWS.get(violation.field) not in at_fault:
            told.append(violation)
    if told:
        return before or Stored(start, None, None), told
    return _finished(work, before, after, draft), []


def _finished(work: Work, before: Stored | None, after: Subscriber, draft: SubscriberDraft) -> Stored:
    """`after` with its keys, version and instants; `before` itself when nothing differs."""
    k = _key(work, "k", after.id, draft.k, before.k if before else None)
    opc = _key(work, "opc", after.id, draft.opc, before.opc if before else None)
    if before is not None:
        old = before.subscriber
        if after == old and k is before.k and opc is before.opc:
            return before
        stays = after.status == old.status and after.account_id == old.account_id
        after = msgspec.structs.replace(
            after,
            suspended_with_account=old.suspended_with_account and stays,
            modified_at=max(work.now, old.modified_at),
        )
    return Stored(msgspec.structs.replace(after, version=after.version + 1), k, opc)


def _key(work: Work, name: str, owner: UUID, wanted: str | UnsetType | None, held: bytes | None) -> bytes | None:
    """The sealed key; what is held already when it is the same."""
    if wanted is None or isinstance(wanted, UnsetType):
        return held if wanted is UNSET else None
    plain = bytes.fromhex(wanted)
    if held is not None and work.keyring.unseal(PURPOSES[name], owner, held) == plain:
        return held
    return work.keyring.seal(PURPOSES[name], owner, plain)


def announcements(before: Stored | None, after: Stored) -> list[Event]:
    """The events that tell what became of a subscriber. Keys are in none; that they were set, replaced or taken away is.

    When it goes from one customer to another each learns of its own side alone, and both lists change in size.
    """
    new = after.subscriber
    if before is None:
        return [created("subscriber.created", "subscribers", new)]
    old = before.subscriber
    if new.customer_id != old.customer_id:
        return [
            removed("subscriber.released", "subscribers", old),
            created("subscriber.assigned", "subscribers", new),
        ]
    type_ = "subscriber.changed"
    if new.status != old.status:
        type_ = "subscriber.activated" if new.status == SubscriberStatus.ACTIVE else "subscriber.deactivated"
    elif msgspec.structs.replace(new, **{name: getattr(old, name) for name in BESIDE_KEYS}) == old:
        type_ = "subscriber.keys_changed"
    return [changed(type_, "subscribers", old, new)]
