"""The Customer API's spelling of lists: `page[offset]`, `page[limit]`, `sort`, `filter[Field]` (reference/expereo.md §5)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta

from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.http.answer import Answer, json_answer
from trunkline.kit.http.operation import Parameter
from trunkline.kit.http.request import Request, parse_query
from trunkline.kit.instants import parse_instant
from trunkline.kit.query import (
    And,
    Compare,
    Empty,
    Field,
    In,
    Kind,
    Limits,
    Listing,
    Operator,
    Or,
    Page,
    Predicate,
    SortKey,
    Window,
)
from trunkline.kit.query.cursor import fingerprint, read_cursor, write_cursor

T = TypeVar("T")
D = TypeVar("D")

DEFAULT_LIMIT = 25
MAX_LIMIT = 200
MAX_OFFSET = 2**63 - 1
REMEMBERED_LENGTH = 1024  # bytes of a query string that is worth remembering
LIMITS = Limits()

FILTER = re.compile(r"filter\[([A-Za-z][A-Za-z0-9]*)\](?:\[([A-Za-z]+)\])?")
OPERATORS = {
    "gte": Operator.GREATER_OR_EQUAL,
    "gt": Operator.GREATER,
    "lte": Operator.LESS_OR_EQUAL,
    "lt": Operator.LESS,
}


class Metadata(msgspec.Struct):
    """Where the page stands. `total` is exact up to 10 000 rows, otherwise null; `sort` echoes the request."""

    offset: Annotated[int, Meta(description="Rows skipped.", examples=[0])]
    limit: Annotated[int, Meta(description="Rows per page.", examples=[25])]
    hasMore: Annotated[bool, Meta(description="Whether at least one row follows.")]  # noqa: N815 - the wire's spelling
    total: Annotated[int | None, Meta(description="All rows, or null when there are more than are counted.", examples=[61])]
    sort: Annotated[list[str], Meta(description="The request's sort fields, as sent.", examples=[["AccountId", "-Name"]])]


class PageLinks(msgspec.Struct):
    """Absolute addresses. Follow `next` until it is null: every row comes exactly once, at the same cost on every page."""

    self: Annotated[str, Meta(description="This page.", extra_json_schema={"format": "uri"})]
    next: Annotated[str | None, Meta(description="The next page; null on the last.", extra_json_schema={"format": "uri"})]
    previous: Annotated[str | None, Meta(description="The page before; null at first.", extra_json_schema={"format": "uri"})]


class ListOf(msgspec.Struct, Generic[D]):
    """A page of a list."""

    data: Annotated[list[D], Meta(description="The page's rows.")]
    metadata: Annotated[Metadata, Meta(description="Where the page stands.")]
    links: Annotated[PageLinks, Meta(description="This page and its neighbours.")]


@dataclass(frozen=True, slots=True)
class Name:
    """A field as the dialect names it: the house's field, and the dialect's spelling of its words if it has any."""

    field: Field
    words: Mapping[str, str] | None = None  # house → wire
    aliases: Mapping[str, str] | None = None  # more wire spellings → house

    @property
    def ranking(self) -> tuple[str, ...]:
        """The house's words in the order of their wire spelling."""
        return tuple(sorted(self.words, key=self.words.__getitem__)) if self.words else ()


class Names:
    """The fields of a resource by their wire names; `AccountId`, `accountId` and `accountid` are the same."""

    def __init__(self, listing: Listing[Any], names: Mapping[str, str | tuple[str, Mapping[str, str]]]) -> None:
        self.listing = listing
        self.wire = tuple(names)
        self._names: dict[str, Name] = {}
        for wire, house in names.items():
            field, words = house if isinstance(house, tuple) else (house, None)
            self._names[wire.lower()] = Name(listing.by_name[field], words)

    def get(self, wire: str) -> Name | None:
        return self._names.get(wire.lower())

    def with_aliases(self, wire: str, aliases: Mapping[str, str]) -> "Names":
        """The same, with more spellings for the words of one field."""
        name = self._names[wire.lower()]
        self._names[wire.lower()] = Name(name.field, name.words, aliases)
        return self


