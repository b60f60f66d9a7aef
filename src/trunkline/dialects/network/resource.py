"""What a collection of the Network API is: declared once, and every operation, document and form follows from the declaration.

A `Resource` names a collection's path, its properties and associations in the dialect's words beside the house's, the use cases of
its domain and who may do what. `collection.py` and its neighbours make the operations of reference/expeto.md §4, 6 and 7 from it;
`profile.py` makes ALPS and JSON Schema, `forms.py` HAL-FORMS.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

import msgspec

from trunkline.kit.http.request import Request
from trunkline.kit.query import Listing

INTEGER_RANGE = 2**53 - 1  # what every JSON reader keeps exactly
MASK = "###MASKED###"  # what every secret is shown as (reference/expeto.md §5, Masking)


class Projection(StrEnum):
    """How much of an object is shown; each holds what the one before holds (reference/expeto.md §6.3)."""

    BRIEF = "brief"
    DETAIL = "detail"
    DEEP = "deep"


class Type(Enum):
    """A property's type on the wire: JSON Schema's type and format."""

    STRING = ("string", None)
    INTEGER = ("integer", None)
    NUMBER = ("number", None)
    BOOLEAN = ("boolean", None)
    INSTANT = ("string", "date-time")  # ISO 8601 in UTC with milliseconds
    TEXTS = ("object", None)  # texts by name: extensions
    LIST = ("array", None)  # texts
    STEPS = ("array", "apn-profiles")  # a system profile's ordered list of APNs

    def __init__(self, json: str, format_: str | None) -> None:
        self.json = json
        self.format = format_


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A plain member. `field` is the house's name of it in model, draft and listing (the wire's in snake_case when left empty).

    `words`: house → wire for words of a closed list. `shown_by`: for a secret, the model's field that says whether it is set (empty:
    it always is). `nullable`: whether null may be written.
    """

    name: str
    description: str
    type: Type = Type.STRING
    field: str = ""
    projection: Projection = Projection.DETAIL  # the smallest that shows it
    required: bool = False  # on create; PUT must not null it
    read_only: bool = False  # ignored when written
    write_only: bool = False  # never shown, not even masked
    secret: bool = False
    shown_by: str = ""
    words: Mapping[str, str] | None = None
    read: Callable[[Any], Any] | None = None  # the house's value of a wire's value; raises ValueError with what is wrong
    show: Callable[[str, Any], Any] | None = (
        None  # the wire's value of a house's value; the first argument is where links begin
    )
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    constant: Any = None  # shown whatever the object
    default: Any = None  # what the domain takes when a POST leaves it out; for forms
    example: Any = None
    keeps: bool = False  # a PUT without it keeps its value instead of nulling it
    plain: bool = True  # whether filters and sort may name it (secrets never may)

    def __post_init__(self) -> None:
        if not self.field:
            object.__setattr__(self, "field", snake(self.name))

    @property
    def nullable(self) -> bool:
        return not self.required

    @property
    def writable(self) -> bool:
        return not self.read_only

    @property
    def visible(self) -> bool:
        return not self.write_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A link to other objects, at `/{collection}/{id}/{name}`.

    `field` is the draft's field (holding references) and the beginning of the deep model's `<field>_reference` and `<field>_name`.
    To-many: `members` is the model's field with the linked objects (each with reference and name), or `listed_by` the field of the
    target's listing that holds this object's reference.
    """

    name: str
    target: str  # path of the target's collection
    description: str
    field: str = ""
    many: bool = False
    members: str = ""
    listed_by: str = ""
    required: bool = False
    read_only: bool = False
    keeps: bool = False  # a PUT without it keeps it

    def __post_init__(self) -> None:
        if not self.field:
            object.__setattr__(self, "field", snake(self.name))

    @property
    def reference(self) -> str:
        """The deep model's (and listing's) field with the linked object's reference."""
        return f"{self.field}_reference"

    @property
    def label(self) -> str:
        """The deep model's field with the linked object's name."""
        return f"{self.field}_name"

    @property
    def parameter(self) -> str:
        """The filter on it: `systemId`."""
        return f"{self.name}Id"

    @property
    def writable(self) -> bool:
        return not self.read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A named query at `/{collection}/search/{name}`. `single` answers the object or 404, the others a page."""

    name: str
    by: str  # a property's name, or an association's parameter (`systemId`)
    single: bool = False

    @property
    def template(self) -> str:
        return "{?" + self.by + (",projection}" if self.single else ",page,size,sort,projection}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The domain's functions, all of one form; what is `None` the collection does not offer."""

    list: Callable[..., Awaitable[Any]]
    find: Callable[..., Awaitable[Any]]
    glance: Callable[..., Awaitable[Any]] | None = None  # `find` without the linked objects, where that is cheaper
    create: Callable[..., Awaitable[Any]] | None = None
    change: Callable[..., Awaitable[Any]] | None = None
    remove: Callable[..., Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """A collection of the Network API."""

    path: str  # below /v1
    item: str  # the item's name, and the rel of its templated link
    title: str  # for people: "Subscribers"
    description: str
    properties: tuple[Property, ...]
    associations: tuple[Association, ...] = ()
    searches: tuple[Search, ...] = ()
    listing: Listing[Any]
    deep_listing: Listing[Any]
    use_cases: UseCases
    draft: type[msgspec.Struct] | None = None
    key: str = "reference"  # the model's (and listing's) field that is the wire's id
    modified: str = "modified_at"  # the model's field behind Last-Modified and recordTimestamp; empty: it has none
    chosen_id: bool = False  # whether a POST may bring an id of its own
    default_sort: tuple[str, ...] = ()  # sort texts as on the wire
    commands: tuple[str, ...] = ()  # names below `command/`, for the documents
    prepare: Callable[[Request, dict[str, Any], Any], None] | None = (
        None  # last say over a draft's fields: (…, fields, existing)
    )
    examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def writable(self) -> bool:
        return self.use_cases.create is not None or self.use_cases.change is not None

    def shown(self, projection: Projection) -> tuple[Property, ...]:
        """The properties that a projection shows, in order."""
        order = list(Projection)
        return tuple(p for p in self.properties if p.visible and order.index(p.projection) <= order.index(projection))

    def association(self, name: str) -> Association | None:
        return next((a for a in self.associations if a.name == name), None)


def snake(name: str) -> str:
    """`systemProfile` → `system_profile`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def pascal(path: str) -> str:
    """`system-profiles` → `SystemProfiles`, for the names of operations."""
    return "".join(part[:1].upper() + part[1:] for part in path.split("-"))
