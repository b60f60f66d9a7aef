"""Objects as the Customer API shows them (reference/expereo.md §3.2): camelCase, absent values null, instants UTC in whole seconds."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from zlib import crc32

import msgspec
from msgspec import UNSET, Meta

from trunkline.dialects.customer import words
from trunkline.domains.billing.service import Invoice, InvoiceLine
from trunkline.domains.connectivity.service import Service
from trunkline.domains.connectivity.subscribers.service import Subscriber
from trunkline.domains.customers.service import Account, Site
from trunkline.domains.identity.service import ApiClient
from trunkline.domains.support.service import Case, CaseMessage
from trunkline.kit.errors import Violation
from trunkline.kit.http.answer import Answer, etag_of, json_answer
from trunkline.kit.http.request import Request

D = TypeVar("D")

Instant = Annotated[datetime, Meta(tz=True)]


def told(description: str, *examples: Any, words: Mapping[str, str] | None = None, **schema: Any) -> Meta:
    """What the document says of a field: only words for people and their schema; nothing that decoding would look at."""
    extra = {"enum": list(words.values())} if words else {}
    return Meta(description=description, examples=list(examples) or None, extra_json_schema={**extra, **schema} or None)


INCIDENT_SUBJECTS = ("RfoRequest", "ServiceDegradation", "ServiceIntermittent", "ServiceDown")
REQUEST_SUBJECTS = (
    "ActivationSupport", "ChangeRequest", "EngineerDispatch", "InformationRequest", "Other", "SoftwareUpdate",
    "UtilizationReport",
)  # fmt: skip
SUBJECTS = [*INCIDENT_SUBJECTS, *REQUEST_SUBJECTS]

AccountId = Annotated[str, told("The account's reference.", "ACC-98000001")]
SiteId = Annotated[str, told("The site's reference.", "SIT-98000112")]
ServiceId = Annotated[str, told("The service's reference.", "SVC-98000417")]
CaseId = Annotated[str, told("The case's reference.", "CAS-98002231")]
InvoiceId = Annotated[str, told("The invoice's reference.", "INV-98000077")]
ClientId = Annotated[str, told("What the client is known by in token requests.", "00001q6zs9a0v3k7m2x4c8d5ef")]
InvoiceReference = Annotated[str, told("The number that stands on the invoice.", "2026-000412")]
InvoiceCurrency = Annotated[str, told("ISO 4217.", "EUR", pattern="^[A-Z]{3}$")]
CustomerReference = Annotated[str | None, told("The customer's own reference.", "NOC-7781")]
CreatedDate = Annotated[Instant, told("When it was created (UTC).", "2025-11-20T08:00:00Z")]
LastModifiedDate = Annotated[Instant, told("When it was last changed (UTC).", "2026-01-12T15:02:11Z")]
ApiClientName = Annotated[str, told("The client's name, unique in its account.", "reporting")]
Scopes = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": list(words.SCOPE.values())})]],
    told("What the client may be given tokens for; never changes.", ["BasicRead", "SupportRead"]),
]
LastUsedDate = Annotated[
    Instant | None, told("When it last got a token (UTC), to within a minute; null if never.", "2026-03-02T10:00:00Z")
]
Secret = Annotated[
    str, told("Shown here and never again.", "Yb3kQ9mX2vR7tN5wZ8cJ4hL6pD1sF0gA3eU9iO2yT5rW8qE1kM7", minLength=51, maxLength=51)
]


ReadOnly = Annotated[Any, Meta(description="Set by the server; sending it is an error.", extra_json_schema={"readOnly": True})]


class SelfLink(msgspec.Struct):
    """Where it is."""

    self: Annotated[str, told("Its absolute address.", "https://api.provider.example/v2/accounts/ACC-98000001", format="uri")]


class One(msgspec.Struct, Generic[D]):
    """A single resource."""

    data: Annotated[D, told("The resource.")]
    links: Annotated[SelfLink, told("Where it is.")]


class AccountDocument(msgspec.Struct, rename="camel"):
    """A customer account."""

    account_id: AccountId
    name: Annotated[str, told("The name that people use.", "ACME Corporation")]
    legal_name: Annotated[str, told("The name in contracts.", "ACME Corporation B.V.")]
    parent_account_id: Annotated[str | None, told("The account above it; null at the top.", None)]
    country: Annotated[str | None, told("The country's English name.", "Netherlands")]
    currency: Annotated[str, told("Currency of its invoices, ISO 4217.", "EUR", pattern="^[A-Z]{3}$")]
    created_date: CreatedDate
    last_modified_date: LastModifiedDate

    @classmethod
    def of(cls, account: Account) -> "AccountDocument":
        return cls(
            account.reference, account.name, account.legal_name, account.parent_reference, account.country, account.currency,
            account.created_at, account.modified_at,
        )  # fmt: skip


class SiteDocument(msgspec.Struct, rename="camel"):
    """A location. `countryCode` is ISO 3166-1 alpha-2, `timeZone` an IANA name."""

    site_id: SiteId
    name: Annotated[str, told("The site's name.", "Lyon DC")]
    city: Annotated[str | None, told("City or town.", "Lyon")]
    country: Annotated[str | None, told("The country's English name.", "France")]
    account_id: AccountId
    address: Annotated[str | None, told("Street and number.", "12 Rue de la République")]
    postal_code: Annotated[str | None, told("In the country's own form.", "69002")]
    state_province: Annotated[str | None, told("State, province or region, where addresses have one.", None)]
    country_code: Annotated[str, told("ISO 3166-1 alpha-2.", "FR", pattern="^[A-Z]{2}$")]
    latitude: Annotated[float | None, told("Degrees north (WGS 84).", 45.7578, minimum=-90, maximum=90)]
    longitude: Annotated[float | None, told("Degrees east (WGS 84).", 4.832, minimum=-180, maximum=180)]
    time_zone: Annotated[str | None, told("IANA name.", "Europe/Paris")]
    created_date: CreatedDate
    last_modified_date: LastModifiedDate

    @classmethod
    def of(cls, site: Site) -> "SiteDocument":
        return cls(
            site.reference, site.name, site.city, site.country, site.account_reference, site.address, site.postal_code,
            site.state_province, site.country_code, site.latitude, site.longitude, site.time_zone, site.created_at, site.modified_at,
        )  # fmt: skip


class ServiceDocument(msgspec.Struct, rename="camel"):
    """A connection at a site. `readyForServiceDate` is null until the service is ready (RFS)."""

    service_id: ServiceId
    service_name: Annotated[str, told("The service's name.", "Global Internet 200/100")]
    status: Annotated[str, told("RFS: ready for service.", "RFS", words=words.SERVICE_STATUS)]
    planned_delivery_date: Annotated[date | None, told("When it is planned to be ready.", "2026-01-10")]
    ready_for_service_date: Annotated[date | None, told("Since when it has been ready; null until then.", "2026-01-12")]
    technical_note: Annotated[str | None, told("Remarks about the service.", "CPE in rack 4")]
    account_id: AccountId
    site_id: SiteId
    site_name: Annotated[str, told("The name of its site.", "Lyon DC")]
    product_name: Annotated[str, told("The product.", "Managed Internet")]
    access_type: Annotated[str, told("The kind of line.", "Fibre")]
    download_kbps: Annotated[int | None, told("Speed towards the site, kbit/s.", 200000, minimum=0)]
    upload_kbps: Annotated[int | None, told("Speed from the site, kbit/s.", 100000, minimum=0)]
    customer_reference: CustomerReference
    created_date: CreatedDate
    last_modified_date: LastModifiedDate

    @classmethod
    def of(cls, service: Service) -> "ServiceDocument":
        return cls(
            service.reference, service.name, words.SERVICE_STATUS[service.status], service.planned_delivery_date,
            service.ready_for_service_date, service.technical_note, service.account_reference, service.site_reference,
            service.site_name, service.product_name, service.access_type, service.download_kbps, service.upload_kbps,
            service.customer_reference, service.created_at, service.modified_at,
        )  # fmt: skip


class SubscriberDocument(msgspec.Struct, rename="camel"):
    """A SIM: shown by events; the Network API and the Case API have its resource. Its keys are never shown."""

    subscriber_id: Annotated[str, told("The subscriber's reference.", "700123")]
    imsi: Annotated[str, told("The identity of the SIM in its network.", "001010000000123")]
    msisdn: Annotated[str, told("Its number.", "15550000123")]
    iccid: Annotated[str | None, told("The number of the card.", "8901260123456789012")]
    status: Annotated[str, told("Whether the network serves it.", "Active", words=words.SUBSCRIBER_STATUS)]
    type: Annotated[str, told("Whether it is in earnest.", "Production", words=words.SUBSCRIBER_TYPE)]
    created_date: CreatedDate
    last_modified_date: LastModifiedDate

    @classmethod
    def of(cls, subscriber: Subscriber) -> "SubscriberDocument":
        return cls(
            subscriber.reference, subscriber.imsi, subscriber.msisdn, subscriber.iccid, words.SUBSCRIBER_STATUS[subscriber.status],
            words.SUBSCRIBER_TYPE[subscriber.type], subscriber.created_at, subscriber.modified_at,
        )  # fmt: skip


class CaseDocument(msgspec.Struct, rename="camel"):
    """A support case. Every change, message and reference edit moves `lastModifiedDate`: poll by it."""

    case_id: CaseId
    subject: Annotated[
        str, told("What it is about; which subjects there are depends on the type.", "ServiceDown", enum=SUBJECTS)
    ]
    type: Annotated[
        str, told("Incident: something is broken; NonIncident: any other request.", "Incident", words=words.CASE_TYPE)
    ]
    priority: Annotated[str, told("P1 is the most urgent; P1 and P2 are for incidents.", "P1", words=words.PRIORITY)]
    status: Annotated[str, told("Closed and Cancelled are final.", "New", words=words.CASE_STATUS)]
    origin: Annotated[str, told("How it came in.", "Api", words=words.CASE_ORIGIN)]
    created_date: CreatedDate
    last_modified_date: LastModifiedDate
    customer_reference: CustomerReference
    start_of_incident: Annotated[Instant | None, told("When the incident began (UTC).", "2026-03-02T06:10:00Z")]
    end_of_incident: Annotated[Instant | None, told("When it ended (UTC); null while it goes on.", None)]
    account_id: AccountId
    site_id: SiteId
    service_id: ServiceId
    resolved_date: Annotated[Instant | None, told("When it was resolved (UTC).", None)]
    closed_date: Annotated[Instant | None, told("When it was closed (UTC); a cancelled case has none.", None)]

    @classmethod
    def of(cls, case: Case) -> "CaseDocument":
        return cls(
            case.reference, case.subject, words.CASE_TYPE[case.type], case.priority, words.CASE_STATUS[case.status],
            words.CASE_ORIGIN[case.origin], case.created_at, case.modified_at, case.customer_reference, case.start_of_incident,
            case.end_of_incident, case.account_reference, case.site_reference, case.service_reference, case.resolved_at, case.closed_at,
        )  # fmt: skip


class CaseMessageDocument(msgspec.Struct, rename="camel"):
    """One message of a case."""

    message_id: Annotated[str, told("The message's reference.", "MSG-98004310")]
    case_id: CaseId
    message: Annotated[str, told("The text.", "Power is fine on our side.")]
    type: Annotated[str, told("Who speaks.", "Customer", words=words.MESSAGE_TYPE)]
    timestamp: Annotated[Instant, told("When it was sent (UTC).", "2026-03-02T06:31:40Z")]
    sent_by: Annotated[str, told("Who sent it: a name, an address, or the API client's name.", "noc@acme.example")]

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

    invoice_id: InvoiceId
    account_id: AccountId
    invoice_reference: InvoiceReference
    invoice_date: Annotated[date, told("The invoice's date.", "2026-03-01")]
    due_date: Annotated[date, told("To be paid until.", "2026-03-31")]
    invoice_currency: InvoiceCurrency
    net_amount: Annotated[Decimal, told("Without tax, two decimals.", 1240.0)]
    tax_amount: Annotated[Decimal, told("The tax, two decimals.", 260.4)]
    total_amount: Annotated[Decimal, told("With tax, two decimals.", 1500.4)]
    status: Annotated[str, told("Overdue: open after the due date.", "Open", words=words.INVOICE_STATUS)]

    @classmethod
    def of(cls, invoice: Invoice) -> "InvoiceDocument":
        return cls(
            invoice.reference, invoice.account_reference, invoice.number, invoice.invoice_date, invoice.due_date, invoice.currency,
            invoice.net_amount, invoice.tax_amount, invoice.total_amount, words.INVOICE_STATUS[invoice.status],
        )  # fmt: skip


class InvoiceLineDetailDocument(msgspec.Struct, rename="camel"):
    """One line of an invoice, in the spelling of the former API (`orderIDExpereo`, `orderRFSDate`)."""

    invoice_line_id: Annotated[str, told("The line's reference.", "INL-98000231")]
    invoice_id: InvoiceId
    invoice_reference: InvoiceReference
    invoice_date: Annotated[date, told("The invoice's date.", "2026-03-01")]
    invoice_currency: InvoiceCurrency
    description: Annotated[str, told("What is charged.", "Global Internet 200/100, February 2026")]
    quantity: Annotated[Decimal, told("How many, up to four decimals: part of a month is part of 1.", 1.0, 0.8065)]
    unit_price: Annotated[Decimal, told("Price of one, without tax, two decimals.", 620.0)]
    sum_invoice_line_invoice_currency_amount: Annotated[
        Decimal, told("Quantity times price, rounded to the currency's smallest amount; without tax.", 620.0)
    ]
    period_start: Annotated[date | None, told("First day that is charged.", "2026-02-01")]
    period_end: Annotated[date | None, told("Last day that is charged.", "2026-02-28")]
    order_id_expereo: Annotated[str | None, told("The service's reference, which is the order's too.", "SVC-98000417")] = (
        msgspec.field(name="orderIDExpereo")
    )
    order_name: Annotated[str | None, told("The service's name.", "Global Internet 200/100")]
    order_rfs_date: Annotated[date | None, told("Since when the service has been ready.", "2026-01-12")] = msgspec.field(
        name="orderRFSDate"
    )
    site_address: Annotated[str | None, told("Where the service is.", "12 Rue de la République, 69002 Lyon, France")]

    @classmethod
    def of(cls, line: InvoiceLine) -> "InvoiceLineDetailDocument":
        return cls(
            line.reference, line.invoice_reference, line.invoice_number, line.invoice_date, line.currency, line.description,
            _short(line.quantity), line.unit_price.quantize(TWO_PLACES), line.net_amount, line.period_start, line.period_end,
            line.order_reference, line.order_name, line.ready_for_service_date, line.site_address,
        )  # fmt: skip


TWO_PLACES = Decimal("0.01")


def _short(quantity: Decimal) -> Decimal:
    """With two decimals, unless it has more."""
    short = quantity.quantize(TWO_PLACES)
    return short if short == quantity else quantity


class ApiClientDocument(msgspec.Struct, rename="camel"):
    """An API client without its secret."""

    client_id: ClientId
    api_client_name: ApiClientName
    scopes: Scopes
    created_date: CreatedDate
    last_used_date: LastUsedDate

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

    client_id: ClientId
    client_secret: Secret
    api_client_name: ApiClientName
    scopes: Scopes
    created_date: CreatedDate
    last_used_date: LastUsedDate

    @classmethod
    def of(cls, client: ApiClient, secret: str) -> "NewApiClientDocument":
        shown = ApiClientDocument.of(client)
        return cls(shown.client_id, secret, shown.api_client_name, shown.scopes, shown.created_date, shown.last_used_date)


def owned(body: msgspec.Struct, names: Sequence[str]) -> list[Violation]:
    """A violation for each of these fields that a body holds though only the server sets it."""
    return [Violation(name, "is set by the server and cannot be sent") for name in names if getattr(body, name) is not UNSET]


def one_answer(request: Request, document: object, path: str, version: int, status: int = 200, *, moving: str = "") -> Answer:
    """A single resource in its envelope, with its entity tag; a 201 says where it is.

    `moving` is what the document shows beside the object's version: it changes without one, and the entity tag with it.
    """
    address = f"{request.base_url}{path}"
    headers = [("ETag", f'"{version}-{crc32(moving.encode()):08x}"' if moving else etag_of(version))]
    if status == 201:
        headers.append(("Location", address))
    return json_answer(One(document, SelfLink(address)), status, headers=headers)
