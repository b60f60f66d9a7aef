"""The change feed: page by page with long polls, or as server-sent events."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Protocol, cast
from urllib.parse import quote

import msgspec
from msgspec import Meta

from trunkline.dialects.clients import BASIC_READ, BILLING_READ, MANAGE_CLIENTS, MANAGE_WEBHOOKS, SUPPORT_READ, SUPPORT_WRITE
from trunkline.dialects.customer import examples
from trunkline.dialects.customer.cursors import cursor_of, position_of
from trunkline.dialects.customer.events import EVENT_TYPES, PATTERNS, EventDocument, event_document, readable_subjects
from trunkline.dialects.customer.stream import EVENT_STREAM, EventStream
from trunkline.domains.events.service import START, Feed, Feeds, Filter, Page, filter_of, known_pattern, read_page
from trunkline.kit.clock import monotonic
from trunkline.kit.errors import Invalid, Malformed, Violation
from trunkline.kit.events import StoredEvent
from trunkline.kit.http.answer import Answer, json_answer
from trunkline.kit.http.operation import Operations, Parameter
from trunkline.kit.http.request import Request
from trunkline.kit.http.waiting import patience

routes = Operations("Events", prefix="/v2")

READERS = (BASIC_READ, SUPPORT_READ, SUPPORT_WRITE, BILLING_READ, MANAGE_WEBHOOKS, MANAGE_CLIENTS)
NOW = "now"
DEFAULT_LIMIT, MAX_LIMIT = 100, 200
LONGEST_WAIT = 30
MOST_TYPES = 50
NUMBER = re.compile(r"[0-9]{1,6}")


class FeedMetadata(msgspec.Struct, rename="camel"):
    """Where the page stands."""

    limit: Annotated[int, Meta(description="The most events that a page has.", examples=[100])]
    has_more: Annotated[bool, Meta(description="Whether there is more already; else the next request may wait for it.")]


class FeedLinks(msgspec.Struct):
    """This page and what comes after it."""

    self: Annotated[str, Meta(description="This page.", extra_json_schema={"format": "uri"})]
    next: Annotated[
        str, Meta(description="What comes after it, now or later; never null.", extra_json_schema={"format": "uri"})
    ]


class EventPage(msgspec.Struct):
    """A part of the feed."""

    data: Annotated[list[EventDocument], Meta(description="Events in the order of the feed.")]
    metadata: Annotated[FeedMetadata, Meta(description="Where the page stands.")]
    links: Annotated[FeedLinks, Meta(description="This page and what comes after it.")]


class FeedHost(Protocol):
    """What these operations ask of their dialect."""

    feeds: Feeds


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for the feed asks for. `after`: a position, `None` for the end."""

    after: int | None
    limit: int
    wait: int
    types: tuple[str, ...]

    @property
    def rest(self) -> str:
        """Of a page's address, what stays the same on the next."""
        wait = f"&wait={self.wait}" if self.wait else ""
        types = f"&types={quote(','.join(self.types), safe=',')}" if self.types else ""
        return f"&limit={self.limit}{wait}{types}"


AFTER = Parameter(
    "after",
    "Go on after this cursor, or after `now`. Without it the feed begins with the oldest event that is kept.",
    {"type": "string", "pattern": r"^(now|v1\.[0-9]{1,18})$"},
    example="v1.48213",
)
TYPES = Parameter(
    "types",
    "Only these: event types, `case.*` for all of a thing's, or `*`; separated by commas.",
    {"type": "array", "items": {"type": "string", "enum": list(PATTERNS)}, "maxItems": MOST_TYPES},
    style={"style": "form", "explode": False},
)


