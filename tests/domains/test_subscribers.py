"""Subscribers: create, read, change, delete, link, and keep their keys to themselves."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tests.domains.house import House
from tests.domains.network_parts import OPC, RIGHTS, K, Parts, build_parts
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import DeepSubscriber, SubscriberDraft
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from trunkline.kit.keyring import Keyring, KeyText, new_key
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, SortKey, Window
from trunkline.kit.work import Work

ALL = Window(0, 100)
_numbers = iter(range(10_000))


def imsi() -> str:
    """One that nobody has."""
    return f"12348{next(_numbers):010d}"


def draft(**values: Any) -> SubscriberDraft:
    """The least that a new subscriber needs, with its own IMSI, and `values`."""
    number = imsi()
    return SubscriberDraft(**{"imsi": number, "msisdn": f"+{number}", "k": K, **values})


@pytest.fixture(scope="module")
async def parts(house: House) -> Parts:
    return await build_parts(house, house.customer)


async def create(house: House, reach: Reach | None = None, **values: Any) -> DeepSubscriber:
    async with house.writing(reach or house.customer, RIGHTS) as work:
        return await subscribers.create_subscriber(work, draft(**values))


async def change(house: House, one: DeepSubscriber, version: int | None = None, **values: Any) -> DeepSubscriber:
    async with house.writing(house.customer, RIGHTS) as work:
        return await subscribers.change_subscriber(
            work,
            one.reference,
            SubscriberDraft(**values),
            version,
        )


async def test_the_samples_of_the_seed_pass_as_they_are(house: House, parts: Parts) -> None:
    """IMSI, MSISDN and ICCID of the seed are accepted though no number plan knows them, and the IMSI of reference §13 too."""
    async with house.writing(None, RIGHTS) as work:  # the demonstration has them already
        await subscribers.remove_subscribers(work, imsis=["123480002339875", "123480002339876"])
    sample = SubscriberDraft(
        imsi="123480002339875", msisdn="+123480002339875", k=K, opc=None, iccid="89618802340002598755", status="inactive",
        type="production", extensions={"batch": "2022-04-12"},
    )  # fmt: skip
    active = SubscriberDraft(
        imsi="123480002339876", msisdn="+123480002339876", k=K, opc=OPC, system=parts.system, system_profile=parts.profile,
        status="active",
    )  # fmt: skip
    async with house.writing(house.customer, RIGHTS) as work:
        first = await subscribers.create_subscriber(work, sample)
        second = await subscribers.create_subscriber(work, active)
    assert (first.imsi, first.msisdn, first.iccid) == ("123480002339875", "+123480002339875", "89618802340002598755")
    assert (first.status, first.type, first.extensions) == ("inactive", "production", {"batch": "2022-04-12"})
    assert (first.has_k, first.has_opc, first.version) == (True, False, 1)
    assert first.reference.isdecimal()
    assert second.status == "active"
    assert second.system_profile_name == "internet-209715200-104857600"
    assert await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), second.reference) == second


async def test_a_deep_subscriber_knows_what_it_is_linked_to(house: House, parts: Parts) -> None:
    """Each link with reference and name; what holds for it is its own extensions over its profile's over its system's."""
    service = await service_of(house, house.customer)
    one = await create(
        house, service=service["reference"], system=parts.system, system_profile=parts.profile, keyset=parts.keyset, group=parts.group,
        device=parts.device, extensions={"batch": "own"},
    )  # fmt: skip
    assert (one.service_reference, one.site_reference, one.account_reference) == (
        service["reference"], service["site"], service["account"],
    )  # fmt: skip
    assert (one.system_reference, one.group_reference, one.keyset_reference) == (parts.system, parts.group, parts.keyset)
    assert (one.device_reference, one.device_name) == (parts.device, "SM-G5323G/DS")
    assert one.effective_extensions.items() >= {"apn": "profile", "zone": "system", "batch": "own"}.items()
    assert one.extensions == {"batch": "own"}


async def test_a_subscriber_s_service_brings_its_site_and_account(house: House) -> None:
    """The three belong together: what contradicts the service is refused, and another service takes the subscriber along."""
    service = await service_of(house, house.customer)
    other = await service_of(house, house.customer, unlike=service["site"])
    one = await create(house, service=service["reference"])
    for wrong in ({"site": other["site"]}, {"site": None}):
        with pytest.raises(Invalid) as refused:
            await change(house, one, **wrong)
        assert [violation.field for violation in refused.value.violations] == ["site"]
    with pytest.raises(Invalid, match="is not the site of service"):
        await create(house, service=service["reference"], site=other["site"])
    moved = await change(house, one, service=other["reference"])
    assert (moved.site_reference, moved.account_reference) == (other["site"], other["account"])
    free = await change(house, moved, service=None, site=None)
    assert (free.service_id, free.site_id, free.account_reference) == (None, None, other["account"])
    at_site = await change(house, free, site=service["site"])
    assert (at_site.site_reference, at_site.account_reference) == (service["site"], service["account"])


async def test_an_operator_moves_a_subscriber_between_stock_and_customers(house: House, parts: Parts) -> None:
    """A SIM of the provider's stock belongs to nobody; it cannot take a customer's system along, nor leave it behind in stock."""
    own = await build_parts(house, None)
    operator = house.reading(None, RIGHTS)
    async with house.writing(None, RIGHTS) as work:
        one = await subscribers.create_subscriber(work, draft(system=own.system))
    assert (one.account_id, one.customer_id, one.account_reference) == (None, None, None)
    with pytest.raises(NotFound):
        await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), one.reference)
    account = (await house.sql("SELECT reference FROM accounts WHERE tenant_id = $1 AND id = $2", house.customer.account_id))[
        0
    ][0]
    async with house.writing(None, RIGHTS) as work:
        sold = await subscribers.change_subscriber(work, one.reference, SubscriberDraft(account=account))
        assert (sold.account_id, sold.system_reference) == (house.customer.account_id, own.system)
        linked = await subscribers.change_subscriber(work, one.reference, SubscriberDraft(system=parts.system))
    assert linked.system_reference == parts.system
    for wrong in (SubscriberDraft(account=None), SubscriberDraft(account=await account_of(house, house.other))):
        with pytest.raises(Invalid) as refused:
            async with house.writing(None, RIGHTS) as work:
                await subscribers.change_subscriber(work, one.reference, wrong)
        assert [violation.field for violation in refused.value.violations] == ["system"]
    assert (await subscribers.find_subscriber(operator, one.reference)).account_id == house.customer.account_id


async def test_customers_cannot_see_or_use_each_other_s_things(house: House, parts: Parts) -> None:
    """Another customer's subscriber is not found, its system not either, and a subscriber cannot be given away or set free."""
    one = await create(house)
    theirs = await build_parts(house, house.other)
    with pytest.raises(NotFound):
        await subscribers.find_subscriber(house.reading(house.other, RIGHTS), one.reference)
    with pytest.raises(NotFound):
        async with house.writing(house.other, RIGHTS) as work:
            await subscribers.remove_subscriber(work, one.reference)
    names: dict[str, Any] = {
        "system": theirs.system,
        "group": theirs.group,
        "keyset": "nothing",
        "device": "\0",
        "site": "",
        "service": "x" * 500,
    }
    with pytest.raises(Invalid) as refused:
        await change(house, one, **names)
    assert {violation.field for violation in refused.value.violations} == set(names)
    assert all(violation.text().endswith("was not found") for violation in refused.value.violations)
    with pytest.raises(Invalid, match="must not be null"):
        await change(house, one, account=None)


