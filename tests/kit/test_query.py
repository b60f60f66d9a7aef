"""Lists against a model of them: whatever is filtered, sorted and paged, the database agrees with plain Python.

The model sorts by code point, without case first, nulls last ascending and first descending, the reference as tie-break. It
judges filters in the three-valued logic of SQL.
"""

import contextlib
import functools
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import MakeDatabase
from trunkline import migrations
from trunkline.domains.billing.service import INVOICES
from trunkline.domains.connectivity.service import SERVICES
from trunkline.domains.customers.service import ACCOUNTS
from trunkline.kit import query
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.errors import Malformed, NotFound
from trunkline.kit.events import created, removed
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.principal import ActorType, Environment, Principal, Reach
from trunkline.kit.query import (
    LAST,
    And,
    Compare,
    Cursor,
    Empty,
    In,
    Kind,
    Listing,
    Not,
    Operator,
    Or,
    Predicate,
    SortKey,
    Window,
)
from trunkline.kit.query.compile import PageShape, page_text, shape, total_order
from trunkline.kit.query.cursor import fingerprint, read_cursor, write_cursor
from trunkline.kit.query.run import TOTALS
from trunkline.kit.record import Origin
from trunkline.kit.sizes import recount
from trunkline.kit.work import Transaction, Work

Row = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)

# Duplicates, case variants, diacritics, blanks, what sorts oddly in locales, and what lower() must know beyond ASCII.
NAMES = ("Ädele", "ädele", "ÄDELE", "Alpha", "alpha", " alpha ", "Zulu", "zulu", "École", "école", "ecole", "Žilina",
         "žilina", "Ørsted", "A-1", "A 1", "a_1", "1", "10", "2", "ЖУК", "жук", "straße", "STRASSE", "日本", "~", "%", "a%b",
         "back\\slash", "O'Hara", '"q"')  # fmt: skip
WORDS = ("in_progress", "ready", "cancelled", "ceased")


@dataclass
class Table:
    """A listing over a tenant of its own, and its rows as the model has them."""

    pool: Pool
    listing: Listing[Any]
    tenant_id: UUID
    reaches: dict[str, Reach | None]
    rows: dict[str, list[Row]]  # by reach

    def work(self, reach: str = "customer") -> Work:
        principal = Principal(
            self.tenant_id,
            Environment.PRODUCTION,
            ActorType.SYSTEM,
            "test",
            self.tenant_id,
            frozenset({"*"}),
            reach=self.reaches[reach],
        )
        return Work(self.pool, Clock(), principal, Origin("test", "test"))


# the tables ------------------------------------------------------------------------------------------------------------

INSERT_ACCOUNT = """
    INSERT INTO accounts (tenant_id, id, reference, parent_id, customer_id, path, name, legal_name, country, currency,
                          enabled, created_at, modified_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
INSERT_SITE = """
    INSERT INTO sites (tenant_id, id, reference, account_id, customer_id, name, country_code, created_at, modified_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'NL', $7, $7)
