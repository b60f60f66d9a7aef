"""Public libraries of Standard Webhooks verify what a really started server with its worker sends to a real receiver."""

import base64
import os
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.dialects.customer.wire import open_case
from tests.receiving import Received, Receiver, receiving
from tests.serving import Server

LIBRARIES = pytest.mark.parametrize(
    "library", [standardwebhooks.Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"]
)
REFUSED = (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may deliver to this machine."""
    settings = {"TRUNKLINE_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    running = Server(tmp_path_factory.mktemp("webhooks") / "data", settings=settings).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def customer(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def service_id(customer: httpx.Client) -> str:
    reference: str = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
    return reference


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def endpoint(customer: httpx.Client, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """An endpoint of the receiver that hears of cases, with its secret."""
    made = created(customer, receiver.url)
    yield made
    customer.delete(f"/v2/webhook-endpoints/{made['endpointId']}")


def created(customer: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    body = {"url": f"{url}/hooks?of=cases", "eventTypes": ["case.*", "case_message.added"], **more}
    answer = customer.post("/v2/webhook-endpoints", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def asymmetric(public_key: str, one: Received) -> None:
    """Verify the `v1a` signatures; raises `InvalidSignature` when none of them fits."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    given = [part.partition(",") for part in one.headers["webhook-signature"].split()]
    for signature in [base64.b64decode(value) for version, _, value in given if version == "v1a"]:
        try:
            return key.verify(signature, signed)
        except InvalidSignature:
            continue
    raise InvalidSignature


@LIBRARIES
def test_a_delivery_is_verified(
    library: Any, customer: httpx.Client, receiver: Receiver, endpoint: dict[str, Any], service_id: str
) -> None:
    """An opened case arrives as the feed shows it, and the libraries believe it under its secret and under no other."""
    case = open_case(customer, service_id, customerReference=f"é☃ {uuid4().hex}")
    opened, message = sorted(receiver.wait(count=2), key=lambda one: one.type)  # two objects: in no order between them
    for one in (opened, message):
        library(endpoint["secret"]).verify(one.body, one.headers)
        asymmetric(endpoint["publicKey"], one)
    assert (opened.path, opened.type, message.type) == ("/hooks?of=cases", "case.opened", "case_message.added")
    assert opened.message["data"]["after"] == case
    feed = customer.get("/v2/events", params={"types": "case.*,case_message.*", "after": "v1.0", "limit": 200}).json()["data"]
    assert opened.message["data"] in feed
    assert opened.message["timestamp"] == opened.message["data"]["timestamp"]
    for wrong in (
        lambda: library(f"whsec_{base64.b64encode(os.urandom(32)).decode()}").verify(opened.body, opened.headers),
        lambda: library(endpoint["secret"]).verify(opened.body.replace(b"case.opened", b"case.closed"), opened.headers),
        lambda: library(endpoint["secret"]).verify(opened.body, opened.headers | {"webhook-id": message.headers["webhook-id"]}),
    ):
        with pytest.raises(REFUSED):
            wrong()
    with pytest.raises(InvalidSignature):
        asymmetric(f"whpk_{base64.b64encode(os.urandom(32)).decode()}", opened)


def test_the_headers_are_those_of_the_standard(customer: httpx.Client, receiver: Receiver, endpoint: dict[str, Any]) -> None:
    """POST of JSON with id, timestamp and both signatures; the id is the delivery's."""
    test = customer.post(f"/v2/webhook-endpoints/{endpoint['endpointId']}/test").json()["data"]
    (one,) = receiver.wait()
    assert one.headers["content-type"] == "application/json"
    assert one.headers["user-agent"].startswith("Trunkline-Webhooks/")
    assert one.headers["webhook-id"] == test["deliveryId"]
    assert [part.partition(",")[0] for part in one.headers["webhook-signature"].split(" ")] == ["v1", "v1a"]
    assert set(one.message) == {"type", "timestamp", "data"}
    assert one.type == "webhook.test"


@LIBRARIES
def test_a_secret_of_ones_own(library: Any, customer: httpx.Client, receiver: Receiver) -> None:
    """A secret that the owner brings signs from the first delivery on."""
    own = f"whsec_{base64.b64encode(os.urandom(24)).decode()}"
    made = created(customer, receiver.url, secret=own)
    assert made["secret"] == own
    customer.post(f"/v2/webhook-endpoints/{made['endpointId']}/test")
    (one,) = receiver.wait()
    library(own).verify(one.body, one.headers)
    customer.delete(f"/v2/webhook-endpoints/{made['endpointId']}")


@LIBRARIES
def test_both_secrets_are_good_for_a_while(
    library: Any, customer: httpx.Client, receiver: Receiver, endpoint: dict[str, Any]
) -> None:
    """After a rotation a receiver with the old secret or key and one with the new both believe a delivery; without overlap only the new."""
    path = f"/v2/webhook-endpoints/{endpoint['endpointId']}"
    new = customer.post(f"{path}/rotate-secret", json={"overlapHours": 1}).json()["data"]
    assert new["secret"] != endpoint["secret"]
    customer.post(f"{path}/test")
    (one,) = receiver.wait()
    for keys in (endpoint, new):
        library(keys["secret"]).verify(one.body, one.headers)
        asymmetric(keys["publicKey"], one)
    newest = customer.post(f"{path}/rotate-secret", json={"overlapHours": 0}).json()["data"]
    assert newest["previousSecretUntil"] is None
    customer.post(f"{path}/test")
    last = receiver.wait(count=2)[1]
    library(newest["secret"]).verify(last.body, last.headers)
    asymmetric(newest["publicKey"], last)
    for keys in (endpoint, new):
        with pytest.raises(REFUSED):
            library(keys["secret"]).verify(last.body, last.headers)
        with pytest.raises(InvalidSignature):
            asymmetric(keys["publicKey"], last)


def test_the_log_shows_what_came_of_it(
    customer: httpx.Client, receiver: Receiver, endpoint: dict[str, Any], service_id: str
) -> None:
    """A delivery that failed says why, keeps what was sent and answered, and can be sent again with the same id and body."""
    path = f"/v2/webhook-endpoints/{endpoint['endpointId']}"
    receiver.status, receiver.answer_headers = 302, {"location": f"{receiver.url}/elsewhere"}
    open_case(customer, service_id)
    first = receiver.wait(lambda one: one.type == "case.opened")[0]
    log = f"{path}/deliveries/{first.headers['webhook-id']}"
    shown = settled(customer, log)
    assert (shown["status"], shown["responseStatus"], shown["attemptCount"]) == ("Pending", 302, 1)
    assert "302" in shown["failure"]
    assert shown["payload"].encode() == first.body
    (attempt,) = shown["attempts"]
    assert attempt["address"] == "127.0.0.1"
    assert attempt["requestHeaders"]["webhook-id"] == shown["deliveryId"]
    assert "webhook-signature" not in attempt["requestHeaders"]
    assert attempt["responseHeaders"]["location"].endswith("/elsewhere")
    assert customer.get(path).json()["data"]["failingSince"] is not None
    receiver.status, receiver.answer_headers = 204, {}
    assert customer.post(f"{log}/replay").status_code == 202
    again = receiver.wait(lambda one: one.headers["webhook-id"] == shown["deliveryId"], 2)[1]
    assert (again.body, again.path) == (first.body, first.path)
    assert settled(customer, log, 2)["status"] == "Delivered"


def settled(customer: httpx.Client, log: str, attempts: int = 1) -> dict[str, Any]:
    """A delivery as soon as so many tries of it are written down."""
    for _ in range(200):
        shown: dict[str, Any] = customer.get(log).json()["data"]
        if shown["attemptCount"] >= attempts:
            return shown
        time.sleep(0.05)
    raise AssertionError(shown)
