"""Every SQL statement of the billing domain that is not a list."""

from collections.abc import Sequence
from datetime import date

from trunkline.domains.billing.fields import INVOICES
from trunkline.domains.billing.model import Invoice, InvoiceStatus
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

LOCK_PAST_DUE = Statement(f"""
    SELECT {", ".join(INVOICES.columns)} FROM {INVOICES.source}
     WHERE i.tenant_id = $1 AND i.status = 'open' AND i.due_date < $2
     ORDER BY i.due_date LIMIT $3 FOR UPDATE OF i SKIP LOCKED
""")

SET_STATUS = Statement("UPDATE invoices SET status = $3, version = $4, modified_at = $5 WHERE tenant_id = $1 AND id = $2")


async def lock_past_due(work: Work, today: date, limit: int) -> Sequence[Invoice]:
    """Open invoices whose due date is over, locked; those that somebody else holds are left out."""
    return [Invoice(*row) for row in await work.write(LOCK_PAST_DUE, today, limit)]


async def set_status(work: Work, invoice: Invoice, status: InvoiceStatus) -> None:
    """Write the invoice's status."""
    await work.write(SET_STATUS, invoice.id, status, invoice.version + 1, work.now)
