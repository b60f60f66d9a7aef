"""The demonstration's mobile networks: cores, radios, devices and SIMs as the Network API shows them."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import asyncpg
import pytest
import pytest_asyncio

from trunkline import demo
from trunkline.demo.network.cores import PLANS
from trunkline.demo.network.devices import MODELS
from trunkline.demo.network.numbers import luhn
from trunkline.demo.network.subscribers import SAMPLE, Subscriber
from trunkline.kit import db
from trunkline.kit.keyring import Keyring, TenantKeyring

NOW = datetime(2026, 7, 14, 11, 5, 42, tzinfo=UTC)
MOMENTS = (NOW, datetime(2027, 1, 1, 0, 0, 30, tzinfo=UTC), datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC))

build = cache(demo.build)


@pytest.fixture(params=MOMENTS, ids=str)
def built(request: pytest.FixtureRequest) -> demo.Demonstration:
    return build(request.param)


def by_reference(built: demo.Demonstration, reference: str) -> Subscriber:
    return next(subscriber for subscriber in built.network.subscribers if subscriber.reference == reference)


def test_nothing_has_happened_in_the_future() -> None:
    """Everything of the networks was made and changed before the first start, and after the account that owns it."""
    for now in MOMENTS:
        for table, _, things in demo.network.tables(build(now).network):
            if table in demo.NESTED:
                continue
            for thing in things:
                assert thing.created_at <= thing.modified_at <= now, (table, thing.reference)
                assert thing.account is None or thing.account.created_at <= thing.created_at, (table, thing.reference)
                assert (thing.modified_at == thing.created_at) == (thing.version == 1), (table, thing.reference)


def test_references_follow_the_calendar(built: demo.Demonstration) -> None:
    """Of two objects the older one has the lower number; only devices may carry a name instead."""
    for table, _, things in demo.network.tables(built.network):
        if table in demo.NESTED:
            continue
        numbered = sorted((int(thing.reference), thing.created_at) for thing in things if thing.reference.isdigit())
        assert [moment for _, moment in numbered] == sorted(moment for _, moment in numbered), table
        assert table == "devices" or len(numbered) == len(things), table


def test_the_objects_of_the_documentation_exist(built: demo.Demonstration) -> None:
    """System 12, system profile 123456789 for it, Grob's Phone, and subscriber 700123 with the sample's numbers, all of the head office."""
    headquarters = built.accounts[0]
    system = next(system for system in built.network.cores.systems if system.reference == "12")
    profile = next(profile for profile in built.network.cores.profiles if profile.reference == "123456789")
    assert profile.name == "internet-209715200-104857600"
    assert system in profile.systems
    phone = next(device for device in built.network.devices if device.reference == "Grob's Phone")
    assert (phone.tac, phone.brand_name, phone.model_name, phone.device_type, phone.os, phone.source) == (
        "35607009", "SAMSUNG", "SM-G5323G/DS", "Smartphone", "Android 6.0 Marshmallow", "manual"
    )  # fmt: skip
    sample = by_reference(built, "700123")
    assert (
        (sample.imsi, sample.msisdn, sample.iccid) == SAMPLE == ("123480002339875", "+123480002339875", "89618802340002598755")
    )
    assert (sample.status, sample.type, sample.version) == ("inactive", "production", 3)
    assert json.loads(sample.extensions) == {"batch": "2022-04-12"}
    assert "opc" not in sample.secrets
    assert sample.keyset is not None, "it can be activated without an OPc of its own"
    assert (sample.system, sample.profile) == (system, profile)
    assert {thing.account for thing in (system, profile, phone, sample)} == {headquarters}
    assert "123480002339876" not in {subscriber.imsi for subscriber in built.network.subscribers}, "the documentation adds it"


def test_cards_have_numbers_that_could_be_real(built: demo.Demonstration) -> None:
    """IMSIs have 15 digits and begin as their core's do, ICCIDs have their check digit, and no number comes twice."""
    subscribers = built.network.subscribers
    assert len(subscribers) >= 600
    for values in ([s.imsi for s in subscribers], [s.msisdn for s in subscribers], [s.iccid for s in subscribers]):
        assert len(set(values)) == len(values)
    for subscriber in subscribers:
        assert len(subscriber.imsi) == 15
        assert subscriber.imsi.isdigit()
        if subscriber.system:
            assert subscriber.imsi.startswith(subscriber.system.plan.imsi_prefix)
        if subscriber.iccid != SAMPLE.iccid:
            assert luhn(subscriber.iccid[:-1]) == subscriber.iccid[-1]
            assert len(subscriber.iccid) == 19


def test_an_active_subscriber_may_be_active(built: demo.Demonstration) -> None:
    """Whatever is active has a key, a system, a profile that is for this system, and an OPc or a keyset."""
    for subscriber in built.network.subscribers:
        assert "k" in subscriber.secrets
        if subscriber.profile:
            assert subscriber.system in subscriber.profile.systems
        if subscriber.status == "active":
            assert subscriber.profile
            assert "opc" in subscriber.secrets or subscriber.keyset


