"""What invoices and their lines can be filtered and sorted by."""

from trunkline.domains.billing.model import Invoice, InvoiceLine
from trunkline.kit.query import Field, Kind, Listing, Reachable

INVOICES = Listing(
    name="invoices",
    model=Invoice,
    table="i",
    source="invoices i LEFT JOIN accounts a ON a.tenant_id = i.tenant_id AND a.id = i.account_id",
    columns=(
        "i.id", "i.reference", "i.version", "i.account_id", "i.customer_id", "a.reference", "i.number", "i.invoice_date", "i.due_date",
        "i.currency", "i.net_amount", "i.tax_amount", "i.total_amount", "i.status", "i.created_at", "i.modified_at",
    ),
    fields=(
        Field("reference", "i.reference", Kind.REFERENCE),
        Field("account_reference", "a.reference", Kind.REFERENCE),
        Field("number", "i.number", Kind.TEXT),
        Field("invoice_date", "i.invoice_date", Kind.DATE),
        Field("due_date", "i.due_date", Kind.DATE),
        Field("currency", "i.currency", Kind.TEXT),
        Field("net_amount", "i.net_amount", Kind.DECIMAL),
        Field("tax_amount", "i.tax_amount", Kind.DECIMAL),
        Field("total_amount", "i.total_amount", Kind.DECIMAL),
        Field("status", "i.status", Kind.WORD),
        Field("created_at", "i.created_at", Kind.INSTANT),
        Field("modified_at", "i.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="i.customer_id", account="i.account_id"),
    collections=("invoices",),
    sized=True,
)  # fmt: skip

INVOICE_LINES = Listing(
    name="invoice_lines",
    model=InvoiceLine,
    table="l",
    source="invoice_lines l LEFT JOIN invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id",
    columns=(
        "l.id", "l.reference", "l.invoice_id", "l.customer_id", "i.reference", "i.number", "i.invoice_date", "i.currency", "l.position",
        "l.description", "l.quantity", "l.unit_price", "l.net_amount", "l.period_start", "l.period_end", "l.order_reference",
        "l.order_name", "l.ready_for_service_date", "l.site_address",
    ),
    fields=(
        Field("reference", "l.reference", Kind.REFERENCE),
        Field("invoice_id", "l.invoice_id", Kind.UUID, sortable=False),
        Field("invoice_reference", "i.reference", Kind.REFERENCE),
        Field("invoice_number", "i.number", Kind.TEXT),
        Field("invoice_date", "i.invoice_date", Kind.DATE),
        Field("currency", "i.currency", Kind.TEXT),
        Field("description", "l.description", Kind.TEXT),
        Field("quantity", "l.quantity", Kind.DECIMAL),
        Field("unit_price", "l.unit_price", Kind.DECIMAL),
        Field("net_amount", "l.net_amount", Kind.DECIMAL),
        Field("period_start", "l.period_start", Kind.DATE, nullable=True),
        Field("period_end", "l.period_end", Kind.DATE, nullable=True),
        Field("order_reference", "l.order_reference", Kind.REFERENCE, nullable=True),
        Field("order_name", "l.order_name", Kind.TEXT, nullable=True),
        Field("ready_for_service_date", "l.ready_for_service_date", Kind.DATE, nullable=True),
        Field("site_address", "l.site_address", Kind.TEXT, nullable=True),
    ),
    reach=Reachable(customer="l.customer_id", account="i.account_id"),
    collections=("invoices",),  # lines come and go only with a change of their invoice
)  # fmt: skip
