"""The Network API's spelling of lists: `page`, `size`, `sort`, `projection` and filters (reference/expeto.md §6.1).

Spring's resolvers are the model: what cannot be read falls back to its default, what is unknown is dropped.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from trunkline.dialects.network.hal import Document, Representation, link
from trunkline.dialects.network.links import VERSION, reference_in
from trunkline.dialects.network.resource import INTEGER_RANGE, Projection, Resource
from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.http.request import Request, parse_query
from trunkline.kit.instants import parse_instant
from trunkline.kit.query import LAST, And, Compare, Field, In, Kind, Limits, Operator, Or, Page, Predicate, SortKey, Window
from trunkline.kit.query.cursor import fingerprint, read_cursor, write_cursor

DEFAULT_SIZE = 20
MAX_SIZE = 1000
MAX_PAGE = 2**31 - 1
EXACT = 2**53  # totals are always exact
REMEMBERED_LENGTH = 1024  # bytes of a query string that is worth remembering
LIMITS = Limits()
NOTHING = Or(())
WHOLE = re.compile(r"[+-]?[0-9]{1,10}")
OWN = frozenset({"page", "size", "sort", "projection", "cursor"})


@dataclass(frozen=True, slots=True)
class Name:
    """What a filter or a sort names: the listing's field, the wire's words if it has any, the collection if it is a link."""

    field: Field
    words: dict[str, tuple[str, ...]] | None = None  # lower-case wire → house; some words of the wire stand for several
    ranking: tuple[str, ...] = ()
    target: str = ""


class Names:
    """A resource's plain fields and links by their wire names."""

    def __init__(self, resource: Resource) -> None:
        known = resource.listing.by_name
        self.resource = resource
        self.key = known[resource.key]
        self.secrets = frozenset(p.name for p in resource.properties if p.secret or p.write_only)
        self._plain: dict[str, Name] = {"id": Name(self.key)}
        self._links: dict[str, Name] = {}
        for shown in resource.properties:
            if shown.field not in known or not shown.plain or shown.constant is not None or shown.name in self.secrets:
                continue
            words: dict[str, tuple[str, ...]] | None = None
            ranking: tuple[str, ...] = ()
            if shown.words is not None:
                words = {}
                for house, wire in shown.words.items():
                    words[wire.lower()] = (*words.get(wire.lower(), ()), house)
                ranking = tuple(sorted(shown.words, key=shown.words.__getitem__))
            self._plain[shown.name] = Name(known[shown.field], words, ranking)
        for association in resource.associations:
            if not association.many and association.reference in known:
                self._links[association.parameter] = Name(known[association.reference], target=association.target)

    def sortable(self, wire: str) -> Name | None:
        name = self._plain.get(wire)
        return name if name is not None and name.field.sortable else None

    def filterable(self, wire: str) -> Name | None:
        name = self._plain.get(wire) or self._links.get(wire)
        return name if name is not None and name.field.filterable else None


@dataclass(frozen=True, slots=True)
class Query:
    """What a list request asks for, read and checked. `number` is the page; `rest` ends the address of any page of this list."""

    predicate: Predicate
    sort: tuple[SortKey, ...]
    window: Window
    projection: Projection
    number: int
    mark: bytes
    rest: str


@dataclass(slots=True)
class _Read:
    number: int = 0
    size: int = DEFAULT_SIZE
    sort: list[SortKey] = field(default_factory=list)
    sort_texts: list[str] = field(default_factory=list)
    projection: Projection = Projection.DETAIL
    projection_text: str = ""
    cursor: str = ""
    filters: dict[str, list[str]] = field(default_factory=dict)


def read_query(request: Request, names: Names) -> Query:
    """The query string of a list. Raises `Malformed` for a filter on a secret and for what is no query at all."""
    read = _read if len(request.raw_query) <= REMEMBERED_LENGTH else _read.__wrapped__
    return read(names, request.raw_query)


@lru_cache(maxsize=2048)
def _read(names: Names, raw_query: bytes) -> Query:
    """A pure function of its text, and clients repeat themselves: what was read once is kept for a while."""
    read = _Read()
    for parameter, value in parse_query(raw_query):
        match parameter:
            case "page":
                read.number = _number(value, 0, MAX_PAGE, 0)
            case "size":
                read.size = min(_number(value, 1, MAX_PAGE, DEFAULT_SIZE), MAX_SIZE)
            case "sort":
                read.sort_texts.append(value)
                _sort(names, value, read.sort)
            case "projection":
                read.projection_text = value
            case "cursor":
                read.cursor = value
            case _:
                read.filters.setdefault(parameter, []).append(value)
    read.projection = projection_of(read.projection_text)
    predicate = _predicate(names, read.filters)
    sort = tuple(read.sort) or _default_sort(names)
    offset = read.number * read.size
    mark = fingerprint(names.resource.listing, predicate, sort)
    cursor = None
    if read.cursor:
        cursor = read_cursor(read.cursor, offset, mark, names.resource.listing, sort, "cursor")
    return Query(predicate, sort, Window(offset, read.size, cursor), read.projection, read.number, mark, _rest(names, read))


def read_projection(request: Request) -> Projection:
    """The projection that a request for one object asks for."""
    if b"projection" not in request.raw_query:
        return Projection.DETAIL
    return projection_of(next((value for name, value in reversed(request.query) if name == "projection"), ""))


def projection_of(text: str) -> Projection:
    """An unknown projection is the default one."""
    return Projection(text) if text in Projection.__members__.values() else Projection.DETAIL


