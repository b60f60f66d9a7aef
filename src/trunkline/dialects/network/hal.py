"""Objects and pages as HAL documents (reference/expeto.md §6.2-6.4, §9).

The members that do not depend on a row are made once: a row costs one reading of its fields, one dict and one replacement in the
bytes of its links.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
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

encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")
_ID = b"\x00"  # stands for the row's id in prepared bytes; never part of a text that came in

Document = dict[str, Any]
Nested = Callable[[str, str, Any], msgspec.Raw]


def timestamp(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds: `2012-03-28T16:19:27.128Z`."""
    return None if instant is None else instant.isoformat(timespec="milliseconds")[:23] + "Z"


@lru_cache(maxsize=1024)
def http_date(instant: datetime) -> str:
    """The instant as `Last-Modified` says it."""
    return format_datetime(instant, usegmt=True)


def link(href: str, *, templated: bool = False) -> dict[str, Any]:
    """A link object."""
    return {"href": href, "templated": True} if templated else {"href": href}


def _masked(value: Any) -> str | None:
    return MASK if value else None


def _texts(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value or {}


def _constant(shown: Property) -> Any:
    """What stands there whatever the object; `None` when it depends on the object."""
    return MASK if shown.secret and not shown.shown_by else shown.constant


def _conversion(shown: Property) -> Callable[[Any], Any] | None:
    """How the house's value becomes the wire's; `None` when it is the same."""
    if _constant(shown) is not None:
        return None
    if shown.secret:
        return _masked
    return {Type.INSTANT: timestamp, Type.TEXTS: _texts}.get(shown.type)


class Representation:
    """How a resource's objects look in every projection."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._rows = {projection: _Row(resource, projection) for projection in Projection}
        self._key = attrgetter(resource.key)
        self._links: dict[tuple[str, frozenset[str]], bytes] = {}
        self.nested = lru_cache(maxsize=8192)(self._nested_of)  # the rows of a page share most of what they are linked to
        self._ones: tuple[tuple[str, Nested], ...] | None = None
        self._manies: tuple[tuple[str, str, Nested], ...] = ()
        self._one_values: Callable[[Any], tuple[Any, ...]] = _getter([])
        self._shown = {
            projection: tuple((p.name, p.show) for p in resource.shown(projection) if p.show is not None)
            for projection in Projection
        }

    def href(self, base: str, item: Any) -> str:
        """The plain address of an object."""
        return f"{base}{VERSION}/{self.resource.path}/{segment(str(self._key(item)))}"

    def of(self, base: str, scopes: frozenset[str], projection: Projection, item: Any) -> Document:
        """One object; in the deep projection `item` is a deep model."""
        document = self._rows[projection].of(item)
        for name, show in self._shown[projection]:
            document[name] = show(base, document[name])
        if projection is Projection.DEEP:
            self._deepen(document, base, item)
        document["_links"] = msgspec.Raw(self._links_of(base, scopes).replace(_ID, segment(str(self._key(item))).encode()))
        return document

    def many(self, base: str, scopes: frozenset[str], projection: Projection, items: Any) -> list[Document]:
        """The rows of a page."""
        if projection is Projection.DEEP or self._shown[projection]:
            return [self.of(base, scopes, projection, item) for item in items]
        row, key, links = self._rows[projection].of, self._key, self._links_of(base, scopes)
        raw = msgspec.Raw
        documents = []
        for item in items:
            document = row(item)
            document["_links"] = raw(links.replace(_ID, segment(str(key(item))).encode()))
            documents.append(document)
        return documents

    def plain(self, base: str, item: Any) -> Document:
        """Everything of a deep model that a caller could write, as a caller would write it: links are addresses."""
        document = self._rows[Projection.DEEP].of(item)
        for name, show in self._shown[Projection.DEEP]:
            document[name] = show(base, document[name])
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

    def _deepen(self, document: Document, base: str, item: Any) -> None:
        if self._ones is None:
            self._prepare_deep()
        values = iter(self._one_values(item))
        for (name, nested), reference in zip(self._ones or (), values, strict=False):
            label = next(values)
            document[name] = None if reference is None else nested(base, reference, label)
        for name, members, nested in self._manies:
            document[name] = [nested(base, member.reference, member.name) for member in getattr(item, members)]

    def _prepare_deep(self) -> None:
        """Which links the deep projection shows; their targets are known only when every collection is."""
        ones = [a for a in self.resource.associations if not a.many]
        self._one_values = _getter([name for a in ones for name in (a.reference, a.label)])
        self._manies = tuple(
            (a.name, a.members, REPRESENTATIONS[a.target].nested) for a in self.resource.associations if a.members
        )
        self._ones = tuple((a.name, REPRESENTATIONS[a.target].nested) for a in ones)

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
    """The plain members of one projection."""

    def __init__(self, resource: Resource, projection: Projection) -> None:
        shown = resource.shown(projection)
        self._names = tuple(p.name for p in shown)
        self._values = _getter([_source(resource, p) for p in shown])
        self._constants = {p.name: constant for p in shown if (constant := _constant(p)) is not None}
        self._words = tuple((p.name, p.words) for p in shown if p.words is not None)
        conversions = ((p.name, _conversion(p)) for p in shown)
        self._conversions = tuple((name, convert) for name, convert in conversions if convert is not None)

    def of(self, item: Any) -> Document:
        document = dict(zip(self._names, self._values(item), strict=False))
        document.update(self._constants)
        for name, words in self._words:
            word = document[name]
            document[name] = words.get(word, word)
        for name, convert in self._conversions:
            document[name] = convert(document[name])
        return document


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
    for path, resource in resources.items():
        REPRESENTATIONS[path] = Representation(resource)
