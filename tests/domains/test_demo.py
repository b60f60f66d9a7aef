"""The demonstration data: what a newcomer finds after the first start."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from trunkline import demo
from trunkline.demo import bulk
from trunkline.demo.companies import COMPANIES
from trunkline.demo.countries import COUNTRIES, PRICE_OF_ONE_EURO
from trunkline.demo.places import CITIES, CITIES_OF
from trunkline.domains.support.model import CaseOrigin, CaseStatus, CaseType
from trunkline.domains.support.rules import CASE_MATRIX, CLOSES_AFTER
from trunkline.kit import db
from trunkline.kit.ids import NIL
from trunkline.kit.keyring import Keyring

NOW = datetime(2026, 7, 14, 11, 5, 42, tzinfo=UTC)
MOMENTS = (
    NOW,
    datetime(2027, 1, 1, 0, 0, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 3, 31, 12, 0, tzinfo=UTC),
)


KEYRING = Keyring.of_new_key()

build = cache(demo.build)


@pytest.fixture(params=MOMENTS, ids=str)
def now(request: pytest.FixtureRequest) -> datetime:
    moment: datetime = request.param
    return moment


def test_the_same_seed_and_moment_give_the_same_data() -> None:
    """Two installations that start at the same moment show the same demonstration; another seed shows another one."""

    def rows(seed: int) -> list[object]:
        return [attrgetter(*columns)(thing) for _, columns, things in demo.tables(demo.build(NOW, seed)) for thing in things]

    assert rows(7) == rows(7)
    assert rows(7) != rows(8)


def test_nothing_has_happened_in_the_future(now: datetime) -> None:
    """Only what is planned lies ahead: every creation, change, delivery, resolution and invoice is in the past."""
    built = build(now)
    for thing in (*built.accounts, *built.sites, *built.services, *built.cases, *built.invoices):
        assert thing.created_at <= thing.modified_at <= now, thing.reference
    assert all(message.created_at <= now for message in built.messages)
    assert all(
        service.ready_for_service_date is None or service.ready_for_service_date <= now.date() for service in built.services
    )
    assert all(case.start_of_incident is None or case.start_of_incident <= now for case in built.cases)
    assert all(case.end_of_incident is None or case.end_of_incident <= now for case in built.cases)
    assert all(invoice.invoice_date <= now.date() for invoice in built.invoices)


def test_every_child_is_younger_than_its_parent(now: datetime) -> None:
    """References follow the calendar, and nothing was made before the thing it belongs to."""
    built = build(now)
    assert all(account.parent.created_at < account.created_at for account in built.accounts if account.parent)
    assert all(site.account.created_at <= site.created_at for site in built.sites)
    assert all(service.site.created_at <= service.created_at for service in built.services)
    for things in (built.accounts, built.sites, built.services, built.cases, built.messages, built.invoices):
        in_order = sorted(things, key=lambda thing: thing.reference)
        assert [thing.created_at for thing in in_order] == sorted(thing.created_at for thing in things)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_named_customers_have_something_of_every_kind(seed: int) -> None:
    """Both customers of the credentials file have cases of every status, subject, priority and origin, and the like."""
    built = build(NOW, seed)
    subjects = {subject for matrix in CASE_MATRIX.values() for subject in matrix.subjects}
    for root in [account for account in built.accounts if account.parent is None][:2]:
        own = [case for case in built.cases if case.customer_id == root.id]
        statuses = Counter(case.status for case in own)
        assert all(statuses[status] >= 5 for status in CaseStatus), statuses
        assert {case.subject for case in own} == subjects
        assert {case.origin for case in own} == set(CaseOrigin)
        assert {(case.type, case.priority) for case in own} == {
            (t, p) for t, matrix in CASE_MATRIX.items() for p in matrix.priorities
        }
        services = {service.status for service in built.services if service.customer_id == root.id}
        assert services == {"in_progress", "ready", "cancelled", "ceased"}
        invoices = {invoice.status for invoice in built.invoices if invoice.customer_id == root.id}
        assert invoices == {"open", "paid", "overdue", "cancelled"}
        assert any(case.service.ready_for_service_date is None for case in own)


def test_every_customer_has_rows_everywhere() -> None:
    """Whichever customer one looks at, no list is empty, and no status of a case is missing."""
    built = build(NOW)
    for root in [account for account in built.accounts if account.parent is None]:
        for things in (built.accounts, built.sites, built.services, built.cases, built.messages, built.invoices, built.lines):
            assert any(thing.customer_id == root.id for thing in things), root.name
        assert {case.status for case in built.cases if case.customer_id == root.id} == set(CaseStatus)


def test_cases_keep_the_rules_of_support(now: datetime) -> None:
    """Each case is one that the API would have accepted and that the life cycle could have led to."""
    for case in build(now).cases:
        matrix = CASE_MATRIX[CaseType(case.type)]
        assert case.subject in matrix.subjects
        assert case.priority in matrix.priorities
        assert (case.type == "incident") == (case.start_of_incident is not None)
        if case.end_of_incident:
            assert case.start_of_incident
            assert case.start_of_incident <= case.end_of_incident
            assert case.resolved_at is None or case.end_of_incident <= case.resolved_at
        assert (case.resolved_at is not None) == (case.status in ("resolved", "closed"))
        assert (case.closed_at is not None) == (case.status == "closed")
        if case.resolved_at and case.closed_at:
            assert case.created_at < case.resolved_at < case.closed_at <= case.resolved_at + CLOSES_AFTER
        elif case.resolved_at:
            assert now - timedelta(days=4) < case.resolved_at


def test_conversations_read_in_order(now: datetime) -> None:
    """A case has one to eight messages, the first when it was opened, the last when it was last changed, none out of order."""
    for case in build(now).cases:
        times = [message.created_at for message in case.messages]
        assert 1 <= len(times) <= 8
        assert times == sorted(times)
        assert (times[0], times[-1]) == (case.created_at, case.modified_at)
        assert [message.reference for message in case.messages] == sorted(message.reference for message in case.messages)
        assert case.messages[0].type == ("system" if case.origin == "monitoring" else "customer")
        assert not any("{" in message.body for message in case.messages)


def test_invoices_are_open_until_they_are_due(now: datetime) -> None:
    """An open invoice is not yet due, an overdue one is; each covers thirteen months or more of every legal entity."""
    built = build(now)
    for invoice in built.invoices:
        assert invoice.due_date == invoice.invoice_date + timedelta(days=30)
        assert invoice.status != "open" or invoice.due_date >= now.date()
        assert invoice.status != "overdue" or invoice.due_date < now.date()
    assert min(Counter(invoice.account_id for invoice in built.invoices).values()) >= 13
    assert len({invoice.number for invoice in built.invoices}) == len(built.invoices)


def test_places_exist() -> None:
    """Time zones are those of the IANA, every country has cities and a price list, every customer's country is known."""
    for city in CITIES:
        ZoneInfo(city.time_zone)
        assert city.country in COUNTRIES
    assert set(CITIES_OF) == set(COUNTRIES)
    assert len(COUNTRIES) >= 30
    assert {country.currency for country in COUNTRIES.values()} == set(PRICE_OF_ONE_EURO)
    assert {code for company in COMPANIES for _, codes in company.footprint for code in codes.split()} <= set(COUNTRIES)


