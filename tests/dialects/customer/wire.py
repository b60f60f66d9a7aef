"""What the Customer API's tests share: its problem documents, its cases, and a look into a server's database."""

import asyncio
import json
import re
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import asyncpg
import httpx

from tests.serving import Server

T = TypeVar("T")

TITLES = {
    400: ("Bad Request", "https://tools.ietf.org/html/rfc9110#section-15.5.1"),
    401: ("Unauthorized", "https://tools.ietf.org/html/rfc9110#section-15.5.2"),
    403: ("Forbidden", "https://tools.ietf.org/html/rfc9110#section-15.5.4"),
    404: ("Not Found", "https://tools.ietf.org/html/rfc9110#section-15.5.5"),
    405: ("Method Not Allowed", "https://tools.ietf.org/html/rfc9110#section-15.5.6"),
    406: ("Not Acceptable", "https://tools.ietf.org/html/rfc9110#section-15.5.7"),
    412: ("Precondition Failed", "https://tools.ietf.org/html/rfc9110#section-15.5.13"),
    413: ("Content Too Large", "https://tools.ietf.org/html/rfc9110#section-15.5.14"),
    415: ("Unsupported Media Type", "https://tools.ietf.org/html/rfc9110#section-15.5.16"),
    422: ("Validation Failure", "https://tools.ietf.org/html/rfc4918#section-11.2"),
    429: ("Too Many Requests", "https://tools.ietf.org/html/rfc6585#section-4"),
}
TRACE_ID = re.compile(r"[0-9a-f]{32}")
BASIC = "customerapi/basic.read"
SUPPORT = "customerapi/support.read"
SUPPORT_WRITE = "customerapi/support.read-write"
BILLING = "customerapi/billing.read"


def is_problem(answer: httpx.Response, status: int, *fields: str, instance: str | None = None) -> dict[str, Any]:
    """Assert that an answer is a whole problem document that names exactly `fields`; its `errors`."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    title, type_ = TITLES[status]
    assert (body["type"], body["title"], body["status"]) == (type_, title, status)
    assert body["instance"] == (answer.request.url.path if instance is None else instance)
    assert TRACE_ID.fullmatch(body["traceId"])
    allowed = ["type", "title", "status", "detail", "instance", "errors", "traceId"]
    assert list(body) == [name for name in allowed if name in body]
    errors: dict[str, Any] = body.get("errors", {})
    assert set(errors) == set(fields), errors
    assert ("errors" in body) == (status in (400, 422) and bool(fields))
    assert all(isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts) for texts in errors.values())
    return errors


def walk(client: httpx.Client, address: str) -> Iterator[dict[str, Any]]:
    """Every page of a list, by `links.next`."""
    following: str | None = address
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        following = answer.json()["links"]["next"]


def everything(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Every row of a list."""
    return [row for page in walk(client, f"{path}?page[limit]=200") for row in page["data"]]


def a_case(service_id: str, **changes: Any) -> dict[str, Any]:
    """The body of a case that is in order; a value of `...` leaves a field out."""
    body = {"type": "NonIncident", "subject": "Other", "serviceId": service_id, "message": "Hello.", **changes}
    return {name: value for name, value in body.items() if value is not ...}


def open_case(client: httpx.Client, service_id: str, **changes: Any) -> dict[str, Any]:
    """Open a case; it as the answer shows it."""
    answer = client.post("/v2/cases", json=a_case(service_id, **changes))
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()["data"]
    return case


def token_form(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A token request with the credentials in the form; a value of `...` leaves a field out."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "scope": " ".join(client["scopes"]),
        **changes,
    }
    return {name: value for name, value in form.items() if value is not ...}


def dsn(server: Server, environment: str = "production") -> str:
    """A running server's database."""
    address: str = json.loads((server.data / "running.json").read_text())["databases"][environment]
    return address


def in_a_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, run in a loop of its own beside the test run's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def sql(server: Server, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """A statement in a running server's production database; its rows."""

    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn(server))
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    return in_a_loop(run())


def made_client(server: Server, manager: httpx.Client, name: str, *scopes: str) -> dict[str, Any]:
    """A new API client in the form of `credentials.json`."""
    names = {BASIC: "BasicRead", SUPPORT: "SupportRead", SUPPORT_WRITE: "SupportReadWrite", BILLING: "BillingRead"}
    answer = manager.post("/v2/api-clients", json={"apiClientName": name, "scopes": [names[scope] for scope in scopes]})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    return {"client_id": made["clientId"], "client_secret": made["clientSecret"], "scopes": list(scopes)}


def client_of(server: Server, credentials: dict[str, Any]) -> httpx.Client:
    """An HTTP client with a token of these credentials."""
    answer = httpx.post(f"{server.url}/oauth2/token", data=token_form(credentials))
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=30)
