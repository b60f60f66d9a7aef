"""Reading lists and single objects through the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trunkline.kit.errors import NotFound
from trunkline.kit.query.compile import (
    PageShape,
    count_text,
    cursor_parameters,
    cursor_positions,
    cursor_shape,
    one_text,
    page_text,
    reach_parameters,
    shape,
    total_order,
)
from trunkline.kit.query.fields import Listing
from trunkline.kit.query.tree import Cursor, Predicate, SortKey, Window
from trunkline.kit.sizes import Totals
from trunkline.kit.work import Work

T = TypeVar("T")

TOTALS = Totals()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `total` is exact, or `None` when it is above the cap or was not asked for."""

    items: Sequence[T]
    has_more: bool
    total: int | None
    after: Cursor | None  # where the next page begins
    before: Cursor | None  # where the previous page ends


async def find(work: Work, listing: Listing[T], value: str, field: str = "reference") -> T:
    """The one object within the caller's reach whose `field` is `value`. Raises `NotFound`."""
    kind, parameters = reach_parameters(work.principal.reach)
    if "\0" not in value:
        rows = await work.fetch(one_text(listing.name, field, kind), *parameters, value)
        if rows:
            return listing.model(*rows[0])
    raise NotFound(f"{value!r} was not found")


async def page(
    work: Work, listing: Listing[T], predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[T]:
    """One page of a list within the caller's reach. With `total_cap` the page carries the exact total up to that many rows.

    A window with a cursor costs the same at any depth; without one the database skips `offset` rows.
    """
    order = total_order(listing, sort)
    reach, parameters = reach_parameters(work.principal.reach)
    values: list[Any] = []
    predicate_shape = shape(predicate, values)
    cursor = window.cursor
    skip = window.offset if cursor is None else 0
    text = page_text(
        PageShape(
            listing=listing.name,
            predicate=predicate_shape,
            sort=order,
            reach=reach,
            limit=window.limit + 1,
            offset=skip > 0,
            cursor=cursor_shape(cursor),
            backwards=cursor is not None and cursor.backwards,
        )
    )
    arguments = [*parameters, *values]
    rows = await work.fetch(text, *arguments, *cursor_parameters(cursor), *([skip] if skip else ()))

    more = len(rows) > window.limit
    rows = rows[: window.limit]
    if cursor is not None and cursor.backwards:
        rows, more = rows[::-1], True  # the row the cursor stood at follows
    width = len(listing.columns)
    positions = cursor_positions(listing.name, order)
    items = [listing.model(*row[:width]) for row in rows]
    total = None
    if total_cap is not None:
        changes = rows[0][-1] if rows else None
        if cursor is None and not more and (rows or not skip):
            total = skip + len(rows)
            if changes is not None:
                TOTALS.put(
                    (
                        listing.name,
                        work.tenant_id,
                        work.principal.environment,
                        predicate_shape,
                        total_cap,
                        *_hashable(arguments),
                    ),
                    changes,
                    total,
                )
        else:
            total = await _total(work, listing, predicate_shape, reach, arguments, changes, total_cap)
        if total > total_cap:
            total = None
    return Page(
        items=items,
        has_more=more,
        total=total,
        after=Cursor(tuple(rows[-1][i] for i in positions)) if rows and more else None,
        before=Cursor(tuple(rows[0][i] for i in positions), backwards=True) if rows else None,
    )


async def _total(
    work: Work, listing: Listing[T], predicate: tuple[Any, ...], reach: str, arguments: list[Any], changes: int | None, cap: int
) -> int:
    key = (listing.name, work.tenant_id, work.principal.environment, predicate, cap, *_hashable(arguments))
    if changes is not None and (known := TOTALS.get(key, changes)) is not None:
        return known
    row = await work.fetch_one(count_text(listing.name, predicate, reach, cap), *arguments)
    assert row is not None, "an aggregate always has a row"
    total: int = row[0]
    TOTALS.put(key, row[1], total)
    return total


def _hashable(arguments: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tuple(a) if isinstance(a, list) else a for a in arguments)
