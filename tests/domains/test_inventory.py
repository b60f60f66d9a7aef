"""The inventory of a mobile network: eleven collections that all keep the same promises."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from tests.domains.house import ALL, House
from trunkline.domains.connectivity.inventory import service as inventory
from trunkline.domains.connectivity.inventory.service import (
    ApnDraft,
    ApnProfile,
    ApnProfileDraft,
    Collection,
    DeviceDraft,
    GroupDraft,
    KeysetDraft,
    KeysetMappingDraft,
    SftpConnectionDraft,
    SystemDraft,
    SystemProfileDraft,
)
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import SubscriberDraft
from trunkline.domains.customers import service as customers
from trunkline.domains.customers.service import AccountDraft
from trunkline.kit import query
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale, Violation
from trunkline.kit.ids import new_id
from trunkline.kit.keyring import Keyring
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, LISTINGS, And, Compare, Operator, SortKey, Window

OP = "cdc202d5123e20f62b6d676ac72cb318"
TRANSPORT_KEY = "00112233445566778899aabbccddeeff" * 2
PASSWORD = "correct horse battery"

# Stands for the reference of an object that is made (or found) for the test.
KEYSET, SYSTEM, SITE = object(), object(), object()


@dataclass(frozen=True)
class Sample:
    """A whole object of a collection, a change of it, and a draft that breaks every rule with the fields that are told."""

    collection: Collection[Any, Any, Any]
    whole: Mapping[str, Any]
    change: Mapping[str, Any]
    broken: Mapping[str, Any]
    faults: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)


LONG = "x" * 2001
SAMPLES = (
    Sample(
        inventory.SYSTEMS,
        {"name": "Core West", "description": "Main core", "extensions": {"region": "west"}},
        {"extensions": {"region": "west", "rack": "4"}},
        {"name": " ", "description": LONG, "extensions": {"": "x", "nul": "\0"}, "account": "ACC-0"},
        ("account", "name", "description", "extensions", "extensions"),
        {"description": None, "extensions": {}},
    ),
    Sample(
        inventory.APNS,
        {"name": "internet.acme-1", "max_download": 209_715_200, "max_upload": 0, "qci": 9, "arp": 15, "pdn_type": "ipv4v6"},
        {"qci": 1, "max_upload": None},
        {"name": "-bad", "max_download": -1, "max_upload": 10**16, "qci": 10, "arp": 0, "pdn_type": "x25"},
        ("name", "max_download", "max_upload", "qci", "arp", "pdn_type"),
        {"max_download": None, "qci": None, "pdn_type": "ipv4"},
    ),
    Sample(
        inventory.SYSTEM_PROFILES,
        {"name": "internet-209715200-104857600", "extensions": {"tier": "gold"}},
        {"name": "internet-fast"},
        {
            "name": None, "extensions": {"k": "v" * 1001}, "systems": ("0", "1"),
            "apn_profiles": (ApnProfileDraft(apn="0", max_download=-1),),
        },
        ("name", "extensions", "systems.0", "systems.1", "apn_profiles.0.apn", "apn_profiles.0.max_download"),
        {"extensions": {}, "systems": (), "apn_profiles": ()},
    ),
    Sample(
        inventory.GROUPS, {"name": "Trucks", "description": "All trucks"}, {"description": None}, {"name": "x" * 256}, ("name",),
        {"description": None},
    ),
    Sample(
        inventory.KEYSETS,
        {"name": "Batch 7", "algorithm": "milenage", "op": OP, "transport_key": TRANSPORT_KEY},
        {"name": "Batch 7a"},
        {"algorithm": "rot13", "op": "12", "transport_key": "xy" * 16},
        ("name", "algorithm", "op", "transport_key"),
        {"algorithm": "milenage", "has_op": False, "has_transport_key": False},
    ),
    Sample(
        inventory.KEYSET_MAPPINGS,
        {"name": "Batch 7 on core", "keyset": KEYSET, "system": SYSTEM, "imsi_prefix": "12348"},
        {"imsi_prefix": "123480"},
        {"keyset": "0", "system": "0", "imsi_prefix": "12a"},
        ("name", "keyset", "system", "imsi_prefix"),
        {"imsi_prefix": None, "system_reference": None},
    ),
    Sample(
        inventory.DEVICES,
        {
            "tac": "35607009", "brand_name": "SAMSUNG", "model_name": "SM-G5323G/DS", "device_type": "Smartphone",
            "os": "Android 6.0 Marshmallow", "source": "manual",
        },
        {"os": "Android 7"},
        {"reference": "..", "tac": "3560700", "brand_name": "x" * 256, "source": "\0"},
        ("reference", "tac", "brand_name", "source"),
        {"brand_name": None, "source": "manual"},
    ),
    Sample(
        inventory.PRIVATE_RADIOS,
        {"name": "Mast 1", "description": "Yard", "site": SITE, "serial_number": "SN-1", "status": "active"},
        {"status": "inactive", "site": None},
        {"name": "", "site": "SIT-0", "serial_number": "x" * 256, "status": "on"},
        ("name", "site", "serial_number", "status"),
        {"site_reference": None, "status": "planned"},
    ),
    Sample(
        inventory.NOTIFICATIONS,
        {"name": "Core down", "type": "alarm", "severity": "critical", "message": "No heartbeat", "read": False},
        {"read": True},
        {"name": "a\0b", "type": "poem", "severity": "loud", "message": LONG},
        ("name", "type", "severity", "message"),
        {"type": "information", "severity": "info", "message": None, "read": False},
    ),
    Sample(
        inventory.MONITORING_ENDPOINTS,
        {"name": "Gateway", "description": "Ping", "site": SITE, "address": "2001:db8::1", "port": 161, "enabled": True},
        {"enabled": False},
        {"site": "SIT-0", "address": "two words", "port": 0},
        ("name", "site", "address", "port"),
        {"port": None, "enabled": True},
    ),
    Sample(
        inventory.SFTP_CONNECTIONS,
        {
            "name": "Billing drop", "host": "sftp.example.com", "port": 2222, "username": "drop", "password": PASSWORD,
            "path": "/in", "enabled": True,
        },
        {"port": 22, "path": None},
        {"name": None, "host": " ", "port": 65536, "username": "", "password": "x" * 256, "path": "x" * 1001},
        ("name", "host", "port", "username", "password", "path"),
        {"port": 22, "path": "/", "enabled": True, "has_password": False},
    ),
)  # fmt: skip

every_collection = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.collection.name)
SECRET_FIELDS = {"op", "transport_key", "password"}


async def resolved(house: House, reach: Reach | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values with real references in place of the marks."""
    values = dict(given)
    for name, value in given.items():
        if value is KEYSET:
            values[name] = (await made(house, reach, inventory.KEYSETS, name="Keys")).reference
        elif value is SYSTEM:
            values[name] = (await made(house, reach, inventory.SYSTEMS, name="Core")).reference
        elif value is SITE:
            values[name] = (
                (await query.page(house.reading(reach), LISTINGS["sites"], EVERYTHING, (), Window(0, 1))).items[0].reference
            )
    return values