@dataclass(frozen=True, slots=True)
class Query:
    """What a list request asks for, read and checked."""

    names: Names
    predicate: Predicate
    sort: tuple[SortKey, ...]
    sort_tokens: list[str]
    window: Window
    mark: bytes
    rest: str  # of the address of any page of this list, after the offset


def read_query(request: Request, names: Names, default_sort: tuple[SortKey, ...] = ()) -> Query:
    """The query string's page, sort and filters. Raises `Malformed` with every invalid parameter."""
    read = _read if len(request.raw_query) <= REMEMBERED_LENGTH else _read.__wrapped__
    return read(names, default_sort, request.raw_query)


@lru_cache(maxsize=1024)
def _read(names: Names, default_sort: tuple[SortKey, ...], raw_query: bytes) -> Query:
    """A pure function of its text, and clients repeat themselves: what was read once is kept for a while."""
    reader = _Reader(names)
    for parameter, value in parse_query(raw_query):
        reader.read(parameter, value)
    if reader.faults:
        raise Malformed(reader.faults)
    predicate = reader.predicate()
    sort = tuple(reader.sort) or default_sort
    mark = fingerprint(names.listing, predicate, sort)
    cursor = read_cursor(reader.cursor, reader.offset, mark, names.listing, sort, "page[cursor]") if reader.cursor else None
    window = Window(reader.offset, reader.limit, cursor)
    return Query(names, predicate, sort, reader.sort_tokens, window, mark, _rest(reader))


def _rest(reader: "_Reader") -> str:
    """Links say everything but the offset alike: limit (default written out), sort, then filters by name."""
    rest = f"&page%5Blimit%5D={reader.limit}"
    if reader.sort_tokens:
        rest += f"&sort={quote(','.join(reader.sort_tokens), safe='')}"
    for name, value in sorted(reader.filters):
        rest += f"&{quote(name, safe='')}={quote(value, safe='')}"
    return rest


