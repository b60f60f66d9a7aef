"""Pages of collections as Relay connections: `first`/`after`, `last`/`before`, `filter` and `sort` (kit.query)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from trunkline.dialects.cases.collections import Collection, Name
from trunkline.dialects.cases.limits import LARGEST_PAGE, PAGE
from trunkline.dialects.cases.types import Info
from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.instants import parse_instant
from trunkline.kit.query import (
    And,
    Compare,
    Cursor,
    Empty,
    In,
    Kind,
    Limits,
    Not,
    Operator,
    Or,
    Predicate,
    SortKey,
    Window,
    size,
)
from trunkline.kit.query.compile import total_order
from trunkline.kit.query.cursor import fingerprint, read_cursor, write_cursor

LIMITS = Limits()
LONGEST_TEXT = 1_000  # of one value in a filter
RANGES = {
    "gt": Operator.GREATER,
    "gte": Operator.GREATER_OR_EQUAL,
    "lt": Operator.LESS,
    "lte": Operator.LESS_OR_EQUAL,
}


@dataclass(frozen=True, slots=True)
class Edge:
    """An object and its place in the list."""

    cursor: str
    node: Any


async def connection(collection: Collection, info: Info, given: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a collection. Raises `Malformed` with every argument that cannot be used."""
    reader = _Reader(collection)
    predicate, sort = reader.predicate(given.get("filter")), reader.sort(given.get("sort"))
    limit, backwards = reader.extent(given)
    mark = fingerprint(collection.listing, predicate, sort)
    order = total_order(collection.listing, sort)
    name = "before" if backwards else "after"
    cursor = reader.cursor(name, given.get(name), mark, sort)
    if reader.faults:
        raise Malformed(reader.faults)
    counted = selects(info, "totalCount")
    direction = tuple(SortKey(k.field, not k.descending, k.ranking) for k in order) if backwards else sort
    work, cap = info.context.work, info.context.total_cap
    page = await collection.read(work, predicate, direction, Window(0, limit, cursor), cap if counted else None)
    items = page.items[::-1] if backwards else page.items
    places = [_place(item, order, mark) for item in items]
    return {
        "totalCount": page.total,
        "nodes": items,
        "edges": [Edge(place, item) for place, item in zip(places, items, strict=True)],
        "pageInfo": {
            "hasNextPage": cursor is not None if backwards else page.has_more,
            "hasPreviousPage": page.has_more if backwards else cursor is not None,
            "startCursor": places[0] if places else None,
            "endCursor": places[-1] if places else None,
        },
    }


def _place(item: Any, order: Sequence[SortKey], mark: bytes) -> str:
    return write_cursor(Cursor(tuple(getattr(item, key.field) for key in order)), 0, mark)


def selects(info: Info, name: str) -> bool:
    """Whether the field that is being resolved is asked for `name`."""
    return any(field.name.value == name for node in info.field_nodes for field in chosen(info, node.selection_set))


def chosen(info: Info, selections: SelectionSetNode | None) -> Iterator[FieldNode]:
    """The fields of a selection, those of its fragments too."""
    for selection in selections.selections if selections else ():
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, FragmentSpreadNode):
            yield from chosen(info, info.fragments[selection.name.value].selection_set)
        elif isinstance(selection, InlineFragmentNode):
            yield from chosen(info, selection.selection_set)


