"""From tree, sort and window to SQL. The text is made once per shape and cached; only parameters differ between calls.

Shapes are bounded by what dialects let through (`Limits`), and the cache by an LRU. LIMIT stands in the text, because a planner that
does not know the limit prefers to sort the whole table.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from trunkline.kit.principal import Reach
from trunkline.kit.query.fields import LISTINGS, Field, Kind, Listing
from trunkline.kit.query.tree import And, Compare, Cursor, Empty, In, Not, Operator, Or, Predicate, SortKey

COLLATED = " COLLATE house"

# A predicate's shape: nested tuples with the values taken out.
Shape = tuple[Any, ...]


def shape(predicate: Predicate, values: list[Any]) -> Shape:
    """The hashable shape of `predicate`; its values are appended to `values` in the order of their placeholders."""
    match predicate:
        case Compare(field=name, operator=operator, value=value):
            values.append(value)
            return ("compare", name, operator)
        case In(field=name, values=several):
            values.append(list(several))
            return ("in", name)
        case Empty(field=name):
            return ("empty", name)
        case Not(item=item):
            return ("not", shape(item, values))
        case And(items=items):
            return ("and", *(shape(item, values) for item in items))
        case Or(items=items):
            return ("or", *(shape(item, values) for item in items))


class PageShape(NamedTuple):  # a tuple, because each page makes and hashes one
    """All that decides the text of a page's statement."""

    listing: str
    predicate: Shape
    sort: tuple[SortKey, ...]
    reach: str  # "", "customer" or "branch"
    limit: int
    offset: bool
    cursor: tuple[bool, ...] | None  # per sort key: whether the cursor's value is null
    backwards: bool


class _Text:
    """Numbers placeholders while the text is put together; `$1` is the tenant."""

    def __init__(self, listing: Listing[Any]) -> None:
        self.listing = listing
        self.last = 1

    def placeholder(self) -> str:
        self.last += 1
        return f"${self.last}"

    def parameter(self, kind: Kind, array: bool = False) -> str:
        """A placeholder with its type; a text with the house's collation, so that lower() means the same in every database."""
        if array:
            return f"{self.placeholder()}::{kind.sql}[]"
        return f"{self.placeholder()}::{kind.sql}{COLLATED if kind.python is str else ''}"

    def where(self, reach: str, predicate: Shape) -> list[str]:
        listing = self.listing
        terms = [f"{listing.table}.tenant_id = $1"]
        if listing.condition:
            terms.append(listing.condition)
        if reach == "customer":
            terms.append(f"{listing.reach.customer} = {self.placeholder()}")
        elif reach == "branch":
            terms.append(listing.reach.condition(self.placeholder(), self.placeholder(), self.placeholder()))
        if predicate != ("and",):
            terms.append(self.predicate(predicate))
        return terms

    def predicate(self, node: Shape) -> str:  # noqa: PLR0911 - one return for each kind of node
        match node:
            case ("and", *items):
                return "(" + " AND ".join(map(self.predicate, items)) + ")" if items else "true"
            case ("or", *items):
                return "(" + " OR ".join(map(self.predicate, items)) + ")" if items else "false"
            case ("not", item):
                return f"NOT {self.predicate(item)}"
            case ("empty", name):
                field = self.listing.by_name[name]
                return (
                    f"({field.sql} IS NULL OR btrim({field.sql}) = '')" if field.kind.python is str else f"{field.sql} IS NULL"
                )
            case ("in", name):
                return self.is_in(self.listing.by_name[name])
            case ("compare", name, Operator.EQUAL):
                return self.equals(self.listing.by_name[name])
            case ("compare", name, operator):
                field = self.listing.by_name[name]
                return f"{field.sql} {operator.value} {self.parameter(field.kind)}"
        raise AssertionError(node)

    def equals(self, field: Field) -> str:
        match field.kind:
            case Kind.TEXT:
                return f"lower(btrim({field.sql})) = lower(btrim({self.parameter(field.kind)}))"
            case Kind.REFERENCE:
                return f"{field.sql} = upper(btrim({self.parameter(field.kind)}))"
            case _:
                return f"{field.sql} = {self.parameter(field.kind)}"

    def is_in(self, field: Field) -> str:
        values = self.parameter(field.kind, array=True)
        match field.kind:
            case Kind.TEXT:
                return f"lower(btrim({field.sql})) IN (SELECT lower(btrim(v{COLLATED})) FROM unnest({values}) v)"
            case Kind.REFERENCE:
                return f"{field.sql} IN (SELECT upper(btrim(v{COLLATED})) FROM unnest({values}) v)"
            case _:
                return f"{field.sql} = ANY ({values})"

    def after(self, sort: Sequence[SortKey], nulls: tuple[bool, ...]) -> str:
        """The condition for rows that come after the cursor's row in `sort` order."""
        keys: list[tuple[str, str, bool, bool, bool]] = []  # column, parameter, descending, nullable, the value is null
        for key, is_null in zip(sort, nulls, strict=True):
            field = self.listing.by_name[key.field]
            parameter = (
                "NULL" if is_null else self.parameter(field.kind)
            )  # a null is compared with nothing: no placeholder for it
            operands = sort_expressions(field, key, field.sql), sort_expressions(field, key, parameter)
            for column, value in zip(*operands, strict=True):
                keys.append((column, value, key.descending, field.nullable, is_null))
        # The longest run of keys of one direction and without nulls can be one row comparison, which an index understands.
        run = 0
        while run < len(keys) and not keys[run][3] and not keys[run][4] and keys[run][2] == keys[0][2]:
            run += 1
        if run == 0:
            return _lexicographic(keys)
        columns, values = ", ".join(k[0] for k in keys[:run]), ", ".join(k[1] for k in keys[:run])
        compare = "<" if keys[0][2] else ">"
        if run == len(keys):
            return f"({columns}) {compare} ({values})"
        return f"(({columns}) {compare}= ({values}) AND (({columns}) {compare} ({values}) OR {_lexicographic(keys[run:])}))"


