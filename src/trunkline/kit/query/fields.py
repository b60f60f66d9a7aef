"""The query catalogue: what a list can be filtered and sorted by, and how a row of it becomes an object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


class Kind(Enum):  # members of equal types stay apart, see __new__
    """A field's type: the Python type of its values and the SQL type of its parameters."""

    TEXT = (str, "text")  # matches without case and outer blanks; sorts without case first
    REFERENCE = (str, "text")  # noqa: PIE796 - upper-case identifiers: one key to sort by, an index to find by
    WORD = (str, "text")  # noqa: PIE796 - one of a few words (an enum)
    INTEGER = (int, "bigint")
    DECIMAL = (Decimal, "numeric")
    FLOAT = (float, "double precision")
    UUID = (UUID, "uuid")  # an object's id: for conditions that the house itself adds
    BOOLEAN = (bool, "boolean")
    DATE = (date, "date")
    INSTANT = (datetime, "timestamptz")

    def __new__(cls, python: type, sql: str) -> "Kind":
        member = object.__new__(cls)
        member._value_ = len(cls.__members__)
        return member

    def __init__(self, python: type, sql: str) -> None:
        self.python = python
        self.sql = sql

    @property
    def ordered(self) -> bool:
        """Whether `<` and `>` make sense to a caller."""
        return self not in (Kind.TEXT, Kind.REFERENCE, Kind.WORD, Kind.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Field:
    """A field under its house name. `sql` is its expression over the listing's tables."""

    name: str
    sql: str
    kind: Kind
    nullable: bool = False
    filterable: bool = True
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Reachable:
    """How rows of a listing are kept to a customer: the column of its root account and the column of the account they belong to.

    A credential of a whole customer needs only the first; one of a branch is kept to the branch by a range over `accounts.path`.
    """

    customer: str
    account: str

    def condition(self, customer: str, low: str, high: str) -> str:
        return (
            f"{self.customer} = {customer} AND {self.account} IN "
            f"(SELECT reach.id FROM accounts reach WHERE reach.tenant_id = $1 AND reach.path >= {low} AND reach.path < {high})"
        )


LISTINGS: dict[str, "Listing[Any]"] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Generic[T]):
    """A list of one kind of object.

    `columns` are SQL expressions in the order of `model`'s fields; `source` is the FROM clause, whose first table has the alias
    `table`; joined tables are LEFT JOINs conditioned on `tenant_id`. `collections` are the collections whose changes can change
    what a filter matches. `key` names the field that makes every order total. `sized` says that the list shows every row of its first
    collection: what `collection_sizes` holds for it is then the list's total, and nothing is counted.
    """

    name: str
    model: Callable[..., T]
    table: str
    source: str
    columns: tuple[str, ...]
    fields: tuple[Field, ...]
    reach: Reachable
    collections: tuple[str, ...]
    key: str = "reference"
    condition: str = ""  # holds for every row of the list, e.g. "c.revoked_at IS NULL"
    sized: bool = False
    by_name: Mapping[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})
        LISTINGS[self.name] = self
