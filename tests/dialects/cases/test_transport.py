"""`POST /graphql` over HTTP: statuses and types, headers, refusals of whole requests, the page for browsers (§10.1, §10.6)."""

import re
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query, print_schema

from tests.dialects.cases.wire import GRAPHQL_JSON, ask, code_of, only_error, post
from tests.serving import Server

JSON = "application/json"
INVALID = "{ nothing }"
SYNTAX = "{ viewer "


@pytest.mark.parametrize("accept", ["*/*", "application/*", JSON])
def test_answers_are_json_unless_the_newer_type_is_asked_for(customer: httpx.Client, accept: str) -> None:
    """Whoever does not name it gets application/json."""
    answer = post(customer, "{ __typename }", Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", [GRAPHQL_JSON, f"{GRAPHQL_JSON}, {JSON}", f"{JSON}, {GRAPHQL_JSON}"])
def test_the_newer_type_is_answered_where_it_is_named(customer: httpx.Client, accept: str) -> None:
    """With 200 when execution began and 400 when it did not."""
    answer = post(customer, "{ __typename }", Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, GRAPHQL_JSON)
    for query in (INVALID, SYNTAX):
        answer = post(customer, query, Accept=accept)
        assert (answer.status_code, answer.headers["content-type"]) == (400, GRAPHQL_JSON)
        assert "data" not in answer.json()
    answer = post(customer, 'mutation { replyToCase(id: "CAS-1", message: "x") }', Accept=accept)
    assert (answer.status_code, answer.json()["data"]) == (200, {"replyToCase": None})


def test_whoever_names_the_old_type_gets_200_for_what_is_well_formed(customer: httpx.Client) -> None:
    """As old clients expect; without a named type a query that is not executed is 400."""
    for query in (INVALID, SYNTAX):
        assert post(customer, query, Accept=JSON).status_code == 200
        assert post(customer, query, Accept="*/*").status_code == 400


def test_codes_tell_what_is_wrong(customer: httpx.Client) -> None:
    """A text that does not parse, a field that does not exist, a missing argument."""
    error = only_error(post(customer, SYNTAX))
    assert error["extensions"] == {"code": "HC0011"}
    assert error["locations"]
    assert code_of(post(customer, INVALID)) == "HC0016"
    assert code_of(post(customer, 'mutation { replyToCase(id: "CAS-1") }')) == "HC0016"


def test_an_operation_is_chosen_by_name(customer: httpx.Client) -> None:
    """Of several operations the name says which; without it, or with a wrong one, none is executed."""
    query = "query A { a: __typename } query B { b: __typename }"
    body = {"query": query, "operationName": "B"}
    assert customer.post("/graphql", json=body).json() == {"data": {"b": "Query"}}
    assert customer.post("/graphql", json={"query": query}).status_code == 400
    assert customer.post("/graphql", json={**body, "operationName": "C"}).status_code == 400


UNREADABLE = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="not JSON"),
    pytest.param(b'{"query": "{ __typename }"', id="cut off"),
    pytest.param(b'[{"query": "{ __typename }"}]', id="a batch"),
    pytest.param(b'"{ __typename }"', id="a text"),
    pytest.param(b'{"query": null}', id="null"),
    pytest.param(b'{"query": 5}', id="a number"),
    pytest.param(b'{"variables": {}}', id="no query"),
    pytest.param(b'{"query": "{ __typename }", "variables": []}', id="variables in a list"),
    pytest.param(b'{"query": "{ __typename }", "operationName": 1}', id="a number for a name"),
    pytest.param(b'{"query": "{ __typename \xff}"}', id="not UTF-8"),
    pytest.param(b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}', id="NUL in a variable"),
    pytest.param(b'{"query": "\\u0000"}', id="NUL in the query"),
    pytest.param(b'{"query": "{ __typename }", "variables": ' + b"[" * 5000 + b"]" * 5000 + b"}", id="deep"),
    pytest.param(b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 400 + b"}}", id="a huge number"),
    pytest.param(b'{"query": "{ __typename }", "variables": {"a": 1e400}}', id="a number beyond all types"),
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_bodies_that_are_no_request_are_refused(customer: httpx.Client, body: bytes) -> None:
    """400 in the shape of all errors; never 500."""
    answer = customer.post("/graphql", content=body, headers={"Content-Type": JSON})
    if answer.status_code == 200:  # a number that nobody uses is nobody's trouble
        assert b"999" in body
        return
    assert answer.status_code == 400, answer.text
    assert "data" not in answer.json()
    assert all(error["message"] and error["extensions"]["code"].startswith("HC00") for error in answer.json()["errors"])


