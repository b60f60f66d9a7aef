"""Invoices and their line details."""

from trunkline.dialects.clients import BILLING_READ
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import InvoiceDocument, InvoiceLineDetailDocument, One, one_answer
from trunkline.domains.billing import service as billing
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Invoices", prefix="/v2")

INVOICE_NAMES = Names(
    billing.INVOICES,
    {
        "InvoiceId": "reference",
        "AccountId": "account_reference",
        "InvoiceReference": "number",
        "InvoiceDate": "invoice_date",
        "DueDate": "due_date",
        "InvoiceCurrency": "currency",
        "NetAmount": "net_amount",
        "TaxAmount": "tax_amount",
        "TotalAmount": "total_amount",
        "Status": ("status", words.INVOICE_STATUS),
    },
)

LINE_NAMES = Names(
    billing.INVOICE_LINES,
    {
        "InvoiceLineId": "reference",
        "InvoiceId": "invoice_reference",
        "InvoiceReference": "invoice_number",
        "InvoiceDate": "invoice_date",
        "InvoiceCurrency": "currency",
        "Description": "description",
        "Quantity": "quantity",
        "UnitPrice": "unit_price",
        "SumInvoiceLineInvoiceCurrencyAmount": "net_amount",
        "PeriodStart": "period_start",
        "PeriodEnd": "period_end",
        "OrderIDExpereo": "order_reference",
        "OrderName": "order_name",
        "OrderRFSDate": "ready_for_service_date",
        "SiteAddress": "site_address",
    },
)


@routes.get(
    "/invoices",
    scopes=(BILLING_READ,),
    returns=ListOf[InvoiceDocument],
    parameters=list_parameters(INVOICE_NAMES),
    examples=examples.INVOICES,
)
async def list_invoices(request: Request) -> Answer:
    """List invoices."""
    query = read_query(request, INVOICE_NAMES)
    page = await billing.list_invoices(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, InvoiceDocument.of)


@routes.get(
    "/invoices/{invoiceId}", scopes=(BILLING_READ,), returns=One[InvoiceDocument], errors=(404,), examples=examples.INVOICE
)
async def get_invoice(request: Request) -> Answer:
    """Retrieve an invoice."""
    invoice = await billing.find_invoice(request.work, request.path_parameters["invoiceId"])
    return one_answer(request, InvoiceDocument.of(invoice), f"/v2/invoices/{invoice.reference}", invoice.version)


@routes.get(
    "/invoices/{invoiceId}/invoice-line-details",
    scopes=(BILLING_READ,),
    returns=ListOf[InvoiceLineDetailDocument],
    parameters=list_parameters(LINE_NAMES),
    errors=(404,),
    examples=examples.INVOICE_LINES,
)
async def list_invoice_line_details(request: Request) -> Answer:
    """List an invoice's line details."""
    query = read_query(request, LINE_NAMES)
    invoice = await billing.find_invoice(request.work, request.path_parameters["invoiceId"])
    page = await billing.list_lines(request.work, invoice, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, InvoiceLineDetailDocument.of)
