"""The Customer API's figures (the limits are those of the first milestone: 100,000 accounts)."""

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.course import Figure, Requests
from bench.server import Subject, request

DEEP = 90_000
STEP = 200  # rows per page on the way there
TWO_KEYS = "/v2/accounts?sort=Name,-CreatedDate&filter%5BCountry%5D=Germany"
BY_NAME = "/v2/accounts?sort=Name,-AccountId"


def same(path: str) -> Callable[[Subject, int], Requests]:
    """One request again and again."""
    return lambda subject, _: [request("GET", path, subject.bearer)]


def accounts_by_id(subject: Subject, count: int) -> Requests:
    """Accounts of the customer, evenly drawn from all of them."""
    answer = subject.get("/v2/accounts?sort=-AccountId&page%5Blimit%5D=1", subject.bearer)
    last = int(answer["data"][0]["accountId"].partition("-")[2])
    draw = Random(1)
    return [request("GET", f"/v2/accounts/ACC-{draw.randint(last - 99_999, last)}", subject.bearer) for _ in range(count)]


def deep(path: str) -> Callable[[Subject, int], Requests]:
    """The page of 25 at offset 90,000, by the address to which `links.next` led from the first page on."""

    def walk(subject: Subject, _: int) -> Requests:
        link = f"{path}{'&' if '?' in path else '?'}page%5Blimit%5D={STEP}"
        seen: set[str] = set()
        while len(seen) < DEEP:
            answer: Any = subject.get(link, subject.bearer)
            seen.update(item["accountId"] for item in answer["data"])
            link = answer["links"]["next"]
            if answer["metadata"]["offset"] + STEP != len(seen):
                raise RuntimeError(f"{path}: the walk met a row twice before offset {len(seen)}")
        parts = urlsplit(link.replace(f"page%5Blimit%5D={STEP}", "page%5Blimit%5D=25"))
        return [request("GET", f"{parts.path}?{parts.query}", subject.bearer)]

    return walk


def cases(subject: Subject, count: int) -> Requests:
    """Incidents on the customer's services, each with an Idempotency-Key of its own."""
    ready = subject.get("/v2/services?filter%5BStatus%5D=RFS&page%5Blimit%5D=50", subject.bearer)["data"]
    services = [item["serviceId"] for item in ready]

    def body(number: int) -> bytes:
        return json.dumps(
            {
                "type": "Incident",
                "subject": "ServiceDown",
                "serviceId": services[number % len(services)],
                "message": f"No traffic since this morning; the router answers. Ticket {number} of our own desk.",
                "startOfIncident": "2026-03-02T06:10:00Z",
                "endOfIncident": None,
                "customerReference": f"DESK-{number}",
            }
        ).encode()

    def post(number: int) -> bytes:
        return request("POST", "/v2/cases", {**subject.bearer, "Idempotency-Key": str(uuid4())}, body(number))

    return [post(number) for number in range(count)]


FIGURES = (
    Figure("account", "GET account by id, of 100,000", accounts_by_id, 4000, limit=0.15),
    Figure("two keys", "page of 25 accounts, two sort keys and a filter", same(TWO_KEYS), 1500, limit=0.35),
    Figure("first", "page of 25 accounts, the first", same("/v2/accounts"), 1500),
    Figure("deep", "page at offset 90,000 by `links.next`", deep("/v2/accounts"), 1500, limit=1.2, base="first"),
    Figure("case", "POST case with Idempotency-Key", cases, 1200, limit=0.9, status=201, once=True),
    Figure("first by name", "page of 25 accounts by name, the first", same(BY_NAME), 1000),
    Figure("deep by name", "page by name at offset 90,000 by `links.next`", deep(BY_NAME), 1000, base="first by name"),
    Figure("sites", "page of 25 sites", same("/v2/sites"), 1000),
    Figure("services", "page of 25 services", same("/v2/services"), 1000),
)
