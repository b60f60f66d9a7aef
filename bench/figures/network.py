"""The Network API's figures: 100,000 subscribers of one customer, seen with its manager's key."""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bench.course import Figure, Requests
from bench.server import SUBSCRIBERS, Subject, request

PAGE = "/v1/subs"  # 20 in detail, with the total: what a client gets that asks for nothing in particular
SAMPLE = "/v1/subs?page=23&size=10&sort=imsi,desc"  # the request of the API's documentation

_numbers = count(1)  # what is written differs from what is there


def same(path: str) -> Callable[[Subject, int], Requests]:
    """One request again and again."""
    return lambda subject, _: [request("GET", path, subject.key)]


def subscribers_by_id(subject: Subject, wanted: int) -> Requests:
    """Subscribers of the customer, evenly drawn from those that were loaded."""
    return [request("GET", f"{PAGE}/{reference}", subject.key) for reference in references(subject, wanted)]


def references(subject: Subject, wanted: int) -> list[str]:
    """So many references, evenly drawn."""
    newest = items(subject.get(f"{PAGE}?size=1&sort=id,desc", subject.key))[0]
    last = int(newest["_links"]["self"]["href"].rpartition("/")[2])
    draw = Random(2)
    return [str(draw.randint(last - SUBSCRIBERS + 100, last)) for _ in range(wanted)]


def items(answer: Any) -> list[Any]:
    """What a page shows."""
    found: list[Any] = answer["_embedded"]["subs"]
    return found


def last_page(subject: Subject, _: int) -> Requests:
    """The last page, by the first one's link."""
    first = subject.get(PAGE, subject.key)
    address = first["_links"]["last"]["href"]
    last = subject.get(address, subject.key)
    if len(items(last)) != len(items(first)) or last["page"]["number"] != last["page"]["totalPages"] - 1:
        raise RuntimeError(f"{address} does not lead to a full last page: {last['page']}")
    parts = urlsplit(address)
    return [request("GET", f"{parts.path}?{parts.query}", subject.key)]


def changes(subject: Subject, wanted: int) -> Requests:
    """Partial updates, each of another subscriber and to another value."""

    def patch(reference: str) -> bytes:
        body = msgspec.json.encode({"extensions": {"measured": str(next(_numbers))}})
        return request("PATCH", f"{PAGE}/{reference}", {**subject.key, "Content-Type": "application/merge-patch+json"}, body)

    return [patch(reference) for reference in references(subject, wanted)]


FIGURES = (
    Figure("subscriber", "GET subscriber by id, of 100,000", subscribers_by_id, 4000, limit=0.20),
    Figure("detail", "page of 20 subscribers in `detail`, with total", same(PAGE), 1500, limit=0.5),
    Figure("subs deep", "page of 20 subscribers in `deep`", same(f"{PAGE}?projection=deep"), 1200, limit=0.8),
    Figure("subs last", "the last page, by the first one's `last`", last_page, 1500, limit=1.2, base="detail"),
    Figure("subs sample", "`?page=23&size=10&sort=imsi,desc`", same(SAMPLE), 1000),
    Figure("subs change", "PATCH subscriber", changes, 800, once=True),
)
