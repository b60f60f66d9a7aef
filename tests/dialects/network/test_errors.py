"""Errors: one shape, the incident number, and every status of reference/expeto.md §8."""

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.dialects.network.wire import SEED, Caller, caller, refused, sub
from tests.serving import Server

DENIED = "The Security Framework denied access for this request. You are probably not allowed to access this resource."


def test_access_denied_has_the_seeds_words(customer_admin: Caller) -> None:
    """The seed's sample: 403 on /v1/notifications, word for word, path without query."""
    document = refused(customer_admin.get("/v1/notifications?page=1"), 403, "AccessDenied")
    assert document["message"] == DENIED
    assert document["path"] == "/v1/notifications"
    refused(customer_admin.get("/v1/customers"), 403, "AccessDenied")


def test_every_error_has_an_incident_of_its_own(nobody: Caller) -> None:
    """Two refusals carry two numbers, and the time in milliseconds."""
    one, two = (refused(nobody.get("/v1/subs"), 401, "Unauthorized") for _ in range(2))
    assert one["incident"] != two["incident"]
    assert abs(one["timestamp"] - time.time() * 1000) < 60_000


def test_the_incident_stands_in_the_log(server: Server, admin: Caller) -> None:
    """The number that a caller is told finds the request in the log; the key is not there."""
    incident = refused(admin.get("/v1/subs/0"), 404, "NotFound")["incident"]
    for _ in range(50):
        lines = [line for line in server.log.read_text().splitlines() if incident in line]
        if lines:
            break
        time.sleep(0.1)
    assert json.loads(lines[0])["incident"] == incident
    assert json.loads(lines[0])["path"] == "/v1/subs/0"
    text = server.log.read_text()
    assert admin.key is not None
    assert admin.key not in text


@pytest.mark.parametrize("key", ["", "x", "null", "xk_", "xk_" + "a" * 43, "a" * 5000])
@pytest.mark.parametrize("path", ["/v1", "/v1/subs", f"/v1/subs/{SEED}", "/v1/notifications"])
def test_unauthorized_says_the_same_for_every_bad_key(key: str, path: str, admin: Caller, nobody: Caller) -> None:
    """No key and a wrong one get one text and the challenge."""
    answer = nobody.get(path, X_API_KEY=key)
    document = refused(answer, 401, "Unauthorized")
    assert answer.headers["www-authenticate"] == 'ApiKey realm="xControl"'
    assert document["message"] == nobody.get(path).json()["message"]


def test_statuses_of_http(admin: Caller) -> None:
    """404, 405 with Allow, 406, 413 and 415 have the shape too."""
    refused(admin.get("/v1/nothing"), 404, "NotFound")
    refused(admin.get(f"/v1/subs/{SEED}/nothing"), 404, "NotFound")
    refused(admin.get("/v1/subs/%ff"), 404, "NotFound")
    answer = admin.delete("/v1/subs")
    refused(answer, 405, "MethodNotAllowed")
    assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(answer.headers["allow"].split(", "))
    refused(admin.get("/v1/subs", Accept="image/png"), 406, "NotAcceptable")
    refused(admin.post("/v1/subs", "x" * (2 * 1024 * 1024)), 413, "PayloadTooLarge")
    refused(admin.post("/v1/subs", "<xml/>", Content_Type="application/xml"), 415, "UnsupportedMediaType")
    refused(admin.put(f"/v1/subs/{SEED}", "{}", Content_Type="application/merge-patch+json"), 415, "UnsupportedMediaType")


