"""Webhook endpoints over HTTP: their whole life, what is refused, who sees them, and where their secrets are not."""

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.dialects.customer.wire import BASIC, SUPPORT, client_of, is_problem, open_case, sql, walk
from tests.receiving import Receiver, receiving
from tests.serving import Server
from trunkline.dialects.customer.webhooks import CustomerPresenter
from trunkline.kit.principal import Environment
from trunkline.settings import load
from trunkline.webhooks import presenter_of

PATH = "/v2/webhook-endpoints"
MANAGE = "customerapi/webhooks.manage"
NOWHERE = "https://receiver.invalid/hooks"  # a name that no server knows (RFC 2606)
EVERYWHERE = "0.0.0.0"  # noqa: S104 - only read as a setting
QUIET = ["account.removed"]  # what does not happen here
OF_SERVER = (
    "endpointId", "status", "disabledReason", "failingSince", "heldUntil", "previousSecretUntil", "publicKey", "createdDate",
    "lastModifiedDate",
)  # fmt: skip


def own_secret(length: int = 32) -> str:
    return f"whsec_{base64.b64encode(os.urandom(length)).decode()}"


@contextmanager
def endpoint_of(client: httpx.Client, **body: Any) -> Iterator[dict[str, Any]]:
    """An endpoint as its creation shows it, for as long as the block lasts."""
    answer = client.post(PATH, json={"url": NOWHERE, "eventTypes": QUIET, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    try:
        yield made
    finally:
        client.delete(f"{PATH}/{made['endpointId']}")


@pytest.fixture
def endpoint(customer: httpx.Client) -> Iterator[dict[str, Any]]:
    with endpoint_of(customer) as made:
        yield made


@pytest.fixture
def path(endpoint: dict[str, Any]) -> str:
    return f"{PATH}/{endpoint['endpointId']}"


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may deliver to this machine."""
    settings = {"TRUNKLINE_WEBHOOK_NETWORKS": "127.0.0.0/8", "TRUNKLINE_WORKERS": "1"}
    running = Server(tmp_path_factory.mktemp("near") / "data", settings=settings).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


# the life of an endpoint -----------------------------------------------------------------------------------------------


def test_the_life_of_an_endpoint(customer: httpx.Client) -> None:
    """Created, read, changed, paused, resumed, rotated and deleted: every answer shows the endpoint as it is then."""
    body = {"url": NOWHERE, "eventTypes": ["account.*", "site.created"], "description": "Life"}
    answer = customer.post(PATH, json=body)
    assert answer.status_code == 201
    made = answer.json()["data"]
    address = f"{PATH}/{made['endpointId']}"
    assert answer.headers["location"] == answer.json()["links"]["self"] == f"{customer.base_url}{address}"
    assert answer.headers["etag"] == '"1"'
    assert {name: made[name] for name in body} == body
    assert (made["status"], made["disabledReason"], made["failingSince"]) == ("Active", None, None)
    assert made["secret"].startswith("whsec_")
    assert made["publicKey"].startswith("whpk_")
    known = {name: value for name, value in made.items() if name != "secret"}
    assert customer.get(address).json()["data"] == known
    assert known in customer.get(PATH, params={"page[limit]": 200}).json()["data"]
    changed = customer.patch(address, json={"eventTypes": ["*"], "description": None}).json()["data"]
    assert (changed["eventTypes"], changed["description"], changed["url"]) == (["*"], "", NOWHERE)
    assert customer.post(f"{address}/pause").json()["data"]["status"] == "Paused"
    assert customer.post(f"{address}/pause").json()["data"]["status"] == "Paused"
    assert customer.post(f"{address}/resume").json()["data"]["status"] == "Active"
    rotated = customer.post(f"{address}/rotate-secret", json={}).json()["data"]
    assert rotated["secret"] != made["secret"]
    assert rotated["publicKey"] != made["publicKey"]
    assert rotated["previousSecretUntil"] > rotated["lastModifiedDate"]
    answer = customer.get(address)
    assert answer.json()["data"]["publicKey"] == rotated["publicKey"]
    assert answer.headers["etag"] == '"5"'
    assert customer.get(address, headers={"If-None-Match": '"5"'}).status_code == 304
    assert customer.delete(address).status_code == 204
    is_problem(customer.get(address), 404)
    is_problem(customer.delete(address), 404)
    types = [
        event["type"]
        for page in walk_events(customer)
        for event in page
        if event["subject"] == {**event["subject"], "type": "webhook_endpoint", "id": made["endpointId"]}
    ]
    assert types == [f"webhook_endpoint.{word}" for word in ("created", "changed", "paused", "resumed", "rotated", "removed")]


def walk_events(client: httpx.Client) -> Iterator[list[dict[str, Any]]]:
    """The feed of webhook endpoints, page by page."""
    following = "/v2/events?limit=200&types=webhook_endpoint.*"
    more = True
    while more:
        page = client.get(following).json()
        yield page["data"]
        following, more = page["links"]["next"], page["metadata"]["hasMore"]


def test_a_repeated_creation_is_one_endpoint(customer: httpx.Client) -> None:
    """Under one Idempotency-Key there is one endpoint, and its secret is answered again as it was; a rotation likewise."""
    body = {"url": NOWHERE, "eventTypes": QUIET, "description": f"once {uuid4()}"}
    key = {"Idempotency-Key": uuid4().hex}
    first, second = (customer.post(PATH, json=body, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    listed = customer.get(PATH, params={"filter[Description]": body["description"]}).json()["data"]
    assert len(listed) == 1
    address = f"{PATH}/{first.json()['data']['endpointId']}"
    key = {"Idempotency-Key": uuid4().hex}
    first, second = (customer.post(f"{address}/rotate-secret", json={}, headers=key) for _ in range(2))
    assert first.json() == second.json()
    customer.delete(address)


def test_a_secret_of_ones_own(customer: httpx.Client) -> None:
    """The owner may bring the secret, at creation and at rotation; the present one again is no rotation."""
    secret, next_secret = own_secret(24), own_secret(64)
    with endpoint_of(customer, secret=secret) as made:
        assert made["secret"] == secret
        address = f"{PATH}/{made['endpointId']}/rotate-secret"
        for refused in (secret, ""):
            is_problem(customer.post(address, json={"secret": refused}), 422, "secret")
        assert customer.post(address, json={"secret": next_secret, "overlapHours": 168}).json()["data"]["secret"] == next_secret


def test_a_change_can_be_bound_to_a_version(customer: httpx.Client, path: str) -> None:
    """`If-Match` with an old version changes nothing."""
    first = customer.get(path).headers["etag"]
    assert customer.patch(path, json={"description": "a"}, headers={"If-Match": first}).status_code == 200
    is_problem(customer.patch(path, json={"description": "b"}, headers={"If-Match": first}), 412)
    assert customer.get(path).json()["data"]["description"] == "a"
    assert customer.patch(path, json={"description": "b"}, headers={"If-Match": "*"}).status_code == 200
    merge = {"Content-Type": "application/merge-patch+json"}
    assert customer.patch(path, content=b'{"description": "c"}', headers=merge).status_code == 200


def test_every_change_can_be_bound_to_a_version(customer: httpx.Client, path: str) -> None:
    """`If-Match` with an old version neither pauses, resumes, rotates nor deletes an endpoint."""
    old = customer.get(path).headers["etag"]
    current = customer.patch(path, json={"description": "somebody else's"}).headers["etag"]
    changes = (("POST", "/pause"), ("POST", "/resume"), ("POST", "/rotate-secret"), ("DELETE", ""))
    for method, below in changes:
        body = {} if below == "/rotate-secret" else None
        is_problem(customer.request(method, path + below, json=body, headers={"If-Match": old}), 412)
        answer = customer.get(path)
        assert (answer.headers["etag"], answer.json()["data"]["status"]) == (current, "Active")
    for method, below in changes:
        body = {} if below == "/rotate-secret" else None
        current = customer.get(path).headers["etag"]
        assert customer.request(method, path + below, json=body, headers={"If-Match": current}).is_success


def test_endpoints_are_listed_like_everything(customer: httpx.Client) -> None:
    """Pages, sort orders and filters are those of every list."""
    mark = uuid4().hex
    with endpoint_of(customer, description=f"{mark} b") as b, endpoint_of(customer, description=f"{mark} a") as a:
        customer.post(f"{PATH}/{a['endpointId']}/pause")
        everything = [row for page in walk(customer, f"{PATH}?page[limit]=1&sort=Description") for row in page["data"]]
        ours = [row["endpointId"] for row in everything if row["description"].startswith(mark)]
        assert ours == [a["endpointId"], b["endpointId"]]
        paused = customer.get(PATH, params={"filter[Status]": "Paused", "filter[Description]": f"{mark} A"}).json()["data"]
        assert [row["endpointId"] for row in paused] == [a["endpointId"]]
        head = customer.head(PATH)
        assert (head.status_code, head.content) == (200, b"")
    is_problem(customer.get(PATH, params={"filter[Secret]": "x", "sort": "Secret"}), 400, "filter[Secret]", "sort")


# what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["url", "eventTypes"]),
        ({"url": NOWHERE}, ["eventTypes"]),
        ({"eventTypes": QUIET}, ["url"]),
        ({"url": 7, "eventTypes": "case.*", "description": 1, "secret": 1}, ["url", "eventTypes", "description", "secret"]),
        ({"url": "", "eventTypes": []}, ["url", "eventTypes"]),
        ({"url": NOWHERE, "eventTypes": ["case.*", 7, "site.*", None]}, ["eventTypes[1]", "eventTypes[3]"]),
        (
            {"url": "no address", "eventTypes": ["case.exploded", "case.*", "nothing"]},
            ["url", "eventTypes[0]", "eventTypes[2]"],
        ),
        ({"url": NOWHERE, "eventTypes": ["case.*", "case.*"]}, ["eventTypes[1]"]),
        ({"url": NOWHERE, "eventTypes": ["case.opened"] * 51}, ["eventTypes"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "description": "x" * 501}, ["description"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "description": "nul \0"}, ["description"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "secret": "whsec_dG9vIHNob3J0"}, ["secret"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "secret": ""}, ["secret"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "secret": "x" * 40}, ["secret"]),
        ({"url": NOWHERE, "eventTypes": QUIET, "secret": f"whsec_{'é' * 40}"}, ["secret"]),
        ({"url": NOWHERE, "eventTypes": QUIET, **dict.fromkeys(OF_SERVER)}, [*OF_SERVER]),
        (
            {"url": "ftp://x", "eventTypes": ["nothing"], "description": "x" * 501, "secret": "short", "status": "Paused"},
            ["url", "eventTypes[0]", "description", "secret", "status"],
        ),
        ({"url": 7, "eventTypes": ["nothing"], "secret": "short", "status": 1}, ["url", "eventTypes[0]", "secret", "status"]),
    ],
)
def test_all_faults_of_a_creation_are_told(customer: httpx.Client, body: dict[str, Any], fields: list[str]) -> None:
    """Whatever is wrong is told at once, under the names of the wire; nothing is made."""
    before = customer.get(PATH).json()["metadata"]["total"]
    errors = is_problem(customer.post(PATH, json=body), 422, *fields)
    assert "short" not in json.dumps(errors)
    assert customer.get(PATH).json()["metadata"]["total"] == before


@pytest.mark.parametrize(
    "url",
    [
        "receiver.invalid/hooks",
        "//receiver.invalid",
        "mailto:a@receiver.invalid",
        "file:///etc/passwd",
        "gopher://receiver.invalid",
        "https://",
        "https:///hooks",
        "https://user:password@receiver.invalid/",
        "https://receiver.invalid/#part",
        "https://receiver.invalid:0/",
        "https://receiver.invalid:99999/",
        "https://receiver invalid/",
        "https://receiver.invalid/é",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://a.localhost/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        f"https://receiver.invalid/{'x' * 2048}",
    ],
)
def test_addresses_that_are_refused(customer: httpx.Client, path: str, url: str) -> None:
    """What is no URL of the web, or spells an address that is not on the Internet in whatever way, is refused for `url` alone."""
    is_problem(customer.post(PATH, json={"url": url, "eventTypes": QUIET}), 422, "url")
    is_problem(customer.patch(path, json={"url": url}), 422, "url")
    assert customer.get(path).json()["data"]["url"] == NOWHERE


def test_plain_http_is_refused_in_production(server: Server) -> None:
    """In profile production an endpoint's address begins with https."""
    production = replace(server, settings={**server.settings, "TRUNKLINE_PROFILE": "production"})
    address = ("webhook", "create", "http://receiver.invalid/", "--event-type", "account.removed")
    done = production.run(*address, check=False)
    assert done.returncode == 2
    assert "https" in done.stderr
    made = json.loads(server.run(*address, "--json").stdout)
    server.run("webhook", "delete", made["endpoint_id"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["$"]),
        ({"colour": "blue"}, ["$"]),
        ({"url": None}, ["url"]),
        ({"url": "x", "eventTypes": ["nothing"], "description": 7}, ["url", "eventTypes[0]", "description"]),
        ({"eventTypes": []}, ["eventTypes"]),
        ({"eventTypes": None}, ["eventTypes"]),
        ({"secret": own_secret()}, ["secret"]),
        (dict.fromkeys(OF_SERVER, "x"), [*OF_SERVER]),
    ],
)
def test_changes_that_are_refused(customer: httpx.Client, path: str, body: dict[str, Any], fields: list[str]) -> None:
    """A change needs something to change; the secret, the status and what the server sets are not changed this way."""
    is_problem(customer.patch(path, json=body), 422, *fields)
    assert customer.get(path).headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"overlapHours": -1}, ["overlapHours"]),
        ({"overlapHours": 169}, ["overlapHours"]),
        ({"overlapHours": 1.5, "secret": "short"}, ["overlapHours", "secret"]),
        ({"overlapHours": None}, ["overlapHours"]),
        ({"secret": "whsec_dG9vIHNob3J0"}, ["secret"]),
        ({"secret": 7}, ["secret"]),
    ],
)
def test_rotations_that_are_refused(customer: httpx.Client, path: str, body: dict[str, Any], fields: list[str]) -> None:
    """The overlap is 0 to 168 whole hours, and a secret of one's own has 24 to 64 bytes."""
    is_problem(customer.post(f"{path}/rotate-secret", json=body), 422, *fields)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["$"]),
        ({"to": "2026-03-02"}, ["$"]),
        ({"from": "yesterday", "to": "tomorrow"}, ["from", "to"]),
        ({"from": 1, "to": "tomorrow"}, ["from", "to"]),
        ({"from": "2026-03-02", "to": "2026-03-01"}, ["to"]),
        ({"from": "2026-03-02", "failedSince": "2026-03-01"}, ["failedSince"]),
        ({"failedSince": "2026-03-01", "to": "2026-03-02"}, ["to"]),
        ({"failedSince": None}, ["failedSince"]),
        ({"failedSince": "2126-03-01"}, ["failedSince"]),
        ({"from": "2126-03-01"}, ["from"]),
    ],
)
def test_replays_that_are_refused(customer: httpx.Client, path: str, body: dict[str, Any], fields: list[str]) -> None:
    """A replay names a time that has been, or since when what failed."""
    is_problem(customer.post(f"{path}/replay", json=body), 422, *fields)