"""
INSERT_SERVICE = """
    INSERT INTO services (tenant_id, id, reference, account_id, customer_id, site_id, name, status, planned_delivery_date,
                          technical_note, product_name, access_type, download_kbps, customer_reference, created_at, modified_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""


async def fill(
    connection: asyncpg.Connection, tenant_id: UUID, number: int
) -> tuple[list[Row], list[Row], dict[str, Reach | None]]:
    """Two customers with a few branches, and services on them; the rows as a listing shows them, with `path` and `customer`."""
    random = Random(number)
    await connection.execute("INSERT INTO tenants VALUES ($1, $2, 'Query', $3)", tenant_id, number, START)
    accounts: list[Row] = []
    for index in range(70):
        parent = random.choice(accounts) if index > 1 else None
        id_, reference = new_id(), f"ACC-{index:03}"
        accounts.append({
            "id": id_, "reference": reference, "parent": parent, "parent_reference": parent["reference"] if parent else None,
            "customer": parent["customer"] if parent else id_, "path": f"{parent['path'] if parent else ''}{reference}/",
            "name": random.choice(NAMES), "legal_name": random.choice(NAMES[:4]),
            "country": random.choice((None, "", *NAMES[:6])), "currency": random.choice(("EUR", "USD")),
            "enabled": index % 3 > 0,
            "created_at": START + timedelta(days=random.randrange(5)),
            "modified_at": START + timedelta(seconds=random.randrange(20)),
        })  # fmt: skip
    async with connection.transaction():  # a root's customer is itself: checked at the end
        await connection.executemany(INSERT_ACCOUNT, [
            (tenant_id, a["id"], a["reference"], a["parent"] and a["parent"]["id"], a["customer"], a["path"], a["name"],
             a["legal_name"], a["country"], a["currency"], a["enabled"], a["created_at"], a["modified_at"]) for a in accounts
        ])  # fmt: skip
    root = accounts[0]
    branch = max(
        (a for a in accounts if a["parent"] is root), key=lambda a: sum(b["path"].startswith(a["path"]) for b in accounts)
    )
    sites = []
    for index, account in enumerate((root, accounts[1], branch, *random.sample(accounts, 7))):
        sites.append({"id": new_id(), "reference": f"SIT-{index}", "account": account, "name": random.choice(NAMES)})
        await connection.execute(
            INSERT_SITE,
            tenant_id,
            sites[-1]["id"],
            f"SIT-{index}",
            account["id"],
            account["customer"],
            sites[-1]["name"],
            START,
        )
    services: list[Row] = []
    for index in range(90):
        site = random.choice(sites)
        services.append({
            "id": new_id(), "reference": f"SVC-{index:03}", "account": site["account"], "account_id": site["account"]["id"],
            "account_reference": site["account"]["reference"], "site_id": site["id"], "site_reference": site["reference"],
            "site_name": site["name"], "customer": site["account"]["customer"], "path": site["account"]["path"],
            "name": random.choice(NAMES), "status": random.choice(WORDS), "ready_for_service_date": None,
            "planned_delivery_date": random.choice((None, date(2026, 1, 1), date(2026, 2, 1))),
            "technical_note": random.choice((None, "", *NAMES[:5])), "product_name": random.choice(NAMES[:3]),
            "access_type": random.choice(NAMES[5:8]), "download_kbps": random.choice((None, 1, 10, 2**40)), "upload_kbps": None,
            "customer_reference": random.choice((None, *NAMES)), "created_at": START,
            "modified_at": START + timedelta(random.randrange(3)),
        })  # fmt: skip
    await connection.executemany(INSERT_SERVICE, [
        (tenant_id, s["id"], s["reference"], s["account_id"], s["customer"], s["site_id"], s["name"], s["status"],
         s["planned_delivery_date"], s["technical_note"], s["product_name"], s["access_type"], s["download_kbps"],
         s["customer_reference"], s["created_at"], s["modified_at"])
        for s in services
    ])  # fmt: skip
    reaches = {
        "": None,
        "customer": Reach(root["id"], root["id"]),
        "branch": Reach(branch["id"], root["id"], branch["path"]),
    }
    return accounts, services, reaches


async def tables_in(pool: Pool, numbers: Sequence[int]) -> dict[str, Table]:
    """The two listings of a tenant; another tenant beside it has the same references and must never show."""
    made: dict[str, Table] = {}
    for number in numbers:
        tenant_id = new_id()
        async with pool.connection() as connection:
            accounts, services, reaches = await fill(connection, tenant_id, number)
        for listing, rows in ((ACCOUNTS, accounts), (SERVICES, services)):
            branch = reaches["branch"]
            assert branch is not None
            by_reach = {
                "": rows,
                "customer": [row for row in rows if row["customer"] == branch.customer_id],
                "branch": [row for row in rows if row["path"].startswith(branch.path)],
            }
            assert 0 < len(by_reach["branch"]) < len(by_reach["customer"]) < len(rows)
            sizes = Counter(row["customer"] for row in rows) + Counter({NIL: len(rows)})
            async with pool.connection() as connection:
                await recount(connection, tenant_id, listing.name, dict(sizes), number)
            made[listing.name] = Table(pool, listing, tenant_id, reaches, by_reach)
    return made


@pytest.fixture(scope="module")
async def tables(database_url: str) -> AsyncIterator[dict[str, Table]]:
    pool = Pool(database_url, 2)
    yield await tables_in(pool, (4101, 4102))
    await pool.close()


# the model -------------------------------------------------------------------------------------------------------------


def folded(value: str) -> str:
    return value.strip(" ").lower()


def equal(kind: Kind, value: Any, wanted: Any) -> bool:
    match kind:
        case Kind.TEXT:
            return folded(value) == folded(wanted)
        case Kind.REFERENCE:
            return bool(value == wanted.strip(" ").upper())
        case _:
            return bool(value == wanted)


def holds(  # noqa: C901, PLR0911 - a table of nodes, one line each
    row: Row, listing: Listing[Any], predicate: Predicate
) -> bool | None:
    """SQL's verdict: true, false or (`None`) unknown."""
    match predicate:
        case And(items=items):
            verdicts = [holds(row, listing, item) for item in items]
            return False if False in verdicts else None if None in verdicts else True
        case Or(items=items):
            verdicts = [holds(row, listing, item) for item in items]
            return True if True in verdicts else None if None in verdicts else False
        case Not(item=item):
            verdict = holds(row, listing, item)
            return None if verdict is None else not verdict
        case Empty(field=name):
            return row[name] is None or row[name] == ""
        case In(field=name, values=values):
            field = listing.by_name[name]
            return None if row[name] is None else any(equal(field.kind, row[name], value) for value in values)
        case Compare(field=name, operator=operator, value=value):
            mine = row[name]
            if mine is None:
                return None
            match operator:
                case Operator.EQUAL:
                    return equal(listing.by_name[name].kind, mine, value)
                case Operator.LESS:
                    return bool(mine < value)
                case Operator.LESS_OR_EQUAL:
                    return bool(mine <= value)
                case Operator.GREATER:
                    return bool(mine > value)
                case Operator.GREATER_OR_EQUAL:
                    return bool(mine >= value)
    raise AssertionError(predicate)


def compare(listing: Listing[Any], sort: Sequence[SortKey], a: Row, b: Row) -> int:
    for key in (*sort, SortKey("reference")):
        kind = listing.by_name[key.field].kind
        sides = []
        for row in (a, b):
            value = row[key.field]
            if value is not None and kind is Kind.TEXT:
                value = (value.lower(), value)
            elif value is not None and key.ranking:
                value = key.ranking.index(value)
            sides.append((value is None, value))
        if sides[0] == sides[1]:
            continue
        less = sides[1][0] if sides[0][0] != sides[1][0] else sides[0][1] < sides[1][1]
        return (-1 if less else 1) * (-1 if key.descending else 1)
    return 0


def expected(table: Table, reach: str, predicate: Predicate, sort: Sequence[SortKey]) -> list[str]:
    """References of the rows that match, in order."""
    rows = [row for row in table.rows[reach] if holds(row, table.listing, predicate)]
    return [row["reference"] for row in sorted(rows, key=functools.cmp_to_key(lambda a, b: compare(table.listing, sort, a, b)))]


# what is asked ---------------------------------------------------------------------------------------------------------


def values_of(kind: Kind, name: str, samples: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Values that occur, variants that must match them, and some that do not occur."""
    present = [sample for sample in samples if sample is not None]
    if not present:
        present = [date(2026, 1, 1)] if kind is Kind.DATE else [5]
    given_ = st.sampled_from(present)
    if kind is Kind.TEXT:
        return st.one_of(
            given_,
            given_.map(str.upper).filter(lambda v: "SS" not in v),
            given_.map(lambda v: f" {v.lower()}  "),
            st.just("none"),
        )
    if kind is Kind.REFERENCE:
        return st.one_of(given_, given_.map(str.lower), given_.map(lambda v: f" {v} "), st.just("XXX-1"))
    if kind is Kind.INTEGER:
        return st.one_of(given_, st.integers(-(2**63), 2**63 - 1))
    return given_


def predicates_on(table: Table) -> st.SearchStrategy[Predicate]:
    fields = [field for field in table.listing.fields if field.filterable and field.kind is not Kind.UUID]

    def leaf(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Predicate:
        field = draw(st.sampled_from(fields))
        values = values_of(field.kind, field.name, [row[field.name] for row in table.rows[""]])
        match draw(st.sampled_from(("equal", "equal", "in", "empty", "range"))):
            case "in":
                return In(field.name, tuple(draw(st.lists(values, min_size=1, max_size=4))))
            case "empty":
                return Empty(field.name)
            case "range" if field.kind.ordered:
                return Compare(field.name, draw(st.sampled_from(Operator)), draw(values))
            case _:
                return Compare(field.name, Operator.EQUAL, draw(values))

    def several(items: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
        lists = st.lists(items, max_size=3).map(tuple)
        return st.one_of(lists.map(And), lists.map(Or), items.map(Not))

    return st.recursive(st.composite(leaf)(), several, max_leaves=6)


def sorts_on(table: Table) -> st.SearchStrategy[tuple[SortKey, ...]]:
    fields = [field for field in table.listing.fields if field.sortable]

    def key(draw: Callable[[st.SearchStrategy[Any]], Any]) -> SortKey:
        field = draw(st.sampled_from(fields))
        ranking = draw(st.sampled_from(((), WORDS, WORDS[::-1]))) if field.kind is Kind.WORD else ()
        return SortKey(field.name, draw(st.booleans()), ranking)

    return st.lists(st.composite(key)(), max_size=4, unique_by=lambda k: k.field).map(tuple)


def references(page: query.Page[Any]) -> list[str]:
    return [item.reference for item in page.items]


async def check(table: Table, reach: str, predicate: Predicate, sort: tuple[SortKey, ...], limit: int) -> None:
    """Walk there by cursors, back by cursors, and look at windows by offset."""
    wanted = expected(table, reach, predicate, sort)
    work = table.work(reach)
    seen: list[str] = []
    window = Window(0, limit)
    while True:
        page = await query.page(work, table.listing, predicate, sort, window, total_cap=1000)
        seen += references(page)
        assert page.total == len(wanted)
        assert page.has_more == (len(seen) < len(wanted))
        assert seen == wanted[: len(seen)]
        if page.after is None:
            break
        assert len(page.items) == limit
        window = Window(window.offset + limit, limit, through_the_wire(table.listing, predicate, sort, page.after))
    assert seen == wanted

    before, back = page.before, list(references(page))
    while before is not None:
        page = await query.page(
            work, table.listing, predicate, sort, Window(0, limit, through_the_wire(table.listing, predicate, sort, before))
        )
        back = references(page) + back
        before = page.before
    assert back == wanted

    for offset in {0, 1, limit, len(wanted) // 2, max(0, len(wanted) - 1), len(wanted), len(wanted) + 5}:
        page = await query.page(work, table.listing, predicate, sort, Window(offset, limit), total_cap=1000)
        assert references(page) == wanted[offset : offset + limit]
        assert page.has_more == (offset + limit < len(wanted))
        assert page.total == len(wanted)

    for offset in {0, max(0, len(wanted) - 1) // limit * limit, len(wanted), len(wanted) + 5}:
        last = Window(offset, limit, through_the_wire(table.listing, predicate, sort, LAST))
        page = await query.page(work, table.listing, predicate, sort, last, total_cap=1000)
        assert references(page) == wanted[offset : offset + limit]
        assert page.has_more == (offset + limit < len(wanted))
        assert page.total == len(wanted)


def through_the_wire(listing: Listing[Any], predicate: Predicate, sort: Sequence[SortKey], cursor: Cursor) -> Cursor:
    """A cursor as it comes back from a client."""
    mark = fingerprint(listing, predicate, sort)
    read = read_cursor(write_cursor(cursor, 7, mark), 7, mark, listing, sort, "cursor")
    assert read == cursor
    return read


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
async def test_a_list_is_what_its_model_says(tables: dict[str, Table], data: st.DataObject) -> None:
    """Any filter, order and page size: pages by cursor, both ways, and by offset hold exactly the matching rows in order."""
    table = tables[data.draw(st.sampled_from(sorted(tables)))]
    reach = data.draw(st.sampled_from(("", "customer", "branch")))
    predicate = data.draw(st.one_of(st.just(And(())), predicates_on(table)))
    await check(table, reach, predicate, data.draw(sorts_on(table)), data.draw(st.integers(1, 30)))


@pytest.mark.parametrize("listing", ["accounts", "services"])
async def test_every_field_can_be_sorted_by_in_both_directions(tables: dict[str, Table], listing: str) -> None:
    """Each sortable field alone, up and down, with its nulls and duplicates spread over page boundaries."""
    table = tables[listing]
    for field, descending in itertools.product(table.listing.fields, (False, True)):
        if field.sortable:
            await check(table, "customer", And(()), (SortKey(field.name, descending),), 7)


async def test_a_list_is_the_same_on_a_server_of_another_locale(cluster: EmbeddedPostgres) -> None:
    """Case beyond ASCII and order do not depend on the locale that an administrator chose for the database."""
    administration = await asyncpg.connect(cluster.dsn("postgres"))
    name = f"locale_{new_id().hex}"
    await administration.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C' ENCODING 'UTF8'")
    await administration.close()
    await migrations.migrate(cluster.dsn(name))
    pool = Pool(cluster.dsn(name), 1)
    table = (await tables_in(pool, (1,)))["accounts"]
    await check(table, "", Compare("name", Operator.EQUAL, " ÄDELE"), (), 2)
    await check(table, "", In("name", ("ÉCOLE", "жУК", "ŽILINA")), (SortKey("name"),), 1)
    await check(table, "customer", And(()), (SortKey("country", descending=True), SortKey("name")), 3)
    await pool.close()


# totals ----------------------------------------------------------------------------------------------------------------


async def total(table: Table, predicate: Predicate, cap: int | None = 1000, offset: int = 0) -> int | None:
    page = await query.page(table.work(), table.listing, predicate, (), Window(offset, 2), cap)
    return page.total


async def test_totals_follow_every_change(database_url: str) -> None:
    """A total is exact before and after each committed change, in every process, and a change that was undone moves nothing."""
    pool = Pool(database_url, 2)
    table = (await tables_in(pool, (4103,)))["accounts"]
    root, euro = table.reaches["customer"], Compare("currency", Operator.EQUAL, "eur")
    assert root is not None
    before = {name: await total(table, p) for name, p in (("all", And(())), ("euro", euro))}
    assert before["all"] == len(table.rows["customer"])

    async def add(reference: str, currency: str, *, commit: bool = True) -> None:
        work = table.work()
        async with Transaction(work) as transaction:
            row = (
                new_id(),
                reference,
                root.account_id,
                root.customer_id,
                f"ACC-000/{reference}/",
                "New",
                "New",
                None,
                currency,
                True,
                START,
                START,
            )
            await work.write(INSERT_ACCOUNT, *row)
            made = await query.find(work, ACCOUNTS, reference)
            work.record(created("account.created", "accounts", made))
            if commit:
                await transaction.commit(201)

    for number in range(3):
        await add(f"ACC-9{number}", "EUR" if number else "USD")
        await add(f"ACC-8{number}", "EUR", commit=False)
        assert await total(table, And(())) == (before["all"] or 0) + number + 1
        assert await total(table, euro) == (before["euro"] or 0) + number
        assert await total(table, euro, offset=3) == (before["euro"] or 0) + number
    work = table.work()
    async with Transaction(work) as transaction:
        gone = await query.find(work, ACCOUNTS, "ACC-91")
        await work.write("DELETE FROM accounts WHERE tenant_id = $1 AND id = $2", gone.id)
        work.record(removed("account.removed", "accounts", gone))
        await transaction.commit(204)
    assert await total(table, And(())) == (before["all"] or 0) + 2
    assert await total(table, euro) == (before["euro"] or 0) + 1
    sizes = "SELECT sum(size) FROM collection_sizes WHERE tenant_id = $1 AND collection = 'accounts' AND customer_id = $2"
    assert (await pool.fetch(sizes, table.tenant_id, root.customer_id))[0][0] == (before["all"] or 0) + 2
    await pool.close()


async def test_a_total_above_the_cap_is_not_told(tables: dict[str, Table]) -> None:
    """Up to the cap a total is exact; above it there is none, whatever was counted before under another cap."""
    table = tables["accounts"]
    count = len(table.rows["customer"])
    some = Compare("reference", Operator.EQUAL, "ACC-000")
    for predicate, rows in ((And(()), count), (Or((some, Not(some))), count), (some, 1)):
        for cap in (3, count - 1, count, count + 1, 1000):
            for offset in (0, 1):
                assert await total(table, predicate, cap, offset) == (rows if rows <= cap else None), (predicate, cap, offset)
    assert await total(table, And(()), None) is None


async def test_totals_of_long_filters_are_not_remembered(tables: dict[str, Table]) -> None:
    """However long a caller's filters are, a process keeps little of them; their totals are right all the same."""
    table = tables["accounts"]
    before = len(TOTALS)
    for length in (1500, 60_000):
        assert await total(table, In("name", ("x" * length, table.rows["customer"][0]["name"])), 1000) is not None
    assert len(TOTALS) == before
    assert await total(table, In("name", ("x" * 500, table.rows["customer"][0]["name"])), 1000) is not None
    assert len(TOTALS) == before + 1


# depth -----------------------------------------------------------------------------------------------------------------

DEEP = 20_000
BULK = f"""
    INSERT INTO accounts (tenant_id, id, reference, parent_id, customer_id, path, name, legal_name, currency, created_at,
                          modified_at)
    SELECT $1::uuid, gen_random_uuid(), 'ACC-' || n, $2::uuid, $2::uuid, $3 || 'ACC-' || n || '/',
           'Name ' || (n * 7919::bigint) % 4000, 'x', 'EUR', $4,
           $4::timestamptz + (n * 7919::bigint) % {DEEP} * interval '1 second'
      FROM generate_series(1000001, {1_000_000 + DEEP}) n
"""


@pytest.fixture(scope="module")
async def deep(make_database: MakeDatabase) -> AsyncIterator[Table]:
    pool = Pool(await make_database(), 1)
    table = (await tables_in(pool, (1,)))["accounts"]
    root = table.reaches["customer"]
    assert root is not None
    async with pool.connection() as connection:
        await connection.execute(BULK, table.tenant_id, root.account_id, "ACC-000/", START)
        await connection.execute("ANALYZE accounts")
    yield table
    await pool.close()


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", ["reference", "name", "modified_at"])
async def test_a_page_far_down_costs_what_the_first_costs(deep: Table, name: str, descending: bool, backwards: bool) -> None:
    """A cursor in the middle of a long list is found through an index: no row before it is read, none is sorted."""
    sort = (SortKey(name, descending), SortKey("reference", descending))[: 1 if name == "reference" else 2]
    page = await query.page(deep.work(), ACCOUNTS, And(()), sort, Window(DEEP // 2, 25))
    cursor = page.before if backwards else page.after
    assert cursor is not None
    text = page_text(
        PageShape(
            "accounts", ("and",), total_order(ACCOUNTS, sort), "customer", 26, False, (False,) * len(cursor.values), backwards
        )
    )
    reach = deep.reaches["customer"]
    assert reach is not None
    async with deep.pool.connection() as connection:
        explained = await connection.fetchval(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}", deep.tenant_id, reach.customer_id, *cursor.values
        )
    nodes = list(walk(json.loads(explained)[0]["Plan"]))
    assert not any("Sort" in node["Node Type"] for node in nodes)
    assert sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in nodes) == 0
    scan = next(node for node in nodes if node.get("Alias") == "a")
    assert scan["Node Type"].startswith("Index")
    assert scan["Actual Rows"] <= 26
    assert "ROW(" in scan["Index Cond"] or name == "reference"


def walk(node: dict[str, Any]) -> Any:
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


# single objects, cursors, statements -----------------------------------------------------------------------------------


async def test_an_object_is_found_by_its_exact_reference_within_reach(tables: dict[str, Table]) -> None:
    """`find` gives the caller's own object and nothing else: no other tenant's, no other customer's, no other spelling."""
    table = tables["accounts"]
    for reach in ("", "customer", "branch"):
        within = {row["reference"]: row["id"] for row in table.rows[reach]}
        for row in table.rows[""]:
            if row["reference"] in within:
                assert (await query.find(table.work(reach), ACCOUNTS, row["reference"])).id == row["id"]
            else:
                with pytest.raises(NotFound):
                    await query.find(table.work(reach), ACCOUNTS, row["reference"])
    for spelling in ("acc-000", " ACC-000", "ACC-000\0", "", "%", "ACC-000'"):
        with pytest.raises(NotFound):
            await query.find(table.work(), ACCOUNTS, spelling)


def test_a_cursor_of_another_scan_does_not_count() -> None:
    """An edited link is not an error: a cursor that does not fit its filter, order or offset is left aside."""
    sort = (SortKey("name"),)
    mark = fingerprint(ACCOUNTS, And(()), sort)
    text = write_cursor(Cursor(("Alpha", "ACC-1")), 50, mark)
    assert read_cursor(text, 50, mark, ACCOUNTS, sort, "c") == Cursor(("Alpha", "ACC-1"))
    assert read_cursor(text, 75, mark, ACCOUNTS, sort, "c") is None
    assert read_cursor(text, 50, fingerprint(ACCOUNTS, And(()), (SortKey("name", True),)), ACCOUNTS, sort, "c") is None
    assert read_cursor(text, 50, fingerprint(ACCOUNTS, Empty("country"), sort), ACCOUNTS, sort, "c") is None


FORGED = {
    "a NUL": (("name",), ("a\0b", "ACC-1")),
    "a null where none can be": (("name",), (None, "ACC-1")),
    "a number for a text": (("name",), (1, "ACC-1")),
    "a text for an instant": (("modified_at",), ("soon", "ACC-1")),
    "an instant before time": (("modified_at",), ("0001-01-01T00:00:00+14:00", "ACC-1")),
    "an integer that is too large": (("download_kbps",), (2**63, "SVC-1")),
    "a decimal without end": (("net_amount",), ("1E+999999", "INV-1")),
    "a decimal of many digits": (("net_amount",), ("0." + "1" * 17_000, "INV-1")),
    "no number": (("net_amount",), ("NaN", "INV-1")),
    "a list": (("name",), (["a"], "ACC-1")),
}


@pytest.mark.parametrize(("fields", "values"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_cursor_never_reaches_the_database(fields: tuple[str, ...], values: tuple[Any, ...]) -> None:
    """A cursor that holds what no column can hold is refused as malformed, by the parameter's name."""
    listing = next(one for one in (ACCOUNTS, SERVICES, INVOICES) if fields[0] in one.by_name)
    sort = tuple(SortKey(field) for field in fields)
    mark = fingerprint(listing, And(()), sort)
    with pytest.raises(Malformed) as refusal:
        read_cursor(write_cursor(Cursor(values), 0, mark), 0, mark, listing, sort, "page[cursor]")
    assert [violation.field for violation in refusal.value.violations] == ["page[cursor]"]


@given(text=st.text(max_size=60))
def test_any_text_as_a_cursor_is_refused_politely(text: str) -> None:
    """Rubbish is malformed, never an error of ours."""
    mark = fingerprint(ACCOUNTS, And(()), ())
    with contextlib.suppress(Malformed):
        assert read_cursor(text, 0, mark, ACCOUNTS, (), "c") is None


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_requests_that_differ_only_in_values_share_a_statement(one: str, other: str) -> None:
    """A value never becomes part of a statement's text."""
    texts = set()
    for value in (one, other, "x'; DROP TABLE accounts; --"):
        values: list[Any] = []
        tree = Or(
            (
                Compare("name", Operator.EQUAL, value),
                In("country", (value, "x")),
                Not(Compare("reference", Operator.EQUAL, value)),
            )
        )
        texts.add(page_text(PageShape("accounts", shape(tree, values), total_order(ACCOUNTS, ()), "", 26, False, None, False)))
        assert values == [value, [value, "x"], value]
    assert len(texts) == 1


def test_size_counts_nodes_and_depth() -> None:
    """Limits are held against every node and value of a tree, and its depth."""
    leaf = Compare("name", Operator.EQUAL, "x")
    assert query.size(leaf) == (1, 1)
    assert query.size(In("name", ("a", "b"))) == (3, 1)
    assert query.size(And(())) == (1, 1)
    assert query.size(And((leaf, Not(Or((leaf, Empty("name"))))))) == (6, 4)