def test_a_body_needs_its_type(admin: Caller) -> None:
    """A body without Content-Type is 415 (§1)."""
    answer = admin.http.post("/v1/subs", content=b"{}", headers={"X-API-KEY": admin.key or ""})
    refused(answer, 415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        '"text"',
        '{"imsi": 1e999}',
        '{"a":' * 5000,
        b'{"imsi": "\xff"}',
        '{"imsi": "\\ud800"}',
        "{'a': 1}",
    ],
    ids=range(11),
)
def test_what_is_no_object_is_not_readable(body: str | bytes, admin: Caller) -> None:
    """Everything that is no JSON object is MessageNotReadable, or told as a fault of its member."""
    answer = admin.post("/v1/subs", body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in ("MessageNotReadable", "ValidationFailed")


@pytest.mark.parametrize("query", ["?%ff=1", "?imsi=%ff", "?imsi=%00", "?" + "a=1&" * 300])
def test_queries_that_cannot_be_read(query: str, admin: Caller) -> None:
    """A query that is no text is 400, never 500."""
    refused(admin.get(f"/v1/subs{query}"), 400, "BadRequest")


@pytest.mark.parametrize(
    "query",
    ["?imsi=" + "9" * 500, "?status=%F0%9F%98%80", "?version=99999999999999999999", "?recordTimestamp=nonsense", "?version=x",
     "?recordTimestamp=9999-12-31T23:59:59-14:00", "?sort=" + "a," * 200, "?enabled=maybe"],
)  # fmt: skip
@pytest.mark.parametrize("collection", ["subs", "monitoring-endpoints", "account-audit-logs"])
def test_odd_filters_find_nothing_or_are_ignored(collection: str, query: str, admin: Caller) -> None:
    """A value that no row can have finds nothing; it is no error."""
    assert admin.get(f"/v1/{collection}{query}").status_code == 200


def test_an_error_to_head_has_no_body(admin: Caller) -> None:
    """HEAD errors carry the status only."""
    answer = admin.call("HEAD", "/v1/subs/0")
    assert (answer.status_code, answer.content) == (404, b"")


def test_plain_http_is_refused_in_production(tmp_path: Path) -> None:
    """Profile production answers plain HTTP with 400 HttpsRequired and never redirects."""
    server = Server(tmp_path / "data", settings={"TRUNKLINE_PROFILE": "production", "TRUNKLINE_TRUSTED_PROXIES": "127.0.0.1"})
    server.start()
    try:
        with httpx.Client(base_url=server.url) as http:
            admin = caller(server, http, "admin_key")
            refused(admin.get("/v1/subs"), 400, "HttpsRequired")
            assert admin.get("/v1/subs", X_Forwarded_Proto="https").status_code == 200
    finally:
        assert server.stop() == 0


def test_too_many_requests(tmp_path: Path) -> None:
    """The rate rules are settings; beyond them 429 with Retry-After, in the reference's shape."""
    settings = {
        "TRUNKLINE_THROTTLE": "on", "TRUNKLINE_NETWORK_READ_BURST": "5", "TRUNKLINE_NETWORK_READS_PER_SECOND": "0.1",
        "TRUNKLINE_NETWORK_WRITES_PER_MINUTE": "2", "TRUNKLINE_WORKERS": "1",
        "TRUNKLINE_NETWORK_ORIGINS": "https://pages.example.com",
        "TRUNKLINE_PUBLIC_URL": "https://network.example.com",
    }  # fmt: skip
    server = Server(tmp_path / "data", settings=settings).start()
    try:
        with httpx.Client(base_url=server.url) as http:
            admin = caller(server, http, "admin_key")
            answers = [admin.get("/v1/subs?size=1") for _ in range(8)]
            assert answers[0].status_code == 200
            assert answers[0].json()["_links"]["self"]["href"].startswith("https://network.example.com/v1/subs")
            refused(answers[-1], 429, "TooManyRequests")
            assert int(answers[-1].headers["retry-after"]) >= 1
            writes = [admin.post("/v1/subs", sub()) for _ in range(3)]
            assert writes[0].status_code == 201
            refused(writes[-1], 429, "TooManyRequests")
            sandbox = caller(server, http, "admin_key", "sandbox").get("/v1").json()["_links"]["self"]["href"]
            assert sandbox == "https://sb2.network.example.com/v1"
            pages(admin)
    finally:
        assert server.stop() == 0


def pages(admin: Caller) -> None:
    """Pages of a listed origin may ask what they may send, without a key; others are told nothing."""
    asked = {"Access_Control_Request_Method": "PATCH", "Access_Control_Request_Headers": "x-api-key"}
    preflight = Caller(admin.http, None).call("OPTIONS", "/v1/subs", Origin="https://pages.example.com", **asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://pages.example.com"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "X-API-KEY" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    foreign = Caller(admin.http, None).call("OPTIONS", "/v1/subs", Origin="https://evil.example.com", **asked)
    assert foreign.status_code == 401
    assert "access-control-allow-origin" not in foreign.headers
    refusal = admin.get("/v1/nothing", Origin="https://pages.example.com")
    assert "X-API-KEY-EXPIRING" in refusal.headers["access-control-expose-headers"]


def test_other_origins_are_told_nothing_by_default(admin: Caller) -> None:
    """CORS is off unless origins are listed."""
    answer = admin.get("/v1/subs", Origin="https://pages.example.com")
    assert not [name for name in answer.headers if name.startswith("access-control")]
