"""Objects and pages as HAL documents (reference/expeto.md §6.2-6.4, §9).

What does not depend on a row is made once: a row costs one reading of its fields, one Struct and one replacement in the bytes of its
links.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from trunkline.dialects.network.links import PROJECTED, VERSION, segment
from trunkline.dialects.network.resource import MASK, Projection, Property, Resource, Type
from trunkline.dialects.network.roles import READ, scope

HAL = "application/hal+json"
FORMS = "application/prs.hal-forms+json"
JSON = "application/json"
OFFERED = (HAL, FORMS, JSON)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")
_ID = b"\x00"  # stands for the row's id in prepared bytes; never part of a text that came in

Document = dict[str, Any]


def timestamp(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds: `2012-03-28T16:19:27.128Z`."""
    if instant is None:
        return None
    seconds = encoder.encode(instant)[1:20].decode()  # a sixth of what `isoformat` takes
    return f"{seconds}.{instant.microsecond // 1000:03}Z"


def http_date(instant: datetime) -> str:
    """The instant (UTC) as `Last-Modified` says it: `Wed, 28 Mar 2012 16:19:27 GMT`."""
    day, month = DAYS[instant.weekday()], MONTHS[instant.month - 1]
    return f"{day}, {instant.day:02} {month} {instant.year:04} {instant.hour:02}:{instant.minute:02}:{instant.second:02} GMT"


def link(href: str, *, templated: bool = False) -> dict[str, Any]:
    """A link object."""
    return {"href": href, "templated": True} if templated else {"href": href}


def _masked(value: Any) -> str | None:
    return MASK if value else None