async def test_an_imsi_and_an_iccid_belong_to_one_live_subscriber(house: House) -> None:
    """Taking one that is in use is a conflict, also by a change; a deleted subscriber gives its own back."""
    one, two = await create(house, iccid="89" + imsi() + "1"), await create(house)
    for taken in ({"imsi": one.imsi}, {"iccid": one.iccid}):
        with pytest.raises(Conflict, match=next(iter(taken)).upper()):
            await create(house, **taken)
        with pytest.raises(Conflict, match=next(iter(taken)).upper()):
            await change(house, two, **taken)
    async with house.writing(house.customer, RIGHTS) as work:
        await subscribers.remove_subscriber(work, one.reference)
    again = await create(house, imsi=one.imsi, iccid=one.iccid)
    assert again.reference != one.reference


async def test_a_deleted_subscriber_is_gone_from_everywhere(house: House, parts: Parts) -> None:
    """It leaves lists and totals, cannot be found, changed or deleted again, and its keys and links are erased."""
    operator = house.reading(None, RIGHTS)

    async def total() -> int | None:
        return (await subscribers.list_subscribers(operator, EVERYTHING, (), Window(0, 1), 10_000)).total

    one = await create(house, opc=OPC, system=parts.system, system_profile=parts.profile, status="active")
    before = await total()
    assert before is not None
    async with house.writing(house.customer, RIGHTS) as work:
        await subscribers.remove_subscriber(work, one.reference)
    assert await total() == before - 1
    same = Compare("imsi", Operator.EQUAL, one.imsi)
    assert (await subscribers.list_subscribers(operator, same, (), ALL, 100)).items == []
    for attempt in (change(house, one, type="test"), subscribers.find_subscriber(operator, one.reference)):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        async with house.writing(house.customer, RIGHTS) as work:
            await subscribers.remove_subscriber(work, one.reference)
    row = (await house.sql("SELECT * FROM subscribers WHERE tenant_id = $1 AND id = $2", one.id))[0]
    assert (row["k"], row["opc"], row["system_id"], row["account_id"], row["status"]) == (None, None, None, None, "inactive")
    assert row["deleted_at"] is not None