def _number(value: str, low: int, high: int, otherwise: int) -> int:
    number = int(value) if WHOLE.fullmatch(value.strip()) else otherwise
    return number if low <= number <= high else otherwise


def _sort(names: Names, value: str, sort: list[SortKey]) -> None:
    """`a,b,desc`: one direction for all fields of a parameter; unknown fields, links and secrets are dropped."""
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if parts and parts[-1].lower() == "ignorecase":
        parts.pop()
    descending = bool(parts) and parts[-1].lower() == "desc"
    if parts and parts[-1].lower() in ("asc", "desc"):
        parts.pop()
    for part in parts:
        name = names.sortable(part)
        if name is not None and len(sort) < LIMITS.sort_keys and all(key.field != name.field.name for key in sort):
            sort.append(SortKey(name.field.name, descending, name.ranking))


@lru_cache(maxsize=64)
def _default_sort(names: Names) -> tuple[SortKey, ...]:
    sort: list[SortKey] = []
    for text in names.resource.default_sort:
        _sort(names, text, sort)
    return tuple(sort)


def _predicate(names: Names, filters: dict[str, list[str]]) -> Predicate:
    """Several filters must all hold; of one filter's values any. Raises `Malformed` for a filter on a secret."""
    if secret := [name for name in filters if name in names.secrets]:
        raise Malformed([Violation(name, "is a secret; nothing is found by it") for name in secret])
    terms: list[Predicate] = []
    for wire, values in filters.items():
        name = names.filterable(wire)
        if name is not None:
            found = tuple(dict.fromkeys(typed for value in values for typed in _values(name, value)))
            if not found:
                return NOTHING
            terms.append(Compare(name.field.name, Operator.EQUAL, found[0]) if len(found) == 1 else In(name.field.name, found))
    return And(tuple(terms))


def equals(names: Names, wire: str, value: str) -> Predicate:
    """The predicate of one filter."""
    return _predicate(names, {wire: [value]})


def _values(name: Name, value: str) -> tuple[Any, ...]:
    """The value as the field's type; nothing when no row can have it."""
    if name.target:
        reference = reference_in(value, name.target)
        return () if reference is None else (reference,)
    if name.words is not None:
        return name.words.get(value.strip().lower(), ())
    try:
        return (PARSERS.get(name.field.kind, str)(value),)
    except (ValueError, ArithmeticError):
        return ()


def _integer(value: str) -> int:
    number = int(value) if WHOLE.fullmatch(value.strip()) or re.fullmatch(r"-?[0-9]{1,18}", value.strip()) else None
    if number is None or abs(number) > INTEGER_RANGE:
        raise ValueError(value)
    return number


def _decimal(value: str) -> Decimal:
    if not re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", value.strip()):
        raise ValueError(value)
    return Decimal(value.strip())


def _truth(value: str) -> bool:
    words = {"true": True, "false": False}
    if value.strip().lower() not in words:
        raise ValueError(value)
    return words[value.strip().lower()]


PARSERS: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: lambda value: float(_decimal(value)),
    Kind.INSTANT: parse_instant,
    Kind.BOOLEAN: _truth,
}


def _rest(names: Names, read: _Read) -> str:
    """What page links keep: size, sort, projection and filters."""
    rest = f"&size={read.size}"
    for text in read.sort_texts:
        rest += f"&sort={quote(text, safe=',')}"
    if read.projection_text:
        rest += f"&projection={read.projection}"
    for name, values in read.filters.items():
        if names.filterable(name) is not None:
            rest += "".join(f"&{quote(name, safe='')}={quote(value, safe='')}" for value in values)
    return rest


def page_document(
    representation: Representation,
    base: str,
    scopes: frozenset[str],
    query: Query,
    page: Page[Any],
    path: str = "",
    *,
    search: bool = True,
) -> Document:
    """The page as a HAL document; `path` is the list's own when it is not the collection."""
    resource = representation.resource
    address = f"{base}{VERSION}/{path or resource.path}?page="
    total = page.total or 0
    size = query.window.limit
    pages = -(-total // size)
    links: Document = {}
    if pages > 1:
        links["first"] = link(f"{address}0{query.rest}")
    if query.number > 0:
        links["prev"] = link(_page(address, query, query.number - 1, page.before if query.window.offset >= size else None))
    links["self"] = link(f"{address}{query.number}{query.rest}")
    if query.number < pages - 1:
        links["next"] = link(_page(address, query, query.number + 1, page.after))
    if pages > 1:
        links["last"] = link(_page(address, query, pages - 1, LAST))
    links["profile"] = link(f"{base}{VERSION}/profile/{resource.path}")
    if search and resource.searches:
        links["search"] = link(f"{base}{VERSION}/{resource.path}/search")
    return {
        "_embedded": {resource.path: representation.many(base, scopes, query.projection, page.items)},
        "_links": links,
        "page": {"size": size, "totalElements": total, "totalPages": pages, "number": query.number},
    }


def _page(address: str, query: Query, number: int, cursor: Any) -> str:
    """The address of another page; with a cursor it costs what the first page costs."""
    href = f"{address}{number}{query.rest}"
    if cursor is None:
        return href
    return f"{href}&cursor={write_cursor(cursor, number * query.window.limit, query.mark)}"


def single_page(items: Sequence[Any]) -> Page[Any]:
    """A short list that is one page."""
    return Page(items=items, has_more=False, total=len(items), after=None, before=None)
