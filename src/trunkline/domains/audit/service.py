"""Use cases of the audit log: the events, for whoever checks who did what."""

import re
from collections.abc import Sequence
from typing import Any

from trunkline.domains.audit.fields import AUDIT_LOG, AUDIT_LOG_DEEP
from trunkline.domains.audit.model import AuditEntry, DeepAuditEntry
from trunkline.kit import query
from trunkline.kit.errors import NotFound
from trunkline.kit.query import Compare, Listing, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = ["AUDIT_LOG", "AUDIT_LOG_DEEP", "AuditEntry", "DeepAuditEntry", "find_entry", "list_entries"]

READ = "events.read"
LARGEST = 2**63 - 1
NUMBER = re.compile(r"[1-9][0-9]{0,18}")


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
    return await query.page_uncounted(work, listing, predicate, sort, window, total_cap)


async def find_entry(work: Work, reference: str) -> DeepAuditEntry:
    """The entry with this number. Raises `NotFound`."""
    work.require(READ)
    if NUMBER.fullmatch(reference) and int(reference) <= LARGEST:
        predicate = Compare("sequence", Operator.EQUAL, int(reference))
        found = await query.page(work, AUDIT_LOG_DEEP, predicate, (), Window(0, 1))
        if found.items:
            return found.items[0]
    raise NotFound(f"{reference!r} was not found")