async def made(house: House, reach: Reach | None, collection: Collection[Any, Any, Any], **values: Any) -> Any:
    """A new object of a collection, committed."""
    async with house.writing(reach) as work:
        return await collection.create(work, collection.draft(**values))


async def sample_of(house: House, reach: Reach | None, sample: Sample) -> Any:
    """The sample's whole object, committed."""
    return await made(house, reach, sample.collection, **await resolved(house, reach, sample.whole))


async def events(house: House, id_: UUID) -> list[Any]:
    return await house.sql(
        "SELECT type, subject_version, before::text, after::text FROM events WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence",
        id_,
    )


async def total(house: House, reach: Reach | None, collection: Collection[Any, Any, Any]) -> int | None:
    return (await collection.page(house.reading(reach), EVERYTHING, (), Window(0, 1), 1_000_000)).total


def shown(item: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What an object shows of a draft's values: links by reference, secrets only as being there."""
    names = {
        name: f"has_{name}" if name in SECRET_FIELDS else name if hasattr(item, name) else f"{name}_reference"
        for name in values
    }
    return {name: getattr(item, attribute) for name, attribute in names.items()}


# every collection -----------------------------------------------------------------------------------------------------


@every_collection
async def test_an_object_is_created_found_and_listed(house: House, sample: Sample) -> None:
    """What is created is the caller's account's, has every value that was given, and stands in the list with its linked names."""
    values = await resolved(house, house.customer, sample.whole)
    before = await total(house, house.customer, sample.collection)
    item = await made(house, house.customer, sample.collection, **values)
    assert shown(item, values) == {name: name in SECRET_FIELDS or value for name, value in values.items()}
    assert (item.version, item.account_id, item.customer_id) == (1, house.customer.account_id, house.customer.customer_id)
    assert item.account_reference.startswith("ACC-")
    assert item.account_name
    assert await sample.collection.find(house.reading(house.customer), item.reference) == item
    assert await total(house, house.customer, sample.collection) == (before or 0) + 1
    own = Compare("reference", Operator.EQUAL, item.reference)
    for deep in (False, True):
        page = await sample.collection.page(house.reading(house.customer), own, (), Window(0, 5), deep=deep)
        (listed,) = page.items
        assert listed == (item if deep else sample.collection.model(*(getattr(item, n) for n in listed.__struct_fields__)))
    [event] = await events(house, item.id)
    assert (event["type"], event["subject_version"], event["before"]) == (f"{sample.collection.thing}.created", 1, None)


@every_collection
async def test_what_is_left_out_takes_its_default(house: House, sample: Sample) -> None:
    """A new object needs only what is required; null stands for the default as well as silence does."""
    required = {
        "systems": {"name"}, "apns": {"name"}, "system_profiles": {"name"}, "groups": {"name"}, "keysets": {"name"},
        "keyset_mappings": {"name", "keyset"}, "devices": {"tac"}, "private_radios": {"name"}, "notifications": {"name"},
        "monitoring_endpoints": {"name", "address"}, "sftp_connections": {"name", "host", "username"},
    }[sample.collection.name]  # fmt: skip
    values = {name: value for name, value in sample.whole.items() if name in required}
    for nulls in ({}, dict.fromkeys(set(sample.whole) - required)):
        item = await made(house, house.customer, sample.collection, **await resolved(house, house.customer, values), **nulls)
        assert {name: getattr(item, name) for name in sample.defaults} == sample.defaults
        async with house.writing(house.customer) as work:
            await sample.collection.remove(work, item.reference)


@every_collection
async def test_a_change_is_written_once(house: House, sample: Sample) -> None:
    """A change raises the version and is announced with before and after; the same change again does nothing at all."""
    item = await sample_of(house, house.customer, sample)
    draft = sample.collection.draft(**sample.change)
    async with house.writing(house.customer) as work:
        after = await sample.collection.change(work, item.reference, draft, expected_version=1)
    assert after.version == 2
    assert after.modified_at >= item.modified_at
    expected = {name: value for name, value in sample.change.items() if value is not None}
    assert shown(after, expected) == expected
    kept = set(shown(item, sample.whole)) - set(sample.change)
    assert {name: shown(after, {name: 0}) for name in kept} == {name: shown(item, {name: 0}) for name in kept}
    async with house.writing(house.customer) as work:
        assert await sample.collection.change(work, item.reference, draft) == after
        assert not work.recorded
    assert [row["type"].partition(".")[2] for row in await events(house, item.id)] == ["created", "changed"]
    assert await sample.collection.find(house.reading(house.customer), item.reference) == after


@every_collection
async def test_the_same_object_again_changes_nothing(house: House, sample: Sample) -> None:
    """Writing an object back as it is, with its secrets, raises no version and announces nothing."""
    values = await resolved(house, house.customer, sample.whole)
    item = await made(house, house.customer, sample.collection, **values)
    async with house.writing(house.customer) as work:
        draft = sample.collection.draft(**values, account=item.account_reference)
        assert await sample.collection.change(work, item.reference, draft) == item
        assert not work.recorded


@every_collection
async def test_an_old_version_is_refused(house: House, sample: Sample) -> None:
    """A caller who names a version that is gone loses, in a change and in a removal."""
    item = await sample_of(house, house.customer, sample)
    async with house.writing(house.customer) as work:
        with pytest.raises(Stale):
            await sample.collection.change(work, item.reference, sample.collection.draft(**sample.change), expected_version=7)
        with pytest.raises(Stale):
            await sample.collection.remove(work, item.reference, expected_version=7)


@every_collection
async def test_all_faults_are_told_at_once(house: House, sample: Sample) -> None:
    """Every broken rule is told in the order of the fields, in a new object and in a change, and no secret is repeated."""
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await sample.collection.create(work, sample.collection.draft(**sample.broken))
        assert tuple(fault.field for fault in refused.value.violations) == sample.faults
    item = await sample_of(house, house.customer, sample)
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await sample.collection.change(work, item.reference, sample.collection.draft(**sample.broken))
        given = {fault for fault in sample.faults if fault.partition(".")[0] in sample.broken and fault != "reference"}
        assert {fault.field for fault in refused.value.violations} == given
    for name in SECRET_FIELDS & set(sample.broken):
        assert sample.broken[name] not in str(refused.value)


@every_collection
async def test_an_object_is_removed_for_good(house: House, sample: Sample) -> None:
    """What is removed is in no list any more, and cannot be removed again."""
    item = await sample_of(house, house.customer, sample)
    before = await total(house, house.customer, sample.collection)
    async with house.writing(house.customer) as work:
        await sample.collection.remove(work, item.reference, expected_version=1)
    assert await total(house, house.customer, sample.collection) == (before or 0) - 1
    with pytest.raises(NotFound):
        await sample.collection.find(house.reading(house.customer), item.reference)
    async with house.writing(house.customer) as work:
        with pytest.raises(NotFound):
            await sample.collection.remove(work, item.reference)
    assert [row["type"].partition(".")[2] for row in await events(house, item.id)] == ["created", "removed"]


@every_collection
async def test_another_customer_learns_nothing(house: House, sample: Sample) -> None:
    """What belongs to one customer does not exist for another: not to find, list, change or remove."""
    item = await sample_of(house, house.customer, sample)
    own = Compare("reference", Operator.EQUAL, item.reference)
    page = await sample.collection.page(house.reading(house.other), own, (), Window(0, 5), 10)
    assert (page.items, page.total) == ([], 0)
    async with house.writing(house.other) as work:
        with pytest.raises(NotFound):
            await sample.collection.find(work, item.reference)
        with pytest.raises(NotFound):
            await sample.collection.change(work, item.reference, sample.collection.draft(**sample.change))
        with pytest.raises(NotFound):
            await sample.collection.remove(work, item.reference)
    operator = await sample.collection.find(house.reading(None), item.reference)
    assert operator == item


@every_collection
async def test_another_provider_learns_nothing(house: House, sample: Sample) -> None:
    """What belongs to one provider does not exist for another, even for its operators."""
    item = await sample_of(house, house.customer, sample)
    stranger = house.reading(None)
    stranger.principal = type(stranger.principal)(
        **{name: getattr(stranger.principal, name) for name in stranger.principal.__slots__} | {"tenant_id": new_id()}
    )
    with pytest.raises(NotFound):
        await sample.collection.find(stranger, item.reference)
    page = await sample.collection.page(stranger, EVERYTHING, (), Window(0, 5), 10)
    assert (page.items, page.total) == ([], 0)


@every_collection
async def test_each_use_case_needs_its_own_permission(house: House, sample: Sample) -> None:
    """Who may read may not write, and each way of writing is a right of its own."""
    item = await sample_of(house, house.customer, sample)
    name, collection = sample.collection.name, sample.collection
    draft = collection.draft(**sample.change)
    uses = {
        "read": lambda work: collection.find(work, item.reference),
        "create": lambda work: collection.create(work, draft),
        "change": lambda work: collection.change(work, item.reference, draft),
        "remove": lambda work: collection.remove(work, item.reference),
    }
    for verb, use in uses.items():
        with pytest.raises(Forbidden) as refused:
            await use(house.reading(house.customer, ALL - {f"{name}.{verb}"}))
        assert refused.value.needs == f"{name}.{verb}"


@every_collection
async def test_every_field_of_a_list_sorts(house: House, sample: Sample) -> None:
    """A list can be sorted by each of its fields, and both lists of a collection have the same."""
    listing, deep = sample.collection.listing, sample.collection.deep_listing
    assert listing.by_name.keys() == deep.by_name.keys()
    await sample_of(house, house.customer, sample)
    for name in listing.by_name:
        page = await sample.collection.page(house.reading(house.customer), EVERYTHING, (SortKey(name, True),), Window(0, 2))
        assert page.items


# who an object belongs to ----------------------------------------------------------------------------------------------


async def test_an_operators_object_is_the_provider_s_own_stock(house: House) -> None:
    """What an operator creates without naming a customer belongs to nobody, and no customer sees it."""
    item = await made(house, None, inventory.SYSTEMS, name="Spare core")
    assert (item.account_id, item.customer_id, item.account_reference) == (None, None, None)
    with pytest.raises(NotFound):
        await inventory.SYSTEMS.find(house.reading(house.customer), item.reference)


async def test_stock_is_assigned_to_a_customer_and_both_totals_stay_exact(house: House) -> None:
    """Giving stock to a customer moves it from one list to the other; neither side's event tells about the other side."""
    item = await made(house, None, inventory.GROUPS, name="Spare group")
    own = await made(house, house.customer, inventory.GROUPS, name="Own")
    counts = [await total(house, reach, inventory.GROUPS) for reach in (None, house.customer)]
    async with house.writing(None) as work:
        after = await inventory.GROUPS.change(work, item.reference, GroupDraft(account=own.account_reference))
    assert after.customer_id == house.customer.customer_id
    assert [await total(house, reach, inventory.GROUPS) for reach in (None, house.customer)] == [
        counts[0],
        (counts[1] or 0) + 1,
    ]
    assert [(row["type"], row["before"] is None, row["after"] is None) for row in await events(house, item.id)][1:] == [
        ("group.released", False, True), ("group.assigned", True, False),
    ]  # fmt: skip
    async with house.writing(None) as work:
        back = await inventory.GROUPS.change(work, item.reference, GroupDraft(account=None))
    assert back.account_id is None


async def test_a_customer_cannot_give_its_objects_away(house: House) -> None:
    """A customer's caller neither moves an object out of its reach nor makes it nobody's."""
    theirs = await made(house, house.other, inventory.GROUPS, name="Theirs")
    mine = await made(house, house.customer, inventory.GROUPS, name="Mine")
    async with house.writing(house.customer) as work:
        for account in (None, theirs.account_reference):
            with pytest.raises(Invalid) as refused:
                await inventory.GROUPS.change(work, mine.reference, GroupDraft(account=account))
            assert [fault.field for fault in refused.value.violations] == ["account"]
        with pytest.raises(Invalid):
            await inventory.GROUPS.create(work, GroupDraft(name="For them", account=theirs.account_reference))


async def test_links_stay_within_a_customer(house: House) -> None:
    """Nobody links one customer's object to another's: a customer does not know it, an operator is told."""
    theirs = await made(house, house.other, inventory.KEYSETS, name="Theirs")
    mine = await made(house, house.customer, inventory.KEYSETS, name="Mine")
    for reach, said in ((house.customer, "was not found"), (None, "belongs to another customer")):
        async with house.writing(reach) as work:
            draft = KeysetMappingDraft(name="Wrong", keyset=theirs.reference, account=mine.account_reference)
            with pytest.raises(Invalid) as refused:
                await inventory.KEYSET_MAPPINGS.create(work, draft)
            [fault] = refused.value.violations
            assert fault.field == "keyset"
            assert said in fault.text()


async def test_what_is_linked_is_not_left_behind(house: House) -> None:
    """An operator cannot move an object to a customer while it is linked to another customer's."""
    mapping = await sample_of(house, house.customer, next(s for s in SAMPLES if s.collection is inventory.KEYSET_MAPPINGS))
    theirs = await made(house, house.other, inventory.GROUPS, name="Theirs")
    async with house.writing(None) as work:
        draft = KeysetMappingDraft(account=theirs.account_reference)
        with pytest.raises(Invalid) as refused:
            await inventory.KEYSET_MAPPINGS.change(work, mapping.reference, draft)
        assert [fault.field for fault in refused.value.violations] == ["keyset", "system"]


async def test_what_others_use_is_not_taken_away(house: House) -> None:
    """An operator cannot give a customer's object to another while the first one's objects refer to it."""
    theirs = await made(house, house.other, inventory.GROUPS, name="Theirs")
    keyset = await made(house, house.customer, inventory.KEYSETS, name="Keys")
    mapping = await made(house, house.customer, inventory.KEYSET_MAPPINGS, name="m", keyset=keyset.reference, imsi_prefix="777")
    draft = KeysetDraft(account=theirs.account_reference)
    async with house.writing(None) as work:
        with pytest.raises(Conflict, match="keyset mappings"):
            await inventory.KEYSETS.change(work, keyset.reference, draft)
    async with house.writing(None) as work:
        await inventory.KEYSET_MAPPINGS.remove(work, mapping.reference)
        assert (await inventory.KEYSETS.change(work, keyset.reference, draft)).customer_id == house.other.customer_id


REFERRERS = """
    SELECT k.confrelid::regclass::text, k.conrelid::regclass::text, a.attname
      FROM pg_constraint k
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[2]
     WHERE k.contype = 'f' AND $1::uuid IS NOT NULL
"""


async def test_the_catalogue_knows_all_that_refers_to_an_object(house: House) -> None:
    """Whatever table refers to a collection's rows is named in its description (lists of a row belong to the row)."""
    known = {(c.name, table, column) for c in inventory.COLLECTIONS for table, column in c.described.used_by}
    tables = {collection.name for collection in inventory.COLLECTIONS}
    there = {tuple(row) for row in await house.sql(REFERRERS) if row[0] in tables}
    lists = {("system_profiles", table, "system_profile_id") for table in ("system_profile_systems", "system_profile_apns")}
    # A subscriber's profile is one of its system's, so its key leads to the profile's list of systems.
    assert known == (there - lists) | {("system_profiles", "subscribers", "system_profile_id")}


async def test_an_account_s_people_see_its_own_objects_or_those_below_too(house: House) -> None:
    """A branch's credential reaches the branch with all below it, one of a single account only that account's objects."""
    async with house.writing(house.customer) as work:
        branch = await customers.create_account(work, AccountDraft(name="Branch"))
        twig = await customers.create_account(work, AccountDraft(name="Twig", parent=branch.reference))
    marks = {}
    for account in (branch, twig):
        marks[account.name] = await made(house, house.customer, inventory.GROUPS, name="g", account=account.reference)
    above = await made(house, house.customer, inventory.GROUPS, name="g")
    whole = await customers.find_reach(house.reading(None), branch.reference)
    single = replace(whole, own=True)
    for reach, seen in ((whole, {"Branch", "Twig"}), (single, {"Branch"})):
        page = await inventory.GROUPS.page(house.reading(reach), EVERYTHING, (), Window(0, 10), 100)
        assert ({item.id for item in page.items}, page.total) == ({marks[name].id for name in seen}, len(seen))
        with pytest.raises(NotFound):
            await inventory.GROUPS.find(house.reading(reach), above.reference)
    assert (await made(house, single, inventory.GROUPS, name="new")).account_reference == branch.reference


async def test_two_changes_at_once_both_count(house: House) -> None:
    """Of two changes at the same time the second waits for the first and builds on it; neither is lost."""
    item = await made(house, house.customer, inventory.GROUPS, name="Before")

    async def describe() -> Any:
        async with house.writing(house.customer) as work:
            return await inventory.GROUPS.change(work, item.reference, GroupDraft(description="Second"))

    async with house.writing(house.customer) as work:
        await inventory.GROUPS.change(work, item.reference, GroupDraft(name="First"))
        second = asyncio.create_task(describe())
        await asyncio.sleep(0.2)
        assert not second.done()
    after = await second
    assert (after.name, after.description, after.version) == ("First", "Second", 3)


# references and duplicates ---------------------------------------------------------------------------------------------


async def test_a_device_may_have_a_name_for_an_id(house: House) -> None:
    """A device's reference may be chosen, is found as it was written, and exists once."""
    name = f"Grob's Phone {new_id().hex[:6]}"
    device = await made(house, house.customer, inventory.DEVICES, reference=name, tac="35607009")
    assert device.reference == name
    assert (await inventory.DEVICES.find(house.reading(house.customer), name)).id == device.id
    exact = Compare("reference", Operator.EQUAL, name)
    assert (await inventory.DEVICES.page(house.reading(house.customer), exact, (), Window(0, 5))).items
    async with house.writing(house.customer) as work:
        with pytest.raises(Conflict, match="already"):
            await inventory.DEVICES.create(work, DeviceDraft(reference=name, tac="35607009"))
    async with house.writing(house.customer) as work:
        after = await inventory.DEVICES.change(work, name, DeviceDraft(reference="Another", os="iOS"))
    assert (after.reference, after.os) == (name, "iOS")


async def test_a_chosen_reference_never_blocks_the_next_number(house: House) -> None:
    """Where somebody chose the next number as a name, the number after it is given."""
    last = int((await made(house, house.customer, inventory.DEVICES, tac="35607009")).reference)
    await made(house, house.customer, inventory.DEVICES, reference=str(last + 1), tac="35607009")
    await made(house, house.customer, inventory.DEVICES, reference=str(last + 2), tac="35607009")
    assert (await made(house, house.customer, inventory.DEVICES, tac="35607009")).reference == str(last + 3)


async def test_a_prefix_is_mapped_once_on_a_system(house: House) -> None:
    """Two keyset mappings for one system and prefix would leave it open which keys count: the second is refused."""
    keyset = (await made(house, house.customer, inventory.KEYSETS, name="Keys")).reference
    system = (await made(house, house.customer, inventory.SYSTEMS, name="Core")).reference
    values = {"keyset": keyset, "system": system, "imsi_prefix": "99999"}
    first = await made(house, house.customer, inventory.KEYSET_MAPPINGS, name="One", **values)
    second = await made(house, house.customer, inventory.KEYSET_MAPPINGS, name="Two", **values | {"imsi_prefix": "99998"})
    async with house.writing(house.customer) as work:
        with pytest.raises(Conflict, match="already"):
            await inventory.KEYSET_MAPPINGS.create(work, KeysetMappingDraft(name="Three", **values))
    async with house.writing(house.customer) as work:
        with pytest.raises(Conflict, match="already"):
            await inventory.KEYSET_MAPPINGS.change(work, second.reference, KeysetMappingDraft(imsi_prefix="99999"))
    by_keyset = Compare("keyset_reference", Operator.EQUAL, keyset)
    page = await inventory.KEYSET_MAPPINGS.page(house.reading(house.customer), by_keyset, (), Window(0, 5), 10)
    assert {item.id for item in page.items} == {first.id, second.id}


@pytest.mark.parametrize(
    ("used", "user", "link", "said"),
    [
        (inventory.KEYSETS, inventory.KEYSET_MAPPINGS, "keyset", "keyset mappings"),
        (inventory.SYSTEMS, inventory.KEYSET_MAPPINGS, "system", "keyset mappings"),
        (inventory.SYSTEMS, inventory.SYSTEM_PROFILES, "systems", "system profiles"),
        (inventory.APNS, inventory.SYSTEM_PROFILES, "apn_profiles", "system profiles"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_what_is_in_use_is_not_removed(
    house: House, used: Collection[Any, Any, Any], user: Collection[Any, Any, Any], link: str, said: str
) -> None:
    """Removing what something else refers to is refused with the name of that something, until it is gone."""
    target = await made(house, house.customer, used, name="used")
    values: dict[str, Any] = {"name": "user", link: target.reference}
    if user is inventory.KEYSET_MAPPINGS and link == "system":
        values["keyset"] = (await made(house, house.customer, inventory.KEYSETS, name="Keys")).reference
    if link == "systems":
        values[link] = (target.reference,)
    if link == "apn_profiles":
        values[link] = (ApnProfileDraft(apn=target.reference),)
    holder = await made(house, house.customer, user, **values, **({"imsi_prefix": "1"} if "keyset" in values else {}))
    async with house.writing(house.customer) as work:
        with pytest.raises(Conflict, match=said):
            await used.remove(work, target.reference)
    async with house.writing(house.customer) as work:
        await user.remove(work, holder.reference)
        await used.remove(work, target.reference)


# system profiles -------------------------------------------------------------------------------------------------------


async def test_a_profile_keeps_its_apns_in_order(house: House) -> None:
    """A system profile names its systems and its APNs in order with rates of its own; a new list replaces the old one."""
    systems = [await made(house, house.customer, inventory.SYSTEMS, name=name) for name in ("East", "West")]
    apns = [await made(house, house.customer, inventory.APNS, name=name) for name in ("internet", "voice", "iot")]
    steps = tuple(ApnProfileDraft(apn=apn.reference, max_download=index or None) for index, apn in enumerate(apns[::-1]))
    profile = await made(
        house,
        house.customer,
        inventory.SYSTEM_PROFILES,
        name="p",
        systems=tuple(s.reference for s in systems),
        apn_profiles=steps,
    )
    assert profile.system_references == tuple(sorted(system.reference for system in systems))
    assert [step.apn_name for step in profile.apn_profiles] == ["iot", "voice", "internet"]
    assert profile.apn_profiles[1] == ApnProfile(apns[1].reference, "voice", 1, None)
    [listed] = (
        await inventory.SYSTEM_PROFILES.page(
            house.reading(house.customer), Compare("reference", Operator.EQUAL, profile.reference), (), Window(0, 5)
        )
    ).items
    assert (listed.systems, listed.apn_profiles) == (profile.systems, profile.apn_profiles)

    async with house.writing(house.customer) as work:
        draft = SystemProfileDraft(systems=(systems[1].reference,), apn_profiles=steps[:0:-1])
        after = await inventory.SYSTEM_PROFILES.change(work, profile.reference, draft)
    assert after.version == 2
    assert after.system_references == (systems[1].reference,)
    assert [step.apn_name for step in after.apn_profiles] == ["internet", "voice"]
    async with house.writing(house.customer) as work:
        assert await inventory.SYSTEM_PROFILES.change(work, profile.reference, draft) == after
        assert not work.recorded
    async with house.writing(house.customer) as work:
        emptied = await inventory.SYSTEM_PROFILES.change(
            work, profile.reference, SystemProfileDraft(systems=None, apn_profiles=None)
        )
    assert (emptied.systems, emptied.apn_profiles) == ((), ())


async def test_a_system_stays_in_a_profile_that_subscribers_use_on_it(house: House) -> None:
    """A profile cannot lose the system on which a subscriber has it, and neither of the two can be removed."""
    system = (await made(house, house.customer, inventory.SYSTEMS, name="Core")).reference
    profile = (await made(house, house.customer, inventory.SYSTEM_PROFILES, name="p", systems=(system,))).reference
    imsi = f"12348{new_id().int % 10**10:010}"
    async with house.writing(house.customer) as work:
        draft = SubscriberDraft(imsi=imsi, msisdn=f"+{imsi}", k=OP, system=system, system_profile=profile)
        subscriber = await subscribers.create_subscriber(work, draft)
    for refused in (
        lambda work: inventory.SYSTEM_PROFILES.change(work, profile, SystemProfileDraft(systems=())),
        lambda work: inventory.SYSTEM_PROFILES.remove(work, profile),
        lambda work: inventory.SYSTEMS.remove(work, system),
    ):
        async with house.writing(house.customer) as work:
            with pytest.raises(Conflict, match=r"subscribers|system profiles"):
                await refused(work)
    async with house.writing(house.customer) as work:
        await subscribers.remove_subscriber(work, subscriber.reference)
    async with house.writing(house.customer) as work:
        await inventory.SYSTEM_PROFILES.remove(work, profile)
        await inventory.SYSTEMS.remove(work, system)


async def test_an_apn_stands_once_in_a_profile(house: House) -> None:
    """The same APN twice in one profile is refused where it stands the second time."""
    apn = (await made(house, house.customer, inventory.APNS, name="twice")).reference
    async with house.writing(house.customer) as work:
        steps = (ApnProfileDraft(apn=apn), ApnProfileDraft(apn=apn))
        with pytest.raises(Invalid) as refused:
            await inventory.SYSTEM_PROFILES.create(work, SystemProfileDraft(name="p", apn_profiles=steps))
    assert [fault.field for fault in refused.value.violations] == ["apn_profiles.1.apn"]


# secrets ---------------------------------------------------------------------------------------------------------------

SECRETS = (
    (inventory.KEYSETS, {"name": "Keys"}, "op", OP, "keyset.op", bytes.fromhex(OP)),
    (inventory.KEYSETS, {"name": "Keys"}, "transport_key", TRANSPORT_KEY, "keyset.transport_key", bytes.fromhex(TRANSPORT_KEY)),
    (
        inventory.SFTP_CONNECTIONS, {"name": "Drop", "host": "h", "username": "u"}, "password", PASSWORD, "sftp.password",
        PASSWORD.encode(),
    ),
)  # fmt: skip
every_secret = pytest.mark.parametrize(
    ("collection", "values", "name", "text", "purpose", "plain"), SECRETS, ids=lambda v: None
)


@every_secret
async def test_a_secret_is_sealed_and_never_shown(
    house: House,
    collection: Collection[Any, Any, Any],
    values: Mapping[str, Any],
    name: str,
    text: str,
    purpose: str,
    plain: bytes,
) -> None:
    """A key or password is stored sealed for its row alone; model, lists and events only say whether there is one."""
    item = await made(house, house.customer, collection, **values, **{name: text})
    assert getattr(item, f"has_{name}") is True
    assert name not in item.__struct_fields__
    [[sealed]] = await house.sql(f"SELECT {name} FROM {collection.name} WHERE tenant_id = $1 AND id = $2", item.id)
    assert plain not in sealed
    assert house.reading(None).keyring.unseal(purpose, item.id, sealed) == plain

    async with house.writing(house.customer) as work:
        after = await collection.change(work, item.reference, collection.draft(**{name: text[::-1]}))
    assert (after.version, getattr(after, f"has_{name}")) == (2, True)
    async with house.writing(house.customer) as work:
        cleared = await collection.change(work, item.reference, collection.draft(**{name: None}))
    assert getattr(cleared, f"has_{name}") is False
    said = str([tuple(row) for row in await events(house, item.id)])
    assert text not in said
    assert text[::-1] not in said
    assert [row["type"].partition(".")[2] for row in await events(house, item.id)] == ["created", "changed", "changed"]


async def test_secrets_are_sealed_anew_with_the_newest_key(house: House) -> None:
    """After a new key every secret is sealed with it in batches; versions and events stay as they are."""
    keyset = await made(house, house.customer, inventory.KEYSETS, name="Keys", op=OP, transport_key=TRANSPORT_KEY)
    drop = await made(house, house.customer, inventory.SFTP_CONNECTIONS, name="Drop", host="h", username="u", password=PASSWORD)
    ring = house.realm.keyring
    assert ring is not None
    newer = Keyring.of_new_key().load()
    both = Keyring.of_new_key()
    both._keys, both._look_at = (*newer._keys, *ring._keys), float("inf")
    house.realm.pool.keyring = both
    try:
        while True:
            async with house.writing(None, frozenset({"*"})) as work:
                if not (done := await inventory.reseal_batch(work, 2)):
                    break
                assert done <= 2
        house.realm.pool.keyring = newer
        keyring = house.reading(None).keyring
        [[op]] = await house.sql("SELECT op FROM keysets WHERE tenant_id = $1 AND id = $2", keyset.id)
        [[password]] = await house.sql("SELECT password FROM sftp_connections WHERE tenant_id = $1 AND id = $2", drop.id)
        assert keyring.unseal("keyset.op", keyset.id, op) == bytes.fromhex(OP)
        assert keyring.unseal("sftp.password", drop.id, password) == PASSWORD.encode()
        assert await inventory.KEYSETS.find(house.reading(house.customer), keyset.reference) == keyset
    finally:
        house.realm.pool.keyring = both


# rules -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["internet", "a", "iot.example-1.com", "INTERNET", "9.9", "x" * 62])
async def test_names_of_access_points_are_labels(house: House, name: str) -> None:
    """An APN is one or more labels of letters, digits and inner hyphens."""
    assert (await made(house, house.customer, inventory.APNS, name=name)).name == name


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "a.", "-a", "a-", "a_b", "é", "a b", "rac1", "LACnet", "sgsn", "rncx", "x.gprs", "x" * 63]
)
async def test_other_names_of_access_points_are_refused(house: House, name: str) -> None:
    """What TS 23.003 keeps for the network itself, or could not be looked up, is no APN."""
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid):
            await inventory.APNS.create(work, ApnDraft(name=name))


async def test_a_refused_word_says_which_are_allowed(house: House) -> None:
    """The words of a closed list are told one by one, so that a dialect can say its own."""
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await inventory.APNS.create(work, ApnDraft(name="words", pdn_type="x25"))
    [fault] = refused.value.violations
    assert fault.text() == "must be ipv4, ipv6 or ipv4v6"
    assert fault.text({"ipv4": "IPv4", "ipv6": "IPv6", "ipv4v6": "IPv4v6"}) == "must be IPv4, IPv6 or IPv4v6"


async def test_extensions_are_few_and_short(house: House) -> None:
    """Extensions hold up to 50 texts; one more is refused."""
    fifty = {f"k{index}": "v" * 1000 for index in range(50)}
    item = await made(house, house.customer, inventory.SYSTEMS, name="Full", extensions=fifty)
    assert item.extensions == fifty
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid, match="50 keys"):
            await inventory.SYSTEMS.change(work, item.reference, SystemDraft(extensions=fifty | {"one": "more"}))


