"""Who may do what: every declared operation, tried by everybody who must not get in, against the running server.

The rows are the operations themselves. An operation that is declared without an example here fails the first test.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.serving import Server
from trunkline.dialects.customer.app import CustomerApi, Limits
from trunkline.dialects.customer.stream import EVENT_STREAM
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit import secrets
from trunkline.kit.http.operation import Operation

OPERATIONS = tuple(CustomerApi(AccessTokens({}), Limits()).operations)
BY_NAME = {operation.name: operation for operation in OPERATIONS}
CLOSED = tuple(operation for operation in OPERATIONS if operation.scopes is not None)  # need a credential
WITH_ID = tuple(operation for operation in CLOSED if operation.path_parameters)
LISTS = tuple(operation for operation in CLOSED if operation.name.startswith("list") and not operation.path_parameters)

OPEN = {"requestToken", "getOpenapiDocument"}  # need no credential: the token endpoint and the published document
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

HOOKS = "customerapi/webhooks.manage"
OF_CUSTOMERS = (
    "customerapi/basic.read",
    "customerapi/support.read",
    "customerapi/support.read-write",
    "customerapi/billing.read",
    HOOKS,
)
MANAGE = "customerapi/apiclients.manage"
ALL = (*OF_CUSTOMERS, MANAGE)
NARROW = tuple(operation for operation in CLOSED if set(operation.scopes or ()) != set(ALL))  # the feed takes any scope

CREATING = ("createApiClient", "createWebhookEndpoint")  # take no ids
CHANGE = {"customerReference": "authorization"}
MESSAGE = {"message": "authorization"}

# A body that each writing operation accepts; reading ones have none. `{serviceId}` becomes a service of the caller's,
# `{unique}` a name that was never used.
BODIES: dict[str, dict[str, Any] | None] = {
    "createCase": {
        "type": "NonIncident", "subject": "ChangeRequest", "message": "authorization", "serviceId": "{serviceId}",
    },
    "updateCase": CHANGE,
    "createCaseMessage": MESSAGE,
    "createApiClient": {"apiClientName": "{unique}", "scopes": ["BasicRead"]},
    "deleteApiClient": None,
    "createWebhookEndpoint": {"url": "https://receiver.invalid/hooks", "eventTypes": ["account.removed"]},
    "updateWebhookEndpoint": {"description": "authorization"},
    "deleteWebhookEndpoint": None,
    "pauseWebhookEndpoint": None,
    "resumeWebhookEndpoint": None,
    "rotateWebhookSecret": {},
    "testWebhookEndpoint": None,
    "replayWebhookDelivery": None,
    "replayWebhookDeliveries": {"failedSince": "2026-01-01T00:00:00Z"},
}  # fmt: skip

# Which of a credential's lists holds the ids that a path parameter takes.
SOURCES = {
    "accountId": "/v2/accounts",
    "siteId": "/v2/sites",
    "serviceId": "/v2/services?filter[Status]=RFS",
    "caseId": "/v2/cases?filter[Status]=New&filter[Status]=InProgress",
    "invoiceId": "/v2/invoices",
    "clientId": "/v2/api-clients",
    "endpointId": "/v2/webhook-endpoints",
    "deliveryId": "/v2/webhook-endpoints/{endpointId}/deliveries",
}

by_operation = pytest.mark.parametrize("operation", CLOSED, ids=lambda operation: operation.name)
by_operation_with_id = pytest.mark.parametrize("operation", WITH_ID, ids=lambda operation: operation.name)


@dataclass
class World:
    """The server, callers of every kind, and one id of each kind that is the demonstration customer's."""

    server: Server
    ids: dict[str, str]
    http: httpx.Client
    tokens: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)

    def token(self, client: dict[str, Any], scopes: tuple[str, ...], host: str = "") -> str:
        """An access token, asked for once."""
        key = (client["client_id"], scopes, host)
        if key not in self.tokens:
            form = {
                "grant_type": "client_credentials",
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
            }
            answer = self.http.post(
                "/oauth2/token", data={**form, "scope": " ".join(scopes)}, headers={"Host": host} if host else {}
            )
            assert answer.status_code == 200, answer.text
            self.tokens[key] = answer.json()["access_token"]
        return self.tokens[key]

    def path(self, operation: Operation, ids: dict[str, str] | None = None) -> str:
        return operation.path.format(**(ids or self.ids))

    def call(
        self, operation: Operation, token: str | None, ids: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call an operation as its declaration says, with a body that it would accept."""
        body = BODIES.get(operation.name)
        text = None
        if body is not None:
            text = (
                json.dumps(body).replace("{serviceId}", (ids or self.ids)["serviceId"]).replace("{unique}", f"made {uuid4()}")
            )
        sent = {"Content-Type": "application/json"} if text is not None else {}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return self.send(operation.method, self.path(operation, ids), text, {**sent, **(headers or {})})

    def send(self, method: str, path: str, text: str | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
        """An answer; of one that does not end by itself only the head."""
        answer = self.http.send(self.http.build_request(method, path, content=text, headers=headers), stream=True)
        if method != "HEAD" and answer.headers.get("content-type") == EVENT_STREAM:
            answer.close()
        else:
            answer.read()
        return answer


def identifiers(http: httpx.Client, token: str) -> dict[str, str]:
    """The first id of each kind that a credential sees."""
    found = {}
    for name, address in SOURCES.items():
        answer = http.get(address.format(**found), headers={"Authorization": f"Bearer {token}"})
        rows = answer.json()["data"] if answer.status_code == 200 else []
        found[name] = rows[0][name] if rows else "none"
    return found


def with_webhook(world: World, ids: dict[str, str], token: str) -> dict[str, str]:
    """The ids with those of a new webhook endpoint and its one delivery."""
    made = world.call(BY_NAME["createWebhookEndpoint"], token, ids).json()["data"]
    ids = {**ids, "endpointId": made["endpointId"]}
    return {**ids, "deliveryId": world.call(BY_NAME["testWebhookEndpoint"], token, ids).json()["data"]["deliveryId"]}


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        made = World(server, {}, http)
        token = made.token(server.credentials["customer"], OF_CUSTOMERS)
        made.ids = with_webhook(made, identifiers(http, token), token)
        yield made
        made.call(BY_NAME["deleteWebhookEndpoint"], token)


@pytest.fixture(scope="module")
def full(world: World) -> dict[str, str]:
    """A client of the demonstration customer with every scope, and its token."""
    return made_client(world.server, ALL, account=root_of(world))


@pytest.fixture(scope="module")
def stranger(world: World) -> dict[str, str]:
    """A client of another provider (tenant), who sees all of it and holds every scope."""
    made = json.loads(world.server.run("tenant", "create", "A provider of its own", "--json").stdout)
    return made_client(world.server, ALL, tenant=made["number"])


@pytest.fixture(scope="module")
def branch(world: World) -> dict[str, str]:
    """A client of an account below the demonstration customer's."""
    return made_client(world.server, ALL, account=tree_of(world)[1][0])


def made_client(server: Server, scopes: tuple[str, ...], account: str = "", tenant: int = 1) -> dict[str, str]:
    options = [part for scope in scopes for part in ("--scope", scope)]
    options += ["--account", account] if account else []
    done = server.run("client", "create", f"authorization {uuid4()}", *options, "--tenant", str(tenant), "--json")
    made: dict[str, str] = json.loads(done.stdout)
    return made


def everything(world: World, address: str, token: str) -> list[dict[str, Any]]:
    """All rows of a list."""
    rows: list[dict[str, Any]] = []
    following: str | None = f"{address}{'&' if '?' in address else '?'}page[limit]=200"
    while following:
        page = world.http.get(following, headers={"Authorization": f"Bearer {token}"}).json()
        rows += page["data"]
        following = page["links"]["next"]
    return rows


def tree_of(world: World) -> tuple[str, list[str]]:
    """The demonstration customer's account, and a branch: an account below it with all that is below that."""
    accounts = everything(world, "/v2/accounts", world.token(world.server.credentials["customer"], OF_CUSTOMERS))
    root = next(a["accountId"] for a in accounts if a["parentAccountId"] is None)
    sites = everything(world, "/v2/services", world.token(world.server.credentials["customer"], OF_CUSTOMERS))
    busy = [site["accountId"] for site in sites if site["accountId"] != root]
    branches = [[top] for top in dict.fromkeys(busy)]
    for below in branches:
        for account in below:
            below += [a["accountId"] for a in accounts if a["parentAccountId"] == account]
    return root, max(branches, key=len)


def root_of(world: World) -> str:
    return tree_of(world)[0]


async def in_database(server: Server, sql: str, *arguments: Any, environment: str = "production") -> Any:
    """A statement straight into the running server's database."""
    connection = await asyncpg.connect(json.loads((server.data / "running.json").read_text())["databases"][environment])
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


def refused_as_invalid(answer: httpx.Response) -> None:
    """401 for a credential that was presented and is not valid (RFC 6750, section 3)."""
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"


# coverage --------------------------------------------------------------------------------------------------------------


def test_every_operation_is_covered() -> None:
    """A newly declared operation must be given an example here before it can be served."""
    assert {operation.name for operation in OPERATIONS if operation.scopes is None} == OPEN
    assert {operation.name for operation in CLOSED if operation.writes} == set(BODIES)
    assert {name for operation in OPERATIONS for name in operation.path_parameters} <= set(SOURCES)
    assert {scope for operation in CLOSED for scope in operation.scopes or ()} == set(ALL)


@by_operation
def test_its_own_customer_gets_in(operation: Operation, world: World, full: dict[str, str]) -> None:
    """With the right scope and an id of its own every operation answers, so that the refusals below mean something."""
    token = world.token(full, ALL)
    ids = world.ids
    if operation.name == "deleteApiClient":
        made = world.call(BY_NAME["createApiClient"], token)
        ids = {**ids, "clientId": made.json()["data"]["clientId"]}
    if operation.name == "deleteWebhookEndpoint":
        ids = with_webhook(world, ids, token)
    answer = world.call(operation, token, ids)
    assert answer.status_code == operation.status, answer.text


# without a valid credential --------------------------------------------------------------------------------------------


@by_operation
def test_nobody_gets_in_anonymously(operation: Operation, world: World) -> None:
    """Without a credential the answer is 401 with a bare challenge: no error code, since nothing was wrong yet."""
    answer = world.call(operation, None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="expereoOne"'
    assert answer.json()["status"] == 401


@pytest.mark.parametrize("header", ["Bearer", "Basic dXNlcjpzZWNyZXQ=", "Token abc", ""])
@by_operation
def test_another_scheme_is_no_credential(operation: Operation, header: str, world: World) -> None:
    """An Authorization header that holds no bearer token counts as none."""
    answer = world.call(operation, None, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "error=" not in answer.headers["www-authenticate"]


WRONG_TOKENS = {
    "not a token": "x",
    "a word": "null",
    "never issued": secrets.new_token(secrets.ACCESS_TOKEN, 1),
    "of a tenant that does not exist": secrets.new_token(secrets.ACCESS_TOKEN, 999_999),
    "a broken checksum": secrets.new_token(secrets.ACCESS_TOKEN, 1)[:-1] + "!",
    "another prefix": secrets.new_token("tlxx_", 1),
    "very long": "tlat_" + "a" * 5000,
    "two tokens": f"{secrets.new_token(secrets.ACCESS_TOKEN, 1)} {secrets.new_token(secrets.ACCESS_TOKEN, 1)}",
}


@pytest.mark.parametrize("token", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
@by_operation
def test_a_malformed_or_unknown_token_is_refused(operation: Operation, token: str, world: World) -> None:
    """What was never issued opens nothing."""
    refused_as_invalid(world.call(operation, token))


@by_operation
def test_a_changed_token_is_refused(operation: Operation, world: World, full: dict[str, str]) -> None:
    """A live token with one character changed is no token, even with its checksum made right again."""
    token = world.token(full, ALL)
    body = token[:-7] + ("x" if token[-7] != "x" else "y")
    refused_as_invalid(world.call(operation, body + token[-6:]))
    refused_as_invalid(world.call(operation, body + secrets._checksum(body)))


@pytest.fixture(scope="module")
def expired(world: World, full: dict[str, str]) -> str:
    """A token that was used while it was valid, and then ended."""
    scopes = tuple(reversed(ALL))
    token = world.token(full, scopes)
    ends = datetime.now(UTC) + timedelta(seconds=2)
    changed = "UPDATE access_tokens SET expires_at = $2 WHERE token_hash = $1 RETURNING 1"
    assert asyncio.run(in_database(world.server, changed, secrets.digest(token), ends)) == 1
    for _ in range(6):  # every worker remembers it
        assert world.http.get("/v2/accounts", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.05)
    return token


@by_operation
def test_an_expired_token_is_refused(operation: Operation, world: World, expired: str) -> None:
    """A token ends at its second, also in a process that remembers it."""
    refused_as_invalid(world.call(operation, expired))


@pytest.fixture(scope="module")
def revoked(world: World, full: dict[str, str]) -> str:
    """A token of a client that was revoked a moment after its last use."""
    made = world.http.post(
        "/v2/api-clients",
        json={
            "apiClientName": f"to be revoked {uuid4()}",
            "scopes": ["BasicRead", "SupportRead", "SupportReadWrite", "BillingRead", "WebhooksManage"],
        },
        headers={"Authorization": f"Bearer {world.token(full, ALL)}"},
    ).json()["data"]
    token = world.token({"client_id": made["clientId"], "client_secret": made["clientSecret"]}, OF_CUSTOMERS)
    for _ in range(6):
        assert world.http.get("/v2/accounts", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    answer = world.call(BY_NAME["deleteApiClient"], world.token(full, ALL), {**world.ids, "clientId": made["clientId"]})
    assert answer.status_code == 204
    return token


@by_operation
def test_a_revoked_clients_token_is_refused_at_once(operation: Operation, world: World, revoked: str) -> None:
    """When the revocation has been answered, no process accepts the client's tokens any more."""
    refused_as_invalid(world.call(operation, revoked))


@pytest.mark.parametrize("used", ["production", "sandbox"])
@by_operation
def test_a_credential_of_the_other_environment_is_unknown(operation: Operation, used: str, world: World) -> None:
    """A sandbox token opens nothing in production, nor a production token in the sandbox."""
    sandbox = f"sb2.localhost:{world.server.port}"
    if used == "production":
        token, host = world.token(world.server.credentials["customer"], OF_CUSTOMERS), sandbox
    else:
        token, host = (
            world.token(world.server.credentials["sandbox"]["customer"], OF_CUSTOMERS, sandbox),
            f"127.0.0.1:{world.server.port}",
        )
    refused_as_invalid(world.call(operation, token, headers={"Host": host}))


# with too little right -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", NARROW, ids=lambda operation: operation.name)
def test_a_missing_scope_is_named(operation: Operation, world: World, full: dict[str, str]) -> None:
    """A credential with every scope but the operation's own is told which one is needed; 403, not 404."""
    token = world.token(full, tuple(scope for scope in ALL if scope not in (operation.scopes or ())))
    answer = world.call(operation, token)
    assert answer.status_code == 403, answer.text
    needed = (operation.scopes or ("",))[0]
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{needed}"' in challenge
    assert needed in answer.json()["detail"]


@by_operation
def test_each_of_its_scopes_is_enough(operation: Operation, world: World, full: dict[str, str]) -> None:
    """Any one of an operation's scopes opens it; the answer is about the object, no longer about rights."""
    ids = dict.fromkeys(world.ids, "ACC-1")
    for scope in operation.scopes or ():
        answer = world.call(operation, world.token(full, (scope,)), ids)
        assert answer.status_code in (200, 404, 422) or operation.name in CREATING, answer.text
        if operation.name == "createWebhookEndpoint" and answer.status_code == 201:
            world.call(
                BY_NAME["deleteWebhookEndpoint"], world.token(full, ALL), {"endpointId": answer.json()["data"]["endpointId"]}
            )


@by_operation_with_id
def test_a_right_is_checked_before_the_object(operation: Operation, world: World, full: dict[str, str]) -> None:
    """Whether an object exists is not told to those who may not ask."""
    token = world.token(full, tuple(scope for scope in ALL if scope not in (operation.scopes or ())))
    there = world.call(operation, token)
    missing = world.call(operation, token, dict.fromkeys(world.ids, "XXX-1"))
    assert there.status_code == missing.status_code == 403
    assert there.json()["detail"] == missing.json()["detail"]


# other people's objects ------------------------------------------------------------------------------------------------


def is_unknown(answer: httpx.Response, operation: Operation, ids: dict[str, str]) -> None:
    """404, worded as for an id that never existed."""
    assert answer.status_code == 404, f"{operation.name}: {answer.status_code} {answer.text}"
    wanted = next(ids[name] for name in operation.path_parameters)
    assert answer.json()["detail"] == f"{wanted!r} was not found"


@by_operation_with_id
def test_another_tenant_sees_nothing(operation: Operation, world: World, stranger: dict[str, str]) -> None:
    """Another provider's operator, who sees all of its own tenant, finds none of this one's objects."""
    is_unknown(world.call(operation, world.token(stranger, ALL)), operation, world.ids)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_another_tenants_lists_are_its_own(operation: Operation, world: World, stranger: dict[str, str]) -> None:
    """A new provider's lists are empty, but for its own API client, whatever it filters by."""
    token = world.token(stranger, ALL)
    rows = everything(world, operation.path, token)
    assert [row.get("clientId") for row in rows] == ([stranger["client_id"]] if operation.name == "listApiClients" else [])
    parameter = {"listApiClients": "ClientId", "listWebhookEndpoints": "EndpointId"}.get(operation.name, "AccountId")
    found = everything(world, f"{operation.path}?filter[{parameter}]={world.ids['accountId']}", token)
    assert found == []


@by_operation_with_id
def test_another_customer_sees_nothing(operation: Operation, world: World) -> None:
    """Another customer of the same provider gets 404 for ids that exist, the same as for ids that do not."""
    other = world.server.credentials["customer"]["other"]
    needed = [scope for scope in operation.scopes or () if scope in OF_CUSTOMERS]
    if not needed:
        account = everything(world, "/v2/accounts", world.token(other, OF_CUSTOMERS))[0]["accountId"]
        other, needed = made_client(world.server, (MANAGE,), account=account), [MANAGE]
    is_unknown(world.call(operation, world.token(other, tuple(needed))), operation, world.ids)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_two_customers_lists_have_nothing_in_common(operation: Operation, world: World) -> None:
    """Each customer's list holds its own rows alone."""
    keys = {"listApiClients": "clientId", "listWebhookEndpoints": "endpointId"}
    key = keys.get(operation.name) or f"{operation.path.rpartition('/')[2][:-1]}Id"
    lists = [
        {row[key] for row in everything(world, operation.path, world.token(client, OF_CUSTOMERS))}
        for client in (world.server.credentials["customer"], world.server.credentials["customer"]["other"])
    ]
    assert lists[0]
    assert not lists[0] & lists[1]


def test_a_case_cannot_be_opened_on_a_service_of_somebody_else(world: World, stranger: dict[str, str]) -> None:
    """Neither another tenant nor another customer can name our service in a body; it is a fault of the field, not a 404."""
    other = world.server.credentials["customer"]["other"]
    for token in (world.token(stranger, ALL), world.token(other, OF_CUSTOMERS)):
        answer = world.call(BY_NAME["createCase"], token)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["serviceId"]


# a branch --------------------------------------------------------------------------------------------------------------


def test_a_branch_sees_its_own_accounts_and_those_below(world: World, branch: dict[str, str]) -> None:
    """A credential of a sub-account sees its branch of the tree: not the parent, not the siblings."""
    rows = everything(world, "/v2/accounts", world.token(branch, ALL))
    assert {row["accountId"] for row in rows} == set(tree_of(world)[1])


@pytest.mark.parametrize("address", ["/v2/sites", "/v2/services", "/v2/cases", "/v2/invoices"])
def test_a_branchs_lists_are_the_customers_rows_of_that_branch(address: str, world: World, branch: dict[str, str]) -> None:
    """What belongs to the branch is all there, and nothing else."""
    accounts = tree_of(world)[1]
    customers = everything(world, address, world.token(world.server.credentials["customer"], OF_CUSTOMERS))
    assert everything(world, address, world.token(branch, ALL)) == [row for row in customers if row["accountId"] in accounts]


def test_a_branchs_clients_are_its_own(world: World, branch: dict[str, str]) -> None:
    """A branch does not see its parent's API clients."""
    assert branch["client_id"] in {row["clientId"] for row in everything(world, "/v2/api-clients", world.token(branch, ALL))}
    parents = world.server.credentials["customer"]["client_id"]
    assert parents not in {row["clientId"] for row in everything(world, "/v2/api-clients", world.token(branch, ALL))}


def outside_of(world: World, accounts: list[str]) -> dict[str, str]:
    """Ids of the customer's that lie outside of a branch."""
    token = world.token(world.server.credentials["customer"], OF_CUSTOMERS)
    found = {"accountId": root_of(world), "clientId": world.server.credentials["customer"]["client_id"]}
    found |= {name: world.ids[name] for name in ("endpointId", "deliveryId")}
    for name in ("siteId", "serviceId", "caseId", "invoiceId"):
        rows = everything(world, SOURCES[name].partition("?")[0], token)
        found[name] = next(row[name] for row in rows if row["accountId"] not in accounts)
    return found


@by_operation_with_id
def test_a_branch_does_not_know_its_parents_objects(operation: Operation, world: World, branch: dict[str, str]) -> None:
    """Ids of the parent account are unknown to a branch, for reading and for writing."""
    ids = outside_of(world, tree_of(world)[1])
    is_unknown(world.call(operation, world.token(branch, ALL), ids), operation, ids)


def test_a_branch_cannot_open_a_case_on_its_parents_service(world: World, branch: dict[str, str]) -> None:
    """The reach of a credential counts for ids in a body too."""
    ids = outside_of(world, tree_of(world)[1])
    answer = world.call(BY_NAME["createCase"], world.token(branch, ALL), ids)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["serviceId"]


# the feed --------------------------------------------------------------------------------------------------------------


def feed(world: World, token: str, after: str = "") -> list[dict[str, Any]]:
    """Every event that a token reads after a cursor."""
    found: list[dict[str, Any]] = []
    following = "/v2/events" + (f"?after={after}" if after else "")
    while True:
        page = world.http.get(following, headers={"Authorization": f"Bearer {token}"}).json()
        found += page["data"]
        if not page["metadata"]["hasMore"]:
            return found
        following = page["links"]["next"]


def test_the_feed_tells_only_its_customer(world: World, full: dict[str, str], stranger: dict[str, str]) -> None:
    """A change is in the feed of its customer and its operator; no other customer and no other provider hears of it."""
    world.call(BY_NAME["createCase"], world.token(full, ALL))
    mine = {event["cursor"] for event in feed(world, world.token(full, ALL)) if event["type"] == "case.opened"}
    assert mine
    others = world.token(world.server.credentials["customer"]["other"], OF_CUSTOMERS)
    for token in (others, world.token(stranger, ALL)):
        assert mine.isdisjoint(event["cursor"] for event in feed(world, token))
    assert mine <= {event["cursor"] for event in feed(world, world.token(made_client(world.server, ALL), ALL))}


def test_the_feed_of_a_branch_is_the_branchs(world: World, full: dict[str, str], branch: dict[str, str]) -> None:
    """A branch hears of its own objects and not of its parent's; its parent hears of both."""
    token, accounts = world.token(branch, ALL), tree_of(world)[1]
    inside = identifiers(world.http, token)
    world.call(BY_NAME["createCase"], token, inside)
    world.call(
        BY_NAME["createCase"], world.token(full, ALL), outside_of(world, accounts) | {"serviceId": outside_service(world)}
    )
    heard = [event for event in feed(world, token) if event["type"] == "case.opened"]
    assert heard
    assert {event["after"]["accountId"] for event in heard} <= set(accounts)
    parents = [event for event in feed(world, world.token(full, ALL)) if event["type"] == "case.opened"]
    assert {event["cursor"] for event in heard} < {event["cursor"] for event in parents}


def outside_service(world: World) -> str:
    """A service of the customer's that is ready and outside of the branch."""
    token, accounts = world.token(world.server.credentials["customer"], OF_CUSTOMERS), tree_of(world)[1]
    rows = everything(world, SOURCES["serviceId"], token)
    found: str = next(row["serviceId"] for row in rows if row["accountId"] not in accounts)
    return found


SUBJECTS_OF_SCOPE = {
    "customerapi/basic.read": {"account", "site", "service", "subscriber", "api_client"},
    "customerapi/support.read": {"case", "case_message"},
    "customerapi/support.read-write": {"case", "case_message"},
    "customerapi/billing.read": {"invoice"},
    HOOKS: {"webhook_endpoint"},
    MANAGE: {"api_client"},
}


@pytest.mark.parametrize("scope", ALL)
def test_a_scope_hears_of_what_it_reads(scope: str, world: World, full: dict[str, str]) -> None:
    """Events of what a token's scopes do not read are not in its feed, also when it asks for their types."""
    world.call(BY_NAME["createCase"], world.token(full, ALL))
    world.call(BY_NAME["createApiClient"], world.token(full, ALL))
    token = world.token(full, (scope,))
    heard = {event["subject"]["type"] for event in feed(world, token)}
    assert heard <= SUBJECTS_OF_SCOPE[scope]
    assert heard or scope == "customerapi/billing.read"
    for types in ("case.*", "invoice.overdue", "api_client.created", "*"):
        page = world.http.get(f"/v2/events?types={types}", headers={"Authorization": f"Bearer {token}"}).json()
        assert {event["subject"]["type"] for event in page["data"]} <= SUBJECTS_OF_SCOPE[scope]


# methods ---------------------------------------------------------------------------------------------------------------

PATHS = {path: {o.method for o in OPERATIONS if o.path == path} for path in dict.fromkeys(o.path for o in OPERATIONS)}


def allowed(path: str) -> set[str]:
    """What the path's `Allow` must name; `OPTIONS`, which every path takes, may stand there too."""
    return PATHS[path] | ({"HEAD"} if "GET" in PATHS[path] else set())


def named(answer: httpx.Response) -> set[str]:
    return set(re.split(r",\s*", answer.headers["allow"])) - {"OPTIONS"}


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_with_what_is_allowed(path: str, world: World, full: dict[str, str]) -> None:
    """A path says which methods it takes, whoever asks; nothing is looked up before."""
    for method in sorted({*METHODS, "HEAD", "TRACE", "PROPFIND"} - allowed(path)):
        for headers in ({}, {"Authorization": f"Bearer {world.token(full, ALL)}"}, {"Authorization": "Bearer x"}):
            answer = world.http.request(method, path.format(**world.ids), headers=headers)
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            assert named(answer) == allowed(path)


@pytest.mark.parametrize("path", PATHS)
def test_options_tell_what_is_allowed(path: str, world: World) -> None:
    """OPTIONS needs no credential and answers 204 with Allow."""
    answer = world.http.options(path.format(**world.ids))
    assert answer.status_code == 204
    assert answer.content == b""
    assert named(answer) == allowed(path)


@pytest.mark.parametrize("path", [path for path, methods in PATHS.items() if "GET" in methods])
def test_head_is_get_without_its_body(path: str, world: World, full: dict[str, str]) -> None:
    """HEAD has the status and the headers of GET, with and without a credential."""
    for headers in ({}, {"Authorization": f"Bearer {world.token(full, ALL)}"}):
        got, head = (world.send(method, path.format(**world.ids), headers=headers) for method in ("GET", "HEAD"))
        assert head.status_code == got.status_code
        assert head.content == b""
        for name in ("content-type", "content-length", "etag", "www-authenticate"):
            assert head.headers.get(name) == got.headers.get(name), name


def test_a_path_that_nobody_declared_is_unknown(world: World, full: dict[str, str]) -> None:
    """Below the dialect's base an unknown path is 404 in the dialect's shape, with and without a credential."""
    for path in ("/v2", "/v2/", "/v2/nothing", "/v2/accounts/a/b/c", "/oauth2/nothing", "/v2/accounts%2f", "/v2//accounts"):
        for headers in ({}, {"Authorization": f"Bearer {world.token(full, ALL)}"}):
            answer = world.http.get(path, headers=headers)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/problem+json"


# clients themselves ----------------------------------------------------------------------------------------------------


def test_a_client_gets_no_scope_that_it_does_not_hold(world: World) -> None:
    """A token request for more than the client holds is refused as a whole."""
    client = world.server.credentials["customer"]["read_only"]
    form = {"grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"]}
    answer = world.http.post("/oauth2/token", data={**form, "scope": "customerapi/basic.read customerapi/billing.read"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


def test_managing_clients_cannot_be_granted_through_the_api(world: World, full: dict[str, str]) -> None:
    """A manager cannot make another manager: that right comes from the operator alone."""
    answer = world.http.post(
        "/v2/api-clients",
        json={"apiClientName": "another manager", "scopes": ["ApiClientsManage"]},
        headers={"Authorization": f"Bearer {world.token(full, ALL)}"},
    )
    assert answer.status_code == 422
