"""Use cases of the audit log: the events, for whoever checks who did what."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trunkline.domains.audit.fields import AUDIT_LOG, AUDIT_LOG_DEEP
from trunkline.domains.audit.model import AuditEntry, DeepAuditEntry
from trunkline.kit import query
from trunkline.kit.errors import NotFound
from trunkline.kit.query import LAST, Compare, Cursor, Listing, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = ["AUDIT_LOG", "AUDIT_LOG_DEEP", "AuditEntry", "DeepAuditEntry", "find_entry", "list_entries"]

READ = "events.read"
LARGEST = 2**63 - 1


async def list_entries(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[AuditEntry] | Page[DeepAuditEntry]:
    """A page of what happened to the objects that the caller reaches."""
    work.require(READ)
    listing: Listing[Any] = AUDIT_LOG_DEEP if deep else AUDIT_LOG
    if total_cap is None:
        return await query.page(work, listing, predicate, sort, window)
    # No change count stands beside the events (every event would have to move it): the total is counted each time.
    total = await query.count(work, listing, predicate, total_cap)
    if window.cursor == LAST:
        return await _last(work, deep, predicate, sort, window, total)
    return replace(await query.page(work, listing, predicate, sort, window), total=total if total <= total_cap else None)


async def _last(
    work: Work, deep: bool, predicate: Predicate, sort: Sequence[SortKey], window: Window, total: int
) -> Page[AuditEntry] | Page[DeepAuditEntry]:
    """The last page, read from the end; where the offset is not where it begins, the page at the offset."""
    listing: Listing[Any] = AUDIT_LOG_DEEP if deep else AUDIT_LOG
    left = total - window.offset
    if not 0 < left <= window.limit:
        return replace(await query.page(work, listing, predicate, sort, Window(window.offset, window.limit)), total=total)
    backwards = [SortKey(key.field, not key.descending, key.ranking) for key in sort]
    if not any(key.field == "sequence" for key in sort):
        backwards.append(SortKey("sequence", descending=True))
    page = await query.page(work, listing, predicate, backwards, Window(0, left))
    before = None if page.after is None else Cursor(page.after.values, backwards=True)
    return replace(page, items=tuple(reversed(page.items)), has_more=False, total=total, after=None, before=before)


async def find_entry(work: Work, reference: str) -> DeepAuditEntry:
    """The entry with this number. Raises `NotFound`."""
    work.require(READ)
    if reference.isascii() and reference.isdecimal() and len(reference) < 20 and int(reference) <= LARGEST:
        predicate = Compare("sequence", Operator.EQUAL, int(reference))
        found = await query.page(work, AUDIT_LOG_DEEP, predicate, (), Window(0, 1))
        if found.items:
            return found.items[0]
    raise NotFound(f"{reference!r} was not found")