async def test_what_is_active_has_what_it_needs(house: House, parts: Parts) -> None:
    """Activating names everything that is missing at once; a keyset stands in for OPc; nothing needed can be taken away."""
    one = await create(house)
    with pytest.raises(Invalid) as refused:
        await change(house, one, status="active")
    assert [violation.field for violation in refused.value.violations] == ["opc", "system", "system_profile"]
    active = await change(house, one, status="active", keyset=parts.keyset, system=parts.system, system_profile=parts.profile)
    assert active.status == "active"
    for name in ("keyset", "system", "system_profile", "k"):
        with pytest.raises(Invalid):
            await change(house, active, **{name: None})
    assert (await change(house, active, status=None)).status == "inactive"


async def test_a_profile_is_given_only_to_a_subscriber_of_its_systems(house: House, parts: Parts) -> None:
    """With another system, or none, it is refused; a system cannot be changed under it."""
    for system in (parts.other_system, None):
        with pytest.raises(Invalid) as refused:
            await create(house, system=system, system_profile=parts.profile)
        assert [violation.field for violation in refused.value.violations] == ["system_profile"]
    one = await create(house, system=parts.system, system_profile=parts.profile)
    with pytest.raises(Invalid):
        await change(house, one, system=parts.other_system)
    assert (await change(house, one, system=parts.other_system, system_profile=None)).system_reference == parts.other_system


async def test_a_change_that_changes_nothing_writes_nothing(house: House) -> None:
    """The version stays and no event tells of it, also when the same key comes again."""
    one = await create(house, opc=OPC)
    assert await change(house, one, imsi=one.imsi, k=K.upper(), opc=OPC, extensions={}, status="inactive") == one
    assert await types(house, one) == ["subscriber.created"]
    assert (await change(house, one, k=OPC)).version == 2
    assert (await change(house, one, type="test", msisdn="12345")).version == 3
    assert await types(house, one) == ["subscriber.created", "subscriber.keys_changed", "subscriber.changed"]


