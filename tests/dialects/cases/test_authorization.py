"""Who may see and do what: every field that leads to data, tried by everybody who must not get in."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, get_named_type

from tests.dialects.cases.wire import ask, code_of, open_case, post
from tests.serving import Server
from trunkline.dialects.cases.schema import schema
from trunkline.dialects.clients import BASIC_READ, BILLING_READ, MANAGE_CLIENTS, SUPPORT_READ, SUPPORT_WRITE

ALL = (BASIC_READ, SUPPORT_READ, SUPPORT_WRITE, BILLING_READ)
MakeClient = Callable[..., httpx.Client]


@dataclass(frozen=True)
class Field:
    """A way to data: a query with `{id}` for an object of the caller's, and the scopes of which any one opens it."""

    query: str
    scopes: tuple[str, ...]
    collection: str = ""  # whose ids it takes
    needs: tuple[str, ...] = ()  # scopes that are needed beside


CASES = (SUPPORT_READ, SUPPORT_WRITE)
NEW = 'subject: "Other", type: "NonIncident", message: "x"'
FIELDS = {
    "Query.viewer": Field("{ viewer { account { name } } }", (BASIC_READ,)),
    "Query.account": Field('{ account(id: "{id}") { name } }', (BASIC_READ,), "accounts"),
    "Query.site": Field('{ site(id: "{id}") { name } }', (BASIC_READ,), "sites"),
    "Query.service": Field('{ service(id: "{id}") { serviceName } }', (BASIC_READ,), "services"),
    "Query.case": Field('{ case(id: "{id}") { subject } }', CASES, "cases"),
    "Query.invoice": Field('{ invoice(id: "{id}") { status } }', (BILLING_READ,), "invoices"),
    "Query.subscriber": Field('{ subscriber(id: "{id}") { imsi } }', (BASIC_READ,), "subscribers"),
    "Query.accounts": Field("{ accounts { nodes { name } } }", (BASIC_READ,)),
    "Query.sites": Field("{ sites { nodes { name } } }", (BASIC_READ,)),
    "Query.services": Field("{ services { nodes { serviceName } } }", (BASIC_READ,)),
    "Query.cases": Field("{ cases { nodes { subject } } }", CASES),
    "Query.invoices": Field("{ invoices { nodes { status } } }", (BILLING_READ,)),
    "Query.subscribers": Field("{ subscribers { nodes { imsi } } }", (BASIC_READ,)),
    "Viewer.account": Field("{ viewer { account { accountId } } }", (BASIC_READ,)),
    "Account.parent": Field("{ accounts(last: 1) { nodes { parent { name } } } }", (BASIC_READ,)),
    "Account.services": Field("{ viewer { account { services { serviceName } } } }", (BASIC_READ,)),
    "Account.sites": Field("{ viewer { account { sites { name } } } }", (BASIC_READ,)),
    "Account.invoiceLines": Field("{ viewer { account { invoiceLines { quantity } } } }", (BILLING_READ,), needs=(BASIC_READ,)),
    "Account.cases": Field("{ viewer { account { cases { subject } } } }", CASES, needs=(BASIC_READ,)),
    "Site.account": Field("{ sites(first: 1) { nodes { account { name } } } }", (BASIC_READ,)),
    "Site.services": Field("{ sites(first: 1) { nodes { services { serviceName } } } }", (BASIC_READ,)),
    "Service.account": Field("{ services(first: 1) { nodes { account { name } } } }", (BASIC_READ,)),
    "Service.site": Field("{ services(first: 1) { nodes { site { name } } } }", (BASIC_READ,)),
    "Case.communications": Field("{ cases(first: 1) { nodes { communications { message } } } }", CASES),
    "Case.account": Field("{ cases(first: 1) { nodes { account { name } } } }", (BASIC_READ,), needs=(SUPPORT_READ,)),
    "Case.site": Field("{ cases(first: 1) { nodes { site { name } } } }", (BASIC_READ,), needs=(SUPPORT_READ,)),
    "Case.service": Field("{ cases(first: 1) { nodes { service { serviceName } } } }", (BASIC_READ,), needs=(SUPPORT_READ,)),
    "Invoice.account": Field("{ invoices(first: 1) { nodes { account { name } } } }", (BASIC_READ,), needs=(BILLING_READ,)),
    "Invoice.lines": Field("{ invoices(first: 1) { nodes { lines { quantity } } } }", (BILLING_READ,)),
    "Subscriber.account": Field("{ subscribers(first: 1) { nodes { account { name } } } }", (BASIC_READ,)),
    "Subscriber.service": Field("{ subscribers(first: 1) { nodes { service { serviceName } } } }", (BASIC_READ,)),
    "Subscriber.site": Field("{ subscribers(first: 1) { nodes { site { name } } } }", (BASIC_READ,)),
    "Mutation.createCase": Field(
        f'mutation {{ createCase(serviceId: "{{id}}", {NEW}) {{ id }} }}', (SUPPORT_WRITE,), "services"
    ),
    "Mutation.replyToCase": Field('mutation { replyToCase(id: "{id}", message: "x") }', (SUPPORT_WRITE,), "cases"),
    "Mutation.addCustomerReference": Field(
        'mutation { addCustomerReference(caseId: "{id}", customerReference: "x") }', (SUPPORT_WRITE,), "cases"
    ),
}
IDS = {
    "accounts": "{ accounts(first: 1) { nodes { accountId } } }",
    "sites": "{ sites(first: 1) { nodes { siteId } } }",
    "services": '{ services(first: 1, filter: {status: {eq: "RFS"}}) { nodes { serviceId } } }',
    "invoices": "{ invoices(first: 1) { nodes { invoiceId } } }",
    "subscribers": "{ subscribers(first: 1) { nodes { subscriberId } } }",
}
by_field = pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
by_field_with_id = pytest.mark.parametrize(
    "field", [f for f in FIELDS.values() if f.collection], ids=[name for name, f in FIELDS.items() if f.collection]
)


