"""The Customer API's OpenAPI document: complete, and true of what the server really answers."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.serving import Server
from trunkline.dialects.customer.app import CustomerApi, Limits
from trunkline.dialects.customer.errors import Problem
from trunkline.dialects.customer.representations import INCIDENT_SUBJECTS, REQUEST_SUBJECTS
from trunkline.domains.identity.service import AccessTokens
from trunkline.domains.support.model import CaseType
from trunkline.domains.support.rules import CASE_MATRIX
from trunkline.kit.http.openapi import descriptions, error_statuses
from trunkline.kit.http.operation import Operation

OPERATIONS: tuple[Operation, ...] = tuple(CustomerApi(AccessTokens({}), Limits()).operations)
(DESCRIPTION,) = descriptions(OPERATIONS)
DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.body)
LISTS = {
    "/v2/accounts": "accountId",
    "/v2/sites": "siteId",
    "/v2/services": "serviceId",
    "/v2/cases": "caseId",
    "/v2/invoices": "invoiceId",
    "/v2/api-clients": "clientId",
    "/v2/webhook-endpoints": "endpointId",
}
BELOW = {
    "/v2/accounts/{accountId}": ("sites", "services"),
    "/v2/sites/{siteId}": ("services",),
    "/v2/cases/{caseId}": ("case-messages",),
    "/v2/invoices/{invoiceId}": ("invoice-line-details",),
    "/v2/webhook-endpoints/{endpointId}": ("deliveries",),
}


def resolve(node: Any) -> Any:
    """What a `$ref` into the document stands for."""
    while "$ref" in node:
        found: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def documented() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def validator(schema: Any) -> Draft202012Validator:
    """For a schema out of the document, strict about properties: what it does not name must not come."""
    return Draft202012Validator(closed(schema), registry=REGISTRY, format_checker=FormatChecker())


def closed(node: Any) -> Any:
    """Every object of a schema without additional properties, unless it speaks of them itself or is a map."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    shut = {key: f"urn:document{value}" if key == "$ref" else closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object" and "additionalProperties" not in node:
        shut["additionalProperties"] = False
    return shut


CLOSED = Resource.from_contents(closed(DOCUMENT), default_specification=DRAFT202012)
REGISTRY: Registry[Any] = Registry().with_resource("urn:document", CLOSED)


def check(answer: httpx.Response, path: str, seen: dict[str, set[str]] | None = None) -> Any:
    """An answer's status, type, headers and body against the document; its JSON."""
    operation = DOCUMENT["paths"][path][answer.request.method.lower()]
    assert str(answer.status_code) in operation["responses"], (path, answer.status_code, answer.text)
    response = resolve(operation["responses"][str(answer.status_code)])
    for name, header in response.get("headers", {}).items():
        required, value = resolve(header).get("required", False), answer.headers.get(name)
        assert value is not None or not required, (path, answer.status_code, name)
        if value is not None:
            read = int(value) if resolve(header)["schema"].get("type") == "integer" else value
            validator(resolve(header)["schema"]).validate(read)
    if "content" not in response:
        assert not answer.content
        return None
    content = response["content"][answer.headers["content-type"]]
    validator(content["schema"]).validate(answer.json())
    if seen is not None:
        note(content["schema"], answer.json(), seen)
    return answer.json()


def note(schema: Any, value: Any, seen: dict[str, set[str]]) -> None:
    """Which properties of which components `value` has."""
    name = schema.get("$ref", "").rpartition("/")[2]
    inside = resolve(schema)
    if isinstance(value, dict):
        for key, item in value.items():
            if name:
                seen.setdefault(name, set()).add(key)
            if key in inside.get("properties", {}):
                note(inside["properties"][key], item, seen)
    elif isinstance(value, list):
        for item in value:
            note(inside.get("items", {}), item, seen)


def described(node: Any, where: str) -> Iterator[str]:
    """Where a property has nothing said about it."""
    for name, inner in resolve(node).get("properties", {}).items():
        if not (inner.get("description") or resolve(inner).get("description")):
            yield f"{where}.{name}"