async def test_a_first_key_and_the_loss_of_one_are_changes_of_keys(house: House) -> None:
    """That a subscriber had no OPc before, or has none afterwards, makes no other event of it."""
    one = await create(house, status="inactive", opc=None)
    await change(house, one, opc=OPC)
    await change(house, one, opc=None)
    assert await types(house, one) == ["subscriber.created", "subscriber.keys_changed", "subscriber.keys_changed"]


async def test_a_lost_update_is_an_error(house: House) -> None:
    """A change or a deletion of another version than the current one is refused."""
    one = await create(house)
    two = await change(house, one, 1, type="test")
    assert two.version == 2
    with pytest.raises(Stale):
        await change(house, one, 1, type="production")
    with pytest.raises(Stale):
        async with house.writing(house.customer, RIGHTS) as work:
            await subscribers.remove_subscriber(work, one.reference, 1)


async def test_keys_are_sealed_and_read_by_nobody_without_the_right(house: House) -> None:
    """The table holds other bytes, no event and no answer holds them, and only `subscribers.secrets` reads them."""
    one = await create(house, opc=OPC)
    await change(house, one, k="ab" * 16)
    row = (await house.sql("SELECT k, opc FROM subscribers WHERE tenant_id = $1 AND id = $2", one.id))[0]
    told = await house.sql("SELECT row_to_json(e)::text FROM events e WHERE tenant_id = $1 AND subject_id = $2", one.id)
    for secret in (K, OPC, "ab" * 16):
        assert bytes.fromhex(secret) not in row["k"] + row["opc"]
        assert secret not in "".join(line[0] for line in told).lower()
    with pytest.raises(Forbidden):
        await subscribers.read_keys(house.reading(house.customer, RIGHTS), one.reference)
    keys = await subscribers.read_keys(house.reading(None, frozenset({"subscribers.secrets"})), one.reference)
    assert (keys.k, keys.opc) == (b"\xab" * 16, bytes.fromhex(OPC))


async def test_keys_are_sealed_anew_when_the_encryption_key_is_replaced(house: House) -> None:
    """Batch by batch, without touching version, instants or events; afterwards the new key alone opens them."""
    one = await create(house, opc=OPC)
    held, other = house.realm.pool.keyring, new_key().spelled
    assert held is not None
    old = ",".join(key.spelled for key in held._keys)  # other tests may have added one
    house.realm.pool.keyring = Keyring(KeyText(f"{other},{old}"))
    try:
        sealed = 0
        while True:
            async with house.writing(None, RIGHTS) as work:
                batch = await subscribers.reseal_batch(work, 50)
            sealed += batch
            if not batch:
                break
        assert sealed > 0
        house.realm.pool.keyring = Keyring(KeyText(other))
        keys = await subscribers.read_keys(house.reading(None, frozenset({"subscribers.secrets"})), one.reference)
        assert (keys.k, keys.opc) == (bytes.fromhex(K), bytes.fromhex(OPC))
        assert await subscribers.find_subscriber(house.reading(None, RIGHTS), one.reference) == one
        house.realm.pool.keyring = Keyring(KeyText(f"{old},{other}"))
        while True:
            async with house.writing(None, RIGHTS) as work:
                if not await subscribers.reseal_batch(work, 1000):
                    break
    finally:
        house.realm.pool.keyring = held


