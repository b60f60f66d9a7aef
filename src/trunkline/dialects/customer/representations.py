"""Objects as the Customer API shows them (reference/expereo.md §3.2): camelCase, absent values null, instants UTC in whole seconds."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from trunkline.dialects.customer import words
from trunkline.domains.billing.service import Invoice, InvoiceLine
from trunkline.domains.connectivity.service import Service
from trunkline.domains.customers.service import Account, Site
from trunkline.domains.identity.service import ApiClient
from trunkline.domains.support.service import Case, CaseMessage
from trunkline.kit.http.answer import Answer, etag_of, json_answer
from trunkline.kit.http.request import Request

D = TypeVar("D")

Instant = Annotated[datetime, Meta(tz=True)]


class SelfLink(msgspec.Struct):
    self: str


class One(msgspec.Struct, Generic[D]):
    """A single resource."""

    data: D
    links: SelfLink


class AccountDocument(msgspec.Struct, rename="camel"):
    """A customer account."""

    account_id: str
    name: str
    legal_name: str
    parent_account_id: str | None
    country: str | None
    currency: str
    created_date: Instant
    last_modified_date: Instant

    @classmethod
    def of(cls, account: Account) -> "AccountDocument":
        return cls(
            account.reference, account.name, account.legal_name, account.parent_reference, account.country, account.currency,
            account.created_at, account.modified_at,
        )  # fmt: skip


class SiteDocument(msgspec.Struct, rename="camel"):
    """A location. `countryCode` is ISO 3166-1 alpha-2, `timeZone` an IANA name."""

    site_id: str
    name: str
    city: str | None
    country: str | None
    account_id: str
    address: str | None
    postal_code: str | None
    state_province: str | None
    country_code: str
    latitude: float | None
    longitude: float | None
    time_zone: str | None
    created_date: Instant
    last_modified_date: Instant

    @classmethod
    def of(cls, site: Site) -> "SiteDocument":
        return cls(
            site.reference, site.name, site.city, site.country, site.account_reference, site.address, site.postal_code,
            site.state_province, site.country_code, site.latitude, site.longitude, site.time_zone, site.created_at, site.modified_at,
        )  # fmt: skip


class ServiceDocument(msgspec.Struct, rename="camel"):
    """A connection at a site. `readyForServiceDate` is null until the service is ready (RFS)."""

    service_id: str
    service_name: str
    status: str
    planned_delivery_date: date | None
    ready_for_service_date: date | None
    technical_note: str | None
    account_id: str
    site_id: str
    site_name: str
    product_name: str
    access_type: str
    download_kbps: int | None
    upload_kbps: int | None
    customer_reference: str | None
    created_date: Instant
    last_modified_date: Instant

    @classmethod
    def of(cls, service: Service) -> "ServiceDocument":
        return cls(
            service.reference, service.name, words.SERVICE_STATUS[service.status], service.planned_delivery_date,
            service.ready_for_service_date, service.technical_note, service.account_reference, service.site_reference,
            service.site_name, service.product_name, service.access_type, service.download_kbps, service.upload_kbps,
            service.customer_reference, service.created_at, service.modified_at,
        )  # fmt: skip


class CaseDocument(msgspec.Struct, rename="camel"):
    """A support case. Every change, message and reference edit moves `lastModifiedDate`: poll by it."""

    case_id: str
    subject: str
    type: str
    priority: str
    status: str
    origin: str
    created_date: Instant
    last_modified_date: Instant
    customer_reference: str | None
    start_of_incident: Instant | None
    end_of_incident: Instant | None
    account_id: str
    site_id: str
    service_id: str
    resolved_date: Instant | None
    closed_date: Instant | None

    @classmethod
    def of(cls, case: Case) -> "CaseDocument":
        return cls(
            case.reference, case.subject, words.CASE_TYPE[case.type], case.priority, words.CASE_STATUS[case.status],
            words.CASE_ORIGIN[case.origin], case.created_at, case.modified_at, case.customer_reference, case.start_of_incident,
            case.end_of_incident, case.account_reference, case.site_reference, case.service_reference, case.resolved_at, case.closed_at,
        )  # fmt: skip


class CaseMessageDocument(msgspec.Struct, rename="camel"):
    """One message of a case."""

    message_id: str
    case_id: str
    message: str
    type: str
    timestamp: Instant
    sent_by: str

    @classmethod
    def of(cls, message: CaseMessage) -> "CaseMessageDocument":
        return cls(
            message.reference,
            message.case_reference,
            message.body,
            words.MESSAGE_TYPE[message.type],
            message.created_at,
            message.sent_by,
        )


class InvoiceDocument(msgspec.Struct, rename="camel"):
    """An invoice. Amounts are in `invoiceCurrency`; netAmount + taxAmount = totalAmount."""

    invoice_id: str
    account_id: str
    invoice_reference: str
    invoice_date: date
    due_date: date
    invoice_currency: str
    net_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    status: str

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceDocument":
        return cls(
            invoice.reference, invoice.account_reference, invoice.number, invoice.invoice_date, invoice.due_date, invoice.currency,
            invoice.net_amount, invoice.tax_amount, invoice.total_amount, words.INVOICE_STATUS[invoice.status],
        )  # fmt: skip


class InvoiceLineDetailDocument(msgspec.Struct, rename="camel"):
    """One line of an invoice, in the spelling of the former API (`orderIDExpereo`, `orderRFSDate`)."""

    invoice_line_id: str
    invoice_id: str
    invoice_reference: str
    invoice_date: date
    invoice_currency: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    sum_invoice_line_invoice_currency_amount: Decimal
    period_start: date | None
    period_end: date | None
    order_id_expereo: str | None = msgspec.field(name="orderIDExpereo")
    order_name: str | None
    order_rfs_date: date | None = msgspec.field(name="orderRFSDate")
    site_address: str | None

    @classmethod
    def of(cls, line: InvoiceLine) -> "InvoiceLineDetailDocument":
        return cls(
            line.reference, line.invoice_reference, line.invoice_number, line.invoice_date, line.currency, line.description,
            line.quantity.quantize(TWO_PLACES), line.unit_price.quantize(TWO_PLACES), line.net_amount, line.period_start, line.period_end,
            line.order_reference, line.order_name, line.ready_for_service_date, line.site_address,
        )  # fmt: skip


TWO_PLACES = Decimal("0.01")


class ApiClientDocument(msgspec.Struct, rename="camel"):
    """An API client without its secret."""

    client_id: str
    api_client_name: str
    scopes: list[str]
    created_date: Instant
    last_used_date: Instant | None

    @classmethod
    def of(cls, client: ApiClient) -> "ApiClientDocument":
        return cls(
            client.reference,
            client.name,
            [words.SCOPE[s] for s in client.scopes if s in words.SCOPE],
            client.created_at,
            client.last_used_at,
        )


class NewApiClientDocument(msgspec.Struct, rename="camel"):
    """A new API client. `clientSecret` is shown here and never again."""

    client_id: str
    client_secret: str
    api_client_name: str
    scopes: list[str]
    created_date: Instant
    last_used_date: Instant | None

    @classmethod
    def of(cls, client: ApiClient, secret: str) -> "NewApiClientDocument":
        shown = ApiClientDocument.of(client)
        return cls(shown.client_id, secret, shown.api_client_name, shown.scopes, shown.created_date, shown.last_used_date)


def one_answer(request: Request, document: object, path: str, version: int, status: int = 200) -> Answer:
    """A single resource in its envelope, with its entity tag; a 201 says where it is."""
    address = f"{request.base_url}{path}"
    headers = [("ETag", etag_of(version))]
    if status == 201:
        headers.append(("Location", address))
    return json_answer(One(document, SelfLink(address)), status, headers=headers)
