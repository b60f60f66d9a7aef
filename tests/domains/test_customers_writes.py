"""Accounts as the customers of a network, and sites: made, changed and removed."""

from typing import Any
from uuid import UUID

import pytest

from tests.domains.house import ALL, House
from trunkline.domains.connectivity.inventory import service as inventory
from trunkline.domains.customers import service as customers
from trunkline.domains.customers.countries import country_code
from trunkline.domains.customers.service import AccountDraft, DeepAccount, DeepSite, SiteDraft
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, Window


async def made(house: House, reach: Reach | None, **values: Any) -> DeepAccount:
    """A new account, committed."""
    async with house.writing(reach) as work:
        return await customers.create_account(work, AccountDraft(**values))


async def built(house: House, reach: Reach | None, **values: Any) -> DeepSite:
    """A new site, committed."""
    async with house.writing(reach) as work:
        return await customers.create_site(work, SiteDraft(**values))


async def root(house: House) -> DeepAccount:
    """The demonstration customer's own account."""
    own = Compare("reference", Operator.EQUAL, (await house.sql(
        "SELECT reference FROM accounts WHERE tenant_id = $1 AND id = $2", house.customer.account_id
    ))[0][0])  # fmt: skip
    page = await customers.list_accounts(house.reading(house.customer), own, (), Window(0, 1), deep=True)
    account = page.items[0]
    assert isinstance(account, DeepAccount)
    return account


async def types(house: House, id_: UUID) -> list[str]:
    rows = await house.sql("SELECT type FROM events WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence", id_)
    return [row[0] for row in rows]


async def totals(house: House, reach: Reach | None) -> tuple[int | None, int | None]:
    """How many accounts and sites the caller reaches, as the lists say."""
    work = house.reading(reach)
    accounts = await customers.list_accounts(work, EVERYTHING, (), Window(0, 1), 1_000_000)
    sites = await customers.list_sites(work, EVERYTHING, (), Window(0, 1), 1_000_000)
    return accounts.total, sites.total


# accounts --------------------------------------------------------------------------------------------------------------


async def test_a_customer_makes_accounts_below_its_own(house: House) -> None:
    """A new account is a child of the caller's, takes its currency and country, and its name as its legal name."""
    parent = await root(house)
    before = await totals(house, house.customer)
    child = await made(house, house.customer, name="Harbour", extensions={"tier": "gold"})
    assert (child.parent_reference, child.parent_name) == (parent.reference, parent.name)
    assert (child.currency, child.country, child.legal_name) == (parent.currency, parent.country, "Harbour")
    assert (child.enabled, child.extensions, child.version) == (True, {"tier": "gold"}, 1)
    assert child.customer_id == parent.customer_id
    assert await customers.find_account(house.reading(house.customer), child.reference) == child
    assert (await totals(house, house.customer))[0] == (before[0] or 0) + 1
    assert await types(house, child.id) == ["account.created"]
    children = Compare("parent_reference", Operator.EQUAL, parent.reference)
    page = await customers.list_accounts(house.reading(house.customer), children, (), Window(0, 1000))
    assert child.id in {account.id for account in page.items}


async def test_an_account_below_another_is_in_its_branch(house: House) -> None:
    """What is made below an account is reached by that account's credentials, and by no sibling's."""
    child = await made(house, house.customer, name="Branch")
    sibling = await made(house, house.customer, name="Sibling")
    grandchild = await made(house, house.customer, name="Twig", parent=child.reference)
    assert grandchild.parent_reference == child.reference
    branch = await customers.find_reach(house.reading(None), child.reference)
    assert (await customers.find_account(house.reading(branch), grandchild.reference)).id == grandchild.id
    with pytest.raises(NotFound):
        await customers.find_account(house.reading(branch), sibling.reference)
    leaf = await made(house, branch, name="Leaf")
    assert leaf.parent_reference == child.reference
    async with house.writing(branch) as work:
        with pytest.raises(Invalid) as refused:
            await customers.create_account(work, AccountDraft(name="Elsewhere", parent=sibling.reference))
    assert [fault.field for fault in refused.value.violations] == ["parent"]


async def test_an_operator_makes_a_new_customer(house: House) -> None:
    """Without a parent an operator's account is the root of a customer of its own, in euros unless said otherwise."""
    account = await made(house, None, name="New Customer", country="Germany")
    assert (account.parent_reference, account.customer_id, account.currency) == (None, account.id, "EUR")
    assert (await customers.find_reach(house.reading(None), account.reference)).path == ""
    child = await made(house, None, name="Its child", parent=account.reference, currency="USD", legal_name="Child Inc.")
    assert (child.customer_id, child.currency, child.legal_name, child.country) == (account.id, "USD", "Child Inc.", "Germany")
    site = await built(house, None, name="Depot", account=account.reference)
    assert (site.country, site.country_code) == ("Germany", "DE")


