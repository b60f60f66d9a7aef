"""Resources: every field of every one, single answers, and API clients (reference/expereo.md §3.1-3.3)."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

import httpx
import pytest

from tests.dialects.customer.wire import BASIC, SUPPORT, client_of, everything, is_problem, made_client, open_case
from tests.serving import Server

Check = Callable[[Any], bool]
ZONES = available_timezones()


def matches(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def one_of(*words: str) -> Check:
    return lambda value: value in words


def instant(value: Any) -> bool:
    if not matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value):
        return False
    return datetime.fromisoformat(value) is not None


def day(value: Any) -> bool:
    return matches(r"\d{4}-\d\d-\d\d")(value) and date.fromisoformat(value) is not None


def text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def money(value: Any) -> bool:
    """A JSON number with two decimals: read as a decimal so that its spelling is seen."""
    return isinstance(value, Decimal) and value.as_tuple().exponent == -2


def whole(value: Any) -> bool:
    return type(value) is int and value > 0


def number(value: Any) -> bool:
    return isinstance(value, (int, Decimal))


def maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def id_of(prefix: str) -> Check:
    return matches(rf"{prefix}-\d{{8,}}")


DATES: dict[str, Check] = {"createdDate": instant, "lastModifiedDate": instant}
ACCOUNT: dict[str, Check] = {
    "accountId": id_of("ACC"),
    "name": text,
    "legalName": text,
    "parentAccountId": maybe(id_of("ACC")),
    "country": maybe(text),
    "currency": matches("[A-Z]{3}"),
    **DATES,
}
SITE: dict[str, Check] = {
    "siteId": id_of("SIT"),
    "name": text,
    "city": maybe(text),
    "country": maybe(text),
    "accountId": id_of("ACC"),
    "address": maybe(text),
    "postalCode": maybe(text),
    "stateProvince": maybe(text),
    "countryCode": matches("[A-Z]{2}"),
    "latitude": maybe(number),
    "longitude": maybe(number),
    "timeZone": maybe(lambda value: value in ZONES),
    **DATES,
}
SERVICE: dict[str, Check] = {
    "serviceId": id_of("SVC"),
    "serviceName": text,
    "status": one_of("In progress", "RFS", "Cancelled", "Ceased"),
    "plannedDeliveryDate": maybe(day),
    "readyForServiceDate": maybe(day),
    "technicalNote": maybe(text),
    "accountId": id_of("ACC"),
    "siteId": id_of("SIT"),
    "siteName": text,
    "productName": text,
    "accessType": text,
    "downloadKbps": maybe(whole),
    "uploadKbps": maybe(whole),
    "customerReference": maybe(text),
    **DATES,
}
CASE: dict[str, Check] = {
    "caseId": id_of("CAS"),
    "subject": text,
    "type": one_of("Incident", "NonIncident"),
    "priority": matches("P[1-5]"),
    "status": one_of("New", "InProgress", "PendingCustomer", "PendingSupplier", "Resolved", "Closed", "Cancelled"),
    "origin": one_of("Api", "Portal", "Email", "Phone", "Monitoring"),
    **DATES,
    "customerReference": maybe(text),
    "startOfIncident": maybe(instant),
    "endOfIncident": maybe(instant),
    "accountId": id_of("ACC"),
    "siteId": id_of("SIT"),
    "serviceId": id_of("SVC"),
    "resolvedDate": maybe(instant),
    "closedDate": maybe(instant),
}
MESSAGE: dict[str, Check] = {
    "messageId": text,
    "caseId": id_of("CAS"),
    "message": text,
    "type": one_of("Customer", "Support", "System"),
    "timestamp": instant,
    "sentBy": text,
}
INVOICE: dict[str, Check] = {
    "invoiceId": id_of("INV"),
    "accountId": id_of("ACC"),
    "invoiceReference": text,
    "invoiceDate": day,
    "dueDate": day,
    "invoiceCurrency": matches("[A-Z]{3}"),
    "netAmount": money,
    "taxAmount": money,
    "totalAmount": money,
    "status": one_of("Open", "Paid", "Overdue", "Cancelled"),
}
LINE: dict[str, Check] = {
    "invoiceLineId": text,
    "invoiceId": id_of("INV"),
    "invoiceReference": text,
    "invoiceDate": day,
    "invoiceCurrency": matches("[A-Z]{3}"),
    "description": text,
    "quantity": number,
    "unitPrice": money,
    "sumInvoiceLineInvoiceCurrencyAmount": money,
    "periodStart": maybe(day),
    "periodEnd": maybe(day),
    "orderIDExpereo": maybe(id_of("SVC")),
    "orderName": maybe(text),
    "orderRFSDate": maybe(day),
    "siteAddress": maybe(text),
}
API_CLIENT: dict[str, Check] = {
    "clientId": matches("[0-9a-z]{26}"),
    "apiClientName": text,
    "scopes": lambda value: isinstance(value, list),
    "createdDate": instant,
    "lastUsedDate": maybe(instant),
}
RESOURCES = {
    "accounts": ACCOUNT,
    "sites": SITE,
    "services": SERVICE,
    "cases": CASE,
    "invoices": INVOICE,
    "api-clients": API_CLIENT,
}


def rows_of(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(f"{path}?page[limit]=200")
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)["data"]
    assert rows
    return rows


def is_whole(row: dict[str, Any], fields: dict[str, Check]) -> None:
    assert set(row) == set(fields)
    wrong = {name: row[name] for name, check in fields.items() if not check(row[name])}
    assert not wrong


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_of_every_resource(customer: httpx.Client, resource: str) -> None:
    """A row has all its fields, absent values as null, each of its type and format."""
    for row in rows_of(customer, f"/v2/{resource}"):
        is_whole(row, RESOURCES[resource])


def test_every_field_of_case_messages(customer: httpx.Client) -> None:
    """A case's messages are whole and belong to it, the oldest first."""
    for case in rows_of(customer, "/v2/cases")[:20]:
        messages = rows_of(customer, f"/v2/cases/{case['caseId']}/case-messages")
        for message in messages:
            is_whole(message, MESSAGE)
            assert message["caseId"] == case["caseId"]
        assert [m["timestamp"] for m in messages] == sorted(m["timestamp"] for m in messages)


