"""The rules of subscribers as tables and properties: what is stored always keeps them, whatever is asked for."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from trunkline.domains.connectivity.subscribers import rules
from trunkline.domains.connectivity.subscribers.model import Subscriber, SubscriberDraft
from trunkline.domains.connectivity.subscribers.rules import EQUIPMENT, Facts, Linked
from trunkline.kit.ids import NIL, new_id

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
CUSTOMER, OTHER = new_id(), new_id()

VALUES = [
    ("imsi", "123480002339875", True),  # the seed's: a country that does not exist
    ("imsi", "123456", True),
    ("imsi", "12345", False),
    ("imsi", "1" * 16, False),
    ("imsi", "12345x", False),
    ("imsi", "123456\n", False),
    ("imsi", "١٢٣٤٥٦", False),  # digits, but not ours
    ("imsi", "", False),
    ("msisdn", "+123480002339875", True),  # the seed's: of no numbering plan
    ("msisdn", "12345", True),
    ("msisdn", "1" * 15, True),
    ("msisdn", "1" * 16, False),
    ("msisdn", "1234", False),
    ("msisdn", "0123456", False),
    ("msisdn", "+0123456", False),
    ("msisdn", "++12345", False),
    ("msisdn", "+12345\n", False),
    ("k", "00112233445566778899aabbccddeeff", True),
    ("k", "00112233445566778899AABBCCDDEEFF", True),
    ("k", "00112233445566778899aabbccddeef", False),
    ("k", "###MASKED###", False),
    ("opc", "g" * 32, False),
    ("opc", None, True),
    ("k", None, False),
    ("imsi", None, False),
    ("msisdn", None, False),
    ("iccid", "89618802340002598755", True),  # the seed's: fails Luhn
    ("iccid", "8" * 18, True),
    ("iccid", "8" * 22, True),
    ("iccid", "8" * 17, False),
    ("iccid", "8" * 23, False),
    ("iccid", None, True),
    ("status", "active", True),
    ("status", "Active", False),
    ("status", "suspended", False),
    ("status", None, True),
    ("type", "test", True),
    ("type", "", False),
    ("extensions", {"batch": "2022-04-12"}, True),
    ("extensions", None, True),
    ("extensions", {"": "x"}, False),
    ("extensions", {"x": "\0"}, False),
    ("extensions", {"x" * 101: ""}, False),
    ("extensions", {"x": "y" * 1001}, False),
]


@pytest.mark.parametrize(("field", "value", "allowed"), VALUES)
def test_a_value_is_taken_or_refused(field: str, value: object, allowed: bool) -> None:
    """Each value of the table, by itself, in a change."""
    broken = rules.value_violations(SubscriberDraft(**{field: value}), new=False)  # type: ignore[arg-type]
    assert {violation.field for violation in broken} == (set() if allowed else {field})


def test_a_new_subscriber_must_have_three_things() -> None:
    """IMSI, MSISDN and K; everything that is missing or wrong is told at once."""
    broken = rules.value_violations(SubscriberDraft(opc="x", iccid="1", status="gone", type="toy"), new=True)
    assert [violation.field for violation in broken] == ["imsi", "msisdn", "k", "opc", "iccid", "status", "type"]


def test_keys_are_never_repeated() -> None:
    """What is wrong with a key is said without the key."""
    broken = rules.value_violations(SubscriberDraft(k="secret-k", opc="secret-opc"), new=False)
    assert "secret" not in "".join(violation.text() for violation in broken)


TEXT = st.one_of(st.none(), st.just(UNSET), st.text(max_size=40), st.from_regex(r"\+?[0-9A-Fa-f]{5,33}", fullmatch=True))
DRAFTS = st.builds(
    SubscriberDraft,
    imsi=TEXT, msisdn=TEXT, iccid=TEXT, k=TEXT, opc=TEXT,
    status=st.one_of(TEXT, st.sampled_from(["active", "inactive"])), type=st.one_of(TEXT, st.sampled_from(["production", "test"])),
    extensions=st.one_of(st.none(), st.just(UNSET), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)),
)  # fmt: skip


def subscriber(**values: object) -> Subscriber:
    fields: dict[str, object] = dict.fromkeys(Subscriber.__struct_fields__)
    fields |= {
        "id": NIL, "reference": "700123", "version": 1, "imsi": "123456", "msisdn": "12345", "has_k": True, "has_opc": True,
        "status": "inactive", "type": "production", "extensions": {}, "suspended_with_account": False, "created_at": NOW,
        "modified_at": NOW, "account_id": CUSTOMER, "customer_id": CUSTOMER,
    }  # fmt: skip
    return Subscriber(**(fields | values))  # type: ignore[arg-type]


@given(DRAFTS)
def test_whatever_is_asked_for_the_result_keeps_the_rules(draft: SubscriberDraft) -> None:
    """A draft without violations gives exactly what it says; with some, what is wrong leaves the field as it was."""
    before = subscriber()
    broken = {violation.field for violation in rules.value_violations(draft, new=False)}
    after = rules.merged(before, draft, {}, broken)
    assert re.fullmatch("[0-9]{6,15}", after.imsi)
    assert re.fullmatch(r"\+?[1-9][0-9]{4,14}", after.msisdn)
    assert after.iccid is None or re.fullmatch("[0-9]{18,22}", after.iccid)
    assert after.status in ("active", "inactive")
    assert after.type in ("production", "test")
    for name in ("imsi", "msisdn", "iccid"):
        value = getattr(draft, name)
        kept = value is UNSET or name in broken
        assert getattr(after, name) == (getattr(before, name) if kept else value)
    assert after.has_k
    assert after.has_opc == (draft.opc is not None)


LINK_IDS = {name: new_id() for name in EQUIPMENT}


@given(
    held=st.sets(st.sampled_from(EQUIPMENT)),
    has_opc=st.booleans(),
    has_k=st.booleans(),
    listed=st.booleans(),
    suspended=st.booleans(),
    was=st.sampled_from(["active", "inactive"]),
)
def test_an_active_subscriber_always_has_what_it_needs(
    held: set[str], has_opc: bool, has_k: bool, listed: bool, suspended: bool, was: str
) -> None:
    """Only with K, OPc or a keyset, system and profile, and an account in use, the rules let a subscriber be active."""
    links = {f"{name}_id": LINK_IDS[name] for name in held}
    after = subscriber(status="active", has_k=has_k, has_opc=has_opc, **links)
    facts = Facts(
        listed=frozenset({(LINK_IDS["system_profile"], LINK_IDS["system"])}) if listed else frozenset(),
        suspended=frozenset({CUSTOMER}) if suspended else frozenset(),
    )
    broken = rules.state_violations(subscriber(status=was), after, {}, facts)
    complete = has_k and (has_opc or "keyset" in held) and {"system", "system_profile"} <= held and listed
    assert (not broken) == (complete and not (suspended and was == "inactive"))


@given(owner=st.sampled_from([None, CUSTOMER, OTHER]), moved=st.booleans(), named=st.booleans())
def test_nothing_of_another_customer_is_linked(owner: UUID | None, moved: bool, named: bool) -> None:
    """Neither by naming it nor by moving the subscriber; the provider's own things serve everybody."""
    group = Linked(LINK_IDS["group"], "1001", owner, owner)
    facts = Facts(owners={group.id: owner} if owner else {})
    before = subscriber(group_id=group.id, account_id=OTHER if moved else CUSTOMER, customer_id=OTHER if moved else CUSTOMER)
    broken = rules.state_violations(before, subscriber(group_id=group.id), {"group": group} if named else {}, facts)
    assert bool(broken) == (owner == OTHER and (moved or named))