async def test_an_account_changes_but_does_not_move(house: House) -> None:
    """Name, country and extensions change with a new version; parent and currency are for good; nothing happens twice."""
    account = await made(house, house.customer, name="Before", extensions={"a": "1"})
    draft = AccountDraft(name="After", country="France", extensions={"b": "2"}, parent=account.parent_reference)
    async with house.writing(house.customer) as work:
        after = await customers.change_account(work, account.reference, draft, expected_version=1)
    assert (after.name, after.country, after.extensions, after.version) == ("After", "France", {"b": "2"}, 2)
    assert after.legal_name == "Before"
    async with house.writing(house.customer) as work:
        assert await customers.change_account(work, account.reference, draft) == after
        assert not work.recorded
        with pytest.raises(Stale):
            await customers.change_account(work, account.reference, draft, expected_version=1)
        moved = AccountDraft(parent=account.reference, currency="XTS")
        with pytest.raises(Invalid) as refused:
            await customers.change_account(work, account.reference, moved)
    assert [fault.field for fault in refused.value.violations] == ["currency", "parent"]
    assert await types(house, account.id) == ["account.created", "account.changed"]
    async with house.writing(house.customer) as work:
        cleared = await customers.change_account(work, account.reference, AccountDraft(extensions=None, legal_name=None))
    assert (cleared.extensions, cleared.legal_name) == ({}, "After")


async def test_disabling_an_account_is_told_as_such(house: House) -> None:
    """An account that is disabled is announced as suspended, and as resumed when it is enabled again."""
    account = await made(house, house.customer, name="Late payer")
    for enabled in (False, False, None):
        async with house.writing(house.customer) as work:
            after = await customers.change_account(work, account.reference, AccountDraft(enabled=enabled))
    assert (after.enabled, after.version) == (True, 3)
    assert await types(house, account.id) == ["account.created", "account.suspended", "account.resumed"]
    off = Compare("enabled", Operator.EQUAL, False)
    assert (await customers.list_accounts(house.reading(house.customer), off, (), Window(0, 5))).items == []


async def test_an_account_goes_only_when_nothing_is_left(house: House) -> None:
    """An account with a child, a site or anything of its own stays, and the refusal says what there is."""
    account = await made(house, house.customer, name="Full")
    child = await made(house, house.customer, name="Child", parent=account.reference)
    site = await built(house, house.customer, name="Site", account=account.reference)
    async with house.writing(house.customer) as work:
        group = await inventory.GROUPS.create(work, inventory.GroupDraft(name="g", account=account.reference))
    steps = (
        ("accounts below it", lambda work: customers.remove_account(work, child.reference)),
        ("sites", lambda work: customers.remove_site(work, site.reference)),
        ("groups", lambda work: inventory.GROUPS.remove(work, group.reference)),
    )
    left = {said for said, _ in steps}
    for said, take_away in steps:
        async with house.writing(house.customer) as work:
            with pytest.raises(Conflict) as refused:
                await customers.remove_account(work, account.reference)
        assert any(word in refused.value.message for word in left)
        async with house.writing(house.customer) as work:
            await take_away(work)
        left.discard(said)
    before = await totals(house, house.customer)
    async with house.writing(house.customer) as work:
        await customers.remove_account(work, account.reference, expected_version=1)
    assert (await totals(house, house.customer))[0] == (before[0] or 0) - 1
    with pytest.raises(NotFound):
        await customers.find_account(house.reading(None), account.reference)
    assert await types(house, account.id) == ["account.created", "account.removed"]


async def test_all_faults_of_an_account_are_told_at_once(house: House) -> None:
    """Every broken rule of a new account is told, in the order of its fields."""
    draft = AccountDraft(
        name=" ", legal_name="x" * 256, country="\0", currency="euro", extensions={"k": "x" * 1001}, parent="ACC-0"
    )
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await customers.create_account(work, draft)
        fields = [fault.field for fault in refused.value.violations]
        assert fields == ["name", "legal_name", "country", "currency", "extensions", "parent"]
        with pytest.raises(Invalid) as refused:
            await customers.create_account(work, AccountDraft())
        assert [fault.field for fault in refused.value.violations] == ["name"]


async def test_accounts_are_nested_only_so_deep(house: House) -> None:
    """A tree of accounts ends at fifty levels."""
    parent = (await made(house, None, name="Level 1")).reference
    async with house.writing(None) as work:
        for level in range(2, 51):
            parent = (await customers.create_account(work, AccountDraft(name=f"Level {level}", parent=parent))).reference
        with pytest.raises(Invalid) as refused:
            await customers.create_account(work, AccountDraft(name="Level 51", parent=parent))
    assert [fault.field for fault in refused.value.violations] == ["parent"]


# sites -----------------------------------------------------------------------------------------------------------------


