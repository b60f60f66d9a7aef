"""Webhook endpoints: what they may be, who may do what with them, their keys, and how long anything is kept."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.domains.house import ALL, House
from trunkline.dialects.customer.webhooks import CustomerPresenter
from trunkline.domains.customers import service as customers
from trunkline.domains.customers.service import AccountDraft
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks import store
from trunkline.domains.webhooks.rules import MOST_ENDPOINTS, url_violations
from trunkline.domains.webhooks.sealing import SealedKeys, open_keys
from trunkline.domains.webhooks.service import (
    EndpointChanges,
    EndpointDraft,
    EndpointStatus,
    Secrets,
    UrlPolicy,
    WebhookEndpoint,
)
from trunkline.domains.webhooks.signing import Keys, public_key_text, secret_text
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from trunkline.kit.events import StoredEvent, horizon, read_between
from trunkline.kit.keyring import Keyring
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, Window

MANAGER = ALL | {"webhooks.read", "webhooks.manage", "accounts.read", "sites.read"}
PUBLIC = UrlPolicy(https_only=True, allowed=Allowed())
PRESENTER = CustomerPresenter("https://api.example.com")
OWN_SECRET = "whsec_" + "QUJD" * 8


def draft(**news: Any) -> EndpointDraft:
    return EndpointDraft(**{"url": "https://hooks.example.com/in", "event_types": ["case.*"], **news})


async def create(
    house: House, reach: Reach | None, permissions: frozenset[str] = MANAGER, **news: Any
) -> tuple[WebhookEndpoint, Secrets]:
    async with house.writing(reach, permissions) as work:
        return await webhooks.create_endpoint(work, draft(**news), PUBLIC, PRESENTER)


async def find(house: House, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return await webhooks.find_endpoint(house.reading(None, MANAGER), endpoint.reference)


async def change(house: House, endpoint: WebhookEndpoint, changes: EndpointChanges, **how: Any) -> WebhookEndpoint:
    permissions = how.pop("permissions", MANAGER)
    async with house.writing(house.customer, permissions) as work:
        return await webhooks.change_endpoint(work, endpoint.reference, changes, PUBLIC, PRESENTER, **how)


async def sealed(house: House, endpoint: WebhookEndpoint) -> SealedKeys:
    rows = await house.sql(f"SELECT {store.KEYS} FROM webhook_endpoints p WHERE p.tenant_id = $1 AND p.id = $2", endpoint.id)
    return SealedKeys(*rows[0])


async def keys(house: House, endpoint: WebhookEndpoint, after: timedelta = timedelta(0)) -> list[Keys]:
    """The keys that sign, a while from now."""
    ring = house.reading(None).keyring
    return open_keys(ring, endpoint.id, await sealed(house, endpoint), house.realm.clock.now() + after)


async def events(house: House, endpoint_id: UUID) -> list[StoredEvent]:
    found = await read_between(house.realm.pool, house.tenant_id, 0, await horizon(house.realm.pool), 100_000)
    return [event for event in found if event.subject_id == endpoint_id]


def fields(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [violation.field for violation in refused.value.violations]


# creating --------------------------------------------------------------------------------------------------------------


async def test_a_new_endpoint_hears_of_what_happens_from_then_on(house: House) -> None:
    """It belongs to the caller's account, is active, and its own creation is the first event that it could hear of."""
    endpoint, secrets = await create(house, house.customer, description="ours")
    assert endpoint.reference.startswith("WHE-")
    assert (endpoint.account_id, endpoint.customer_id) == (house.customer.account_id, house.customer.customer_id)
    assert (endpoint.status, endpoint.version, endpoint.description) == ("active", 1, "ours")
    assert await find(house, endpoint) == endpoint
    (since,) = (await house.sql("SELECT since FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2", endpoint.id))[0]
    (event,) = await events(house, endpoint.id)
    assert (event.type, event.before) == ("webhook_endpoint.created", None)
    position = (await house.sql("SELECT sequence FROM webhook_positions WHERE tenant_id = $1"))[0][0]
    assert position <= since < event.sequence
    assert msgspec.json.decode(event.after or "", type=WebhookEndpoint) == endpoint
    (held,) = await keys(house, endpoint)
    assert secrets == Secrets(secret_text(held.secret), public_key_text(held.signing_key))
    assert secrets.public_key == endpoint.public_key