HOME = Linked(CUSTOMER, "", CUSTOMER, CUSTOMER)
SITES = [Linked(new_id(), f"SIT-{owner}", owner, owner) for owner in (CUSTOMER, OTHER)]
SERVICES = [Linked(new_id(), f"SRV-{site.reference}", site.account_id, site.customer_id, site.id) for site in SITES]
ACCOUNTS = [Linked(owner, f"ACC-{owner}", owner, owner) for owner in (CUSTOMER, OTHER)]


@given(
    account=st.sampled_from([UNSET, None, *ACCOUNTS]),
    service=st.sampled_from([UNSET, None, *SERVICES]),
    site=st.sampled_from([UNSET, None, *SITES]),
    standing=st.sampled_from([None, *SERVICES, *SITES]),
    operator=st.booleans(),
)
def test_service_site_and_account_always_belong_together(
    account: object, service: object, site: object, standing: Linked | None, operator: bool
) -> None:
    """However a draft names them, what the rules let through is of one account, and a service stands at its own site."""
    asked = {"account": account, "service": service, "site": site}
    linked = {name: one for name, one in asked.items() if isinstance(one, Linked)}
    draft = SubscriberDraft(**{name: one.reference if isinstance(one, Linked) else one for name, one in asked.items()})  # type: ignore[arg-type]
    before = subscriber()
    if standing is not None:
        at_service = standing.site_id is not None
        before = subscriber(
            service_id=standing.id if at_service else None, site_id=standing.site_id or standing.id,
            account_id=standing.account_id, customer_id=standing.customer_id,
        )  # fmt: skip
    after, broken = rules.placed(before, before, draft, linked, None if operator else HOME)
    if broken:
        return
    owners = {one.id: one.account_id for one in (*SITES, *SERVICES)}
    assert after.site_id is None or owners[after.site_id] == after.account_id
    assert after.service_id is None or owners[after.service_id] == after.account_id
    assert after.service_id is None or after.site_id == {one.id: one.site_id for one in SERVICES}[after.service_id]
    assert (after.account_id is None) == (after.customer_id is None)
    assert after.account_id is not None or operator
    for name, one in linked.items():
        assert getattr(after, f"{name}_id") == one.id