# In the database ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    connection: asyncpg.Connection
    loaded: demo.Loaded

    async def count(self, condition: str) -> int:
        """How many rows `FROM ... WHERE ...` finds; `$1` is the tenant."""
        number: int = await self.connection.fetchval(f"SELECT count(*) FROM {condition}", self.loaded.tenant_id)
        return number


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shown(database_url: str) -> AsyncIterator[Shown]:
    """The demonstration inside a transaction that is rolled back after the last test."""
    connection = await db.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield Shown(connection, await demo.load(connection, NOW, KEYRING))
    finally:
        await transaction.rollback()
        await connection.close()


STRAYS = (
    """accounts a JOIN accounts p ON p.tenant_id = a.tenant_id AND p.id = a.parent_id
       WHERE a.tenant_id = $1 AND (a.customer_id <> p.customer_id OR a.path <> (p.path || a.reference || '/') COLLATE "C")""",
    """sites s JOIN accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id
       WHERE s.tenant_id = $1 AND s.customer_id <> a.customer_id""",
    """services v JOIN sites s ON s.tenant_id = v.tenant_id AND s.id = v.site_id
       WHERE v.tenant_id = $1 AND (v.customer_id, v.account_id) <> (s.customer_id, s.account_id)""",
    """cases c JOIN services v ON v.tenant_id = c.tenant_id AND v.id = c.service_id
       WHERE c.tenant_id = $1 AND (v.status NOT IN ('ready', 'in_progress')
             OR (c.customer_id, c.account_id, c.site_id) <> (v.customer_id, v.account_id, v.site_id))""",
    """subscribers u LEFT JOIN services v ON v.tenant_id = u.tenant_id AND v.id = u.service_id
       LEFT JOIN sites s ON s.tenant_id = u.tenant_id AND s.id = u.site_id
       WHERE u.tenant_id = $1 AND ((u.account_id, u.customer_id) IS DISTINCT FROM (s.account_id, s.customer_id) AND s.id IS NOT NULL
             OR v.id IS NOT NULL AND (u.customer_id, u.account_id, u.site_id) IS DISTINCT FROM (v.customer_id, v.account_id, v.site_id))""",
    """case_messages m JOIN cases c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
       WHERE m.tenant_id = $1 AND m.customer_id <> c.customer_id""",
    """invoices i JOIN accounts a ON a.tenant_id = i.tenant_id AND a.id = i.account_id
       WHERE i.tenant_id = $1 AND (i.customer_id, i.currency) <> (a.customer_id, a.currency)""",
    """invoice_lines l JOIN invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id
       JOIN services v ON v.tenant_id = l.tenant_id AND v.id = l.service_id
       JOIN accounts a ON a.tenant_id = v.tenant_id AND a.id = v.account_id
       JOIN accounts b ON b.tenant_id = i.tenant_id AND b.id = i.account_id
       WHERE l.tenant_id = $1
         AND (l.customer_id <> i.customer_id OR l.order_reference <> v.reference OR NOT starts_with(a.path, b.path))""",
)
WRONG_AMOUNTS = (
    """(SELECT i.id FROM invoices i LEFT JOIN invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
        WHERE i.tenant_id = $1 GROUP BY i.tenant_id, i.id HAVING i.net_amount IS DISTINCT FROM sum(l.net_amount)) AS wrong""",
    """invoice_lines l JOIN invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id WHERE l.tenant_id = $1
       AND l.net_amount
           <> round(l.quantity * l.unit_price, CASE WHEN i.currency IN ('JPY', 'KRW', 'CLP', 'VND') THEN 0 ELSE 2 END)""",
    """invoices WHERE tenant_id = $1 AND currency IN ('JPY', 'KRW', 'CLP', 'VND') AND total_amount <> trunc(total_amount)""",
    """invoice_lines WHERE tenant_id = $1 AND (period_start < ready_for_service_date OR period_end < period_start)""",
)


