"""The figures: which request each one sends, and what it must not exceed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from bench.server import Cost, Subject, request

DEEP = 90_000
STEP = 200  # rows per page on the way there
TWO_KEYS = "/v2/accounts?sort=Name,-CreatedDate&filter%5BCountry%5D=Germany"
BY_NAME = "/v2/accounts?sort=Name,-AccountId"

Requests = list[bytes]


@dataclass(frozen=True, slots=True)
class Figure:
    """`limit` is CPU milliseconds per request, of application and PostgreSQL; with `base` it is a multiple of that figure's."""

    key: str
    title: str
    prepare: Callable[[Subject, int], Requests]  # the server, and how many requests a round will send
    count: int  # requests of a round
    limit: float | None = None
    base: str = ""
    status: int = 200


@dataclass(slots=True)
class Measured:
    """A figure's rounds."""

    figure: Figure
    rounds: list[Cost] = field(default_factory=list)

    def typical(self, value: Callable[[Cost], float] = lambda cost: cost.total) -> float:
        return median(map(value, self.rounds))

    @property
    def least(self) -> float:
        return min(cost.total for cost in self.rounds)


def ratio(measured: Measured, base: Measured) -> float:
    """How many times as much as `base`: the median over rounds, each round of one against the same round of the other."""
    return median(one.total / other.total for one, other in zip(measured.rounds, base.rounds, strict=True))


def same(path: str) -> Callable[[Subject, int], Requests]:
    """One request again and again."""
    return lambda subject, _: [request("GET", path, subject.token)]


def accounts_by_id(subject: Subject, count: int) -> Requests:
    """Accounts of the customer, evenly drawn from all of them."""
    answer = subject.get("/v2/accounts?sort=-AccountId&page%5Blimit%5D=1")
    last = int(answer["data"][0]["accountId"].partition("-")[2])
    draw = Random(1)
    return [request("GET", f"/v2/accounts/ACC-{draw.randint(last - 99_999, last)}", subject.token) for _ in range(count)]


def deep(path: str) -> Callable[[Subject, int], Requests]:
    """The page of 25 at offset 90,000, by the address to which `links.next` led from the first page on."""

    def walk(subject: Subject, _: int) -> Requests:
        link = f"{path}{'&' if '?' in path else '?'}page%5Blimit%5D={STEP}"
        seen: set[str] = set()
        while len(seen) < DEEP:
            answer: Any = subject.get(link)
            seen.update(item["accountId"] for item in answer["data"])
            link = answer["links"]["next"]
            if answer["metadata"]["offset"] + STEP != len(seen):
                raise RuntimeError(f"{path}: the walk met a row twice before offset {len(seen)}")
        parts = urlsplit(link.replace(f"page%5Blimit%5D={STEP}", "page%5Blimit%5D=25"))
        return [request("GET", f"{parts.path}?{parts.query}", subject.token)]

    return walk


def cases(subject: Subject, count: int) -> Requests:
    """Incidents on the customer's services, each with an Idempotency-Key of its own."""
    services = [item["serviceId"] for item in subject.get("/v2/services?filter%5BStatus%5D=RFS&page%5Blimit%5D=50")["data"]]

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

    return [request("POST", "/v2/cases", subject.token, body(n), Idempotency_Key=str(uuid4())) for n in range(count)]


FIGURES = (
    Figure("account", "GET account by id, of 100,000", accounts_by_id, 4000, limit=0.15),
    Figure("two keys", "page of 25 accounts, two sort keys and a filter", same(TWO_KEYS), 1500, limit=0.35),
    Figure("first", "page of 25 accounts, the first", same("/v2/accounts"), 1500),
    Figure("deep", "page at offset 90,000 by `links.next`", deep("/v2/accounts"), 1500, limit=1.2, base="first"),
    Figure("case", "POST case with Idempotency-Key", cases, 1200, limit=0.9, status=201),
    Figure("first by name", "page of 25 accounts by name, the first", same(BY_NAME), 1000),
    Figure("deep by name", "page by name at offset 90,000 by `links.next`", deep(BY_NAME), 1000, base="first by name"),
    Figure("sites", "page of 25 sites", same("/v2/sites"), 1000),
    Figure("services", "page of 25 services", same("/v2/services"), 1000),
)


class Course:
    """The figures on one server: prepared once, then measured in turns, so that a noisy moment falls on all of them."""

    def __init__(self, subject: Subject, figures: tuple[Figure, ...], scale: float = 1.0) -> None:
        self._subject = subject
        self.counts = {figure.key: max(100, int(figure.count * scale)) for figure in figures}
        self.measured = {figure.key: Measured(figure) for figure in figures}
        self.sent = 0
        self._requests: dict[str, Requests] = {}
        for figure in figures:
            self._requests[figure.key] = figure.prepare(subject, self.counts[figure.key])
            self._send(figure, 200 * subject.workers)  # every connection of every worker prepares its statements

    def round(self) -> None:
        """Every figure once."""
        for measured in self.measured.values():
            measured.rounds.append(self._send(measured.figure, self.counts[measured.figure.key]))

    def fill_up(self, key: str, count: int) -> None:
        """Send requests of one figure until the server has answered `count` in all."""
        if count > self.sent:
            self._send(self.measured[key].figure, count - self.sent)

    def _send(self, figure: Figure, count: int) -> Cost:
        requests = self._requests[figure.key]
        if figure.status == 201:  # a key that was used would be answered from memory
            requests = figure.prepare(self._subject, count)
        self.sent += count
        return self._subject.measure(requests, count, figure.status)