def test_every_field_of_invoice_line_details(customer: httpx.Client) -> None:
    """An invoice's lines are whole, keep the former API's spelling, and add up to its net amount."""
    for invoice in rows_of(customer, "/v2/invoices")[::40]:
        lines = rows_of(customer, f"/v2/invoices/{invoice['invoiceId']}/invoice-line-details")
        for line in lines:
            is_whole(line, LINE)
            for name in ("invoiceId", "invoiceReference", "invoiceDate", "invoiceCurrency"):
                assert line[name] == invoice[name]
        assert sum(line["sumInvoiceLineInvoiceCurrencyAmount"] for line in lines) == invoice["netAmount"]
        assert invoice["netAmount"] + invoice["taxAmount"] == invoice["totalAmount"]


def test_a_service_has_its_ready_date_only_when_it_is_ready(customer: httpx.Client) -> None:
    """readyForServiceDate is null until the service is RFS."""
    rows = rows_of(customer, "/v2/services")
    assert {row["status"] for row in rows} == {"In progress", "RFS", "Cancelled", "Ceased"}
    for row in rows:
        assert (row["readyForServiceDate"] is None) if row["status"] == "In progress" else True
        assert (row["readyForServiceDate"] is not None) if row["status"] == "RFS" else True


def test_ids_lead_from_one_resource_to_the_next(customer: httpx.Client) -> None:
    """Every id that a resource holds can be retrieved."""
    for row in (*rows_of(customer, "/v2/cases")[:3], *rows_of(customer, "/v2/services")[:3]):
        for name, path in (("accountId", "accounts"), ("siteId", "sites"), ("serviceId", "services")):
            assert customer.get(f"/v2/{path}/{row[name]}").json()["data"][name] == row[name]


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_single_resource(customer: httpx.Client, server: Server, resource: str) -> None:
    """A single resource is the row of the list in `data`, with its own absolute address."""
    row = customer.get(f"/v2/{resource}?page[limit]=1").json()["data"][0]
    id_ = next(iter(row.values())) if resource != "invoices" else row["invoiceId"]
    answer = customer.get(f"/v2/{resource}/{id_}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["data", "links"]
    assert answer.json() == {"data": row, "links": {"self": f"{server.url}/v2/{resource}/{id_}"}}


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize(
    "id_",
    [
        "ACC-1",
        "CAS-0",
        "0",
        "-1",
        "acc-98000001",
        "ACC-98000001%20",
        "ACC-98000001/x",
        "%00",
        "%FF",
        "..",
        "%2e%2e",
        "'",
        "null",
        "x" * 3000,
        "00000000-0000-0000-0000-000000000000",
        "%E2%98%83",
        "{clientId}",
        "*",
        "%25",
        "a%2Fb",
        "1e9999",
    ],
)
def test_an_id_that_names_nothing(customer: httpx.Client, resource: str, id_: str) -> None:
    """An id of any form that names nothing is not found."""
    answer = customer.get(f"/v2/{resource}/{id_}")
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not Found"


@pytest.mark.parametrize("resource", RESOURCES)
def test_another_customer_s_things_do_not_exist(customer: httpx.Client, other: httpx.Client, resource: str) -> None:
    """What belongs to another customer is answered exactly like what does not exist, and is in no list."""
    theirs = other.get(f"/v2/{resource}?page[limit]=1").json()["data"][0]
    id_ = theirs["invoiceId"] if resource == "invoices" else next(iter(theirs.values()))
    assert other.get(f"/v2/{resource}/{id_}").status_code == 200
    is_problem(customer.get(f"/v2/{resource}/{id_}"), 404)
    assert id_ not in json.dumps(everything(customer, f"/v2/{resource}"))


# entity tags --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_known_version_is_not_sent_again(customer: httpx.Client, resource: str) -> None:
    """With the entity tag of the current version a GET or HEAD answers 304 and no body."""
    row = customer.get(f"/v2/{resource}?page[limit]=1").json()["data"][0]
    path = f"/v2/{resource}/{row['invoiceId'] if resource == 'invoices' else next(iter(row.values()))}"
    etag = customer.get(path).headers["etag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    for value in (etag, f"W/{etag}", "*", f'"x", {etag}'):
        for method in ("GET", "HEAD"):
            answer = customer.request(method, path, headers={"If-None-Match": value})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert customer.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_the_entity_tag_moves_with_the_case(customer: httpx.Client, service_id: str) -> None:
    """Every change of a case gives it another entity tag."""
    path = f"/v2/cases/{open_case(customer, service_id)['caseId']}"
    first = customer.get(path).headers["etag"]
    changed = customer.patch(path, json={"customerReference": "moved"})
    assert changed.headers["etag"] != first
    assert customer.get(path, headers={"If-None-Match": first}).status_code == 200
    customer.post(f"{path}/case-messages", json={"message": "x"})
    assert customer.get(path).headers["etag"] not in (first, changed.headers["etag"])


# API clients --------------------------------------------------------------------------------------------------------------


def test_an_api_client_s_life(server: Server, customer: httpx.Client, manager: httpx.Client) -> None:
    """A new client is answered with its secret, listed without it, can be used, and is gone when deleted."""
    answer = manager.post("/v2/api-clients", json={"apiClientName": "reporting", "scopes": ["BasicRead", "SupportRead"]})
    assert answer.status_code == 201
    assert list(answer.json()) == ["data", "links"]
    made = answer.json()["data"]
    assert list(made) == ["clientId", "clientSecret", "apiClientName", "scopes", "createdDate", "lastUsedDate"]
    assert re.fullmatch("[0-9A-Za-z]{51}", made["clientSecret"])
    assert (made["apiClientName"], made["scopes"], made["lastUsedDate"]) == ("reporting", ["BasicRead", "SupportRead"], None)
    path = f"/v2/api-clients/{made['clientId']}"
    assert answer.headers["location"] == answer.json()["links"]["self"] == server.url + path
    shown = {name: value for name, value in made.items() if name != "clientSecret"}
    is_whole(shown, API_CLIENT)
    for reader in (manager, customer):
        assert reader.get(path).json()["data"] == shown
        assert shown in everything(reader, "/v2/api-clients")
        assert made["clientSecret"] not in reader.get("/v2/api-clients?page[limit]=200").text
    with client_of(
        server, {"client_id": made["clientId"], "client_secret": made["clientSecret"], "scopes": [BASIC, SUPPORT]}
    ) as used:
        assert used.get("/v2/cases").status_code == 200
        assert used.get("/v2/invoices").status_code == 403
    assert instant(manager.get(path).json()["data"]["lastUsedDate"])
    deleted = manager.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (manager.get(path), manager.delete(path), customer.get(path)):
        is_problem(answer, 404)
    assert made["clientId"] not in json.dumps(everything(manager, "/v2/api-clients"))


@pytest.mark.parametrize("name", ["unique", "UNIQUE"])
def test_names_are_unique_in_an_account(server: Server, manager: httpx.Client, other: httpx.Client, name: str) -> None:
    """A name that another client of the account has is refused; it is free again when that client is deleted."""
    made = made_client(server, manager, "unique", BASIC)
    errors = is_problem(
        manager.post("/v2/api-clients", json={"apiClientName": name, "scopes": ["BasicRead"]}), 422, "apiClientName"
    )
    assert errors["apiClientName"] == [f"{name!r} is already the name of another API client"]
    manager.delete(f"/v2/api-clients/{made['client_id']}")
    again = made_client(server, manager, name, BASIC)
    manager.delete(f"/v2/api-clients/{again['client_id']}")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["apiClientName", "scopes"]),
        ({"apiClientName": "x"}, ["scopes"]),
        ({"scopes": ["BasicRead"]}, ["apiClientName"]),
        ({"apiClientName": "", "scopes": ["BasicRead"]}, ["apiClientName"]),
        ({"apiClientName": "  ", "scopes": ["BasicRead"]}, ["apiClientName"]),
        ({"apiClientName": "x" * 101, "scopes": ["BasicRead"]}, ["apiClientName"]),
        ({"apiClientName": 7, "scopes": ["BasicRead"]}, ["apiClientName"]),
        ({"apiClientName": None, "scopes": None}, ["apiClientName", "scopes"]),
        ({"apiClientName": "x", "scopes": []}, ["scopes"]),
        ({"apiClientName": "x", "scopes": "BasicRead"}, ["scopes"]),
        ({"apiClientName": "x", "scopes": ["BasicRead", "BasicRead"]}, ["scopes"]),
        ({"apiClientName": "", "scopes": ["BasicRead", "BasicRead"]}, ["apiClientName", "scopes"]),
        ({"apiClientName": "x", "scopes": ["Nonsense"]}, ["scopes[0]"]),
        ({"apiClientName": "x", "scopes": ["BasicRead", "basicread"]}, ["scopes[1]"]),
        ({"apiClientName": "x", "scopes": ["customerapi/basic.read"]}, ["scopes[0]"]),
        ({"apiClientName": "x", "scopes": ["ApiClientsManage"]}, ["scopes[0]"]),
        ({"apiClientName": "x", "scopes": [None]}, ["scopes[0]"]),
        ({"apiClientName": "nul \0", "scopes": ["BasicRead"]}, ["apiClientName"]),
        (
            {
                "apiClientName": "x",
                "scopes": ["BasicRead", "SupportRead", "SupportReadWrite", "BillingRead", "WebhooksManage", "BasicRead"],
            },
            ["scopes"],
        ),
    ],
)
def test_api_clients_that_are_refused(manager: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    """A client needs a name of 1 to 100 characters and one to five different scopes; all faults are told at once."""
    is_problem(manager.post("/v2/api-clients", json=body), 422, *fields)


def test_the_longest_name_and_unknown_keys(manager: httpx.Client) -> None:
    """A name may have 100 characters of any script, and unknown keys are ignored."""
    name = "é☃🙂" * 33 + "x"
    answer = manager.post(
        "/v2/api-clients", json={"apiClientName": name, "scopes": ["BillingRead"], "colour": "blue", "note": "a\0b"}
    )
    assert answer.status_code == 201
    made = answer.json()["data"]
    assert made["apiClientName"] == name
    assert manager.delete(f"/v2/api-clients/{made['clientId']}").status_code == 204


@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST"])
def test_a_client_never_changes(customer: httpx.Client, manager: httpx.Client, method: str) -> None:
    """There is no way to change a client's scopes, or anything of it."""
    id_ = customer.get("/v2/api-clients?page[limit]=1").json()["data"][0]["clientId"]
    answer = manager.request(method, f"/v2/api-clients/{id_}", json={"scopes": ["BillingRead"]})
    is_problem(answer, 405)
    assert answer.headers["allow"] == "DELETE, GET, HEAD"


def test_only_a_manager_makes_clients(customer: httpx.Client, other: httpx.Client, manager: httpx.Client) -> None:
    """The scopes that customers have do not suffice to make or delete clients; another customer's clients cannot be deleted."""
    body = {"apiClientName": "x", "scopes": ["BasicRead"]}
    is_problem(customer.post("/v2/api-clients", json=body), 403)
    theirs = other.get("/v2/api-clients?page[limit]=1").json()["data"][0]["clientId"]
    is_problem(other.delete(f"/v2/api-clients/{theirs}"), 403)
    is_problem(manager.delete(f"/v2/api-clients/{theirs}"), 404)
    assert other.get(f"/v2/api-clients/{theirs}").status_code == 200
