"""Callers of the Network API over real HTTP, and what they send."""

import itertools
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.serving import Server

K = "00112233445566778899aabbccddeeff"
OPC = "ffeeddccbbaa99887766554433221100"
MASK = "###MASKED###"
SEED = "700123"  # the subscriber of the seed's sample
_numbers: Iterator[int] = itertools.count(secrets.randbelow(10**8) * 1000)


def imsi() -> str:
    """An IMSI that nobody has."""
    return f"9{next(_numbers):014d}"[:15]


def sub(**more: Any) -> dict[str, Any]:
    """A subscriber to create."""
    number = imsi()
    return {"imsi": number, "msisdn": f"+{number}", "k": K, "opc": OPC, **more}


@dataclass
class Caller:
    """A caller with an API key; paths are below the server's address."""

    http: httpx.Client
    key: str | None
    host: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request. `body` is JSON unless it is text; keyword `If_Match` becomes the header `If-Match`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key is not None:
            sent.setdefault("X-API-KEY", self.key)
        if self.host:
            sent["Host"] = self.host
        content = None
        if body is not None:
            content = body if isinstance(body, str | bytes) else json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        return self.http.request(method, path, content=content, headers=sent)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> httpx.Response:
        return self.call("DELETE", path, **headers)

    def made(self, collection: str, body: dict[str, Any]) -> str:
        """The path of a new object."""
        answer = self.post(f"/v1/{collection}", body)
        assert answer.status_code == 201, answer.text
        return path_of(answer)


def path_of(answer: httpx.Response) -> str:
    """The path in an answer's Location."""
    return httpx.URL(answer.headers["Location"]).raw_path.decode()


def caller(server: Server, http: httpx.Client, key: str | None, environment: str = "") -> Caller:
    """A caller with a key of credentials.json (`admin_key`, …), or without one."""
    credentials = (server.credentials[environment] if environment else server.credentials)["network"]
    host = f"sb2.localhost:{server.port}" if environment == "sandbox" else ""
    return Caller(http, None if key is None else credentials[key], host)


def refused(answer: httpx.Response, status: int, error: str) -> dict[str, Any]:
    """The error document of an answer that must have this status and name, in exactly the reference's shape (§8)."""
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    assert document["error"] == error
    assert document["status"] == status
    assert answer.headers["content-type"] == "application/json"
    members = ["status", "error", "message", "path", "timestamp", "incident"]
    assert list(document) == ([*members, "errors"] if error == "ValidationFailed" else members)
    assert isinstance(document["timestamp"], int)
    assert document["timestamp"] > 1_600_000_000_000
    assert isinstance(document["incident"], str)
    assert len(document["incident"]) == 8
    assert document["incident"].isdecimal()
    return document


def faults(answer: httpx.Response) -> dict[str, Any]:
    """property → fault of a ValidationFailed."""
    document = refused(answer, 400, "ValidationFailed")
    return {fault["property"]: fault for fault in document["errors"]}
