"""Errors: every status in its exact shape (reference/expereo.md §7)."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.dialects.customer.wire import a_case, is_problem
from tests.serving import Server

JSON = {"Content-Type": "application/json"}
MEGABYTE = 1024 * 1024


def line_of(server: Server, request_id: str) -> dict[str, Any]:
    """The request's line in the server's log; lines are written within half a second."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for line in server.log.read_text(errors="replace").splitlines():
            if line.startswith("{") and request_id in line:
                found: dict[str, Any] = json.loads(line)
                return found
        time.sleep(0.1)
    raise AssertionError(f"{request_id} is not in the log")


STATUSES: list[tuple[int, str, str, dict[str, Any], list[str]]] = [
    (400, "GET", "/v2/accounts?page[limit]=0", {}, ["page[limit]"]),
    (400, "GET", "/v2/accounts?%ff=1", {}, ["%ff"]),
    (400, "POST", "/v2/cases", {"content": b"{", "headers": JSON}, ["$"]),
    (400, "POST", "/v2/cases", {"content": b"", "headers": JSON}, ["$"]),
    (400, "POST", "/v2/cases", {"json": []}, ["$"]),
    (400, "PATCH", "/v2/cases/CAS-1", {"json": "text"}, ["$"]),
    (401, "GET", "/v2/accounts", {"headers": {"Authorization": "Bearer x"}}, []),
    (403, "POST", "/v2/api-clients", {"json": {}}, []),
    (404, "GET", "/v2", {}, []),
    (404, "GET", "/v2/nonsense", {}, []),
    (404, "GET", "/v2/accounts/X/nonsense", {}, []),
    (404, "GET", "/v2//accounts", {}, []),
    (404, "GET", "/v2/Accounts", {}, []),
    (404, "GET", "/oauth2/nonsense", {}, []),
    (404, "GET", "/v2/accounts/ACC-1", {}, []),
    (405, "PUT", "/v2/accounts", {"json": {}}, []),
    (405, "DELETE", "/v2/cases/CAS-1", {}, []),
    (405, "TRACE", "/v2/accounts", {}, []),
    (405, "BREW", "/v2/accounts", {}, []),
    (406, "GET", "/v2/accounts", {"headers": {"Accept": "text/html"}}, []),
    (406, "GET", "/v2/accounts", {"headers": {"Accept": "application/json;q=0, text/*"}}, []),
    (406, "POST", "/v2/cases", {"headers": {"Accept": "application/xml"}, "json": {}}, []),
    (413, "POST", "/v2/cases", {"content": b"x" * (MEGABYTE + 1), "headers": JSON}, []),
    (415, "POST", "/v2/cases", {"content": b"{}"}, []),
    (415, "POST", "/v2/cases", {"content": b"{}", "headers": {"Content-Type": "text/json"}}, []),
    (415, "POST", "/v2/cases", {"content": b"{}", "headers": {"Content-Type": "application/merge-patch+json"}}, []),
    (415, "POST", "/v2/cases", {"content": b"{}", "headers": {"Content-Type": "application/json; charset=utf-16"}}, []),
    (415, "PATCH", "/v2/cases/CAS-1", {"data": {"a": "b"}}, []),
    (415, "PATCH", "/v2/cases/CAS-1", {"content": b"[]", "headers": {"Content-Type": "application/json-patch+json"}}, []),
    (422, "POST", "/v2/cases", {"json": {}}, ["type", "subject", "serviceId", "message"]),
]


@pytest.mark.parametrize("case", STATUSES, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_every_status(customer: httpx.Client, server: Server, case: tuple[int, str, str, dict[str, Any], list[str]]) -> None:
    """Every refusal is a problem document with the members of the reference, and its traceId stands in the log."""
    status, method, address, options, fields = case
    answer = customer.request(method, address, **options)
    is_problem(answer, status, *fields, instance=address.partition("?")[0])
    assert answer.headers["x-request-id"] == answer.json()["traceId"]
    line = line_of(server, answer.json()["traceId"])
    assert (line["status"], line["method"], line["trace_id"]) == (status, method, answer.json()["traceId"])
    if status in (401, 403):
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "*/*",
        "application/*",
        "text/html, */*;q=0.1",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "",
        "*/*;q=0.001",
    ],
)
def test_what_lets_json_through(customer: httpx.Client, accept: str) -> None:
    """An Accept header that admits JSON, or says nothing, gets JSON."""
    answer = customer.get("/v2/accounts", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;v=1",
    ],
)
def test_what_counts_as_json(customer: httpx.Client, content_type: str) -> None:
    """A JSON content type may be spelt in any case and carry parameters."""
    answer = customer.post("/v2/cases", content=b"{}", headers={"Content-Type": content_type})
    is_problem(answer, 422, "type", "subject", "serviceId", "message")


@pytest.mark.parametrize("chunked", [False, True])
def test_the_largest_body(customer: httpx.Client, service_id: str, chunked: bool) -> None:
    """A body of one mebibyte is read, one byte more is not; declared or in chunks makes no difference."""
    body = json.dumps(a_case(service_id, padding="")).encode()
    for length, status in ((MEGABYTE, 201), (MEGABYTE + 1, 413)):
        content = body[:-2] + b"x" * (length - len(body)) + body[-2:]
        assert len(content) == length

        def pieces(content: bytes = content) -> Iterator[bytes]:
            for start in range(0, len(content), 65536):
                yield content[start : start + 65536]

        answer = customer.post("/v2/cases", content=pieces() if chunked else content, headers=JSON)
        assert answer.status_code == status
    is_problem(answer, 413)


@pytest.mark.parametrize("given", ["abc", "A.b_c-1", "x" * 128])
def test_the_request_id_comes_back(customer: httpx.Client, server: Server, given: str) -> None:
    """A usable X-Request-Id is echoed on every answer and stands in the log beside the traceId."""
    for path, status in (("/v2/accounts", 200), ("/v2/accounts/X", 404)):
        answer = customer.get(path, headers={"X-Request-Id": given})
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, given)
    line = line_of(server, answer.json()["traceId"])
    assert (line["request_id"], line["trace_id"]) == (given, answer.json()["traceId"])


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", "a;b", "{}"])
def test_an_unusable_request_id_is_replaced(customer: httpx.Client, given: str) -> None:
    """What could not be a request's id is not repeated."""
    answer = customer.get("/v2/accounts", headers={"X-Request-Id": given.encode()})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_the_trace_of_the_caller(customer: httpx.Client) -> None:
    """A caller's traceparent gives the traceId."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = customer.get("/v2/accounts/X", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.json()["traceId"] == answer.headers["x-request-id"] == trace


def test_every_answer_has_a_request_id(customer: httpx.Client) -> None:
    """Also answers without a body say which request they answer."""
    for answer in (customer.options("/v2/cases"), customer.head("/v2/cases"), httpx.get(f"{customer.base_url}/oauth2/token")):
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
