"""What answers say about themselves is so: entity tags, amounts, and the examples of the document (reference/expereo.md §3, §7)."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.dialects.customer.wire import BASIC, a_case, client_of, is_problem, made_client, open_case, sql, token_form
from tests.serving import Server
from trunkline.kit.money import round_amount

# entity tags -----------------------------------------------------------------------------------------------------------------


def test_the_entity_tag_of_an_api_client_moves_with_its_use(
    server: Server, customer: httpx.Client, manager: httpx.Client
) -> None:
    """Who knows an API client from before its last use gets it again, with the date of that use."""
    made = made_client(server, manager, "tagged", BASIC)
    path = f"/v2/api-clients/{made['client_id']}"
    before = customer.get(path)
    client_of(server, made).close()
    after = customer.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (before.json()["data"]["lastUsedDate"], after.status_code) == (None, 200)
    assert after.json()["data"]["lastUsedDate"] is not None
    assert customer.get(path, headers={"If-None-Match": after.headers["etag"]}).status_code == 304
    manager.delete(path)


def test_the_entity_tag_of_a_service_moves_with_its_site_s_name(
    server: Server, customer: httpx.Client, service_id: str
) -> None:
    """Who knows a service from before its site was renamed gets it again, with the site's new name."""
    path = f"/v2/services/{service_id}"
    before = customer.get(path)
    site, name = before.json()["data"]["siteId"], before.json()["data"]["siteName"]
    key = {"X-API-KEY": server.credentials["network"]["admin_key"], "Content-Type": "application/merge-patch+json"}
    with httpx.Client(base_url=server.url, headers=key) as network:
        assert network.patch(f"/v1/sites/{site}", json={"name": "Renamed"}).status_code == 200
        after = customer.get(path, headers={"If-None-Match": before.headers["etag"]})
        assert network.patch(f"/v1/sites/{site}", json={"name": name}).status_code == 200
    assert (after.status_code, after.json()["data"]["siteName"]) == (200, "Renamed")
    assert customer.get(path).headers["etag"] == before.headers["etag"]


# amounts ---------------------------------------------------------------------------------------------------------------------


def test_a_line_is_its_quantity_times_its_price(server: Server, customer: httpx.Client) -> None:
    """A part of a month is shown as exactly as it was charged, and found by what is shown."""
    ((invoice, line),) = sql(
        server,
        """
        SELECT i.reference, l.reference FROM invoice_lines l JOIN invoices i ON (i.tenant_id, i.id) = (l.tenant_id, l.invoice_id)
          JOIN accounts a ON (a.tenant_id, a.id) = (i.tenant_id, i.customer_id)
         WHERE a.reference = $1 AND l.quantity <> round(l.quantity, 2) LIMIT 1
        """,
        customer.get("/v2/accounts?filter[ParentAccountId]=").json()["data"][0]["accountId"],
    )
    path = f"/v2/invoices/{invoice}/invoice-line-details"
    for row in json.loads(customer.get(path).content, parse_float=Decimal)["data"]:
        assert row["quantity"].as_tuple().exponent <= -2
        amount = round_amount(row["quantity"] * row["unitPrice"], row["invoiceCurrency"])
        assert amount == row["sumInvoiceLineInvoiceCurrencyAmount"]
        found = customer.get(path, params={"filter[Quantity]": str(row["quantity"])}).json()["data"]
        assert row["invoiceLineId"] in [other["invoiceLineId"] for other in found]
    assert line in customer.get(path).text


# API clients -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["clientId", "clientSecret", "createdDate", "lastUsedDate"])
def test_a_new_api_client_cannot_say_what_the_server_sets(manager: httpx.Client, field: str) -> None:
    """A client id or secret of one's own is refused, not silently replaced."""
    body = {"apiClientName": "owned", "scopes": ["BasicRead"], field: None}
    errors = is_problem(manager.post("/v2/api-clients", json=body), 422, field)
    assert errors[field] == ["is set by the server and cannot be sent"]


def test_all_faults_of_an_api_client_are_told_at_once(manager: httpx.Client) -> None:
    """A blank name is told beside repeated and unknown scopes and what the server sets."""
    repeated = {"apiClientName": "   ", "scopes": ["BasicRead", "BasicRead"], "clientId": "mine"}
    is_problem(manager.post("/v2/api-clients", json=repeated), 422, "apiClientName", "scopes", "clientId")
    unknown = {"apiClientName": "   ", "scopes": ["Everything"], "clientId": "mine"}
    is_problem(manager.post("/v2/api-clients", json=unknown), 422, "apiClientName", "scopes[0]", "clientId")


# tokens ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which a token request need not name its scopes."""
    data = tmp_path_factory.mktemp("lenient") / "data"
    running = Server(data, settings={"TRUNKLINE_CUSTOMER_SCOPE_REQUIRED": "off", "TRUNKLINE_WORKERS": "1"}).start()
    yield running
    assert running.stop() == 0