# the document by itself ------------------------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi() -> None:
    """Any tool that reads OpenAPI 3.1 can read the document."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


def test_the_document_covers_every_operation() -> None:
    """What is declared is documented: method, path, name, scopes, parameters, body types and every status."""
    written = {(method, path): operation for method, path, operation in documented()}
    assert set(written) == {(operation.method, operation.path) for operation in OPERATIONS}
    names = [operation["operationId"] for operation in written.values()]
    assert len(set(names)) == len(names)
    for operation in OPERATIONS:
        found = written[operation.method, operation.path]
        assert found["operationId"] == operation.name
        scopes = {scope for way in found["security"] for scope in way.get("oauth2", [])}
        assert scopes == set(operation.scopes or ())
        in_path = [parameter["name"] for parameter in found["parameters"] if parameter["in"] == "path"]
        assert in_path == list(operation.path_parameters)
        read = operation.consumes if operation.body or operation.form else ()
        assert set(found.get("requestBody", {}).get("content", {})) == set(read)
        assert {str(status) for status in (operation.status, *error_statuses(operation))} <= set(found["responses"])


def test_every_word_of_the_document_is_explained() -> None:
    """No operation, parameter, component, property, header, error or scope stands there without a description."""
    missing = [name for name, schema in DOCUMENT["components"]["schemas"].items() if not schema.get("description")]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        missing += described(schema, name)
    for method, path, operation in documented():
        missing += [f"{method} {path}"] * (not operation["summary"])
        missing += [f"{path} {p['name']}" for p in operation["parameters"] if not p.get("description")]
    assert not missing
    assert all(tag["description"] for tag in DOCUMENT["tags"])
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        assert scheme["description"]
    used = {scope for operation in OPERATIONS for scope in operation.scopes or ()}
    flow = DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert set(flow["scopes"]) == used
    assert flow["tokenUrl"] == "/oauth2/token"


def test_component_names_are_those_of_the_things() -> None:
    """A reader meets `CaseList` and `Case`, not the names of our classes."""
    names = set(DOCUMENT["components"]["schemas"])
    assert {"Case", "CaseList", "CaseResponse", "CreateCase", "Problem", "Token"} <= names
    assert not [name for name in names if "Document" in name or "_" in name or "[" in name]


def test_amounts_are_numbers_and_words_are_listed() -> None:
    """The schemas say what is on the wire: amounts are JSON numbers, and fields of few words name them."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Invoice"]["properties"]["totalAmount"]["type"] == "number"
    assert schemas["Invoice"]["properties"]["dueDate"]["format"] == "date"
    assert schemas["Case"]["properties"]["resolvedDate"]["type"] == ["string", "null"]
    assert "PendingCustomer" in schemas["Case"]["properties"]["status"]["enum"]
    assert None in schemas["CreateCase"]["properties"]["priority"]["enum"]


def test_the_subjects_are_those_of_the_rules() -> None:
    """The document lists exactly the subjects that a case may have."""
    assert set(INCIDENT_SUBJECTS) == set(CASE_MATRIX[CaseType.INCIDENT].subjects)
    assert set(REQUEST_SUBJECTS) == set(CASE_MATRIX[CaseType.REQUEST].subjects)


def test_the_problem_schema_is_the_problem() -> None:
    """The documented error has the members that errors have."""
    assert set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]) == set(Problem.__struct_fields__)