async def test_what_a_dialect_found_joins_the_broken_rules(house: House) -> None:
    """Faults that a dialect found come first; a field that it could not read breaks no further rule."""
    found = [Violation("port", "cannot be read"), Violation("name", "cannot be read")]
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await inventory.SFTP_CONNECTIONS.create(work, SftpConnectionDraft(host=""), found)
    assert [fault.field for fault in refused.value.violations] == ["port", "name", "host", "username"]


async def test_a_number_in_a_filter_and_a_truth(house: House) -> None:
    """Numbers and truths of a list can be filtered by."""
    item = await made(
        house, house.customer, inventory.SFTP_CONNECTIONS, name="F", host="h", username="u", port=4711, enabled=False
    )
    both = And((Compare("port", Operator.EQUAL, 4711), Compare("enabled", Operator.EQUAL, False)))
    page = await inventory.SFTP_CONNECTIONS.page(house.reading(house.customer), both, (), Window(0, 5))
    assert [found.id for found in page.items] == [item.id]


async def test_a_keyset_s_key_may_be_written_in_capitals(house: House) -> None:
    """Hexadecimal digits mean the same in capitals: writing the same key so changes nothing."""
    keyset = await made(house, house.customer, inventory.KEYSETS, name="Keys", op=OP)
    async with house.writing(house.customer) as work:
        assert await inventory.KEYSETS.change(work, keyset.reference, KeysetDraft(op=OP.upper())) == keyset
        assert not work.recorded