async def test_a_secret_of_ones_own(house: House) -> None:
    """A caller who brings a secret gets that one; no event holds it."""
    endpoint, secrets = await create(house, house.customer, secret=OWN_SECRET)
    assert secrets.secret == OWN_SECRET
    assert all("QUJDQUJD" not in f"{event.before}{event.after}" for event in await events(house, endpoint.id))


async def test_every_fault_is_told_at_once(house: House) -> None:
    """Address, each event type, secret and description are all judged, whatever else is wrong."""
    wrong = draft(
        url="http://user@127.0.0.1/#x",
        event_types=["case.opened", "case.exploded", "invoice.overdue", "case.opened", "webhook.test"],
        description="x" * 501,
        secret="whsec_QUJD",
    )
    async with house.writing(house.customer, MANAGER - {"invoices.read"}) as work:
        with pytest.raises(Invalid) as refused:
            await webhooks.create_endpoint(work, wrong, PUBLIC, PRESENTER)
    assert fields(refused) == [
        "url", "url", "url", "url", "event_types[1]", "event_types[2]", "event_types[3]", "event_types[4]", "description", "secret",
    ]  # fmt: skip
    said = [violation.text() for violation in refused.value.violations]
    assert said[4:8] == [
        "'case.exploded' is no event type",
        "'invoice.overdue' needs invoices.read",
        "'case.opened' is named already",
        "'webhook.test' is no event type",
    ]
    assert "QUJD" not in str(refused.value)


async def test_what_is_missing_is_told(house: House) -> None:
    """An endpoint needs an address and 1 to 50 event types."""
    for news, field in ((["case.*"] * 51, "event_types"), ([], "event_types"), (None, "event_types")):
        with pytest.raises(Invalid) as refused:
            await create(house, house.customer, event_types=news)
        assert fields(refused) == [field]
    with pytest.raises(Invalid) as refused:
        await create(house, house.customer, url=None)
    assert fields(refused) == ["url"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "must have 1 to 2048 characters"),
        ("https://a.example/" + "x" * 2048, "must have 1 to 2048 characters"),
        ("hooks.example.com", "is no URL"),
        ("ftp://hooks.example.com", "is no URL"),
        ("https:hooks.example.com", "is no URL"),
        ("https:///in", "is no URL"),
        ("https://[2600::1].example.com/", "is no URL"),
        ("https://example.com[2600::1]/", "is no URL"),
        ("https://[2600::1/", "is no URL"),
        ("https://hooks.example.com:99999/", "is no URL"),
        ("https://hooks.example.com:0/", "port from 1 to 65535"),
        ("http://hooks.example.com/", "must begin with https://"),
        ("https://me:secret@hooks.example.com/", "user name or password"),
        ("https://hooks.example.com/#top", "fragment"),
        ("https://hooks.example.com/a b", "characters of a URL"),
        ("https://hooks.example.com\\@127.0.0.1/", "characters of a URL"),
        ("https://hooks.example.com/\n", "characters of a URL"),
        ("https://bücher.example/", "xn--"),
        ("https://a..example/", "a host that is none"),
        ("https://-a.example/", "a host that is none"),
        ("https://256.256.256.256/", "a host that is no address"),
        ("https://localhost:8000/", "this server itself"),
        ("https://hooks.localhost/", "this server itself"),
        ("https://127.0.0.1/", "loopback"),
        ("https://0x7f.1/", "loopback"),
        ("https://2130706433/", "loopback"),
        ("https://[::1]/", "loopback"),
        ("https://[::ffff:127.0.0.1]/", "IPv4 address written as IPv6"),
        ("https://10.1.2.3/", "private network"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://100.64.0.1/", "carrier"),
    ],
)
def test_an_address_that_cannot_be_used(url: str, says: str) -> None:
    """What is no address of a receiver on the Internet is refused with a reason."""
    assert any(says in violation.message for violation in url_violations(url, PUBLIC))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "HTTPS://Hooks.Example.com:8443/a/b?c=d%20e",
        "https://8.8.8.8/",
        "https://[2600::1]:8443/in",
        "https://xn--bcher-kva.example./",
    ],
)
def test_an_address_that_can_be_used(url: str) -> None:
    """Names, public addresses, ports, paths and queries are fine."""
    assert url_violations(url, PUBLIC) == []


