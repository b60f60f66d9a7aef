"""Queries that mean harm, and queries that are wrong: answered at once with a 4xx, in the shape of all errors (§10.1, §10.6)."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.dialects.cases.wire import ask, code_of, post
from tests.dialects.customer.wire import in_a_loop
from tests.serving import Server

MILLISECONDS = 50
NESTED = "{ cases { nodes { " + "site { services { " * 8 + "serviceId" + " } }" * 8 + " } } }"
CIRCLE = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C viewer { account { name } } } fragment C on Query { ...A }"
DOUBLES = " ".join(f"fragment A{n} on Query {{ ...A{n + 1} ...A{n + 1} }}" for n in range(40))
CHAIN = (
    "{ ...A0 } "
    + " ".join(f"fragment A{n} on Query {{ ...A{n + 1} }}" for n in range(60))
    + " fragment A60 on Query { __typename }"
)
LONG_CHAIN = CHAIN.replace("A60 on Query { __typename }", "A60 on Query { ...A61 }") + " ".join(
    f"fragment A{n} on Query {{ ...A{n + 1} }}" for n in range(61, 600)
)
CROWD = (
    "{ " + "".join(f"...F{n} " for n in range(90)) + "} " + " ".join(f"fragment F{n} on Query {{ f{n} }}" for n in range(90))
)
DEEP = "{ ...D0 } " + " ".join(
    f"fragment D{n} on Query {{ " + "... { " * 60 + f"...D{n + 1}" + " }" * 60 + " }" for n in range(4)
) + " fragment D4 on Query { __typename }"  # fmt: skip
TYPES = "fragment T on __Schema { types { fields { args { type { fields { name } } } } } }"
DESCRIBED = "{ " + " ".join(f"a{n}: __schema {{ ...T }}" for n in range(25)) + " } " + TYPES
MANY = "services(id: {0}) {{ serviceId serviceName }}"
NO_ID = "{ accounts(first: 200) { nodes { a: " + MANY.format("null") + " b: " + MANY.format("null") + " } } }"
FAN = f"{{ ...A0 }} {DOUBLES} fragment A40 on Query {{ __typename }}"
MINUTES = "query ($n: Int) { viewer { account { cases(lastModifiedMinutes: $n) { id } } } }"
BY_ID = "query ($id: String!) { account(id: $id) { name } }"
FILTERED = "query ($f: CaseFilter) { cases(filter: $f) { nodes { id } } }"
WIDE = "{ accounts(first: 200) { nodes { sites { services { site { services { serviceId } } } } } } }"
FILTER = "{not: " * 300 + '{id: {eq: "x"}}' + "}" * 300
SCHEMA = "{ __schema { types { " + "fields { type { " * 6 + "name" + " } }" * 6 + " } } }"

TOO_COMPLEX = [
    pytest.param("{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }", id="101 aliases"),
    pytest.param("{ " + " ".join(f"a{n}: viewer {{ account {{ name }} }}" for n in range(900)) + " }", id="an alias bomb"),
    pytest.param("{ " + " ".join(f"f{n}" for n in range(10_000)) + " }", id="10,000 fields"),
    pytest.param("{ " + "__typename " * 10_000 + "}", id="one field 10,000 times"),
    pytest.param("{ " + "__typename " * 4_900 + "}", id="one field 4,900 times"),
    pytest.param("{ viewer { account { " + "name " * 2_000 + "} } }", id="one field 2,000 times below"),
    pytest.param(NESTED, id="19 levels"),
    pytest.param("{ viewer { account " * 400 + "{ name }" + " }" * 800, id="800 levels"),
    pytest.param("{ a" * 3_000, id="open without end"),
    pytest.param("{ cases(filter: " + FILTER + ") { nodes { id } } }", id="300 levels of a filter"),
    pytest.param("{ cases(filter: " + "[" * 2_000 + "]" * 2_000 + ") { nodes { id } } }", id="2,000 lists"),
    pytest.param(WIDE, id="estimated to be large"),
    pytest.param(FAN, id="fragments that double 40 times"),
    pytest.param(CHAIN, id="a chain of 60 fragments"),
    pytest.param(LONG_CHAIN, id="a chain of 600 fragments"),
    pytest.param(DEEP, id="fragments of 60 levels in each other"),
    pytest.param(CROWD, id="90 fragments at one place"),
    pytest.param("{ " + "viewer { account { name } } " * 60 + "}", id="60 times the same at one place"),
    pytest.param(" ".join(f"query Q{n} {{ __typename }}" for n in range(51)), id="51 operations"),
    pytest.param(DESCRIBED, id="the schema 25 times"),
    pytest.param(NO_ID, id="null for an id"),
    pytest.param("#" * 200_000, id="a long comment"),
    pytest.param('{ account(id: "' + "x" * 200_000 + '") { name } }', id="a long text"),
    pytest.param(
        "mutation { " + " ".join(f'm{n}: replyToCase(id: "CAS-1", message: "x")' for n in range(11)) + " }", id="11 mutations"
    ),
]

NOT_VALID = [
    pytest.param(CIRCLE, None, id="fragments in a circle"),
    pytest.param("{ ...A } fragment A on Query { ...A }", None, id="a fragment in itself"),
    pytest.param("{ " + " ".join(f"f{n}" for n in range(100)) + " }", None, id="100 unknown fields"),
    pytest.param(SCHEMA, None, id="the schema of the schema"),
    pytest.param("subscription { cases { id } }", None, id="a subscription"),
    pytest.param("{ viewer }", None, id="no selection"),
    pytest.param("{ viewer { account { cases(lastModifiedMinutes: 99999999999) { id } } } }", None, id="a number beyond 32 bits"),
    pytest.param('{ viewer { account { cases(id: "\\u0000") { id } } } }', None, id="NUL as an escape"),
    pytest.param('{ viewer { account { cases(id: "\\ud800") { id } } } }', None, id="half a surrogate"),
    pytest.param(MINUTES, {"n": "ten"}, id="a text for a number"),
    pytest.param(MINUTES, {"n": 1.5}, id="a fraction"),
    pytest.param(MINUTES, {"n": 10**30}, id="10^30"),
    pytest.param(MINUTES, {"n": True}, id="true"),
    pytest.param(BY_ID, {}, id="a variable that is missing"),
    pytest.param(BY_ID, {"id": None}, id="null for what must be there"),
    pytest.param(BY_ID, {"id": 5}, id="a number for a text"),
    pytest.param(BY_ID, {"id": ["x"]}, id="a list for a text"),
    pytest.param(FILTERED, {"f": {"nothing": {"eq": "x"}}}, id="an unknown condition"),
    pytest.param(FILTERED, {"f": {"id": "x"}}, id="a text for a condition"),
    pytest.param("{ cases(sort: [{field: nothing}]) { nodes { id } } }", None, id="an unknown order"),
    pytest.param("{ account(id: None) { name } }", None, id="None in the text"),
]  # fmt: skip


def quick(client: httpx.Client, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
    """The answer to a query, and an assertion that the server took little time: the best of three tries on a busy machine."""
    best, answer = 1e9, None
    for _ in range(3):
        began = time.perf_counter()
        answer = post(client, query, variables)
        best = min(best, (time.perf_counter() - began) * 1000)
        if best < MILLISECONDS:
            break
    assert answer is not None
    assert best < MILLISECONDS, f"{best:.0f} ms"
    return answer


@pytest.mark.parametrize("query", TOO_COMPLEX)
def test_what_is_too_much_is_refused_before_it_is_executed(customer: httpx.Client, query: str) -> None:
    """QUERY_TOO_COMPLEX (or a text that does not parse) with 400, whatever type of answer is asked for."""
    answer = quick(customer, query)
    assert answer.status_code == 400, answer.text[:300]
    assert code_of(answer) in ("QUERY_TOO_COMPLEX", "HC0011")
    assert post(customer, query, Accept="application/json").status_code in (200, 400)
    assert "data" not in answer.json()


@pytest.mark.parametrize(("query", "variables"), NOT_VALID)
def test_what_does_not_fit_the_schema_is_refused(customer: httpx.Client, query: str, variables: dict[str, Any] | None) -> None:
    """400 with errors and no data."""
    answer = quick(customer, query, variables)
    assert answer.status_code == 400, answer.text[:300]
    body = answer.json()
    assert "data" not in body
    assert 1 <= len(body["errors"]) <= 11
    assert all(error["extensions"]["code"].startswith("HC00") for error in body["errors"])


def test_filters_in_variables_are_bounded_too(customer: httpx.Client) -> None:
    """Depth and number of conditions, and lists of values."""
    query = "query ($f: CaseFilter) { cases(filter: $f) { nodes { id } } }"

    def nested(levels: int) -> dict[str, Any]:
        return {"not": nested(levels - 1)} if levels else {"id": {"eq": "x"}}

    many = {"or": [{"id": {"eq": str(n)}} for n in range(2_000)]}
    long = {"id": {"in": [str(n) for n in range(2_000)]}}
    for given in (many, long, {"subject": {"eq": "x" * 5_000}}, nested(80)):
        assert code_of(post(customer, query, {"f": given})) == "VALIDATION_FAILED"
    answer = post(customer, query, {"f": nested(200)})
    assert (answer.status_code, code_of(answer)) == (400, "HC0009")
    for given in ({"id": {"in": []}}, {"or": []}, {"and": []}):
        assert "cases" in ask(customer, query, {"f": given})


def test_numbers_beyond_the_columns_are_told_or_find_nothing(customer: httpx.Client) -> None:
    """Never a 500."""
    for condition in (
        "downloadKbps: {eq: 1e300}",
        "downloadKbps: {gt: 0.5}",
        "uploadKbps: {lt: 1e400}",
        "uploadKbps: {lt: -1e400}",
    ):
        answer = post(customer, f"{{ services(filter: {{{condition}}}) {{ nodes {{ serviceId }} }} }}")
        assert code_of(answer) == "VALIDATION_FAILED", answer.text
    assert ask(customer, "{ invoices(filter: {totalAmount: {gt: 1e300}}) { nodes { invoiceId } } }") == {
        "invoices": {"nodes": []}
    }
    assert ask(customer, "{ sites(filter: {latitude: {gt: 1e300}}) { nodes { siteId } } }") == {"sites": {"nodes": []}}
    for query in ("invoices(filter: {totalAmount: {gt: 1e400}})", "sites(filter: {latitude: {lt: 1e400}})"):
        assert code_of(post(customer, f"{{ {query} {{ nodes {{ __typename }} }} }}")) == "VALIDATION_FAILED"


def test_pages_that_variables_ask_for_count_too(customer: httpx.Client) -> None:
    """The same text is let through with small pages and refused with large ones."""
    query = "query ($n: Int) { accounts(first: $n) { nodes { sites { siteId services { serviceId } } } } }"
    assert "accounts" in ask(customer, query, {"n": 2})
    assert code_of(post(customer, query, {"n": 200})) == "QUERY_TOO_COMPLEX"
    assert "accounts" in ask(customer, query, {"n": 2})
    assert code_of(post(customer, query, {"n": 200.0})) == "QUERY_TOO_COMPLEX"  # JSON has no other whole numbers
    defaulted = query.replace("$n: Int", "$n: Int = 200")
    assert code_of(post(customer, defaulted)) == "QUERY_TOO_COMPLEX"
    assert "accounts" in ask(customer, defaulted, {"n": 2})


def test_an_id_that_is_null_narrows_nothing_down(customer: httpx.Client) -> None:
    """The same text is let through with ids and refused without."""
    query = "query ($id: String) { accounts(first: 200) { nodes { a: services(id: $id) { serviceId } cases(id: $id) { id subject } } } }"
    assert "accounts" in ask(customer, query, {"id": "SVC-1"})
    for given in ({"id": None}, {}):
        assert code_of(post(customer, query, given)) == "QUERY_TOO_COMPLEX"


def test_what_many_clients_send_is_not_too_much(customer: httpx.Client) -> None:
    """The same fields for 50 objects under aliases, and fragments for every part of a page."""
    many = " ".join(
        f'a{n}: service(id: "SVC-{n}") {{ serviceId serviceName status site {{ siteId name city }} account {{ name }} }}'
        for n in range(50)
    )
    assert len(ask(customer, f"{{ {many} }}")) == 50
    parts = " ".join(f"fragment P{n} on Service {{ serviceId status site {{ name }} }}" for n in range(10))
    whole = " ".join(f"...P{n}" for n in range(10))
    assert ask(customer, f"{{ services {{ nodes {{ {whole} }} }} }} {parts}")["services"]["nodes"]


def test_a_refused_query_leaves_the_server_well(server: Server, customer: httpx.Client) -> None:
    """While bombs come in, others are answered."""

    async def bombs() -> list[int]:
        headers = {"Authorization": f"Bearer {server.token()}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
            query = "{ " + " ".join(f"f{n}" for n in range(4_000)) + " }"
            answers = await asyncio.gather(*(client.post("/graphql", json={"query": query}) for _ in range(20)))
            return [answer.status_code for answer in answers]

    assert set(in_a_loop(bombs())) == {400}
    assert ask(customer, "{ __typename }") == {"__typename": "Query"}