class _Reader:
    """Goes through the parameters once and collects every fault."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.offset = 0
        self.limit = DEFAULT_LIMIT
        self.cursor = ""
        self.sort: list[SortKey] = []
        self.sort_tokens: list[str] = []
        self.filters: list[tuple[str, str]] = []
        self.faults: list[Violation] = []
        self._seen: set[str] = set()
        self._equal: dict[str, list[Predicate | tuple[Field, Any]]] = {}
        self._ranges: list[Predicate] = []

    def fault(self, parameter: str, message: str) -> None:
        self.faults.append(Violation(parameter, message))

    def read(self, parameter: str, value: str) -> None:
        if parameter in ("page[offset]", "page[limit]", "page[cursor]", "sort"):
            if parameter in self._seen:
                self.fault(parameter, "was given more than once")
                return
            self._seen.add(parameter)
        match parameter:
            case "page[offset]":
                self.offset = self._integer(parameter, value, 0, MAX_OFFSET)
            case "page[limit]":
                self.limit = self._integer(parameter, value, 1, MAX_LIMIT)
            case "page[cursor]":
                self.cursor = value
            case "sort":
                self._sort(value)
            case _ if parameter in ("page", "filter") or parameter.startswith(("page[", "page%", "filter[", "filter%")):
                self._filter(parameter, value)

    def _integer(self, parameter: str, value: str, low: int, high: int) -> int:
        if re.fullmatch(r"-?[0-9]{1,25}", value) and low <= int(value) <= high:
            return int(value)
        self.fault(
            parameter, f"must be between {low} and {high}" if high < MAX_OFFSET else "must be a whole number from 0 upwards"
        )
        return low

    def _sort(self, value: str) -> None:
        self.sort_tokens = [token for part in value.split(",") if (token := part.strip())]
        if len(self.sort_tokens) > LIMITS.sort_keys:
            self.fault("sort", f"has {len(self.sort_tokens)} fields; at most {LIMITS.sort_keys} are possible")
            return
        fields: set[str] = set()
        for token in self.sort_tokens:
            wire = token.removeprefix("-")
            name = self.names.get(wire)
            if name is None or not name.field.sortable:
                self.fault("sort", f"{wire[:80]!r} is not a field to sort by; use {', '.join(self.names.wire)}")
            elif name.field.name in fields:
                self.fault("sort", f"{wire!r} was given more than once")
            else:
                fields.add(name.field.name)
                self.sort.append(SortKey(name.field.name, token.startswith("-"), name.ranking))

    def _filter(self, parameter: str, value: str) -> None:
        matched = FILTER.fullmatch(parameter)
        if matched is None:
            self.fault(
                parameter[:80], "is not a parameter; use page[offset], page[limit], sort, filter[Field] or filter[Field][gte]"
            )
            return
        wire, operator = matched.groups()
        name = self.names.get(wire)
        if name is None or not name.field.filterable:
            usable = ", ".join(wire for wire in self.names.wire if (known := self.names.get(wire)) and known.field.filterable)
            self.fault(parameter[:80], f"{wire[:80]!r} is not a field to filter by; use {usable}")
            return
        self.filters.append((parameter, value))
        if len(self.filters) > LIMITS.nodes:
            self.fault(parameter, f"more than {LIMITS.nodes} filters")
            return
        if operator is None:
            self._equal_to(parameter, name, value)
        elif operator not in OPERATORS or not name.field.kind.ordered:
            what = "gte, gt, lte and lt" if name.field.kind.ordered else "no operators, since it is neither a date nor a number"
            self.fault(parameter, f"{wire} has {what}")
        elif (typed := self._value(parameter, name, value)) is not None:
            self._ranges.append(Compare(name.field.name, OPERATORS[operator], typed))

    def _equal_to(self, parameter: str, name: Name, value: str) -> None:
        alternatives = self._equal.setdefault(name.field.name, [])
        if not value.strip():
            alternatives.append(Empty(name.field.name))
        elif (typed := self._value(parameter, name, value)) is not None:
            alternatives.append((name.field, typed))

    def _value(self, parameter: str, name: Name, value: str) -> Any:
        if name.words is not None:
            by_wire = {wire.lower(): house for house, wire in name.words.items()}
            by_wire |= {wire.lower(): house for wire, house in (name.aliases or {}).items()}
            word = by_wire.get(value.strip().lower())
            if word is None:
                self.fault(parameter, f"{value[:80]!r} is not one of {', '.join(name.words.values())}")
            return word
        parse, expected = PARSERS[name.field.kind]
        try:
            return parse(value.strip() if name.field.kind is not Kind.TEXT else value)
        except (ValueError, InvalidOperation, OverflowError):
            self.fault(parameter, f"{value[:80]!r} is not {expected}")
            return None

    def predicate(self) -> Predicate:
        """All filters: OR among the values of one field, AND among fields."""
        terms: list[Predicate] = []
        for field, alternatives in self._equal.items():
            values = [a[1] for a in alternatives if isinstance(a, tuple)]
            options: list[Predicate] = [a for a in alternatives if not isinstance(a, tuple)][:1]
            if len(values) == 1:
                options.append(Compare(field, Operator.EQUAL, values[0]))
            elif values:
                options.append(In(field, tuple(values)))
            terms.append(options[0] if len(options) == 1 else Or(tuple(options)))
        return And((*terms, *self._ranges))


def _integer(value: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
        raise ValueError(value)
    return int(value)


def _number(value: str) -> Decimal:
    """Any number as JSON spells it, since that is how clients spell what the document calls a number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", value):
        raise ValueError(value)
    return Decimal(value)