@pytest.fixture(scope="module")
def ids(customer: httpx.Client, service_id: str) -> dict[str, str]:
    """One object of each kind of the demonstration customer's."""
    found = {}
    for name, query in IDS.items():
        (node,) = ask(customer, query)[name]["nodes"]
        (found[name],) = node.values()
    return {**found, "cases": open_case(customer, service_id)}


@pytest.fixture(scope="module")
def stranger(server: Server) -> Iterator[httpx.Client]:
    """A client of another provider (tenant), who sees all of it and holds every scope."""
    tenant = json.loads(server.run("tenant", "create", f"Another provider {uuid.uuid4()}", "--json").stdout)["number"]
    options = [part for scope in ALL for part in ("--scope", scope)]
    done = server.run("client", "create", "stranger", *options, "--tenant", str(tenant), "--json")
    made = json.loads(done.stdout)
    form = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
    token = httpx.post(f"{server.url}/oauth2/token", data={**form, "scope": " ".join(ALL)}).json()["access_token"]
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        yield client


def query_of(field: Field, ids: dict[str, str]) -> str:
    return field.query.replace("{id}", ids.get(field.collection, ""))


def test_every_field_that_leads_to_data_is_covered() -> None:
    """A new field of an object type, or a new root field, must be given a row here."""
    leading = set()
    for type_ in schema().type_map.values():
        shown = isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        if not shown or type_.name.endswith(("Connection", "Edge")):
            continue
        for name, field in type_.fields.items():  # type: ignore[attr-defined]
            if isinstance(get_named_type(field.type), GraphQLObjectType) or type_.name == "Mutation":
                leading.add(f"{type_.name}.{name}")
    assert leading == set(FIELDS)


@by_field
def test_its_own_customer_gets_in(field: Field, customer: httpx.Client, ids: dict[str, str]) -> None:
    """With every scope each field answers with data, so that the refusals below mean something."""
    data = ask(customer, query_of(field, ids))
    assert all(value for value in data.values())


