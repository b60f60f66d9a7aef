"""The words of the billing domain (read side; the engine that makes invoices comes with its own issue)."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec


class InvoiceStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    OVERDUE = "overdue"
    CANCELLED = "cancelled"


class Invoice(msgspec.Struct, frozen=True):
    """An invoice. Amounts are in `currency` (ISO 4217), net + tax = total; `number` is what is printed on it."""

    id: UUID
    reference: str
    version: int
    account_id: UUID
    customer_id: UUID
    account_reference: str
    number: str
    invoice_date: date
    due_date: date
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    status: InvoiceStatus
    created_at: datetime
    modified_at: datetime


class InvoiceLine(msgspec.Struct, frozen=True):
    """One line of an invoice, with copies of what it refers to as they were when the invoice was made."""

    id: UUID
    reference: str
    invoice_id: UUID
    customer_id: UUID
    invoice_reference: str
    invoice_number: str
    invoice_date: date
    currency: str
    position: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    net_amount: Decimal
    period_start: date | None
    period_end: date | None
    order_reference: str | None
    order_name: str | None
    ready_for_service_date: date | None
    site_address: str | None