def test_an_operator_may_allow_networks_and_http() -> None:
    """What the policy allows is no fault: private networks that were named, and http where TLS is not asked for."""
    lenient = UrlPolicy(https_only=False, allowed=Allowed(("10.0.0.0/8", "127.0.0.0/8")))
    for url in ("http://10.1.2.3/", "http://localhost:9000/", "http://127.0.0.1/"):
        assert url_violations(url, lenient) == []
    assert url_violations("http://192.168.1.1/", lenient)


async def test_an_account_has_so_many_endpoints(house: House) -> None:
    """The fifty-first is refused, also when two are made at the same time; a removed one makes room."""
    made = await asyncio.gather(*(create(house, None) for _ in range(MOST_ENDPOINTS - 1)))
    results = await asyncio.gather(create(house, None), create(house, None), return_exceptions=True)
    (refused,) = [result for result in results if isinstance(result, Invalid)]
    assert [violation.field for violation in refused.violations] == ["url"]
    assert "50 endpoints already" in str(refused)
    await create(house, house.other)
    for endpoint, _ in made:
        async with house.writing(None, MANAGER) as work:
            await webhooks.remove_endpoint(work, endpoint.reference)
    await create(house, None)


# who may do what -------------------------------------------------------------------------------------------------------


async def test_an_endpoint_is_seen_by_its_account_and_those_above(house: House) -> None:
    """A customer sees its own endpoints, the operator all; another customer's does not exist, whatever is done to it."""
    endpoint, _ = await create(house, house.customer)
    theirs, _ = await create(house, house.other)
    operators, _ = await create(house, None)

    async def seen(reach: Reach | None) -> set[str]:
        page = await webhooks.list_endpoints(house.reading(reach, MANAGER), EVERYTHING, (), Window(0, 200), 1000)
        assert page.total == len(page.items)
        return {one.reference for one in page.items}

    assert {endpoint.reference, theirs.reference, operators.reference} <= await seen(None)
    assert endpoint.reference in await seen(house.customer)
    assert not {theirs.reference, operators.reference} & await seen(house.customer)
    async with house.writing(house.other, MANAGER) as work:
        for refused in (
            webhooks.find_endpoint(work, endpoint.reference),
            webhooks.change_endpoint(work, endpoint.reference, EndpointChanges(description="x"), PUBLIC, PRESENTER),
            webhooks.pause_endpoint(work, endpoint.reference),
            webhooks.resume_endpoint(work, endpoint.reference),
            webhooks.rotate_secret(work, endpoint.reference),
            webhooks.remove_endpoint(work, endpoint.reference),
            webhooks.test_endpoint(work, endpoint.reference),
            webhooks.list_deliveries(work, endpoint.reference, EVERYTHING, (), Window(0, 10)),
            webhooks.replay_range(work, endpoint.reference, work.now - timedelta(days=1), None, only_failed=True),
        ):
            with pytest.raises(NotFound):
                await refused
    assert await find(house, endpoint) == endpoint


