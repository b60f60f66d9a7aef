"""What a collection of the inventory is made of. From a `Description` follow its lists, its statements and its use cases.

A part is one field of the collection's draft: a plain attribute, a link to another object, or a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from trunkline.domains.connectivity.inventory.drafts import Draft
from trunkline.domains.connectivity.inventory.model import Item
from trunkline.kit.query import Kind
from trunkline.kit.rules import Rule

M = TypeVar("M", bound=Item)
D = TypeVar("D", bound=Item)
X = TypeVar("X", bound=Draft)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column under the same name in table, model and draft. Null means `default`; without a kind it is a map, stored as JSON."""

    name: str
    rule: Rule
    kind: Kind | None = Kind.TEXT
    required: bool = False
    default: Any = None

    @property
    def column(self) -> str:
        return self.name

    @property
    def nullable(self) -> bool:
        return not self.required and self.default is None


@dataclass(frozen=True, slots=True)
class Link:
    """One linked object, given by its reference: a row of the collection `to`, kept in the column `<name>_id`."""

    name: str
    to: str
    required: bool = False

    @property
    def column(self) -> str:
        return f"{self.name}_id"


@dataclass(frozen=True, slots=True)
class Secret:
    """A column that is sealed by the keyring; the model says only `has_<name>`. `read` makes bytes of a draft's text."""

    name: str
    rule: Rule
    read: Callable[[str], bytes]


Part: TypeAlias = Attribute | Link | Secret


@dataclass(frozen=True, slots=True)
class Description(Generic[M, D, X]):
    """A collection: its words, its types, and its parts in the order in which their faults are told.

    `chosen`: its references may be chosen by whoever creates an object. `duplicate` says what may exist only once. `used_by`: tables
    and their columns that refer to it.
    """

    name: str  # the collection, its table and its permissions: "private_radios"
    thing: str  # one of it, in events: "private_radio"
    model: type[M]
    deep: type[D]
    draft: type[X]
    parts: tuple[Part, ...]
    chosen: bool = False
    duplicate: str = ""
    used_by: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """What people call one of it."""
        return self.thing.replace("_", " ")

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(part for part in self.parts if isinstance(part, Attribute))

    @property
    def links(self) -> tuple[Link, ...]:
        """The linked objects beside the account, which every object has."""
        return tuple(part for part in self.parts if isinstance(part, Link))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(part for part in self.parts if isinstance(part, Secret))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a change writes, beside version and instant; secrets are written by statements of their own."""
        return ("account_id", "customer_id", *(part.column for part in self.parts if not isinstance(part, Secret)))

    def purpose(self, secret: Secret) -> str:
        """What the keyring binds a secret to: "keyset.op"."""
        return f"{self.thing.partition('_')[0]}.{secret.name}"
