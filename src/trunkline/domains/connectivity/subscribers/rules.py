"""The rules of subscribers: values, what an active one needs, what belongs together. Pure; source: reference/expeto.md §5, §7, §17."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from msgspec import UNSET

from trunkline.domains.connectivity.subscribers.model import Subscriber, SubscriberDraft, SubscriberStatus, SubscriberType
from trunkline.kit import rules
from trunkline.kit.errors import Violation
from trunkline.kit.rules import Rule

SHOWN = 80  # characters of a wrong value that an error text repeats


def _msisdn(field: str, value: str) -> list[Violation]:
    if MSISDN.fullmatch(value):
        return []
    return [Violation(field, "must be 5 to 15 digits, not beginning with 0, with or without + in front")]


# Nothing stricter: the samples of seed 004 have a mobile country code that nobody has, a number of no plan, a card that fails Luhn.
MSISDN = re.compile(r"\+?[1-9][0-9]{4,14}")
REQUIRED: dict[str, Rule] = {"imsi": rules.digits(6, 15), "msisdn": _msisdn, "k": rules.hexadecimal(32)}
RULES: dict[str, Rule] = {
    **REQUIRED,
    "opc": rules.hexadecimal(32),
    "iccid": rules.digits(18, 22),
    "status": rules.word(SubscriberStatus),
    "type": rules.word(SubscriberType),
    "extensions": rules.extensions,
}
DEFAULTS = {"status": SubscriberStatus.INACTIVE, "type": SubscriberType.PRODUCTION, "extensions": {}}  # what null stands for
WORDS = {"status": SubscriberStatus, "type": SubscriberType}
KEYS = ("k", "opc")
EQUIPMENT = ("system", "system_profile", "group", "keyset", "device")  # links that say nothing about whose subscriber it is


@dataclass(frozen=True, slots=True)
class Linked:
    """What a rule must know of an object that a draft names. `site_id` is a service's."""

    id: UUID
    reference: str
    account_id: UUID | None
    customer_id: UUID | None
    site_id: UUID | None = None


NOWHERE = Linked(UUID(int=0), "", None, None)  # the home of operators: the provider's own stock


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules must know of the rest of the database.

    `listed`: (profile, system) that go together. `suspended`: accounts that are, or that stand below one that is. `owners`: the customers
    that own what subscribers are linked to, by the linked thing's id; the provider's own things have none.
    """

    listed: frozenset[tuple[UUID, UUID]] = frozenset()
    suspended: frozenset[UUID] = frozenset()
    owners: Mapping[UUID, UUID] = field(default_factory=dict)


def value_violations(draft: SubscriberDraft, *, new: bool) -> list[Violation]:
    """What is wrong with the draft's own values. `new`: what a subscriber must have must be there."""
    broken: list[Violation] = []
    for name, rule in RULES.items():
        value = getattr(draft, name)
        if value is None or value is UNSET:
            if name in REQUIRED and (value is None or new):
                broken.append(rules.required(name))
        else:
            broken += rule(name, value)
    return broken


def merged(before: Subscriber, draft: SubscriberDraft, linked: Mapping[str, Linked], broken: Collection[str]) -> Subscriber:
    """`before` with what `draft` asks for; the `broken` fields stay as they were. Whose it is follows in `placed`."""
    changes: dict[str, object] = {}
    for name in RULES:
        value = getattr(draft, name)
        if value is UNSET or name in broken:
            continue
        if name in KEYS:
            changes[f"has_{name}"] = value is not None
        elif value is None:
            changes[name] = DEFAULTS.get(name)
        else:
            changes[name] = WORDS[name](value) if name in WORDS else value
    for name in EQUIPMENT:
        if getattr(draft, name) is None:
            changes[f"{name}_id"] = None
        elif name in linked:
            changes[f"{name}_id"] = linked[name].id
    return msgspec.structs.replace(before, **changes)