@routes.get(
    "/events",
    scopes=READERS,
    returns=EventPage,
    parameters=(
        AFTER,
        Parameter(
            "limit",
            "Events per page.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            example=100,
        ),
        Parameter(
            "wait",
            "When there is nothing yet: seconds to wait for the next event. The answer comes as soon as there is one.",
            {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
        ),
        TYPES,
    ),
    examples=examples.EVENTS,
)
async def read_events(request: Request) -> Answer:
    """Read the change feed.

    Every committed change of what the credential reaches and its scopes read, once and in order: those of one object in the
    order of its versions. Follow `links.next` for ever; keep the last one to go on after a restart.
    """
    asked = _asked(request)
    wanted = _wanted(request, asked)
    try:
        page = await read_page(request.realm.pool, request.principal, wanted, asked.after, asked.limit)
        if not page.events and not page.more and asked.wait and request.method != "HEAD":
            page = await _wait(request, wanted, page, asked)
    except Invalid as refusal:
        raise Malformed(refusal.violations) from None
    address = f"{request.base_url}/v2/events?after="
    here = NOW if asked.after is None else cursor_of(asked.after)
    return json_answer(
        EventPage(
            list(_documents(request, page.events)),
            FeedMetadata(asked.limit, page.more),
            FeedLinks(f"{address}{here}{asked.rest}", f"{address}{cursor_of(page.position)}{asked.rest}"),
        ),
        headers=[("Cache-Control", "no-store")],
    )


@routes.get(
    "/events/stream",
    scopes=READERS,
    produces=EVENT_STREAM,
    returns={"type": "string", "description": "Server-sent events: `id` is the cursor, `data` an `Event` as JSON."},
    parameters=(
        AFTER,
        Parameter(
            "Last-Event-ID", "Go on after this cursor: what a client sends by itself when it connects again. Wins over `after`.",
            {"type": "string", "pattern": r"^v1\.[0-9]{1,18}$"}, "header", example="v1.48213",
        ),
        TYPES,
    ),
    examples=examples.EVENT_STREAM,
)  # fmt: skip
async def stream_events(request: Request) -> Answer:
    """Stream the change feed.

    The same events as server-sent events (WHATWG HTML, section 9.2), at once when they are committed. The stream ends when
    the token does, and when the server restarts: connect again with `Last-Event-ID`. A comment comes every 15 seconds.
    """
    last_event_id = request.header("last-event-id")
    asked = _asked(request, last_event_id)
    stack = AsyncExitStack()
    try:
        listener = await stack.enter_async_context(
            _feed(request).listen(request.principal, _wanted(request, asked), asked.after)
        )
    except Invalid as refusal:
        where = "Last-Event-ID" if last_event_id else "after"
        raise Malformed([Violation(where, fault.message, fault.values) for fault in refusal.violations]) from None
    headers = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
    return Answer(200, media_type=EVENT_STREAM, headers=headers, stream=EventStream(request, listener, stack))


async def _wait(request: Request, wanted: Filter, page: Page, asked: Asked) -> Page:
    """What comes after a page, as soon as it comes."""
    until = monotonic() + asked.wait
    async with (
        _feed(request).listen(request.principal, wanted, page.position) as listener,
        patience(request.receive, request.draining) as patient,
    ):
        while not (events := await listener.read(asked.limit)):
            left = until - monotonic()
            if left <= 0 or not (listener.behind or await patient.wait(listener.news(), left)):
                break
        await request.dialect.authenticate(request)  # the token may have ended meanwhile
        return Page(events, listener.position, listener.behind)


def _documents(request: Request, events: Iterable[StoredEvent]) -> Iterator[EventDocument]:
    base_url = request.base_url
    return (document for event in events if (document := event_document(event, base_url)) is not None)


def _feed(request: Request) -> Feed:
    return cast("FeedHost", request.dialect).feeds.of(request.realm.environment)


def _wanted(request: Request, asked: Asked) -> Filter:
    return filter_of(readable_subjects(request.principal.permissions), asked.types, request.principal.reach)


def _asked(request: Request, last_event_id: str | None = None) -> Asked:
    """The query string, read. Raises `Malformed` with everything that is wrong with it."""
    given: dict[str, str] = {}
    faults: list[Violation] = []
    for name, value in request.query:
        if name not in ("after", "limit", "wait", "types"):
            continue
        if name in given and name != "types":
            faults.append(Violation(name, "was given more than once"))
        given[name] = f"{given[name]},{value}" if name in given else value
    after: int | None = START
    if last_event_id:
        after = _position("Last-Event-ID", last_event_id, faults)
    elif "after" in given:
        after = None if given["after"] == NOW else _position("after", given["after"], faults)
    limit = _number("limit", given.get("limit"), (1, MAX_LIMIT), DEFAULT_LIMIT, faults)
    wait = _number("wait", given.get("wait"), (0, LONGEST_WAIT), 0, faults)
    types = tuple(dict.fromkeys(part.strip() for part in given["types"].split(","))) if "types" in given else ()
    if len(types) > MOST_TYPES:
        faults.append(Violation("types", f"names {len(types)} types; at most {MOST_TYPES} are possible"))
    else:
        faults += [
            Violation("types", f"{name[:80]!r} is not an event type; use one of {', '.join(EVENT_TYPES)}, case.* or *")
            for name in types
            if not known_pattern(name, EVENT_TYPES)
        ]
    if faults:
        raise Malformed(faults)
    return Asked(after, limit, wait, types)


def _position(name: str, value: str, faults: list[Violation]) -> int:
    position = position_of(value)
    if position is None:
        ways = " or now" if name == "after" else ""
        faults.append(Violation(name, f"{value[:80]!r} is no cursor; use one out of the feed{ways}"))
        return START
    return position


def _number(name: str, value: str | None, between: tuple[int, int], default: int, faults: list[Violation]) -> int:
    low, high = between
    if value is None:
        return default
    if NUMBER.fullmatch(value) and low <= int(value) <= high:
        return int(value)
    faults.append(Violation(name, f"must be between {low} and {high}"))
    return default
