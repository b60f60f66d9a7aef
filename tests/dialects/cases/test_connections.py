"""The model in pages: connections, filters, orders, objects by id, and no statement per row."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from graphql import ExecutionResult, execute
from graphql.execution import Executor

from tests.dialects.cases.wire import ask, code_of, only_error, post
from tests.dialects.customer.wire import dsn, everything
from tests.serving import Server
from trunkline.dialects.cases.app import CaseApi, CaseLimits
from trunkline.dialects.cases.execution import PlanningExecutor
from trunkline.dialects.cases.resolvers import Context
from trunkline.dialects.clients import GRANTS, Limits
from trunkline.domains.customers.service import find_reach
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.http.answer import encoder
from trunkline.kit.ids import NIL
from trunkline.kit.principal import ActorType, Environment, Principal, system
from trunkline.kit.record import Origin
from trunkline.kit.statements import Row
from trunkline.kit.work import Work

COLLECTIONS = {
    "accounts": ("accountId", "/v2/accounts"),
    "sites": ("siteId", "/v2/sites"),
    "services": ("serviceId", "/v2/services"),
    "cases": ("id", "/v2/cases"),
    "invoices": ("invoiceId", "/v2/invoices"),
}
PAGE = "totalCount edges {{ cursor node {{ {0} }} }} nodes {{ {0} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}"


def page(client: httpx.Client, collection: str, key: str, arguments: str) -> dict[str, Any]:
    """One page of a collection."""
    found: dict[str, Any] = ask(client, f"{{ {collection}({arguments}) {{ {PAGE.format(key)} }} }}")[collection]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    assert found["pageInfo"]["startCursor"] == (found["edges"][0]["cursor"] if found["edges"] else None)
    assert found["pageInfo"]["endCursor"] == (found["edges"][-1]["cursor"] if found["edges"] else None)
    return found


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_pages_forwards_visit_every_object_once(customer: httpx.Client, collection: str) -> None:
    """`first` and `after` until there is no next page: what the Customer API lists, in its order."""
    key, address = COLLECTIONS[collection]
    wanted = sorted(row["caseId" if key == "id" else key] for row in everything(customer, address))
    size = max(len(wanted) // 4, 1)
    seen: list[str] = []
    after, more = "", True
    while more:
        found = page(customer, collection, key, f"first: {min(size, 200)}{after}")
        assert found["totalCount"] == len(wanted)
        assert found["pageInfo"]["hasPreviousPage"] == bool(after)
        seen += [node[key] for node in found["nodes"]]
        after, more = f', after: "{found["pageInfo"]["endCursor"]}"', found["pageInfo"]["hasNextPage"]
    assert seen == wanted


def test_pages_backwards_end_where_the_list_begins(customer: httpx.Client) -> None:
    """`last` and `before` walk the same list from its end, each page in the list's order."""
    order = "sort: [{field: lastModifiedDate, descending: true}, {field: subject}]"
    forwards = [n["id"] for n in page(customer, "cases", "id", f"first: 200, {order}")["nodes"]]
    seen: list[str] = []
    before, more = "", True
    while more:
        found = page(customer, "cases", "id", f"last: 3, {order}{before}")
        seen = [node["id"] for node in found["nodes"]] + seen
        assert found["pageInfo"]["hasNextPage"] == bool(before)
        before, more = f', before: "{found["pageInfo"]["startCursor"]}"', found["pageInfo"]["hasPreviousPage"]
        if len(seen) > 30:
            break
    whole = page(customer, "cases", "id", f"last: 33, {order}")
    assert seen == [node["id"] for node in whole["nodes"]]
    assert len(forwards) == 200 or seen == forwards[-len(seen) :]