async def test_there_is_enough_to_look_at(shown: Shown) -> None:
    """The demonstration has hundreds of accounts, sites, services and cases in many countries, and thousands of invoices."""
    least = {
        "accounts": 200, "sites": 600, "services": 900, "cases": 500, "case_messages": 1500, "invoices": 2000,
        "invoice_lines": 5000, "subscribers": 600, "devices": 50, "systems": 5, "private_radios": 10, "notifications": 50,
    }  # fmt: skip
    for table, number in least.items():
        rows = await shown.count(f"{table} WHERE tenant_id = $1")
        assert rows == shown.loaded.rows[table] >= number, table
    assert await shown.count("(SELECT DISTINCT country_code FROM sites WHERE tenant_id = $1) AS c") >= 30
    assert await shown.count("accounts WHERE tenant_id = $1 AND parent_id IS NULL") >= 25
    assert await shown.count("accounts WHERE tenant_id = $1 AND path LIKE '%/%/%/%/'") > 0


async def test_the_first_account_is_the_one_of_the_documentation(shown: Shown) -> None:
    """ACC-98000001 is ACME's headquarters and the account of `customer`; `other` is another customer."""
    row = await shown.connection.fetchrow(
        "SELECT id, name, path FROM accounts WHERE tenant_id = $1 AND reference = 'ACC-98000001'", shown.loaded.tenant_id
    )
    assert tuple(row) == (shown.loaded.customer_account_id, "ACME Corporation HQ", "ACC-98000001/")
    subtree = await shown.count("accounts WHERE tenant_id = $1 AND path LIKE 'ACC-98000001/%'")
    assert subtree == 61
    assert shown.loaded.other_account_id != shown.loaded.customer_account_id