def _texts(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value or {}


def _change(shown: Property) -> Callable[[Any], Any] | None:
    """How the house's value becomes the wire's; `None` when it is the same."""
    constant = MASK if shown.secret and not shown.shown_by else shown.constant
    if constant is not None:
        return lambda _: constant
    if shown.secret:
        return _masked
    if shown.words is not None:
        words = dict(shown.words)
        return lambda word: words.get(word, word)
    return {Type.INSTANT: timestamp, Type.TEXTS: _texts}.get(shown.type)


class Representation:
    """How a resource's objects look in every projection."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.nested = lru_cache(maxsize=8192)(self._nested_of)  # the rows of a page share most of what they are linked to
        self._key = attrgetter(resource.key)
        self._links: dict[tuple[str, frozenset[str]], bytes] = {}
        self._rows: dict[Projection, _Row] = {}

    def prepare(self) -> None:
        """To be called when all collections are known: the deep projection shows their objects."""
        self._rows = {projection: _Row(self.resource, projection) for projection in Projection}

    def href(self, base: str, item: Any) -> str:
        """The plain address of an object."""
        return f"{base}{VERSION}/{self.resource.path}/{segment(str(self._key(item)))}"

    def of(self, base: str, scopes: frozenset[str], projection: Projection, item: Any) -> Document:
        """One object; in the deep projection `item` is a deep model."""
        row = self._rows[projection]
        document = dict(zip(row.names, row.values(base, item), strict=True))
        document["_links"] = msgspec.Raw(self._links_of(base, scopes).replace(_ID, segment(str(self._key(item))).encode()))
        return document

    def many(self, base: str, scopes: frozenset[str], projection: Projection, items: Any) -> list[msgspec.Struct]:
        """The rows of a page, to be encoded."""
        row, key, links, raw = self._rows[projection], self._key, self._links_of(base, scopes), msgspec.Raw
        values, struct = row.values, row.struct
        return [struct(*values(base, item), raw(links.replace(_ID, segment(str(key(item))).encode()))) for item in items]

    def plain(self, base: str, item: Any) -> Document:
        """Everything of a deep model that a caller could write, as a caller would write it: links are addresses."""
        row = self._rows[Projection.DEEP]
        document = dict(zip(row.names, row.own(base, item), strict=False))
        for association in self.resource.associations:
            prefix = f"{base}{VERSION}/{association.target}/"
            if association.members:
                members = getattr(item, association.members)
                document[association.name] = [prefix + segment(member.reference) for member in members]
            elif not association.many:
                reference = getattr(item, association.reference)
                document[association.name] = None if reference is None else prefix + segment(reference)
        return document

    def _nested_of(self, base: str, reference: str, name: Any) -> msgspec.Raw:
        """This object as a member of another one in its deep projection: name and templated self."""
        self_link = link(f"{base}{VERSION}/{self.resource.path}/{segment(reference)}{PROJECTED}", templated=True)
        return msgspec.Raw(encoder.encode({"name": name, "_links": {"self": self_link}}))

    def _links_of(self, base: str, scopes: frozenset[str]) -> bytes:
        key = (base, scopes)
        prepared = self._links.get(key)
        if prepared is None:
            if len(self._links) > 256:
                self._links.clear()
            prepared = self._links[key] = self._prepared_links(base, scopes)
        return prepared

    def _prepared_links(self, base: str, scopes: frozenset[str]) -> bytes:
        href = f"{base}{VERSION}/{self.resource.path}/\x01"
        links = {"self": link(href), self.resource.item: link(href + PROJECTED, templated=True)}
        for association in self.resource.associations:
            if scope(association.target, READ) in scopes:
                template = "{?page,size,sort,projection}" if association.many else PROJECTED
                links[association.name] = link(f"{href}/{association.name}{template}", templated=True)
        return encoder.encode(links).replace(b"\\u0001", _ID)


class _Row:
    """The members of one projection but for the links, in order.

    `struct` holds the values and the links of an object that is only to be encoded, for a third of what a dict takes.
    """

    def __init__(self, resource: Resource, projection: Projection) -> None:
        linked = resource.associations if projection is Projection.DEEP else ()
        ones = [a for a in linked if not a.many]
        manies = [a for a in linked if a.members]
        links = [a.name for a in (*ones, *manies)]
        shown = [p for p in resource.shown(projection) if p.name not in links]  # the linked object says more than its id
        self.names = (*(p.name for p in shown), *links)
        self.struct = _struct(resource, (*self.names, "_links"))
        self._read = _getter([_source(resource, p) for p in shown])
        self._changes = tuple((index, change) for index, p in enumerate(shown) if (change := _change(p)) is not None)
        self._shows = tuple((index, p.show) for index, p in enumerate(shown) if p.show is not None)
        self._read_ones = _getter([name for a in ones for name in (a.reference, a.label)])
        self._ones = tuple((2 * index, REPRESENTATIONS[a.target].nested) for index, a in enumerate(ones))
        self._manies = tuple((attrgetter(a.members), REPRESENTATIONS[a.target].nested) for a in manies)
        self.values = self._deep if linked else self.own

    def own(self, base: str, item: Any) -> list[Any]:
        """The plain members."""
        values = list(self._read(item))
        for index, change in self._changes:
            values[index] = change(values[index])
        for index, show in self._shows:
            values[index] = show(base, values[index])
        return values

    def _deep(self, base: str, item: Any) -> list[Any]:
        """The plain members and what the object is linked to."""
        values, linked = self.own(base, item), self._read_ones(item)
        for index, nested in self._ones:
            reference = linked[index]
            values.append(None if reference is None else nested(base, reference, linked[index + 1]))
        for members, nested in self._manies:
            values.append([nested(base, member.reference, member.name) for member in members(item)])
        return values


def _struct(resource: Resource, names: Sequence[str]) -> type[msgspec.Struct]:
    """A Struct with members of these names, without defaults."""
    fields = {f"member_{index}": name for index, name in enumerate(names)}
    return msgspec.defstruct(resource.item.title(), [(field, Any) for field in fields], rename=fields, gc=False)


def _source(resource: Resource, shown: Property) -> str:
    """The model's field behind a property. For what is in no model (a constant, a secret that is always set) any field stands in."""
    if shown.constant is not None:
        return resource.key
    if shown.secret:
        return shown.shown_by or resource.key
    return shown.field


def _getter(fields: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not fields:
        return lambda _: ()
    if len(fields) > 1:
        return attrgetter(*fields)
    single = attrgetter(*fields)
    return lambda item: (single(item),)


REPRESENTATIONS: dict[str, Representation] = {}  # by path; filled by `represent`


def represent(resources: Mapping[str, Resource]) -> None:
    """Prepare the representations of all collections."""
    REPRESENTATIONS.update((path, Representation(resource)) for path, resource in resources.items())
    for representation in REPRESENTATIONS.values():
        representation.prepare()