class _Reader:
    """Goes through the arguments once and collects every fault."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.faults: list[Violation] = []

    def fault(self, argument: str, message: str) -> None:
        self.faults.append(Violation(argument, message))

    # which rows ----------------------------------------------------------------------------------------------------------

    def extent(self, given: Mapping[str, Any]) -> tuple[int, bool]:
        """(rows, whether from the end)."""
        backwards = given.get("last") is not None or (given.get("before") is not None and given.get("first") is None)
        for one, other in (("first", "last"), ("after", "before"), ("first", "before"), ("last", "after")):
            if given.get(one) is not None and given.get(other) is not None:
                self.fault(other, f"does not go with {one}; pages go forwards by first and after, backwards by last and before")
        limit = given.get("last" if backwards else "first")
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            self.fault("last" if backwards else "first", f"must be between 1 and {LARGEST_PAGE}")
            limit = None
        return (PAGE if limit is None else limit), backwards

    def cursor(self, argument: str, text: str | None, mark: bytes, sort: Sequence[SortKey]) -> Cursor | None:
        if text is None:
            return None
        message = "is not a cursor of this list with this filter and sort"
        try:
            cursor = read_cursor(text, 0, mark, self.collection.listing, sort, argument)
        except (Malformed, UnicodeError):
            cursor = None
        if cursor is None or cursor.backwards or not cursor.values:
            self.fault(argument, message)
            return None
        return cursor

    # in which order ------------------------------------------------------------------------------------------------------

    def sort(self, orders: Sequence[Mapping[str, Any]] | None) -> tuple[SortKey, ...]:
        keys: dict[str, SortKey] = {}
        for order in orders or ():
            name = self.collection.names[order["field"]]
            if name.field.name in keys:
                self.fault("sort", f"names {order['field']} more than once")
            keys[name.field.name] = SortKey(name.field.name, bool(order.get("descending")), name.ranking)
        if len(keys) > LIMITS.sort_keys:
            self.fault("sort", f"has {len(keys)} fields; at most {LIMITS.sort_keys} are sorted by")
            return ()
        return tuple(keys.values())

    # under which conditions ----------------------------------------------------------------------------------------------

    def predicate(self, conditions: Mapping[str, Any] | None) -> Predicate:
        tree = And(tuple(self._all(conditions or {}, "filter")))
        nodes, depth = size(tree)
        if nodes > LIMITS.nodes + LIMITS.values or depth > 2 * LIMITS.depth:
            self.fault("filter", "has too many conditions")
            return And(())
        return tree

    def _all(self, conditions: Mapping[str, Any], path: str) -> Iterator[Predicate]:
        for name, condition in conditions.items():
            if condition is None:
                continue
            where = f"{path}.{name}"
            if name == "and":
                yield And(tuple(And(tuple(self._all(item, where))) for item in condition))
            elif name == "or":
                yield Or(tuple(And(tuple(self._all(item, where))) for item in condition))
            elif name == "not":
                yield Not(And(tuple(self._all(condition, where))))
            else:
                yield from self._field(self.collection.names[name], condition, where)

    def _field(self, name: Name, condition: Mapping[str, Any], path: str) -> Iterator[Predicate]:
        for operator, given in condition.items():
            if given is None:
                continue
            where = f"{path}.{operator}"
            if operator == "empty":
                empty = Empty(name.field.name)
                yield empty if given else Not(empty)
            elif operator == "in":
                if len(given) > LIMITS.values:
                    self.fault(where, f"has {len(given)} values; at most {LIMITS.values} are compared")
                    continue
                values = [self._value(name, value, where) for value in given]
                yield In(name.field.name, tuple(value for value in values if value is not None))
            elif (value := self._value(name, given, where)) is not None:
                yield Compare(name.field.name, RANGES.get(operator, Operator.EQUAL), value)

    def _value(self, name: Name, given: Any, where: str) -> Any:  # noqa: PLR0911 - a table of kinds, one line each
        """A condition's value as the field's type; with a fault, `None`."""
        if isinstance(given, float) and not isfinite(given):
            self.fault(where, "is a number beyond all that can be compared")
            return None
        match name.field.kind:
            case Kind.DATE | Kind.INSTANT:
                try:
                    instant = parse_instant(given)
                except ValueError:
                    self.fault(where, f"{given[:80]!r} is not an ISO 8601 date or date-time")
                    return None
                return instant.date() if name.field.kind is Kind.DATE else instant
            case Kind.INTEGER:
                if given != int(given) or abs(given) >= 2**63:
                    self.fault(where, "must be a whole number of at most 19 digits")
                    return None
                return int(given)
            case Kind.DECIMAL:
                return Decimal(repr(given))
            case Kind.FLOAT:
                return float(given)
        if name.words is not None:
            house = next((house for house, wire in name.words.items() if wire == given), None)
            if house is None:
                self.fault(where, f"{given[:80]!r} is not one of {', '.join(name.words.values())}")
            return house
        if len(given) > LONGEST_TEXT:
            self.fault(where, f"has {len(given)} characters; at most {LONGEST_TEXT} are compared")
            return None
        return given
