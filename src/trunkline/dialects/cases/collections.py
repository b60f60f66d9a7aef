"""The collections that the schema offers in pages: which fields filter and sort them. Declared once; SDL and queries follow."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from trunkline.dialects.customer import words
from trunkline.domains.billing import service as billing
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.customers import service as customers
from trunkline.domains.support import service as support
from trunkline.kit.query import Field, Kind, Listing, Page

Words = Mapping[str, str]
Read = Callable[..., Awaitable[Page[Any]]]


@dataclass(frozen=True, slots=True)
class Name:
    """A field as the schema names it: the house's field, and the spelling of its words if it has any."""

    field: Field
    words: Words | None = None

    @property
    def ranking(self) -> tuple[str, ...]:
        """The house's words in the order of their spelling."""
        return tuple(sorted(self.words, key=self.words.__getitem__)) if self.words else ()

    @property
    def condition(self) -> str:
        """The input type of a condition on it."""
        match self.field.kind:
            case Kind.INTEGER | Kind.DECIMAL | Kind.FLOAT:
                return "NumberFilter"
            case Kind.DATE | Kind.INSTANT:
                return "DateFilter"
        return "TextFilter"


@dataclass(frozen=True, slots=True)
class Collection:
    """A connection at the schema's root. `one` is the name of the field that gives a single object."""

    name: str
    one: str
    type: str
    listing: Listing[Any]
    read: Read
    names: Mapping[str, Name]

    @property
    def sdl(self) -> str:
        """What the schema says of it."""
        type_, conditions = self.type, "\n  ".join(f"{name}: {known.condition}" for name, known in self.names.items())
        return f"""
            "All conditions must hold; `and`, `or` and `not` nest them."
            input {type_}Filter {{
              {conditions}
              and: [{type_}Filter!]
              or: [{type_}Filter!]
              not: {type_}Filter
            }}
            enum {type_}Field {{ {" ".join(self.names)} }}
            input {type_}Order {{ field: {type_}Field! descending: Boolean = false }}
            type {type_}Edge {{ cursor: String! node: {type_}! }}
            type {type_}Connection {{
              "Exact up to as many rows as are counted, else null."
              totalCount: Int
              nodes: [{type_}!]!
              edges: [{type_}Edge!]!
              pageInfo: PageInfo!
            }}
            extend type Query {{
              "A page, 25 unless `first` or `last` says how many (at most 200)."
              {self.name}(
                first: Int, after: String, last: Int, before: String, filter: {type_}Filter, sort: [{type_}Order!]
              ): {type_}Connection
            }}
        """


def _collection(
    name: str, one: str, type_: str, listing: Listing[Any], read: Read, names: Mapping[str, str | tuple[str, Words]]
) -> Collection:
    known = {}
    for wire, house in names.items():
        field, spelling = house if isinstance(house, tuple) else (house, None)
        known[wire] = Name(listing.by_name[field], spelling)
    return Collection(name, one, type_, listing, read, known)


CHANGES = {"createdDate": "created_at", "lastModifiedDate": "modified_at"}

COLLECTIONS = (
    _collection(
        "accounts", "account", "Account", customers.ACCOUNTS, customers.list_accounts,
        {
            "accountId": "reference", "name": "name", "legalName": "legal_name", "parentAccountId": "parent_reference",
            "country": "country", "currency": "currency", **CHANGES,
        },
    ),
    _collection(
        "sites", "site", "Site", customers.SITES, customers.list_sites,
        {
            "siteId": "reference", "name": "name", "city": "city", "country": "country", "accountId": "account_reference",
            "address": "address", "postalCode": "postal_code", "stateProvince": "state_province", "countryCode": "country_code",
            "latitude": "latitude", "longitude": "longitude", "timeZone": "time_zone", **CHANGES,
        },
    ),
    _collection(
        "services", "service", "Service", connectivity.SERVICES, connectivity.list_services,
        {
            "serviceId": "reference", "serviceName": "name", "status": ("status", words.SERVICE_STATUS),
            "plannedDeliveryDate": "planned_delivery_date", "readyForServiceDate": "ready_for_service_date",
            "accountId": "account_reference", "siteId": "site_reference", "siteName": "site_name", "productName": "product_name",
            "accessType": "access_type", "downloadKbps": "download_kbps", "uploadKbps": "upload_kbps",
            "customerReference": "customer_reference", **CHANGES,
        },
    ),
    _collection(
        "cases", "case", "Case", support.CASES, support.list_cases,
        {
            "id": "reference", "subject": "subject", "type": ("type", words.CASE_TYPE), "priority": ("priority", words.PRIORITY),
            "status": ("status", words.CASE_STATUS), "origin": ("origin", words.CASE_ORIGIN), "accountId": "account_reference",
            "siteId": "site_reference", "serviceId": "service_reference", "customerReference": "customer_reference",
            "startOfIncident": "start_of_incident", "endOfIncident": "end_of_incident", "resolvedDate": "resolved_at",
            "closedDate": "closed_at", **CHANGES,
        },
    ),
    _collection(
        "invoices", "invoice", "Invoice", billing.INVOICES, billing.list_invoices,
        {
            "invoiceId": "reference", "accountId": "account_reference", "invoiceReference": "number", "invoiceDate": "invoice_date",
            "dueDate": "due_date", "invoiceCurrency": "currency", "netAmount": "net_amount", "taxAmount": "tax_amount",
            "totalAmount": "total_amount", "status": ("status", words.INVOICE_STATUS),
        },
    ),
    _collection(
        "subscribers", "subscriber", "Subscriber", subscribers.SUBSCRIBERS_DEEP, partial(subscribers.list_subscribers, deep=True),
        {
            "subscriberId": "reference", "imsi": "imsi", "msisdn": "msisdn", "iccid": "iccid",
            "status": ("status", words.SUBSCRIBER_STATUS), "type": ("type", words.SUBSCRIBER_TYPE), "accountId": "account_reference",
            "serviceId": "service_reference", "siteId": "site_reference", **CHANGES,
        },
    ),
)  # fmt: skip