@by_field
def test_nobody_gets_in_without_a_token(field: Field, server: Server, ids: dict[str, str]) -> None:
    """401 in the shape of all errors; nothing is executed."""
    for headers in ({}, {"Authorization": "Bearer tlat_nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = httpx.post(f"{server.url}/graphql", json={"query": query_of(field, ids)}, headers=headers)
        assert answer.status_code == 401
        assert code_of(answer) == "AUTH_NOT_AUTHENTICATED"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "data" not in answer.json()


@by_field
def test_a_missing_scope_closes_the_field(field: Field, with_scopes: MakeClient, ids: dict[str, str]) -> None:
    """Without any of its scopes the field is null with AUTH_NOT_AUTHORIZED that names one; with any one of them it answers."""
    closing = tuple(scope for scope in (*ALL, MANAGE_CLIENTS) if scope not in field.scopes)
    answer = post(with_scopes(*closing), query_of(field, ids))
    assert answer.status_code == 200
    errors = answer.json()["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"AUTH_NOT_AUTHORIZED"}
    assert all(any(scope in error["message"] for scope in ALL) for error in errors)
    for scope in field.scopes:
        assert "errors" not in post(with_scopes(scope, *field.needs), query_of(field, ids)).json()
    for missing in field.needs:
        rest = tuple(scope for scope in (*field.scopes, *field.needs) if scope != missing)
        codes = {error["extensions"]["code"] for error in post(with_scopes(*rest), query_of(field, ids)).json()["errors"]}
        assert codes == {"AUTH_NOT_AUTHORIZED"}


@pytest.mark.parametrize("word", ["", "@include(if: true)"])
@pytest.mark.parametrize("link", ["account { accountId }", "site { siteId }", "service { __typename serviceId }"])
def test_an_id_alone_needs_the_scope_of_its_object(link: str, word: str, with_scopes: MakeClient, ids: dict[str, str]) -> None:
    """In a list, in an object by its id and in what a mutation gives, whichever way it is executed."""
    name = link.partition(" ")[0]
    for query in (
        f"{{ cases(first: 3) {word} {{ nodes {{ id {link} }} }} }}",
        f'{{ case(id: "{ids["cases"]}") {word} {{ id {link} }} }}',
        f'mutation {{ createCase(serviceId: "{ids["services"]}", {NEW}) {word} {{ id {link} }} }}',
    ):
        answer = post(with_scopes(SUPPORT_WRITE), query).json()
        assert {(e["path"][-1], e["extensions"]["code"]) for e in answer["errors"]} == {(name, "AUTH_NOT_AUTHORIZED")}
        (found,) = answer["data"].values()
        assert all(shown["id"].startswith("CAS-") and shown[name] is None for shown in found.get("nodes", [found]))
        assert "errors" not in post(with_scopes(SUPPORT_WRITE, BASIC_READ), query).json()


@by_field_with_id
@pytest.mark.parametrize("who", ["another customer", "another provider"])
def test_objects_of_others_do_not_exist(
    field: Field, who: str, other: httpx.Client, stranger: httpx.Client, ids: dict[str, str]
) -> None:
    """Null as for an id that was never given, or NOT_FOUND from a mutation; the same words for both."""
    caller = other if who == "another customer" else stranger
    answer = post(caller, query_of(field, ids)).json()
    unknown = post(caller, query_of(field, dict.fromkeys(ids, "NONE-1"))).json()
    assert set(answer["data"].values()) == {None}
    assert answer["data"] == unknown["data"]
    if "errors" in answer:
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
        own = ids[field.collection]
        assert [e["message"].replace(own, "") for e in answer["errors"]] == [
            e["message"].replace("NONE-1", "") for e in unknown["errors"]
        ]


@pytest.mark.parametrize("collection", ["accounts", "sites", "services", "cases", "invoices", "subscribers"])
def test_lists_of_customers_have_nothing_in_common(
    collection: str, customer: httpx.Client, other: httpx.Client, stranger: httpx.Client
) -> None:
    """Each sees its own rows; a provider without customers sees none, and `viewer.account` is null for it."""
    key = {"cases": "id"}.get(collection, f"{collection[:-1]}Id")
    query = f"{{ {collection}(first: 200) {{ nodes {{ {key} }} }} }}"

    def rows(client: httpx.Client) -> set[str]:
        return {node[key] for node in ask(client, query)[collection]["nodes"]}

    assert rows(customer)
    assert rows(customer).isdisjoint(rows(other))
    assert rows(stranger) == set()
    assert ask(stranger, "{ viewer { account { name } } }") == {"viewer": {"account": None}}


def test_a_branch_sees_its_branch(server: Server, customer: httpx.Client) -> None:
    """A client of an account below the customer's reaches that account and what is below it, nothing beside or above."""
    accounts = customer.get("/v2/accounts?page[limit]=200").json()["data"]
    services = customer.get("/v2/services?page[limit]=200").json()["data"]
    root = next(account["accountId"] for account in accounts if account["parentAccountId"] is None)
    branch = next(row["accountId"] for row in services if row["accountId"] != root)
    options = [part for scope in ALL for part in ("--scope", scope)]
    made = json.loads(server.run("client", "create", f"branch {uuid.uuid4()}", *options, "--account", branch, "--json").stdout)
    form = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
    token = httpx.post(f"{server.url}/oauth2/token", data={**form, "scope": " ".join(ALL)}).json()["access_token"]
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        account = ask(client, "{ viewer { account { accountId parent { name } services { serviceId } cases { id } } } }")
        seen: dict[str, Any] = account["viewer"]["account"]
        assert seen["accountId"] == branch
        assert seen["parent"] is None
        assert ask(client, "{ viewer { account { parent { accountId } } } }") == {"viewer": {"account": {"parent": None}}}
        rows = ask(client, "{ accounts(first: 200) { nodes { accountId parent { accountId } } } }")["accounts"]["nodes"]
        parents = {row["parent"]["accountId"] for row in rows if row["parent"]}
        assert parents <= {row["accountId"] for row in rows}
        below = {row["serviceId"] for row in client.get("/v2/services?page[limit]=200").json()["data"]}
        assert {service["serviceId"] for service in seen["services"]} == below
        beside = next(row["serviceId"] for row in services if row["serviceId"] not in below)
        assert ask(client, f'{{ service(id: "{beside}") {{ serviceName }} }}') == {"service": None}
        assert code_of(post(client, f'mutation {{ createCase(serviceId: "{beside}", {NEW}) {{ id }} }}')) == "NOT_FOUND"