async def test_reading_and_managing_need_their_permissions(house: House) -> None:
    """Without `webhooks.manage` nothing is changed, without `webhooks.read` nothing is seen."""
    endpoint, _ = await create(house, house.customer)
    reader = ALL | {"webhooks.read"}
    async with house.writing(house.customer, reader) as work:
        assert await webhooks.find_endpoint(work, endpoint.reference) == endpoint
        for refused in (
            webhooks.create_endpoint(work, draft(), PUBLIC, PRESENTER),
            webhooks.change_endpoint(work, endpoint.reference, EndpointChanges(), PUBLIC, PRESENTER),
            webhooks.pause_endpoint(work, endpoint.reference),
            webhooks.resume_endpoint(work, endpoint.reference),
            webhooks.rotate_secret(work, endpoint.reference),
            webhooks.remove_endpoint(work, endpoint.reference),
            webhooks.test_endpoint(work, endpoint.reference),
            webhooks.replay_delivery(work, endpoint.reference, "msg_x"),
            webhooks.replay_range(work, endpoint.reference, work.now, None, only_failed=True),
        ):
            with pytest.raises(Forbidden):
                await refused
    work = house.reading(house.customer, ALL)
    for refused in (
        webhooks.find_endpoint(work, endpoint.reference),
        webhooks.list_endpoints(work, EVERYTHING, (), Window(0, 10)),
        webhooks.list_deliveries(work, endpoint.reference, EVERYTHING, (), Window(0, 10)),
        webhooks.find_delivery(work, endpoint.reference, "msg_x"),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_nobody_turns_an_endpoint_to_hear_what_they_may_not_read(house: House) -> None:
    """A caller who may not read cases cannot give an address to what hears of them; whoever may, counts from then on."""
    endpoint, _ = await create(house, house.customer, event_types=["case.*", "site.*"])
    elsewhere = EndpointChanges(url="https://elsewhere.example.com/")
    no_cases = MANAGER - {"cases.read"}
    with pytest.raises(Invalid) as refused:
        await change(house, endpoint, elsewhere, permissions=no_cases)
    assert [(v.field, v.text()) for v in refused.value.violations] == [("url", "cannot be changed: 'case.*' needs cases.read")]
    told = await change(house, endpoint, EndpointChanges(description="told"), permissions=no_cases)
    assert told.permissions == endpoint.permissions, "a description turns nothing"
    both = EndpointChanges(url="https://elsewhere.example.com/", event_types=["site.*"])
    changed = await change(house, endpoint, both, permissions=no_cases)
    assert (changed.url, changed.event_types) == ("https://elsewhere.example.com/", ("site.*",))
    assert "cases.read" not in changed.permissions


# changing --------------------------------------------------------------------------------------------------------------


async def test_a_change_is_written_and_announced(house: House) -> None:
    """What is named changes, with a new version and an event; what is not named, or is so already, does not."""
    endpoint, _ = await create(house, house.customer)
    same = EndpointChanges(url=endpoint.url, event_types=["case.*"], description="")
    assert await change(house, endpoint, same) == endpoint
    changed = await change(house, endpoint, EndpointChanges(event_types=["*"], description="all"), expected_version=1)
    assert (changed.version, changed.event_types, changed.description, changed.url) == (2, ("*",), "all", endpoint.url)
    assert await find(house, endpoint) == changed
    with pytest.raises(Stale):
        await change(house, endpoint, EndpointChanges(description="late"), expected_version=1)
    last = (await events(house, endpoint.id))[-1]
    assert (last.type, last.subject_version) == ("webhook_endpoint.changed", 2)
    assert msgspec.json.decode(last.before or "", type=WebhookEndpoint) == endpoint


async def test_every_fault_of_a_change_is_told(house: House) -> None:
    """A change is judged as a whole, and by itself before it is known what it is for."""
    endpoint, _ = await create(house, house.customer)
    wrong = EndpointChanges(url="http://10.0.0.1/", event_types=["x"], description="\0")
    with pytest.raises(Invalid) as refused:
        await change(house, endpoint, wrong)
    assert fields(refused) == ["url", "url", "event_types[0]", "description"]
    alone = await webhooks.change_violations(house.reading(house.customer, MANAGER), wrong, PUBLIC, PRESENTER)
    assert list(refused.value.violations) == alone


async def test_a_new_address_begins_without_the_failures_of_the_old_one(house: House) -> None:
    """What an address did wrong, and the pause that it asked for, are forgotten with it."""
    endpoint, _ = await create(house, house.customer)
    now = house.realm.clock.now()
    await house.sql(
        "UPDATE webhook_endpoints SET failing_since = $3, held_until = $3 WHERE tenant_id = $1 AND id = $2", endpoint.id, now
    )
    assert (await change(house, endpoint, EndpointChanges(description="x"))).failing_since == now
    changed = await change(house, endpoint, EndpointChanges(url="https://new.example.com/"))
    assert (changed.failing_since, changed.held_until) == (None, None)
    assert await find(house, endpoint) == changed


async def test_pause_and_resume(house: House) -> None:
    """Each is done once, however often it is asked for, and announced once."""
    endpoint, _ = await create(house, house.customer)
    for _ in range(2):
        async with house.writing(house.customer, MANAGER) as work:
            paused = await webhooks.pause_endpoint(work, endpoint.reference)
    assert (paused.status, paused.version) == (EndpointStatus.PAUSED, 2)
    for _ in range(2):
        async with house.writing(house.customer, MANAGER) as work:
            resumed = await webhooks.resume_endpoint(work, endpoint.reference)
    assert (resumed.status, resumed.version) == (EndpointStatus.ACTIVE, 3)
    happened = [event.type for event in await events(house, endpoint.id)]
    assert happened == ["webhook_endpoint.created", "webhook_endpoint.paused", "webhook_endpoint.resumed"]


async def test_a_disabled_endpoint_is_resumed_and_begins_anew(house: House) -> None:
    """It cannot be paused; resumed it is active, with nothing left of why it was disabled."""
    endpoint, _ = await create(house, house.customer)
    await house.sql(
        """
        UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = 'failing', failing_since = $3, held_until = $3
         WHERE tenant_id = $1 AND id = $2
        """,
        endpoint.id,
        house.realm.clock.now(),
    )
    async with house.writing(house.customer, MANAGER) as work:
        with pytest.raises(Conflict):
            await webhooks.pause_endpoint(work, endpoint.reference)
        resumed = await webhooks.resume_endpoint(work, endpoint.reference)
    assert resumed == await find(house, endpoint)
    assert (resumed.status, resumed.disabled_reason, resumed.failing_since, resumed.held_until) == ("active", None, None, None)


# keys ------------------------------------------------------------------------------------------------------------------


async def rotate(house: House, endpoint: WebhookEndpoint, *given: Any, **how: Any) -> Secrets:
    async with house.writing(house.customer, MANAGER) as work:
        _, secrets = await webhooks.rotate_secret(work, endpoint.reference, *given, **how)
    return secrets


def shown(held: list[Keys]) -> list[Secrets]:
    return [Secrets(secret_text(one.secret), public_key_text(one.signing_key)) for one in held]


async def test_the_keys_before_a_rotation_sign_for_a_while(house: House) -> None:
    """Old and new keys both sign until the overlap is over; a second rotation within it ends the oldest ones."""
    endpoint, first = await create(house, house.customer)
    second = await rotate(house, endpoint, timedelta(hours=2), OWN_SECRET)
    assert second.secret == OWN_SECRET
    assert shown(await keys(house, endpoint)) == [second, first]
    assert shown(await keys(house, endpoint, timedelta(hours=2))) == [second]
    third = await rotate(house, endpoint)
    assert shown(await keys(house, endpoint, timedelta(hours=23))) == [third, second]
    last = await rotate(house, endpoint, timedelta(0))
    assert shown(await keys(house, endpoint)) == [last]
    now = await find(house, endpoint)
    assert (now.version, now.previous_until, now.public_key) == (4, None, last.public_key)
    told = str(await events(house, endpoint.id))
    assert told.count("webhook_endpoint.rotated") == 3
    assert not [one for one in (first, second, third, last) if one.secret in told]


async def test_a_rotation_that_cannot_be(house: House) -> None:
    """An overlap beyond seven days, a secret that is none and the present secret are refused; the keys stay."""
    endpoint, first = await create(house, house.customer)
    for given, faults in (
        ((timedelta(days=8), "nothing"), ["overlap", "secret"]),
        ((timedelta(seconds=-1),), ["overlap"]),
        ((timedelta(0), first.secret), ["secret"]),
    ):
        with pytest.raises(Invalid) as refused:
            await rotate(house, endpoint, *given)
        assert fields(refused) == faults
    with pytest.raises(Stale):
        await rotate(house, endpoint, expected_version=7)
    assert shown(await keys(house, endpoint)) == [first]


async def test_rotations_at_the_same_time_follow_each_other(house: House) -> None:
    """The keys that one of them gave out are the present ones, those of the other the previous ones."""
    endpoint, _ = await create(house, house.customer)
    given = await asyncio.gather(*(rotate(house, endpoint) for _ in range(2)))
    assert sorted(shown(await keys(house, endpoint))) == sorted(given)
    assert (await find(house, endpoint)).version == 3


async def test_a_rotation_beside_a_removal(house: House) -> None:
    """Whichever comes second, the endpoint is gone in the end and its keys are erased."""
    for _ in range(5):
        endpoint, _ = await create(house, house.customer)

        async def remove(reference: str = endpoint.reference) -> None:
            async with house.writing(house.customer, MANAGER) as work:
                await webhooks.remove_endpoint(work, reference)

        rotated, removed = await asyncio.gather(rotate(house, endpoint), remove(), return_exceptions=True)
        assert removed is None
        assert isinstance(rotated, Secrets | NotFound)
        assert await sealed(house, endpoint) == (None,) * 5
        assert (await events(house, endpoint.id))[-1].type == "webhook_endpoint.removed"


async def test_a_removed_endpoint_is_gone(house: House) -> None:
    """It is found no more and no longer counts; what happened to it stays in the events."""
    endpoint, _ = await create(house, house.customer)
    async with house.writing(house.customer, MANAGER) as work:
        with pytest.raises(Stale):
            await webhooks.remove_endpoint(work, endpoint.reference, 2)
        await webhooks.remove_endpoint(work, endpoint.reference, 1)
    with pytest.raises(NotFound):
        await find(house, endpoint)
    predicate = Compare("reference", Operator.EQUAL, endpoint.reference)
    page = await webhooks.list_endpoints(house.reading(None, MANAGER), predicate, (), Window(0, 10), 100)
    assert (page.items, page.total) == ([], 0)
    last = (await events(house, endpoint.id))[-1]
    assert (last.type, last.after) == ("webhook_endpoint.removed", None)


async def test_an_account_is_removed_after_its_endpoints(house: House) -> None:
    """An endpoint of a branch is seen from above and not beside; its account cannot go before it, and can go right after it."""
    async with house.writing(house.customer) as work:
        account = await customers.create_account(work, AccountDraft(name="Branch"))
        branch = await customers.find_reach(work, account.reference)
    async with house.writing(house.customer, MANAGER) as work:
        endpoint, _ = await webhooks.create_endpoint(work, draft(), PUBLIC, PRESENTER, branch)
    assert (endpoint.account_id, endpoint.customer_id) == (account.id, house.customer.customer_id)
    for reach in (branch, house.customer, None):
        assert await webhooks.find_endpoint(house.reading(reach, MANAGER), endpoint.reference) == endpoint
    async with house.writing(house.customer, MANAGER) as work:
        await webhooks.test_endpoint(work, endpoint.reference)
    with pytest.raises(Conflict, match="webhook endpoints refer to it"):
        async with house.writing(house.customer) as work:
            await customers.remove_account(work, account.reference)
    async with house.writing(branch, MANAGER) as work:
        await webhooks.remove_endpoint(work, endpoint.reference)
    async with house.writing(house.customer) as work:
        await customers.remove_account(work, account.reference)


async def test_keys_are_sealed_anew(house: House) -> None:
    """After a rotation of the house's own keys, endpoints' are sealed with the newest in batches, and open as before."""
    endpoint, first = await create(house, house.customer)
    second = await rotate(house, endpoint)
    alone, only = await create(house, house.customer)
    ring = house.realm.keyring
    assert ring is not None
    newer, both = Keyring.of_new_key().load(), Keyring.of_new_key()
    both._keys, both._look_at = (*newer._keys, *ring._keys), float("inf")
    house.realm.pool.keyring = both
    try:
        while True:
            async with house.writing(None, frozenset({"*"})) as work:
                if not (done := await webhooks.reseal_batch(work, 2)):
                    break
                assert done <= 2
        house.realm.pool.keyring = newer
        assert shown(await keys(house, endpoint)) == [second, first]
        assert shown(await keys(house, alone)) == [only]
        assert (await find(house, endpoint)).version == 2
    finally:
        house.realm.pool.keyring = both