def examples(node: Any, where: str = "#") -> Iterator[tuple[str, Any, Any]]:
    """Every example of the document with its schema."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from examples(item, f"{where}/{index}")
    if not isinstance(node, Mapping):
        return
    if "example" in node and "schema" in node:
        yield where, node["schema"], node["example"]
    if isinstance(node.get("examples"), list):
        schema = {key: value for key, value in node.items() if key != "examples"}
        yield from ((where, schema, example) for example in node["examples"])
    for key, value in node.items():
        if key not in ("example", "examples"):
            yield from examples(value, f"{where}/{key}")


def test_every_example_is_valid() -> None:
    """Whoever copies an example sends or gets what the schema says."""
    found = list(examples(DOCUMENT))
    assert len(found) > 150
    for where, schema, example in found:
        errors = [error.message for error in validator(schema).iter_errors(example)]
        assert not errors, (where, errors)


def test_every_body_has_an_example() -> None:
    """Each request body, each success and each error is shown by example."""
    for method, path, operation in documented():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in (*bodies, *(resolve(response) for response in operation["responses"].values())):
            for content in body.get("content", {}).values():
                assert "example" in content, (method, path)


# the document and the server -------------------------------------------------------------------------------------------------


def test_the_server_serves_the_document_to_anybody(server: Server) -> None:
    """`GET /v2/openapi.json` needs no token, and nothing is sent again to whoever has it."""
    answer = httpx.get(f"{server.url}/v2/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
    again = httpx.get(f"{server.url}/v2/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    check(answer, "/v2/openapi.json")


@pytest.fixture(scope="module")
def seen(customer: httpx.Client, manager: httpx.Client, server: Server) -> dict[str, set[str]]:
    """The properties that real answers have, by component, after a walk through the whole API."""
    found: dict[str, set[str]] = {}
    webhook = walk_webhooks(customer, found)
    for path, identifier in LISTS.items():
        client = manager if path == "/v2/api-clients" else customer
        rows = check(client.get(path, params={"page[limit]": 200}), path, found)["data"]
        for row in rows[:8]:
            one = f"{path}/{{{identifier}}}"
            check(client.get(f"{path}/{row[identifier]}"), one, found)
            for nested in BELOW.get(one, ()):
                check(client.get(f"{path}/{row[identifier]}/{nested}"), f"{one}/{nested}", found)
    service = customer.get("/v2/services", params={"filter[Status]": "RFS", "page[limit]": 1}).json()["data"][0]["serviceId"]
    draft = {"type": "NonIncident", "subject": "Other", "serviceId": service, "message": "Which plug does the CPE have?"}
    case = check(customer.post("/v2/cases", json=draft), "/v2/cases", found)["data"]["caseId"]
    check(customer.patch(f"/v2/cases/{case}", json={"customerReference": "DOC-1"}), "/v2/cases/{caseId}", found)
    reply = customer.post(f"/v2/cases/{case}/case-messages", json={"message": "Never mind."})
    check(reply, "/v2/cases/{caseId}/case-messages", found)
    check(customer.patch(f"/v2/cases/{case}", json={"status": "Cancelled"}), "/v2/cases/{caseId}", found)
    wanted = {"apiClientName": "document", "scopes": ["BasicRead"]}
    made = check(manager.post("/v2/api-clients", json=wanted), "/v2/api-clients", found)
    check(manager.delete(f"/v2/api-clients/{made['data']['clientId']}"), "/v2/api-clients/{clientId}", found)
    check(customer.get("/v2/events", params={"types": "case.*", "limit": 5}), "/v2/events", found)
    change_a_sim(server)
    (sim,) = check(customer.get("/v2/events", params={"types": "subscriber.changed", "limit": 1}), "/v2/events", found)["data"]
    note({"$ref": "#/components/schemas/Subscriber"}, sim["after"], found)
    check(customer.delete(webhook), "/v2/webhook-endpoints/{endpointId}", found)
    credentials = server.credentials["customer"]
    form = {"grant_type": "client_credentials", "scope": credentials["scopes"][0]}
    basic = (credentials["client_id"], credentials["client_secret"])
    check(httpx.post(f"{server.url}/oauth2/token", data=form, auth=basic), "/oauth2/token", found)
    check(httpx.post(f"{server.url}/oauth2/token", data=form, auth=("nobody", "nothing")), "/oauth2/token", found)
    check(httpx.post(f"{server.url}/oauth2/token", data=form), "/oauth2/token", found)
    return found


def change_a_sim(server: Server) -> None:
    """Change a subscriber of the demonstration's customer, through the dialect that has subscribers."""
    key = {"X-API-KEY": server.credentials["network"]["customer_admin_key"], "Content-Type": "application/merge-patch+json"}
    with httpx.Client(base_url=server.url, headers=key) as network:
        sim = network.get("/v1/subs", params={"size": 1}).json()["_embedded"]["subs"][0]
        address = sim["_links"]["self"]["href"].partition("{")[0]
        for msisdn in ("15550009998", sim["msisdn"]):
            assert network.patch(address, json={"msisdn": msisdn}).status_code == 200