def test_http_itself_refuses_in_the_same_shape(server: Server, customer: httpx.Client) -> None:
    """No token, a wrong method, type or path, too much."""
    nobody = httpx.post(f"{server.url}/graphql", json={"query": "{ __typename }"})
    assert (nobody.status_code, code_of(nobody)) == (401, "AUTH_NOT_AUTHENTICATED")
    assert nobody.headers["www-authenticate"] == 'Bearer realm="expereoOne"'
    wrong = httpx.post(f"{server.url}/graphql", json={"query": "{ __typename }"}, headers={"Authorization": "Bearer nonsense"})
    assert (wrong.status_code, code_of(wrong)) == (401, "AUTH_NOT_AUTHENTICATED")
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    for method in ("PUT", "PATCH", "DELETE"):
        answer = customer.request(method, "/graphql")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
        only_error(answer)
    form = customer.post("/graphql", content=b"query=x", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert form.status_code == 415
    only_error(form)
    assert customer.get("/graphql/nothing").status_code == 404
    only_error(customer.get("/graphql/nothing"))
    large = customer.post("/graphql", json={"query": "{ __typename }", "variables": {"a": "x" * 1_100_000}})
    assert (large.status_code, code_of(large)) == (413, "HC0010")
    assert customer.post("/graphql", json={"query": "{ __typename }"}, headers={"Accept": "text/csv"}).status_code == 406


@pytest.mark.parametrize("accept", ["*/*", JSON, GRAPHQL_JSON, "text/html"])
def test_a_query_by_get_is_refused(customer: httpx.Client, accept: str) -> None:
    """405 that says POST."""
    answer = customer.get("/graphql", params={"query": "{ __typename }"}, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "errors" in answer.json()


def test_every_answer_says_that_this_api_is_retired(server: Server, customer: httpx.Client) -> None:
    """`Deprecation`, and a `Link` to a guide that is there; refusals too."""
    for answer in (
        post(customer, "{ __typename }"),
        post(customer, SYNTAX),
        httpx.post(f"{server.url}/graphql"),
        customer.get("/graphql"),
    ):
        assert re.fullmatch(r"@\d{10}", answer.headers["deprecation"])
        link = re.fullmatch(r'<([^>]+)>; rel="deprecation"; type="text/html"', answer.headers["link"])
        assert link is not None
        guide = httpx.get(link[1])
        assert guide.status_code == 200
        assert "lastModifiedMinutes" in guide.text


def test_a_sunset_is_told_and_the_schema_hidden_where_it_is_set(tmp_path: Path) -> None:
    """TRUNKLINE_CASES_DEPRECATED, TRUNKLINE_CASES_SUNSET and TRUNKLINE_CASES_INTROSPECTION."""
    settings = {
        "TRUNKLINE_CASES_DEPRECATED": "2026-02-01",
        "TRUNKLINE_CASES_SUNSET": "2027-03-31",
        "TRUNKLINE_CASES_INTROSPECTION": "off",
        "TRUNKLINE_CASES_ALIASES": "1",
        "TRUNKLINE_SANDBOX": "off",
        "TRUNKLINE_WORKERS": "1",
    }
    server = Server(tmp_path / "data", settings=settings).start()
    try:
        with server.client() as client:
            answer = post(client, "{ __typename }")
            assert answer.headers["deprecation"] == "@1769904000"
            assert parsedate_to_datetime(answer.headers["sunset"]).date().isoformat() == "2027-03-31"
            assert post(client, "{ __schema { queryType { name } } }").status_code == 400
            assert post(client, '{ __type(name: "Case") { name } }').status_code == 400
            assert "Did you mean" not in post(client, "{ viewr { account { name } } }").text
            assert code_of(post(client, "{ a: __typename b: __typename }")) == "QUERY_TOO_COMPLEX"
    finally:
        assert server.stop() == 0


def test_the_schema_can_be_read(customer: httpx.Client) -> None:
    """Introspection as clients do it gives the whole schema; the second time it is remembered."""
    for _ in range(2):
        schema = build_client_schema(ask(customer, get_introspection_query()))
    text = print_schema(schema)
    assert "createCase(" in text
    assert "lastModifiedMinutes: Int = 0" in text
    assert "type Subscription" not in text


def test_a_faulty_question_about_the_schema_is_not_remembered(customer: httpx.Client) -> None:
    """Its status depends on the type that is asked for, each time."""
    query = "query ($name: String!) { __type(name: $name) { name } }"
    for accept, status in ((JSON, 200), ("*/*", 400), (GRAPHQL_JSON, 400), (JSON, 200)):
        answer = post(customer, query, Accept=accept)
        assert (answer.status_code, code_of(answer)) == (status, "HC0016")
    assert ask(customer, query, {"name": "Case"}) == {"__type": {"name": "Case"}}


# the page for browsers -----------------------------------------------------------------------------------------------------


def test_a_browser_gets_a_page_without_outside_files(server: Server) -> None:
    """Under a strict policy; every file it names is here and lasts."""
    answer = httpx.get(f"{server.url}/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Accept" in answer.headers["vary"]
    files = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert len(files) > 4
    assert all(file.startswith("/") and not file.startswith("//") for file in files)
    for file in files:
        found = httpx.get(server.url + file, headers={"Accept": "*/*"})
        assert found.status_code == 200, file
        if "/files/" in file:
            assert "immutable" in found.headers["cache-control"]
    for module in re.findall(
        r'from "\./([a-z]+\.js)"', httpx.get(server.url + next(f for f in files if f.endswith("page.js"))).text
    ):
        address = next(f for f in files if f.endswith("page.js")).replace("page.js", module)
        assert httpx.get(server.url + address).status_code == 200
    assert httpx.get(f"{server.url}/graphql/files/x/none.js").status_code == 404
    assert "style=" not in answer.text
    assert "onclick" not in answer.text