def test_who_names_no_scope_is_told_what_was_granted(lenient: Server) -> None:
    """Where scopes may be left out, the answer names those of the token (RFC 6749, section 5.1); else it need not."""
    client = lenient.credentials["customer"]["manager"]
    unnamed = httpx.post(f"{lenient.url}/oauth2/token", data=token_form(client, scope=...)).json()
    assert sorted(unnamed["scope"].split()) == sorted(client["scopes"])
    named = httpx.post(f"{lenient.url}/oauth2/token", data=token_form(client, scope=BASIC)).json()
    assert list(named) == ["access_token", "token_type", "expires_in"]


@pytest.mark.parametrize("scopes", ["scope=&scope={scope}", "scope={scope}&scope="])
def test_a_parameter_may_not_come_twice_even_without_a_value(server: Server, scopes: str) -> None:
    """Of two parameters of one name the order makes no difference: the request is invalid."""
    client = server.credentials["customer"]
    form = f"grant_type=client_credentials&client_id={client['client_id']}&client_secret={client['client_secret']}"
    answer = httpx.post(
        f"{server.url}/oauth2/token",
        content=f"{form}&{scopes.format(scope=BASIC)}&&",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# lists -----------------------------------------------------------------------------------------------------------------------


def test_a_filter_that_was_encoded_twice_is_not_ignored(customer: httpx.Client) -> None:
    """A client that encodes its brackets twice is told so, instead of getting every row."""
    is_problem(customer.get("/v2/accounts?filter%255BName%255D=ACME"), 400, "filter%5BName%5D")


# the document's examples -----------------------------------------------------------------------------------------------------


def example(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The example of an error of every operation."""
    shown: dict[str, Any] = document["components"]["responses"][name]["content"]["application/problem+json"]["example"]
    return shown


def own_example(document: dict[str, Any], method: str, path: str, status: str = "422") -> dict[str, Any]:
    """The example of an operation's own error."""
    (content,) = (c for c in document["paths"][path][method]["responses"][status]["content"].values() if c["example"])
    shown: dict[str, Any] = content["example"]
    return shown


def same(answer: httpx.Response, shown: dict[str, Any]) -> None:
    """Assert that an answer says what an example says; only the trace is its own."""
    assert {**answer.json(), "traceId": ""} == {**shown, "traceId": ""}


def test_the_examples_of_errors_are_what_the_server_says(server: Server, customer: httpx.Client, service_id: str) -> None:
    """Whoever reads an example of an error meets the same words on the wire."""
    document = httpx.get(f"{server.url}/v2/openapi.json").json()
    path, text = "/v2/cases/CAS-98002231", {"Content-Type": "text/plain"}
    key, draft = {"Idempotency-Key": f"example {service_id}".replace(" ", "-")}, a_case(service_id)
    assert customer.post("/v2/cases", json=draft, headers=key).status_code == 201
    with server.client("read_only") as poor:
        for name, answer in {
            "BadRequest": customer.get("/v2/accounts?page[limit]=201"),
            "Unauthorized": httpx.get(server.url + path),
            "Forbidden": poor.get(path),
            "NotFound": customer.get(path),
            "NotAcceptable": customer.get(path, headers={"Accept": "text/html"}),
            "ContentTooLarge": customer.patch(path, content=iter([b" " * 1_048_577])),
            "UnsupportedMediaType": customer.post("/v2/cases", content=b"x", headers=text),
            "ValidationFailure": customer.post("/v2/cases", json={**draft, "message": "Another."}, headers=key),
        }.items():
            same(answer, example(document, name))


def test_the_examples_of_validation_failures_are_what_the_server_says(
    server: Server, customer: httpx.Client, manager: httpx.Client, service_id: str
) -> None:
    """The examples of what an operation refuses are its own words."""
    document = httpx.get(f"{server.url}/v2/openapi.json").json()
    wrong = a_case("SVC-1", priority="P1")
    same(customer.post("/v2/cases", json=wrong), own_example(document, "post", "/v2/cases"))
    case = f"/v2/cases/{open_case(customer, service_id)['caseId']}"
    for answer, method, path in (
        (customer.patch(case, json={"status": "Closed"}), "patch", "/v2/cases/{caseId}"),
        (customer.post(f"{case}/case-messages", json={"message": ""}), "post", "/v2/cases/{caseId}/case-messages"),
    ):
        assert answer.json()["errors"] == own_example(document, method, path)["errors"]
    made = made_client(server, manager, "reporting", BASIC)
    again = manager.post("/v2/api-clients", json={"apiClientName": "reporting", "scopes": ["BasicRead"]})
    same(again, own_example(document, "post", "/v2/api-clients"))
    manager.delete(f"/v2/api-clients/{made['client_id']}")


def test_the_examples_of_token_errors_are_what_the_server_says(server: Server) -> None:
    """The token endpoint's examples are its own words too."""
    document = httpx.get(f"{server.url}/v2/openapi.json").json()
    client, address = server.credentials["customer"]["read_only"], f"{server.url}/oauth2/token"
    shown = document["paths"]["/oauth2/token"]["post"]["responses"]
    greedy = httpx.post(address, data=token_form(client, scope="customerapi/billing.read"))
    wrong = httpx.post(address, data={"grant_type": "client_credentials", "scope": BASIC}, auth=(client["client_id"], "x"))
    for answer, status in ((greedy, 400), (wrong, 401)):
        assert answer.status_code == status
        assert answer.json() == shown[str(status)]["content"]["application/json"]["example"]
