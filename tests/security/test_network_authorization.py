"""Who may do what in the Network API: every declared operation, tried by everybody who must not get in.

The rows are the operations themselves, as the dialect generates them from the declarations of its collections.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.security.test_authorization import in_database
from tests.serving import Server
from trunkline.dialects.network.app import Limits, NetworkApi
from trunkline.dialects.network.collections import RESOURCES
from trunkline.domains.identity.service import NetworkCredentials
from trunkline.kit import secrets
from trunkline.kit.http.operation import Operation

OPERATIONS = tuple(NetworkApi(NetworkCredentials({}), Limits()).operations)
CLOSED = tuple(operation for operation in OPERATIONS if operation.scopes is not None)
RIGHTED = tuple(operation for operation in CLOSED if operation.scopes)
OF_OBJECTS = tuple(
    operation
    for operation in RIGHTED
    if operation.path_parameters and operation.path.split("/")[2] in {resource.path for resource in RESOURCES}
)
OPEN = {"login", "logout", "openExplorer", "readExplorer", "readExplorerFile"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NARROW = ("groups:read", "subs:read", "systems:write")  # each lacks what most operations need

by_closed = pytest.mark.parametrize("operation", CLOSED, ids=lambda operation: operation.name)
by_righted = pytest.mark.parametrize("operation", RIGHTED, ids=lambda operation: operation.name)
by_object = pytest.mark.parametrize("operation", OF_OBJECTS, ids=lambda operation: operation.name)


@dataclass
class World:
    """The server, and one id of each collection that is the demonstration customer's."""

    server: Server
    http: httpx.Client
    ids: dict[str, str] = field(default_factory=dict)
    narrow: dict[str, str] = field(default_factory=dict)

    @property
    def network(self) -> dict[str, Any]:
        credentials: dict[str, Any] = self.server.credentials["network"]
        return credentials

    def path(self, operation: Operation, reference: str = "0") -> str:
        collection = operation.path.split("/")[2] if operation.path.count("/") > 1 else ""
        return operation.path.format(
            id=self.ids.get(collection, "0") if reference == "own" else reference, collection="subs", member="0"
        )

    def call(self, operation: Operation, key: str | None, reference: str = "0", **headers: str) -> httpx.Response:
        sent = dict(headers)
        if key is not None:
            sent["X-API-KEY"] = key
        content = None
        if operation.writes:
            sent["Content-Type"] = operation.consumes[0]
            content = b"{}" if "json" in operation.consumes[0] else b"0"
        return self.http.request(operation.method, self.path(operation, reference), content=content, headers=sent)

    def made(self, **body: Any) -> str:
        """A new token of the demonstration's ADMIN account."""
        answer = self.http.post(
            "/v1/accounts/command/createToken",
            json={"name": f"authorization {uuid4()}", "account": "123456", **body},
            headers={"X-API-KEY": self.network["admin_key"]},
        )
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["token"]
        return token

    def narrowed(self, right: str) -> str:
        if right not in self.narrow:
            self.narrow[right] = self.made(scopes=[right])
        return self.narrow[right]


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with httpx.Client(base_url=server.url, timeout=30) as http:
        made = World(server, http)
        for resource in RESOURCES:
            page = http.get(f"/v1/{resource.path}?size=1", headers={"X-API-KEY": made.network["admin_key"]}).json()
            rows = page["_embedded"][resource.path]
            if rows:
                made.ids[resource.path] = rows[0]["_links"]["self"]["href"].rpartition("/")[2]
        yield made


@pytest.fixture(scope="module")
def expired(world: World) -> str:
    """A token whose time is over."""
    token = world.made()
    changed = (
        "UPDATE api_tokens SET created_at = created_at - interval '2 days', expires_at = created_at - interval '1 day' "
        "WHERE token_hash = $1 RETURNING 1"
    )
    assert asyncio.run(in_database(world.server, changed, secrets.digest(token))) == 1
    return token


@pytest.fixture(scope="module")
def revoked(world: World) -> str:
    """A token that was used and then deleted."""
    token = world.made()
    own = {"X-API-KEY": token}
    for _ in range(6):
        assert world.http.get("/v1", headers=own).status_code == 200
    rows = world.http.get("/v1/account-feature-api-tokens?size=1000&lastFour=" + token[-4:], headers=own).json()
    href = next(
        row["_links"]["self"]["href"]
        for row in rows["_embedded"]["account-feature-api-tokens"]
        if row["lastFour"] == token[-4:]
    )
    assert world.http.delete(href, headers=own).status_code == 204
    return token