def _lexicographic(keys: Sequence[tuple[str, str, bool, bool, bool]]) -> str:
    """`k1 after p1 OR (k1 equals p1 AND (k2 after p2 OR ...))`, nulls last ascending and first descending."""
    (column, value, descending, nullable, is_null), rest = keys[0], keys[1:]
    if is_null:
        beyond = f"{column} IS NOT NULL" if descending else "false"
        equal = f"{column} IS NULL"
    else:
        beyond = f"{column} {'<' if descending else '>'} {value}"
        if nullable and not descending:
            beyond = f"({beyond} OR {column} IS NULL)"
        equal = f"{column} = {value}"
    return f"({beyond} OR ({equal} AND {_lexicographic(rest)}))" if rest else beyond


def sort_expressions(field: Field, key: SortKey, operand: str) -> tuple[str, ...]:
    """The SQL keys a field sorts by: texts without case first, then as they are; words by their rank."""
    if field.kind is Kind.TEXT:
        return (f"lower({operand})", operand)
    if key.ranking:
        words = ", ".join(f"'{word}'" for word in key.ranking)
        return (f"array_position(ARRAY[{words}], {operand})",)
    return (operand,)


def total_order(listing: Listing[Any], sort: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """`sort`, ended by the listing's key; what follows the key cannot matter."""
    result: list[SortKey] = []
    for key in sort:
        result.append(key)
        if key.field == listing.key:
            return tuple(result)
    return (*result, SortKey(listing.key))


def changes_of(listing: Listing[Any], customer: str) -> str:
    names = ", ".join(f"'{name}'" for name in listing.collections)
    return (
        "(SELECT coalesce(sum(z.changes), 0)::bigint FROM collection_sizes z "
        f"WHERE z.tenant_id = $1 AND z.collection IN ({names}) AND z.customer_id = {customer})"
    )


def size_of(listing: Listing[Any], customer: str) -> str:
    """How many rows the list has in all, kept by every commit (kit.sizes)."""
    return (
        "(SELECT coalesce(sum(z.size), 0)::bigint FROM collection_sizes z "
        f"WHERE z.tenant_id = $1 AND z.collection = '{listing.collections[0]}' AND z.customer_id = {customer})"
    )


def is_sized(listing: Listing[Any], predicate: Shape, reach: str) -> bool:
    """Whether the total of such a list is known without counting."""
    return listing.sized and predicate == ("and",) and reach != "branch"


NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"


@lru_cache(maxsize=128)
def size_text(name: str, reach: str) -> str:
    """`SELECT size` of a list that `is_sized`. Parameters: tenant, reach."""
    return f"SELECT {size_of(LISTINGS[name], '$2' if reach else NOBODY)}"


@lru_cache(maxsize=2048)
def page_text(page: PageShape) -> str:
    """`SELECT columns…, other sort values…, size or change count` for a page; parameters: tenant, reach, predicate, cursor, offset.

    The last column is the list's size where that is known (`is_sized`), else the change count under which it may be counted.
    """
    listing = LISTINGS[page.listing]
    text = _Text(listing)
    where = text.where(page.reach, page.predicate)
    sort = tuple(SortKey(k.field, k.descending != page.backwards, k.ranking) for k in page.sort)
    if page.cursor is not None:
        where.append(text.after(sort, page.cursor))
    order = ", ".join(
        f"{expression}{' DESC' if key.descending else ''}"
        for key in sort
        for expression in sort_expressions(listing.by_name[key.field], key, listing.by_name[key.field].sql)
    )
    measure = size_of if is_sized(listing, page.predicate, page.reach) else changes_of
    columns = ", ".join(
        [*listing.columns, *extra_columns(listing, page.sort), measure(listing, "$2" if page.reach else NOBODY)]
    )
    offset = f" OFFSET {text.placeholder()}" if page.offset else ""
    return f"SELECT {columns} FROM {listing.source} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {page.limit}{offset}"


def extra_columns(listing: Listing[Any], sort: Sequence[SortKey]) -> list[str]:
    """The sort values that a page must select beside the listing's columns, for its cursors."""
    return [field.sql for key in sort if (field := listing.by_name[key.field]).sql not in listing.columns]


@lru_cache(maxsize=1024)
def cursor_positions(name: str, sort: tuple[SortKey, ...]) -> tuple[int, ...]:
    """Where in a page's rows the sort values stand."""
    listing = LISTINGS[name]
    selected = [*listing.columns, *extra_columns(listing, sort)]
    return tuple(selected.index(listing.by_name[key.field].sql) for key in sort)


@lru_cache(maxsize=1024)
def count_text(name: str, predicate: Shape, reach: str, cap: int) -> str:
    """`SELECT count, change count`; counts at most `cap` + 1 rows. Parameters: tenant, reach, predicate."""
    listing = LISTINGS[name]
    where = " AND ".join(_Text(listing).where(reach, predicate))
    changes = changes_of(listing, "$2" if reach else NOBODY)
    return f"SELECT count(*), {changes} FROM (SELECT 1 FROM {listing.source} WHERE {where} LIMIT {cap + 1}) counted"


@lru_cache(maxsize=256)
def one_text(name: str, field: str, reach: str) -> str:
    """`SELECT columns…` of the one row whose `field` has the last parameter's value; parameters: tenant, reach, value."""
    listing = LISTINGS[name]
    text = _Text(listing)
    where = text.where(reach, ("and",))
    where.append(f"{listing.by_name[field].sql} = {text.parameter(listing.by_name[field].kind)}")
    return f"SELECT {', '.join(listing.columns)} FROM {listing.source} WHERE {' AND '.join(where)}"


def reach_parameters(reach: Reach | None) -> tuple[str, list[Any]]:
    """(kind of reach, its parameters after the tenant)."""
    if reach is None:
        return "", []
    if not reach.path:
        return "customer", [reach.customer_id]
    return "branch", [reach.customer_id, reach.path, reach.path_end]


def cursor_shape(cursor: Cursor | None) -> tuple[bool, ...] | None:
    """For each of the cursor's values, whether it is null; `None` where there is nothing to compare with (`LAST` too)."""
    return None if cursor is None or not cursor.values else tuple(value is None for value in cursor.values)


def cursor_parameters(cursor: Cursor | None) -> list[Any]:
    """The cursor's values that have a placeholder: all that are not null."""
    return [] if cursor is None else [value for value in cursor.values if value is not None]