async def test_lists_filter_sort_and_count(house: House, parts: Parts) -> None:
    """By every name and link, within reach, lean and deep alike; a subscriber is found by its IMSI, ICCID and MSISDN."""
    work = house.reading(house.customer, RIGHTS)
    made = [await create(house, system=parts.system, iccid=f"8900000{imsi()}", group=parts.group) for _ in range(3)]
    one = made[0]
    for name, value in (
        ("imsi", one.imsi), ("iccid", one.iccid), ("msisdn", one.msisdn), ("reference", one.reference),
    ):  # fmt: skip
        page = await subscribers.list_subscribers(work, Compare(name, Operator.EQUAL, value), (), ALL, 100)
        assert [item.reference for item in page.items] == [one.reference]
        assert await subscribers.find_subscriber(work, value or "", name) == one
    for deep in (False, True):
        mine = Compare("group_reference", Operator.EQUAL, parts.group)
        page = await subscribers.list_subscribers(work, mine, (SortKey("imsi", descending=True),), ALL, 100, deep=deep)
        found = [item.imsi for item in page.items]
        assert found == sorted(found, reverse=True)
        assert {item.imsi for item in made} <= set(found)
        assert page.total == len(found)
    with pytest.raises(NotFound):
        await subscribers.find_subscriber(work, "+999999", "msisdn")


async def test_a_glance_says_the_same_as_the_whole(house: House, parts: Parts) -> None:
    """What lists show is what a subscriber says when it is read by itself, alone and with what it is linked to."""
    work = house.reading(house.customer, RIGHTS)
    linked = {"system": parts.system, "system_profile": parts.profile, "group": parts.group}
    made = [await create(house, extensions={"colour": "green"}, **linked), await create(house)]
    for whole in made:
        alone = Compare("reference", Operator.EQUAL, whole.reference)
        glances = [
            *(await subscribers.glance_at_subscribers(work, alone, (), ALL, 10)).items,
            *(await subscribers.glance_at_subscribers(work, alone, (), ALL, 10, deep=True)).items,
            await subscribers.glance_at_subscriber(work, whole.reference),
        ]
        assert [len(glance.__struct_fields__) for glance in glances] == [10, 25, 10]
        for glance in glances:
            shown = msgspec.structs.asdict(glance)
            for name in shown.keys() & {"extensions", "effective_extensions"}:
                shown[name] = msgspec.json.decode(shown[name])
            assert shown == {name: getattr(whole, name) for name in shown}


@pytest.mark.parametrize("missing", ["read", "create", "change", "remove"])
async def test_every_use_case_asks_for_its_permission(house: House, missing: str) -> None:
    """Without the right for it, each use case is refused before anything else."""
    one = await create(house)
    rights = RIGHTS - {f"subscribers.{missing}"}
    calls: dict[str, Callable[[Work], Awaitable[object]]] = {
        "read": lambda work: subscribers.find_subscriber(work, one.reference),
        "create": lambda work: subscribers.create_subscriber(work, draft()),
        "change": lambda work: subscribers.change_subscriber(work, one.reference, SubscriberDraft(type="test")),
        "remove": lambda work: subscribers.remove_subscriber(work, one.reference),
    }
    with pytest.raises(Forbidden):
        async with house.writing(house.customer, rights) as work:
            await calls[missing](work)


async def types(house: House, one: DeepSubscriber) -> list[str]:
    """The events of a subscriber, in order."""
    rows = await house.sql("SELECT type FROM events WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence", one.id)
    return [row[0] for row in rows]


async def account_of(house: House, reach: Reach) -> str:
    rows = await house.sql("SELECT reference FROM accounts WHERE tenant_id = $1 AND id = $2", reach.account_id)
    reference: str = rows[0][0]
    return reference


async def service_of(house: House, reach: Reach, unlike: str = "") -> dict[str, str]:
    """References of one of a customer's services, its site and its account; its site is not `unlike`."""
    rows = await house.sql(
        """SELECT v.reference, s.reference AS site, a.reference AS account FROM services v
             JOIN sites s ON s.tenant_id = v.tenant_id AND s.id = v.site_id
             JOIN accounts a ON a.tenant_id = v.tenant_id AND a.id = v.account_id
            WHERE v.tenant_id = $1 AND v.customer_id = $2 AND s.reference <> $3 ORDER BY v.reference LIMIT 1""",
        reach.customer_id, unlike,
    )  # fmt: skip
    return dict(rows[0])