def placed(
    before: Subscriber, after: Subscriber, draft: SubscriberDraft, linked: Mapping[str, Linked], home: Linked | None
) -> tuple[Subscriber, list[Violation]]:
    """`after` with the account, service and site that `draft` asks for, and what does not belong together.

    A service brings its account and its site along, a site its account. `home` is the caller's own account: without one a subscriber
    may also stand in the provider's stock.
    """
    broken: list[Violation] = []
    account = linked.get("account")
    if draft.account is None:
        if home is not None:
            broken.append(Violation("account", "must not be null"))
        else:
            account = NOWHERE
    service, site = linked.get("service"), linked.get("site")
    keeps_service = draft.service is UNSET and before.service_id is not None
    service_id = service.id if service else before.service_id if draft.service is UNSET else None
    site_id = site.id if site else before.site_id if draft.site is UNSET else None
    owner = (account.account_id, account.customer_id) if account else (before.account_id, before.customer_id)
    whose = owner
    if service is not None:
        if site is not None and site.id != service.site_id:
            broken.append(_stranger("site", "{site} is not the site of service {service}", site=site, service=service))
        site_id, whose = service.site_id, (service.account_id, service.customer_id)
    elif keeps_service:
        if site_id != before.site_id:
            broken.append(Violation("site", "must be the site of the subscriber's service"))
        site_id, whose = before.site_id, (before.account_id, before.customer_id)
    elif site is not None:
        whose = (site.account_id, site.customer_id)
    elif site_id is not None:
        whose = (before.account_id, before.customer_id)
    if account is not None and whose != owner:
        told = f"must be the account that the subscriber's {'service' if service or keeps_service else 'site'} belongs to"
        broken.append(Violation("account", told))
    placed_ = msgspec.structs.replace(after, account_id=whose[0], customer_id=whose[1], service_id=service_id, site_id=site_id)
    return placed_, broken


def _stranger(name: str, message: str, **objects: Linked) -> Violation:
    return Violation(name, message, {key: value.reference for key, value in objects.items()})


def state_violations(before: Subscriber, after: Subscriber, linked: Mapping[str, Linked], facts: Facts) -> list[Violation]:
    """Every rule that `after` breaks as a whole."""
    broken: list[Violation] = []
    moved = after.customer_id != before.customer_id
    for name in EQUIPMENT:
        id_ = getattr(after, f"{name}_id")
        owner = facts.owners.get(id_) if id_ is not None and (moved or name in linked) else None
        if owner is not None and owner != after.customer_id:
            broken.append(Violation(name, "belongs to another customer than the subscriber"))
    if after.system_profile_id is not None and after.system_id is None:
        broken.append(Violation("system_profile", "needs a system that it is for"))
    elif after.system_profile_id is not None and after.system_id is not None:
        changed = (after.system_profile_id, after.system_id) != (before.system_profile_id, before.system_id)
        if changed and (after.system_profile_id, after.system_id) not in facts.listed:
            broken.append(Violation("system_profile", "is not for the subscriber's system"))
    if after.status == SubscriberStatus.ACTIVE:
        broken += _activity_violations(before, after, facts)
    return broken


def _activity_violations(before: Subscriber, after: Subscriber, facts: Facts) -> Iterator[Violation]:
    message = "is required while the subscriber is {status}"
    words = {"status": SubscriberStatus.ACTIVE.value}
    if not after.has_k:
        yield Violation("k", message, words)
    if not after.has_opc and after.keyset_id is None:
        yield Violation("opc", message + ", unless a keyset supplies OP", words)
    if after.system_id is None:
        yield Violation("system", message, words)
    if after.system_profile_id is None:
        yield Violation("system_profile", message, words)
    begins = before.status != SubscriberStatus.ACTIVE or before.account_id != after.account_id
    if begins and after.account_id in facts.suspended:
        yield Violation("status", "cannot be {status} while the account is suspended", words)