@pytest.fixture(scope="module")
def stranger(world: World) -> Iterator[httpx.Client]:
    """An administrator of another provider (tenant), with a session."""
    tenant = json.loads(world.server.run("tenant", "create", "Another provider", "--json").stdout)["number"]
    name = f"{uuid4().hex}@example.com"
    options = ("--role", "administrator", "--tenant", str(tenant), "--json")
    user = json.loads(world.server.run("user", "create", name, *options).stdout)
    with httpx.Client(base_url=world.server.url, timeout=30) as http:
        answer = http.post("/login", json={"username": name, "password": user["password"]})
        assert answer.status_code == 204, answer.text
        http.headers["Sec-Fetch-Site"] = "same-origin"
        yield http


def refused(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    if answer.request.method != "HEAD":
        assert answer.json()["status"] == status
        assert len(answer.json()["incident"]) == 8


def test_every_operation_is_covered() -> None:
    """Only these operations need no credential; every other one stands in the tests below."""
    assert {operation.name for operation in OPERATIONS if operation.scopes is None} == OPEN
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    without = {"getRoot", "headRoot", "optionsRoot", "refreshToken", "listProfiles", "readProfile"}
    assert {operation.name for operation in CLOSED} - {operation.name for operation in RIGHTED} == without


@by_closed
def test_nobody_gets_in_without_a_valid_credential(operation: Operation, world: World, expired: str, revoked: str) -> None:
    """No key, a malformed, unknown, expired or deleted one, a wrong cookie, and a key of the other environment: 401."""
    for key in (None, "", "x", secrets.new_token("xk_", 1), secrets.new_token("xk_", 999_999), expired, revoked):
        answer = world.call(operation, key)
        refused(answer, 401)
        assert answer.headers["www-authenticate"] == 'ApiKey realm="xControl"'
    refused(world.call(operation, None, Cookie="XCSESSION=x", **{"Sec-Fetch-Site": "same-origin"}), 401)
    refused(world.call(operation, world.server.credentials["sandbox"]["network"]["admin_key"]), 401)
    refused(world.call(operation, world.network["admin_key"], Host=f"sb2.localhost:{world.server.port}"), 401)


@by_righted
def test_a_right_that_is_missing_is_denied(operation: Operation, world: World) -> None:
    """A key without the operation's right is refused before anything is looked at, whatever the id."""
    right = next(
        right
        for right in NARROW
        if not any(needed.startswith(right.removesuffix("write")) if right.endswith("write") else needed == right
                   for needed in operation.scopes or ())
    )  # fmt: skip
    for reference in ("0", "own"):
        refused(world.call(operation, world.narrowed(right), reference), 403)


@by_righted
def test_a_right_that_is_held_lets_in(operation: Operation, world: World) -> None:
    """With the right the operation answers, so that the refusals mean something: reading answers, writing fails on its body or id."""
    key = world.network["admin_key"]
    if not operation.writes and "{edition}" not in operation.path:
        accept = "*/*"
        if "/search/" in operation.path:
            assert world.call(operation, key, Accept=accept).status_code in (200, 400)
            return
        assert world.call(operation, key, "own", Accept=accept).status_code in (200, 204, 404), operation.path
    else:
        assert world.call(operation, key).status_code in (400, 404), operation.path


@by_object
def test_what_another_customer_has_is_not_there(operation: Operation, world: World) -> None:
    """An ADMIN of another customer gets 404 for every id that is not its own."""
    if operation.path.split("/")[2] in world.ids:
        refused(world.call(operation, world.network["other"]["admin_key"], "own"), 404)


@by_object
def test_what_another_provider_has_is_not_there(operation: Operation, world: World, stranger: httpx.Client) -> None:
    """An administrator of another tenant, who sees all of it, gets 404 too, or may not at all."""
    if operation.path.split("/")[2] not in world.ids:
        return
    content = (b"{}" if "json" in operation.consumes[0] else b"0") if operation.writes else None
    headers = {"Content-Type": operation.consumes[0]} if operation.writes else {}
    answer = stranger.request(operation.method, world.path(operation, "own"), content=content, headers=headers)
    tokens = "api-tokens" in operation.path  # the feature is not switched on
    refused(answer, 403 if tokens else 404)


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
def test_other_methods_are_not_possible(path: str, world: World) -> None:
    """A method that is not declared on a path is 405 with the methods that are."""
    declared = {operation.method for operation in OPERATIONS if operation.path == path}
    named = next(operation for operation in OPERATIONS if operation.path == path)
    address = world.path(named) if "{edition}" not in path else path.format(edition="x", file="y")
    for method in set(METHODS) - declared:
        answer = world.http.request(method, address, headers={"X-API-KEY": world.network["admin_key"]})
        if method == "HEAD" and "GET" in declared:
            continue
        refused(answer, 405)
        assert declared <= set(answer.headers["allow"].split(", "))