def test_filters_say_what_the_customer_api_says(customer: httpx.Client) -> None:
    """Words, ranges, lists, nulls, and conditions within conditions."""
    rows = everything(customer, "/v2/cases")

    def found(condition: str) -> set[str]:
        return {node["id"] for node in page(customer, "cases", "id", f"first: 200, filter: {{{condition}}}")["nodes"]}

    def wanted(keep: Any) -> set[str]:
        return {row["caseId"] for row in rows if keep(row)}

    middle = sorted(row["createdDate"] for row in rows)[len(rows) // 2]
    few = [row["caseId"] for row in rows[:3]]
    closed = wanted(lambda row: row["status"] == "Closed")
    assert 0 < len(closed) < len(rows)
    if len(closed) <= 200:
        assert found('status: {eq: "Closed"}') == closed
    assert found(f'id: {{in: ["{few[0]}", "{few[1].lower()}", "{few[2]}"]}}') == set(few)
    new = wanted(lambda row: row["status"] == "New" and row["createdDate"] >= middle)
    assert found(f'status: {{eq: "New"}}, createdDate: {{gte: "{middle}"}}') == new
    either = wanted(lambda row: row["status"] == "PendingCustomer" or row["origin"] == "Monitoring")
    if len(either) <= 200:
        assert found('or: [{status: {eq: "PendingCustomer"}}, {origin: {eq: "Monitoring"}}]') == either
    incidents = wanted(lambda row: row["status"] == "New" and row["type"] != "NonIncident")
    assert found('status: {eq: "New"}, not: {type: {eq: "NonIncident"}}') == incidents
    open_ended = wanted(lambda row: row["status"] == "New" and row["endOfIncident"] is None)
    assert found('status: {eq: "New"}, endOfIncident: {empty: true}') == open_ended


def test_numbers_and_days_filter(customer: httpx.Client) -> None:
    """Rates, amounts and dates compare as what they are."""
    rows = everything(customer, "/v2/services")
    fast = {row["serviceId"] for row in rows if (row["downloadKbps"] or 0) > 500_000}
    found = page(customer, "services", "serviceId", "first: 200, filter: {downloadKbps: {gt: 500000}}")
    assert {node["serviceId"] for node in found["nodes"]} == fast
    bills = everything(customer, "/v2/invoices")
    day, amount = bills[0]["invoiceDate"], bills[0]["totalAmount"]
    found = page(
        customer,
        "invoices",
        "invoiceId",
        f'first: 200, filter: {{invoiceDate: {{eq: "{day}"}}, totalAmount: {{gte: {amount}}}}}',
    )
    assert {node["invoiceId"] for node in found["nodes"]} == {
        row["invoiceId"] for row in bills if row["invoiceDate"] == day and row["totalAmount"] >= amount
    }


BAD = [
    ("first: 0", "first"),
    ("first: 201", "first"),
    ("last: -1", "last"),
    ("first: 2, last: 2", "last"),
    ('first: 2, before: "x"', "before"),
    ('after: "x"', "after"),
    ('after: "lADEBhBfB-_2uMKS1v9rAo9RrENBUy05ODAwMDUyOQ"', "after"),
    ('filter: {status: {eq: "Gone"}}', "filter.status.eq"),
    ('filter: {createdDate: {gt: "soon"}}', "filter.createdDate.gt"),
    ("sort: [{field: id}, {field: id, descending: true}]", "sort"),
]


@pytest.mark.parametrize(("arguments", "name"), BAD)
def test_arguments_that_cannot_be_used_are_named(customer: httpx.Client, arguments: str, name: str) -> None:
    """The error names the argument; the field is null."""
    answer = post(customer, f"{{ cases({arguments}) {{ nodes {{ id }} }} }}")
    assert answer.status_code == 200
    assert answer.json()["data"] == {"cases": None}
    error = only_error(answer)
    assert error["extensions"]["code"] == "VALIDATION_FAILED"
    assert error["message"].startswith(name)


def test_a_cursor_belongs_to_its_list(customer: httpx.Client) -> None:
    """One of another order or filter is refused, not misread."""
    cursor = page(customer, "cases", "id", "first: 1")["pageInfo"]["endCursor"]
    for other in ("sort: [{field: subject}]", 'filter: {status: {eq: "New"}}'):
        assert (
            code_of(post(customer, f'{{ cases(first: 1, after: "{cursor}", {other}) {{ nodes {{ id }} }} }}'))
            == "VALIDATION_FAILED"
        )


def test_objects_by_id(customer: httpx.Client) -> None:
    """Each kind by its id, in any case; null for what there is not, without an error."""
    query = "query ($id: String!) {{ {one}(id: $id) {{ {key} }} }}"
    for collection, (key, _) in {**COLLECTIONS, "subscribers": ("subscriberId", "")}.items():
        one = collection.removesuffix("s")
        known = page(customer, collection, key, "first: 1")["nodes"][0]
        assert ask(customer, query.format(one=one, key=key), {"id": known[key].lower()}) == {one: known}
        assert ask(customer, query.format(one=one, key=key), {"id": "NONE-1"}) == {one: None}


def test_subscribers_are_those_of_the_network(customer: httpx.Client) -> None:
    """With their account, site and service, and nothing secret."""
    found = ask(
        customer,
        "{ subscribers(first: 50) { totalCount nodes { subscriberId imsi msisdn iccid status type account { accountId } "
        "site { siteId } service { serviceId } } } }",
    )["subscribers"]
    assert found["totalCount"] > 0
    accounts = {row["accountId"] for row in everything(customer, "/v2/accounts")}
    for node in found["nodes"]:
        assert node["imsi"].isdigit()
        assert node["status"] in ("Active", "Inactive")
        assert node["account"]["accountId"] in accounts
    for secret in ("k", "opc", "ki"):
        assert code_of(post(customer, f"{{ subscribers {{ nodes {{ {secret} }} }} }}")) == "HC0016"


def test_lists_below_other_accounts_are_their_own(customer: httpx.Client) -> None:
    """The viewer's lists reach all that lies below; those of an account in a connection are its own."""
    services = everything(customer, "/v2/services")
    found = ask(customer, "{ accounts(first: 50) { nodes { accountId services { serviceId } sites { siteId } } } }")
    for account in found["accounts"]["nodes"]:
        own = {row["serviceId"] for row in services if row["accountId"] == account["accountId"]}
        assert {service["serviceId"] for service in account["services"]} == own


# statements --------------------------------------------------------------------------------------------------------------


class CountingPool(Pool):
    """A pool that notes what is asked of it."""

    def __init__(self, address: str) -> None:
        super().__init__(address, 2)
        self.asked: list[str] = []

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Row]:
        self.asked.append(statement)
        return await super().fetch(statement, *arguments)


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[CountingPool]:
    counting = CountingPool(dsn(server))
    yield counting
    await counting.close()