async def test_everything_stays_within_its_customer(shown: Shown) -> None:
    """No row refers to a row of another customer; a case and a subscriber stand at their service's site and account."""
    for wrong in STRAYS:
        assert await shown.count(wrong) == 0, wrong
    assert await shown.count("subscribers WHERE tenant_id = $1 AND service_id IS NOT NULL") > 300


async def test_invoices_add_up_to_the_cent(shown: Shown) -> None:
    """Net is the sum of the lines, each line is its quantity times its price, and no yen has cents."""
    for wrong in WRONG_AMOUNTS:
        assert await shown.count(wrong) == 0, wrong
    assert await shown.count("invoice_lines WHERE tenant_id = $1 AND quantity < 1") > 0


async def test_sizes_are_the_real_ones(shown: Shown) -> None:
    """The totals that lists show equal the number of rows, for each customer and for the provider."""
    await assert_sizes(shown)


async def assert_sizes(shown: Shown) -> None:
    for table in sorted(demo.SEQUENCES.keys() - set(demo.NESTED)):
        real = dict(
            await shown.connection.fetch(
                f"SELECT customer_id, count(*) FROM {table} WHERE tenant_id = $1 GROUP BY customer_id", shown.loaded.tenant_id
            )
        )
        total = sum(real.values())
        real.pop(None, None)  # the provider's own is nobody's but in the total
        kept = dict(
            await shown.connection.fetch(
                "SELECT customer_id, size FROM collection_sizes WHERE tenant_id = $1 AND collection = $2",
                shown.loaded.tenant_id,
                table,
            )
        )
        assert kept == {**real, NIL: total}, table


async def assert_sequences(shown: Shown) -> None:
    for table, sequence in demo.SEQUENCES.items():
        highest = await shown.connection.fetchval(
            f"SELECT max(substring(reference FROM '[0-9]+$')::bigint) FROM {table} WHERE tenant_id = $1", shown.loaded.tenant_id
        )
        assert await shown.connection.fetchval(f"SELECT nextval('{sequence}')") > highest, table


async def test_new_objects_get_references_of_their_own(shown: Shown) -> None:
    """What is created after the load is numbered beyond it."""
    await assert_sequences(shown)


async def test_a_measurement_can_add_many_more(shown: Shown) -> None:
    """The bulk loader adds accounts beneath a customer, cases and subscribers on its services, with sizes and numbers kept right."""
    connection, loaded = shown.connection, shown.loaded
    await bulk.load_accounts(connection, loaded.tenant_id, loaded.customer_account_id, "ACC-98000001/", NOW, count=300)
    await bulk.load_cases(connection, loaded.tenant_id, loaded.customer_account_id, NOW, count=200)
    await bulk.load_subscribers(connection, loaded.tenant_id, loaded.customer_account_id, KEYRING, NOW, count=150)
    children = "accounts WHERE tenant_id = $1 AND path LIKE 'ACC-98000001/%'"
    assert await shown.count(children) == 61 + 300
    assert (
        await shown.count(f"{children} AND path <> 'ACC-98000001/' AND NOT path LIKE ('%/' || reference || '/') COLLATE \"C\"")
        == 0
    )
    assert await shown.count("cases WHERE tenant_id = $1") == loaded.rows["cases"] + 200
    assert await shown.count("case_messages WHERE tenant_id = $1") == loaded.rows["case_messages"] + 200
    assert await shown.count("subscribers WHERE tenant_id = $1") == loaded.rows["subscribers"] + 150
    for wrong in STRAYS:
        assert await shown.count(wrong) == 0, wrong
    await assert_sizes(shown)
    await assert_sequences(shown)