def test_bodies_that_cannot_be_read(customer: httpx.Client, path: str) -> None:
    """What is no JSON object is 400, another type of body 415; what takes no body needs none."""
    for address in (PATH, f"{path}/rotate-secret", f"{path}/replay"):
        is_problem(customer.post(address, content=b"[", headers={"Content-Type": "application/json"}), 400, "$")
        is_problem(customer.post(address, content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    for method, address in (("PUT", PATH), ("POST", path), ("DELETE", f"{path}/pause"), ("GET", f"{path}/replay")):
        is_problem(customer.request(method, address), 405)


# who may hear of what --------------------------------------------------------------------------------------------------


def made_client(server: Server, *scopes: str, account: str = "") -> httpx.Client:
    """A client of these scopes, made on the command line."""
    options = [part for scope in scopes for part in ("--scope", scope)] + (["--account", account] if account else [])
    return client_of(server, json.loads(server.run("client", "create", f"webhooks {uuid4()}", *options, "--json").stdout))


@pytest.fixture(scope="module")
def root(customer: httpx.Client) -> str:
    """The demonstration customer's account at the top."""
    accounts = customer.get("/v2/accounts", params={"filter[ParentAccountId]": ""}).json()["data"]
    reference: str = accounts[0]["accountId"]
    return reference


def test_an_endpoint_hears_only_what_its_owner_may_read(server: Server, customer: httpx.Client, root: str) -> None:
    """Event types that the token's scopes do not read are refused, and the scope that is missing is named; `*` means what is readable."""
    with made_client(server, MANAGE, BASIC, account=root) as poor:
        types = ["site.*", "case.opened", "*", "invoice.*", "case_message.added", "webhook_endpoint.*"]
        errors = is_problem(
            poor.post(PATH, json={"url": NOWHERE, "eventTypes": types}), 422, *(f"eventTypes[{n}]" for n in (1, 3, 4))
        )
        assert [errors[f"eventTypes[{n}]"][0].rpartition(" ")[2] for n in (1, 3, 4)] == [
            SUPPORT, "customerapi/billing.read", SUPPORT,
        ]  # fmt: skip
        with endpoint_of(poor, eventTypes=["*"]) as all_of_it:
            assert all_of_it["eventTypes"] == ["*"]
        with endpoint_of(customer, eventTypes=["case.*"]) as rich:
            address = f"{PATH}/{rich['endpointId']}"
            is_problem(poor.patch(address, json={"eventTypes": ["invoice.*"]}), 422, "eventTypes[0]")
            is_problem(poor.patch(address, json={"url": "https://elsewhere.invalid/"}), 422, "url")
            assert poor.patch(address, json={"description": "mine too"}).status_code == 200


def test_other_customers_know_nothing_of_it(customer: httpx.Client, other: httpx.Client, path: str) -> None:
    """Whatever another customer asks of an endpoint, and of its deliveries, is 404; its lists are empty of it."""
    delivery = customer.post(f"{path}/test").json()["data"]["deliveryId"]
    asked: list[tuple[str, str, Any]] = [
        ("GET", path, None), ("PATCH", path, {"description": "x"}), ("DELETE", path, None), ("POST", f"{path}/pause", None),
        ("POST", f"{path}/resume", None), ("POST", f"{path}/rotate-secret", {}), ("POST", f"{path}/test", None),
        ("GET", f"{path}/deliveries", None), ("GET", f"{path}/deliveries/{delivery}", None),
        ("POST", f"{path}/deliveries/{delivery}/replay", None), ("POST", f"{path}/replay", {"failedSince": "2026-01-01"}),
    ]  # fmt: skip
    for method, address, body in asked:
        is_problem(other.request(method, address, json=body), 404)
    id_ = path.rpartition("/")[2]
    assert id_ not in {row["endpointId"] for page in walk(other, f"{PATH}?page[limit]=200") for row in page["data"]}
    with endpoint_of(other) as theirs:
        is_problem(other.get(f"{PATH}/{theirs['endpointId']}/deliveries/{delivery}"), 404)
        is_problem(other.post(f"{PATH}/{theirs['endpointId']}/deliveries/{delivery}/replay"), 404)
    assert customer.get(path).headers["etag"] == '"1"'


def test_a_branch_has_endpoints_of_its_own(server: Server, customer: httpx.Client, root: str) -> None:
    """A branch's endpoint is seen from above; the branch does not see those of the accounts above it."""
    below = customer.get("/v2/accounts", params={"filter[ParentAccountId]": root, "page[limit]": 1}).json()["data"][0][
        "accountId"
    ]
    with made_client(server, MANAGE, BASIC, account=below) as branch, endpoint_of(customer) as above:
        is_problem(branch.get(f"{PATH}/{above['endpointId']}"), 404)
        with endpoint_of(branch) as own:
            assert [row["endpointId"] for row in branch.get(PATH).json()["data"]] == [own["endpointId"]]
            assert customer.get(f"{PATH}/{own['endpointId']}").status_code == 200


def test_the_sandbox_is_apart(server: Server, path: str) -> None:
    """An endpoint of production is unknown in the sandbox."""
    with server.client(environment="sandbox") as sandbox:
        is_problem(sandbox.get(path), 404)
        with endpoint_of(sandbox) as made:
            assert made["status"] == "Active"


def test_the_scope_can_be_given_on(manager: httpx.Client, server: Server) -> None:
    """A manager of API clients makes clients that manage webhooks."""
    made = manager.post("/v2/api-clients", json={"apiClientName": f"hooks {uuid4()}", "scopes": ["WebhooksManage"]}).json()[
        "data"
    ]
    held = {"client_id": made["clientId"], "client_secret": made["clientSecret"], "scopes": [MANAGE]}
    with client_of(server, held) as client:
        assert client.get(PATH).status_code == 200
        is_problem(client.get("/v2/accounts"), 403)
    manager.delete(f"/v2/api-clients/{made['clientId']}")


# secrets ---------------------------------------------------------------------------------------------------------------


def test_secrets_are_nowhere_else(server: Server, customer: httpx.Client) -> None:
    """A secret is in the answer that makes it and in no other, in no table of the database in clear, and not in the log."""
    own = own_secret()
    answer = customer.post(
        PATH, json={"url": NOWHERE, "eventTypes": QUIET, "secret": own}, headers={"Idempotency-Key": uuid4().hex}
    )
    address = f"{PATH}/{answer.json()['data']['endpointId']}"
    rotated = customer.post(f"{address}/rotate-secret", json={}, headers={"Idempotency-Key": uuid4().hex}).json()["data"][
        "secret"
    ]
    customer.post(f"{address}/test")
    shown = [
        customer.get(address), customer.get(PATH), customer.patch(address, json={"description": "x"}),
        customer.post(f"{address}/pause"), customer.post(f"{address}/resume"), customer.get(f"{address}/deliveries"),
        customer.post(f"{address}/rotate-secret", json={"secret": rotated}),
    ]  # fmt: skip
    texts = [one.text for one in shown] + [json.dumps(page) for page in walk_events(customer)] + [server.log.read_text()]
    tables = sql(
        server, "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    assert ("webhook_endpoints",) in tables
    for secret in (own, rotated):
        text = secret.removeprefix("whsec_")
        assert not [found for found in texts if text in found]
        needles = [text, text.encode().hex(), base64.b64decode(text).hex()]
        for (table,) in tables:
            for needle in needles:
                found = sql(server, f"SELECT 1 FROM {table} AS t WHERE strpos(t::text, $1) > 0 LIMIT 1", needle)
                assert not found, (table, needle == text)
    customer.delete(address)


# deliveries ------------------------------------------------------------------------------------------------------------


def test_tests_are_listed_and_filtered(customer: httpx.Client, path: str) -> None:
    """Deliveries are listed newest first, page by page, and found by what they are."""
    made = [customer.post(f"{path}/test").json()["data"] for _ in range(3)]
    assert {one["eventType"] for one in made} == {"webhook.test"}
    assert {one["subjectId"] for one in made} == {path.rpartition("/")[2]}
    ids = [one["deliveryId"] for one in reversed(made)]
    pages = list(walk(customer, f"{path}/deliveries?page[limit]=2"))
    assert [row["deliveryId"] for page in pages for row in page["data"]] == ids
    assert [page["metadata"]["total"] for page in pages] == [3, 3]

    def found(**filters: str) -> list[str]:
        parameters = {f"filter[{name}]": value for name, value in filters.items()}
        return [row["deliveryId"] for row in customer.get(f"{path}/deliveries", params=parameters).json()["data"]]

    assert found(EventType="webhook.test", SubjectType="webhook_endpoint", SubjectId=path.rpartition("/")[2]) == ids
    assert found(EventType="case.opened") == []
    assert found(Status="Delivered") == []
    later = {"filter[CreatedDate][gt]": "2126-01-01"}
    assert customer.get(f"{path}/deliveries", params=later).json()["data"] == []
    wrong = {
        "filter[Status]": "Lost",
        "filter[EventType]": "x",
        "filter[CreatedDate]": "x",
        "filter[Payload]": "x",
        "sort": "x",
    }
    is_problem(customer.get(f"{path}/deliveries", params=wrong), 400, *wrong)


@pytest.mark.parametrize("id_", ["msg_", "msg_0", f"msg_{'0' * 32}", f"msg_{'g' * 32}", "WHE-1001", "%00", f"msg_{'0' * 31}é"])
def test_deliveries_that_there_are_not(customer: httpx.Client, path: str, id_: str) -> None:
    """An id that no delivery has is 404, for reading and for sending again."""
    is_problem(customer.get(f"{path}/deliveries/{id_}"), 404)
    is_problem(customer.post(f"{path}/deliveries/{id_}/replay"), 404)


def test_an_event_is_delivered_and_logged(near: Server, receiver: Receiver) -> None:
    """What happens is delivered with the body of the feed, waits while the endpoint is paused, and can be sent again by the time."""
    with near.client() as customer, endpoint_of(customer, url=receiver.url, eventTypes=["case.*"]) as made:
        address = f"{PATH}/{made['endpointId']}"
        service = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        case = open_case(customer, service)
        (first,) = receiver.wait()
        assert first.message["data"]["after"] == case
        assert first.message["data"]["subject"]["link"] == f"{near.url}/v2/cases/{case['caseId']}"
        log = wait_for(customer, f"{address}/deliveries", lambda rows: rows and rows[0]["status"] == "Delivered")[0]
        assert (log["eventType"], log["subjectType"], log["subjectId"]) == ("case.opened", "case", case["caseId"])
        assert log["eventCursor"] == first.message["data"]["cursor"]
        assert (log["tries"], log["attemptCount"], log["responseStatus"], log["failure"]) == (1, 1, 204, None)
        detail = customer.get(f"{address}/deliveries/{log['deliveryId']}").json()["data"]
        assert detail["payload"].encode() == first.body
        assert {name: detail[name] for name in log} == log
        assert [one["responseStatus"] for one in detail["attempts"]] == [204]

        customer.post(f"{address}/pause")
        customer.patch(f"/v2/cases/{case['caseId']}", json={"customerReference": "waits"})
        rows = wait_for(customer, f"{address}/deliveries", lambda rows: len(rows) == 2)
        assert (rows[0]["eventType"], rows[0]["status"], rows[0]["attemptCount"]) == ("case.changed", "Pending", 0)
        answer = customer.post(f"{address}/replay", json={"from": log["createdDate"]})
        assert answer.status_code == 202
        assert answer.json()["data"]["deliveryCount"] == 1
        again = receiver.wait(count=2)[1]
        assert (again.headers["webhook-id"], again.body) == (first.headers["webhook-id"], first.body)
        customer.post(f"{address}/resume")
        assert receiver.wait(count=3)[2].type == "case.changed"


def test_whoever_may_not_read_an_event_does_not_see_what_was_sent(near: Server, receiver: Receiver) -> None:
    """The log of a delivery shows its body only to those whose scopes read such events."""
    with near.client() as customer, endpoint_of(customer, url=receiver.url, eventTypes=["case.*"]) as made:
        service = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        open_case(customer, service)
        one = f"{PATH}/{made['endpointId']}/deliveries/{receiver.wait()[0].headers['webhook-id']}"
        wait_for(customer, f"{PATH}/{made['endpointId']}/deliveries", lambda rows: rows and rows[0]["status"] == "Delivered")
        assert customer.get(one).json()["data"]["payload"] is not None
        account = customer.get("/v2/accounts", params={"filter[ParentAccountId]": ""}).json()["data"][0]["accountId"]
        with made_client(near, MANAGE, account=account) as poor:
            shown = poor.get(one)
            assert shown.status_code == 200
            assert shown.json()["data"]["payload"] is None


def wait_for(client: httpx.Client, address: str, there: Any) -> list[dict[str, Any]]:
    """The rows of a list as soon as they are as they should be."""
    rows: list[dict[str, Any]] = []
    for _ in range(400):
        rows = client.get(address).json()["data"]
        if there(rows):
            return rows
        time.sleep(0.05)
    raise AssertionError(rows)


# links -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "production", "sandbox"),
    [
        ({}, "http://127.0.0.1:8000", "http://sb2.localhost:8000"),
        ({"HOST": "::1", "PORT": "9000"}, "http://[::1]:9000", "http://sb2.localhost:9000"),
        ({"PROFILE": "production", "HOST": EVERYWHERE}, "http://127.0.0.1:8000", "http://sb2.localhost:8000"),
        (
            {"PROFILE": "production", "TLS_CERTIFICATE": "a.pem", "TLS_KEY": "b.pem"},
            "https://127.0.0.1:8443",
            "https://sb2.localhost:8443",
        ),
        (
            {"PUBLIC_URL": "https://api.provider.example/one/"},
            "https://api.provider.example/one",
            "https://sb2.api.provider.example/one",
        ),
    ],
)
def test_what_links_in_webhooks_begin_with(settings: dict[str, str], production: str, sandbox: str) -> None:
    """The public address where one is set, else the server's own; the sandbox's with its prefix."""
    given = load({f"TRUNKLINE_{name}": value for name, value in settings.items()})
    presenters = presenter_of(given)
    for environment, base_url in ((Environment.PRODUCTION, production), (Environment.SANDBOX, sandbox)):
        presenter = presenters(environment)
        assert isinstance(presenter, CustomerPresenter)
        assert presenter.base_url == base_url