# A list without pages is read in parts: the first hundred rows, then two thousand at once.
STATEMENTS = [
    ("{ viewer { account { cases { id site { siteId } service { serviceId } } } } }", 2),
    ("{ viewer { account { cases { id communications { message } site { siteId } } } } }", 4),
    (
        "{ viewer { account { cases(lastModifiedMinutes: 9999) { communications { message } site { name } service { status } } } } }",
        5,
    ),
    ("{ cases(first: 200) { nodes { id account { name } site { name services { serviceId } } } } }", 5),
    ("{ cases(first: 50) { edges { node { service { site { account { parent { name } } } } } } } }", 5),
    ("{ cases(first: 50) { totalCount nodes { id } } }", 1),
    ("{ invoices(first: 50) { nodes { invoiceId account { name } lines { description } } } }", 4),
    ("{ accounts(first: 20) { nodes { name parent { name } services { serviceId site { name } } sites { name } } } }", 5),
    (
        "{ accounts(first: 20) { nodes { cases(lastModifiedMinutes: 9999) { communications { type } } invoiceLines { quantity } } } }",
        7,
    ),
    ("{ subscribers(first: 50) { nodes { imsi account { name } site { name } service { serviceName } } } }", 4),
]


async def run(pool: CountingPool, query: str, executor: type[Executor[Any]]) -> Any:
    """The data of a query, executed as the demonstration customer with every scope."""
    tenant = (await pool.fetch("SELECT tenant_id FROM tenants WHERE number = 1"))[0][0]
    named = "SELECT reference FROM accounts WHERE tenant_id = $1 AND parent_id IS NULL AND name LIKE 'ACME%'"
    root = (await pool.fetch(named, tenant))[0][0]
    origin = Origin("test", "test")
    reach = await find_reach(Work(pool, Clock(), system(tenant, Environment.PRODUCTION, "test"), origin), root)
    permissions = frozenset().union(*GRANTS.values())
    principal = Principal(tenant, Environment.PRODUCTION, ActorType.API_CLIENT, "test", NIL, permissions, reach=reach)
    api = CaseApi(AccessTokens({}), Limits(), CaseLimits())
    document = api.documents.prepare(query).document
    pool.asked.clear()
    context = Context(Work(pool, Clock(), principal, origin), 10_000)
    result = execute(api.schema, document, context_value=context, executor_class=executor)
    if not isinstance(result, ExecutionResult):
        result = await result
    assert result.errors is None, result.errors
    return msgspec.json.decode(encoder.encode(result.data))


@pytest.mark.parametrize(("query", "statements"), STATEMENTS)
async def test_no_statement_per_row(pool: CountingPool, query: str, statements: int) -> None:
    """What rows refer to is read in one statement for each kind of reference, however many rows there are."""
    await run(pool, query, PlanningExecutor)
    assert len(pool.asked) <= statements, pool.asked


@pytest.mark.parametrize(("query", "statements"), STATEMENTS)
async def test_the_shortcut_shows_what_the_ordinary_way_shows(pool: CountingPool, query: str, statements: int) -> None:
    """Lists that are rendered by a plan and lists that graphql-core executes are the same; the loaders work for both."""
    planned = await run(pool, query, PlanningExecutor)
    ordinary = await run(pool, query, Executor)
    assert planned == ordinary
    assert len(pool.asked) <= statements + 2, pool.asked  # the ordinary way reads what only its id is asked of
