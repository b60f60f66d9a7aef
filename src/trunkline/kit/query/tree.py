"""The one predicate tree. Every dialect parses its own spelling into it; values are already of the field's Python type."""

from enum import Enum
from typing import Any, TypeAlias

import msgspec


class Operator(Enum):
    """Comparisons, by their SQL spelling."""

    EQUAL = "="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class Compare(msgspec.Struct, frozen=True):
    """`field operator value`. Equality of texts ignores case and outer blanks; `value` is never `None` (see `Empty`)."""

    field: str
    operator: Operator
    value: Any


class In(msgspec.Struct, frozen=True):
    """`field` equals one of `values`."""

    field: str
    values: tuple[Any, ...]


class Empty(msgspec.Struct, frozen=True):
    """`field` is null, or an empty text."""

    field: str


class Not(msgspec.Struct, frozen=True):
    """The opposite of `item`; what is null stays out of both."""

    item: "Predicate"


class And(msgspec.Struct, frozen=True):
    """All of `items`; without any it is always true."""

    items: tuple["Predicate", ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of `items`; without any it is never true."""

    items: tuple["Predicate", ...]


Predicate: TypeAlias = Compare | In | Empty | Not | And | Or

EVERYTHING = And(())


class SortKey(msgspec.Struct, frozen=True):
    """One field of a sort order. `ranking` lists a word field's words in the order in which the dialect spells them."""

    field: str
    descending: bool = False
    ranking: tuple[str, ...] = ()


class Window(msgspec.Struct, frozen=True):
    """Which rows of the ordered list: skip `offset`, give at most `limit`. With a `cursor` the offset is only a label."""

    offset: int
    limit: int
    cursor: "Cursor | None" = None


class Cursor(msgspec.Struct, frozen=True):
    """A place between two rows: the sort values of the row beside it, and on which side to go on. Without values: the list's end."""

    values: tuple[Any, ...]
    backwards: bool = False


LAST = Cursor((), backwards=True)  # the last page, read from the list's end


class Limits(msgspec.Struct, frozen=True):
    """What a caller may ask of one query."""

    nodes: int = 100
    depth: int = 8
    values: int = 200
    sort_keys: int = 8


def size(predicate: Predicate) -> tuple[int, int]:
    """(nodes with their values, depth) of a tree, to hold against `Limits`."""
    match predicate:
        case And(items=items) | Or(items=items):
            sizes = [size(item) for item in items]
            return 1 + sum(s[0] for s in sizes), 1 + max((s[1] for s in sizes), default=0)
        case Not(item=item):
            nodes, depth = size(item)
            return nodes + 1, depth + 1
        case In(values=values):
            return 1 + len(values), 1
        case _:
            return 1, 1
