"""Reading lists and single objects through the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Generic, TypeVar

from trunkline.kit.errors import NotFound
from trunkline.kit.query.compile import (
    PageShape,
    count_text,
    cursor_parameters,
    cursor_positions,
    cursor_shape,
    is_sized,
    one_text,
    page_text,
    reach_parameters,
    shape,
    size_text,
    total_order,
)
from trunkline.kit.query.fields import Listing
from trunkline.kit.query.tree import LAST, Cursor, Predicate, SortKey, Window
from trunkline.kit.sizes import Totals
from trunkline.kit.work import Work

T = TypeVar("T")

TOTALS = Totals()
REMEMBERED_LENGTH = 1024  # characters of all of a filter's texts; a total for longer ones is not worth its key's room


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

    A window with a cursor costs the same at any depth; without one the database skips `offset` rows. The cursor `LAST` needs a
    `total_cap`; where `offset` is not where the last page begins, it is as good as none.
    """
    order = total_order(listing, sort)
    reach, parameters = reach_parameters(work.principal.reach)
    values: list[Any] = []
    predicate_shape = shape(predicate, values)
    arguments = [*parameters, *values]
    rest = _Rest(work, listing, predicate_shape, reach, arguments, total_cap)
    cursor, kept = window.cursor, window.limit
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
    rows = await work.fetch(text, *arguments, *cursor_parameters(cursor), *([skip] if skip else ()))

    if cursor == LAST:  # read from the end; how much of it is this page, the total says
        kept = await rest.counted(rows[0][-1] if rows else None) - window.offset
        if not 0 < kept <= window.limit:
            return await page(work, listing, predicate, sort, Window(window.offset, window.limit), total_cap)
    more = len(rows) > window.limit
    rows = rows[:kept]
    if cursor is not None and cursor.backwards:
        rows, more = rows[::-1], cursor != LAST  # the row the cursor stood at follows
    width = len(listing.columns)
    positions = cursor_positions(listing.name, order)
    items = [listing.model(*row[:width]) for row in rows]
    total = None
    if total_cap is not None:
        measure = rows[0][-1] if rows else None
        whole = skip + len(rows) if cursor is None and not more and (rows or not skip) else None
        total = await rest.total(measure, whole)
    return Page(
        items=items,
        has_more=more,
        total=total,
        after=Cursor(tuple(rows[-1][i] for i in positions)) if rows and more else None,
        before=Cursor(tuple(rows[0][i] for i in positions), backwards=True) if rows else None,
    )


async def page_uncounted(
    work: Work, listing: Listing[T], predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[T]:
    """One page, as `page`, of a list beside which no change count stands: its total is counted each time."""
    if total_cap is None:
        return await page(work, listing, predicate, sort, window)
    total = await count(work, listing, predicate, total_cap)
    if window.cursor == LAST:
        return await _last_page(work, listing, predicate, sort, window, total)
    return replace(await page(work, listing, predicate, sort, window), total=total if total <= total_cap else None)


async def _last_page(
    work: Work, listing: Listing[T], predicate: Predicate, sort: Sequence[SortKey], window: Window, total: int
) -> Page[T]:
    """The last page, read from the end; where the offset is not where it begins, the page at the offset."""
    left = total - window.offset
    if not 0 < left <= window.limit:
        return replace(await page(work, listing, predicate, sort, Window(window.offset, window.limit)), total=total)
    backwards = [SortKey(key.field, not key.descending, key.ranking) for key in total_order(listing, sort)]
    read = await page(work, listing, predicate, backwards, Window(0, left))
    before = None if read.after is None else Cursor(read.after.values, backwards=True)
    return replace(read, items=tuple(reversed(read.items)), has_more=False, total=total, after=None, before=before)


async def count(work: Work, listing: Listing[Any], predicate: Predicate, cap: int) -> int:
    """The number of rows of a list that keeps no change count, counted up to one above `cap`."""
    reach, parameters = reach_parameters(work.principal.reach)
    values: list[Any] = []
    text = count_text(listing.name, shape(predicate, values), reach, cap)
    row = await work.fetch_one(text, *parameters, *values)
    assert row is not None, "an aggregate always has a row"
    counted: int = row[0]
    return counted


class _Rest:
    """What a list holds beyond the page that was read."""

    def __init__(
        self,
        work: Work,
        listing: Listing[Any],
        predicate: tuple[Any, ...],
        reach: str,
        arguments: list[Any],
        cap: int | None,
    ) -> None:
        self._work = work
        self._listing = listing
        self._predicate = predicate
        self._reach = reach
        self._arguments = arguments
        self._cap = cap or 0
        self._sized = is_sized(listing, predicate, reach)

    async def total(self, measure: int | None, whole: int | None) -> int | None:
        """The exact total, `None` above the cap.

        `measure` is the last column of the page's rows: the list's size where it is kept, else the change count. `whole` is the total
        when the page itself showed the end of the list.
        """
        if whole is not None and not self._sized:
            total = whole
            if measure is not None and (key := self._key()) is not None:
                TOTALS.put(key, measure, total)
        else:
            total = await self.counted(measure)
        return total if total <= self._cap else None

    async def counted(self, measure: int | None) -> int:
        """The number of rows, counted up to one above the cap where it is not kept; `measure` as in `total`."""
        return measure if self._sized and measure is not None else await self.count(measure)

    async def count(self, changes: int | None) -> int:
        """The number of rows, counted up to one above the cap; a count under the same `changes` is remembered."""
        if self._sized:
            row = await self._work.fetch_one(size_text(self._listing.name, self._reach), *self._arguments)
            assert row is not None, "an aggregate always has a row"
            size: int = row[0]
            return size
        key = self._key()
        if key is not None and changes is not None and (known := TOTALS.get(key, changes)) is not None:
            return known
        row = await self._work.fetch_one(
            count_text(self._listing.name, self._predicate, self._reach, self._cap), *self._arguments
        )
        assert row is not None, "an aggregate always has a row"
        total: int = row[0]
        if key is not None:
            TOTALS.put(key, row[1], total)
        return total

    def _key(self) -> tuple[Any, ...] | None:
        """What the total is remembered by; `None` where that takes too much room."""
        values = [tuple(a) if isinstance(a, list) else a for a in self._arguments]
        texts = chain.from_iterable(value if isinstance(value, tuple) else (value,) for value in values)
        if sum(len(text) for text in texts if isinstance(text, str)) > REMEMBERED_LENGTH:
            return None
        return (
            self._listing.name,
            self._work.tenant_id,
            self._work.principal.environment,
            self._predicate,
            self._reach,
            self._cap,
            *values,
        )
