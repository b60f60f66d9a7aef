"""Use cases of billing: reading invoices, and marking the overdue ones."""

from collections.abc import Sequence

import msgspec

from trunkline.domains.billing import store
from trunkline.domains.billing.fields import INVOICE_LINES, INVOICES
from trunkline.domains.billing.model import Invoice, InvoiceLine, InvoiceStatus
from trunkline.kit import query
from trunkline.kit.events import changed
from trunkline.kit.query import And, Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = [
    "INVOICES", "INVOICE_LINES", "Invoice", "InvoiceLine", "InvoiceStatus", "find_invoice", "list_invoice_lines", "list_invoices",
    "list_lines", "mark_overdue",
]  # fmt: skip

READ = "invoices.read"


async def list_invoices(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[Invoice]:
    """A page of the invoices that the caller reaches."""
    work.require(READ)
    return await query.page(work, INVOICES, predicate, sort, window, total_cap)


async def find_invoice(work: Work, reference: str) -> Invoice:
    """The invoice with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, INVOICES, reference)


async def list_lines(
    work: Work, invoice: Invoice, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[InvoiceLine]:
    """A page of an invoice's lines."""
    work.require(READ)
    own = And((Compare("invoice_id", Operator.EQUAL, invoice.id), predicate))
    return await query.page(work, INVOICE_LINES, own, sort, window, total_cap)


async def list_invoice_lines(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[InvoiceLine]:
    """A page of the lines of all invoices that the caller reaches."""
    work.require(READ)
    return await query.page(work, INVOICE_LINES, predicate, sort, window, total_cap)


async def mark_overdue(work: Work, limit: int = 200) -> int:
    """Mark open invoices whose due date is over; how many. The house's own work, for its timer."""
    due = await store.lock_past_due(work, work.now.date(), limit)
    for before in due:
        await store.set_status(work, before, InvoiceStatus.OVERDUE)
        after = msgspec.structs.replace(before, status=InvoiceStatus.OVERDUE, version=before.version + 1, modified_at=work.now)
        work.record(changed("invoice.overdue", "invoices", before, after))
    return len(due)