def walk_webhooks(customer: httpx.Client, found: dict[str, set[str]]) -> str:
    """Whatever a webhook endpoint can be asked for, and its address; a delivery to a name that no server has was tried once."""
    path, one = "/v2/webhook-endpoints", "/v2/webhook-endpoints/{endpointId}"
    draft = {"url": "https://receiver.invalid/hooks", "eventTypes": ["account.removed"]}
    address = f"{path}/{check(customer.post(path, json=draft), path, found)['data']['endpointId']}"
    check(customer.patch(address, json={"description": "document"}), one, found)
    for word in ("pause", "resume"):
        check(customer.post(f"{address}/{word}"), f"{one}/{word}", found)
    check(customer.post(f"{address}/rotate-secret", json={}), f"{one}/rotate-secret", found)
    test = check(customer.post(f"{address}/test"), f"{one}/test", found)["data"]["deliveryId"]
    delivery, deadline = f"{address}/deliveries/{test}", time.monotonic() + 30
    while not customer.get(delivery).json()["data"]["attempts"]:
        assert time.monotonic() < deadline, "the worker has not tried"
        time.sleep(0.1)
    check(customer.get(delivery), f"{one}/deliveries/{{deliveryId}}", found)
    check(customer.post(f"{delivery}/replay"), f"{one}/deliveries/{{deliveryId}}/replay", found)
    check(customer.post(f"{address}/replay", json={"failedSince": "2026-03-02T00:00:00Z"}), f"{one}/replay", found)
    return address


def test_answers_have_exactly_the_documented_properties(seen: dict[str, set[str]]) -> None:
    """Every documented property comes in real answers, and no other (answers are checked against closed schemas)."""
    sent_only = {"CreateCase", "ChangeCase", "CreateCaseMessage", "CreateApiClient", "TokenForm", "Problem"}
    sent_only |= {"CreateWebhookEndpoint", "ChangeWebhookEndpoint", "RotateSecret", "ReplayWebhooks"}
    unusual = {"Token": {"scope"}}  # only where a token request need not name its scopes
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name not in sent_only:
            assert seen.get(name) == set(schema["properties"]) - unusual.get(name, set()), name


def test_refusals_are_documented(customer: httpx.Client, server: Server) -> None:
    """Every refusal that a client can bring about has a documented status, shape and headers."""
    anonymous = httpx.Client(base_url=server.url)
    poor = server.client("read_only")
    case = customer.get("/v2/cases", params={"page[limit]": 1}).json()["data"][0]["caseId"]
    one, many = "/v2/cases/{caseId}", "/v2/cases"
    tries = [
        (customer.get(many, params={"page[limit]": 0}), many, 400),
        (customer.get("/v2/events", params={"after": "yesterday"}), "/v2/events", 400),
        (customer.get("/v2/events/stream", params={"types": "case"}), "/v2/events/stream", 400),
        (customer.get("/v2/events/stream", headers={"Accept": "application/json"}), "/v2/events/stream", 406),
        (customer.post(many, content=b"["), many, 415),
        (customer.post(many, content=b"[", headers={"Content-Type": "application/json"}), many, 400),
        (anonymous.get(many), many, 401),
        (anonymous.get(many, headers={"Authorization": "Bearer nonsense"}), many, 401),
        (poor.get(many), many, 403),
        (customer.get("/v2/cases/CAS-1"), one, 404),
        (customer.get(many, headers={"Accept": "text/html"}), many, 406),
        (customer.patch(f"/v2/cases/{case}", json={"customerReference": "x"}, headers={"If-Match": '"0"'}), one, 412),
        (customer.post(many, content=b" " * 1_048_577, headers={"Content-Type": "application/json"}), many, 413),
        (customer.post(many, json={}), many, 422),
        (customer.get(f"/v2/cases/{case}", headers={"If-None-Match": "*"}), one, 304),
    ]
    for answer, path, status in tries:
        assert answer.status_code == status, (path, status, answer.text)
        check(answer, path)


def test_every_operation_wants_the_credential_that_it_names(server: Server) -> None:
    """Without a token and with a wrong one, an operation under a scope answers 401 in the documented way."""
    for method, path, operation in documented():
        if any("oauth2" in way for way in operation["security"]):
            for headers in ({}, {"Authorization": "Bearer tlat_wrong"}, {"Authorization": "Basic bm9ib2R5Og=="}):
                answer = httpx.request(method, server.url + path.replace("{", "").replace("}", ""), headers=headers)
                assert answer.status_code == 401, (method, path)
                check(answer, path)