async def test_a_site_is_made_changed_and_removed(house: House) -> None:
    """A site belongs to the caller's account, takes its country, and is written only when something differs."""
    account = await root(house)
    before = await totals(house, house.customer)
    site = await built(house, house.customer, name="Yard", address="1 Dock Road", latitude=53.5, longitude=-3)
    assert (site.account_reference, site.account_name, site.country) == (account.reference, account.name, account.country)
    assert site.country_code == country_code(account.country)
    assert await customers.find_site(house.reading(house.customer), site.reference) == site
    assert (await totals(house, house.customer))[1] == (before[1] or 0) + 1
    draft = SiteDraft(name="Old yard", address=None, account=account.reference)
    async with house.writing(house.customer) as work:
        after = await customers.change_site(work, site.reference, draft, expected_version=1)
    assert (after.name, after.address, after.latitude, after.version) == ("Old yard", None, 53.5, 2)
    async with house.writing(house.customer) as work:
        assert await customers.change_site(work, site.reference, draft) == after
        assert not work.recorded
        with pytest.raises(Stale):
            await customers.remove_site(work, site.reference, expected_version=1)
        await customers.remove_site(work, site.reference, expected_version=2)
    assert await totals(house, house.customer) == before
    assert await types(house, site.id) == ["site.created", "site.changed", "site.removed"]


async def test_a_site_in_use_stays(house: House) -> None:
    """A site where something ends or stands is not removed, and the refusal says what it is."""
    site = await built(house, house.customer, name="Mast")
    async with house.writing(house.customer) as work:
        await inventory.PRIVATE_RADIOS.create(work, inventory.PrivateRadioDraft(name="Radio", site=site.reference))
    async with house.writing(house.customer) as work:
        with pytest.raises(Conflict, match="private radios"):
            await customers.remove_site(work, site.reference)


async def test_all_faults_of_a_site_are_told_at_once(house: House) -> None:
    """Every broken rule of a site is told; a site does not move to another account; an operator must name one."""
    site = await built(house, house.customer, name="Fixed")
    child = await made(house, house.customer, name="Child")
    broken = {"name": "", "address": "x" * 1001, "latitude": 90.1, "longitude": -181}
    async with house.writing(house.customer) as work:
        with pytest.raises(Invalid) as refused:
            await customers.create_site(work, SiteDraft(**broken, account="ACC-0"))
        assert [fault.field for fault in refused.value.violations] == [*broken, "account"]
        with pytest.raises(Invalid) as refused:
            await customers.change_site(work, site.reference, SiteDraft(name=None, account=child.reference))
        assert [fault.field for fault in refused.value.violations] == ["name", "account"]
    async with house.writing(None) as work:
        with pytest.raises(Invalid) as refused:
            await customers.create_site(work, SiteDraft(name="Nobody's"))
        assert [fault.field for fault in refused.value.violations] == ["account"]


# isolation and rights --------------------------------------------------------------------------------------------------


async def test_another_customer_touches_nothing(house: House) -> None:
    """One customer's accounts and sites do not exist for another, in no use case."""
    account = await made(house, house.customer, name="Hidden")
    site = await built(house, house.customer, name="Hidden")
    async with house.writing(house.other) as work:
        for use in (
            customers.find_account(work, account.reference),
            customers.change_account(work, account.reference, AccountDraft(name="x")),
            customers.remove_account(work, account.reference),
            customers.find_site(work, site.reference),
            customers.change_site(work, site.reference, SiteDraft(name="x")),
            customers.remove_site(work, site.reference),
        ):
            with pytest.raises(NotFound):
                await use
        for create in (
            customers.create_account(work, AccountDraft(name="x", parent=account.reference)),
            customers.create_site(work, SiteDraft(name="x", account=account.reference)),
        ):
            with pytest.raises(Invalid):
                await create


async def test_each_use_case_needs_its_own_permission(house: House) -> None:
    """Who may read may not write, and each way of writing is a right of its own."""
    uses = {
        "accounts.read": lambda work: customers.find_account(work, "x"),
        "accounts.create": lambda work: customers.create_account(work, AccountDraft(name="x")),
        "accounts.change": lambda work: customers.change_account(work, "x", AccountDraft()),
        "accounts.remove": lambda work: customers.remove_account(work, "x"),
        "sites.read": lambda work: customers.list_sites(work, EVERYTHING, (), Window(0, 1)),
        "sites.create": lambda work: customers.create_site(work, SiteDraft(name="x")),
        "sites.change": lambda work: customers.change_site(work, "x", SiteDraft()),
        "sites.remove": lambda work: customers.remove_site(work, "x"),
    }
    for permission, use in uses.items():
        with pytest.raises(Forbidden) as refused:
            await use(house.reading(house.customer, ALL - {permission}))
        assert refused.value.needs == permission


# countries -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [("Germany", "DE"), (" netherlands ", "NL"), ("United Kingdom", "GB"), ("USA", "US"), ("Bosnia and Herzegovina", "BA"),
     ("Czechia", "CZ"), ("Atlantis", "ZZ"), (None, "ZZ")],
)  # fmt: skip
def test_a_country_s_code_follows_from_its_name(name: str | None, code: str) -> None:
    """Countries are known by the names that people use; an unknown one has the code for unknown."""
    assert country_code(name) == code