def _date(value: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError(value)
    return date.fromisoformat(value)


PARSERS: dict[Kind, tuple[Callable[[str], Any], str]] = {
    Kind.TEXT: (str, "a text"),
    Kind.REFERENCE: (str, "a text"),
    Kind.WORD: (str, "a word"),
    Kind.INTEGER: (_integer, "a whole number"),
    Kind.DECIMAL: (_number, "a number"),
    Kind.FLOAT: (lambda value: float(_number(value)), "a number"),
    Kind.DATE: (_date, "a date (YYYY-MM-DD)"),
    Kind.INSTANT: (parse_instant, "a date-time (ISO 8601)"),
}


def list_answer(request: Request, query: Query, page: Page[T], represent: Callable[[T], D]) -> Answer:
    """The page in its envelope."""
    offset, limit = query.window.offset, query.window.limit
    following = previous = None
    if page.has_more and page.after is not None:
        following = _address(request, query, offset + limit, write_cursor(page.after, offset + limit, query.mark))
    if offset > 0:
        # A whole page back can go by cursor; nearer to the beginning the pages overlap and the offset says it.
        back = write_cursor(page.before, offset - limit, query.mark) if offset >= limit and page.before is not None else None
        previous = _address(request, query, max(0, offset - limit), back)
    return json_answer(
        ListOf(
            [represent(item) for item in page.items],
            Metadata(offset, limit, page.has_more, page.total, query.sort_tokens),
            PageLinks(_address(request, query, offset), following, previous),
        )
    )


def list_parameters(names: Names) -> tuple[Parameter, ...]:
    """The query parameters of a list, for the document."""
    fields = [(wire, name) for wire in names.wire if (name := names.get(wire))]
    sortable = [wire for wire, name in fields if name.field.sortable]
    filterable = [(wire, name) for wire, name in fields if name.field.filterable]
    return (
        Parameter(
            "page[offset]", "Rows to skip.", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, example=0
        ),
        Parameter(
            "page[limit]",
            "Rows per page.",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            example=25,
        ),
        Parameter("page[cursor]", "Only as part of links.next and links.previous; never made by clients.", {"type": "string"}),
        Parameter(
            "sort",
            "Fields to sort by, separated by commas; a minus sign sorts descending. Each field at most once.",
            {
                "type": "array",
                "items": {"type": "string", "enum": [*sortable, *(f"-{wire}" for wire in sortable)]},
                "maxItems": LIMITS.sort_keys,
                "uniqueItems": True,
            },
            style={"style": "form", "explode": False},
        ),
        *(
            Parameter(
                f"filter[{wire}]",
                f"Only rows whose {wire} is this. Several times: any of these. An empty value: rows without one.",
                {"type": "array", "items": _schema(name)},
                style={"style": "form", "explode": True},
            )
            for wire, name in filterable
        ),
        *(
            Parameter(f"filter[{wire}][{operator}]", f"Only rows whose {wire} is {meaning} this.", _schema(name))
            for wire, name in filterable
            if name.field.kind.ordered
            for operator, meaning in (("gte", "at or after"), ("gt", "after"), ("lte", "at or before"), ("lt", "before"))
        ),
    )


def _schema(name: Name) -> dict[str, Any]:
    """What values of a field look like in a query."""
    if name.words:
        return {"type": "string", "enum": list(name.words.values())}
    schemas: dict[Kind, dict[str, Any]] = {
        Kind.INTEGER: {"type": "integer", "minimum": 1 - 10**18, "maximum": 10**18 - 1},
        Kind.DECIMAL: {"type": "number"},
        Kind.FLOAT: {"type": "number"},
        Kind.DATE: {"type": "string", "format": "date"},
        Kind.INSTANT: {"type": "string", "format": "date-time"},
    }
    return schemas.get(name.field.kind, {"type": "string"})


def _address(request: Request, query: Query, offset: int, cursor: str | None = None) -> str:
    """The absolute address of the page at `offset`; a cursor comes last."""
    address = f"{request.base_url}{quote(request.path.rstrip('/'), safe='/')}?page%5Boffset%5D={offset}{query.rest}"
    return f"{address}&page%5Bcursor%5D={cursor}" if cursor else address