def test_customers_see_nothing_of_each_other(built: demo.Demonstration) -> None:
    """A subscriber and all that it is linked to belong to one customer, or all to the provider."""
    for s in built.network.subscribers:
        for linked in (s.system, s.profile, s.group, s.keyset, s.device, s.site, s.service):
            assert linked is None or linked.customer_id == s.customer_id, s.reference


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_customers_have_something_of_every_kind(seed: int) -> None:
    """Both named customers, the head office itself and the provider have rows in every collection; SIMs in each status and type."""
    built = build(NOW, seed)
    roots = [account for account in built.accounts if account.parent is None][:2]
    for table, _, things in demo.network.tables(built.network):
        if table in demo.NESTED:
            continue
        owners = {thing.customer_id for thing in things}
        assert {root.id for root in roots} | {None} <= owners, table
        assert any(thing.account is roots[0] for thing in things), table
    for root in roots:
        own = [subscriber for subscriber in built.network.subscribers if subscriber.customer_id == root.id]
        assert {(s.status, s.type) for s in own} >= {("active", "production"), ("inactive", "production"), ("active", "test")}
        assert len({s.account for s in own}) >= 5
        assert any(s.service is None for s in own)
        assert sum(s.service is not None for s in own) > 40


def test_every_wireless_line_has_its_card(built: demo.Demonstration) -> None:
    """Each 4G/5G service in use of the two customers has a subscriber."""
    roots = {account.id for account in [account for account in built.accounts if account.parent is None][:2]}
    lines = {
        v.id for v in built.services if v.access_type == "4G/5G" and v.status == "ready" and v.customer_id in roots
    }  # fmt: skip
    assert lines
    assert lines <= {subscriber.service_id for subscriber in built.network.subscribers}


def test_devices_have_allocation_codes() -> None:
    """Every model has a TAC of eight digits of its own."""
    assert len({model.tac for model in MODELS}) == len(MODELS)
    assert all(len(model.tac) == 8 and model.tac.isdigit() for model in MODELS)


@pytest.mark.parametrize(("digits", "check"), [("7992739871", "3"), ("8961880234000259875", "6")])
def test_the_check_digit(digits: str, check: str) -> None:
    """Luhn's digit; the documentation's sample card has another one, and is taken as it is."""
    assert luhn(digits) == check


# In the database ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    connection: asyncpg.Connection
    loaded: demo.Loaded
    keyring: TenantKeyring

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.connection.fetch(query, self.loaded.tenant_id)
        return rows


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shown(database_url: str) -> AsyncIterator[Shown]:
    """The demonstration inside a transaction that is rolled back after the last test."""
    connection = await db.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        keyring = Keyring.of_new_key()
        loaded = await demo.load(connection, NOW, keyring)
        yield Shown(connection, loaded, keyring.of(loaded.tenant_id))
    finally:
        await transaction.rollback()
        await connection.close()


async def test_keys_are_sealed_and_differ(shown: Shown) -> None:
    """Each card has a K of 128 random bits that opens with the installation's keyring in its own row; no two are alike."""
    rows = await shown.fetch("SELECT id, k, opc FROM subscribers WHERE tenant_id = $1")
    keys = [shown.keyring.unseal("subscriber.k", row[0], row[1]) for row in rows]
    keys += [shown.keyring.unseal("subscriber.opc", row[0], row[2]) for row in rows if row[2] is not None]
    assert Counter(map(len, keys)) == {16: len(keys)}
    assert len(set(keys)) == len(keys)
    assert 0 < sum(row[2] is None for row in rows) < len(rows)
    for row in await shown.fetch("SELECT id, op, transport_key FROM keysets WHERE tenant_id = $1"):
        assert len(shown.keyring.unseal("keyset.op", row[0], row[1])) == 16
        assert len(shown.keyring.unseal("keyset.transport_key", row[0], row[2])) == 16
    for row in await shown.fetch("SELECT id, password FROM sftp_connections WHERE tenant_id = $1"):
        assert shown.keyring.unseal("sftp.password", row[0], row[1]).decode()


async def test_radios_and_endpoints_stand_at_sites_of_their_account(shown: Shown) -> None:
    """What stands at a site belongs to the site's account."""
    for table in ("private_radios", "monitoring_endpoints"):
        strays = await shown.fetch(
            f"""SELECT r.reference FROM {table} r JOIN sites s ON s.tenant_id = r.tenant_id AND s.id = r.site_id
                 WHERE r.tenant_id = $1 AND (r.account_id, r.customer_id) <> (s.account_id, s.customer_id)"""
        )
        assert strays == [], table
    assert len(await shown.fetch("SELECT 1 FROM systems WHERE tenant_id = $1")) == len(PLANS)
