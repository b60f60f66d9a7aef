"""The schema's types over the house's objects: which attribute a field shows, and what leads on to other objects.

The spelling is that of reference/expereo.md §10.2; what the old API did not have is spelled like the Customer API's V2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from trunkline.dialects.customer import words
from trunkline.domains.support.service import Case

Getter = Callable[[Any], Any]
Info: TypeAlias = GraphQLResolveInfo[Any]


class PolledCase(Case, frozen=True):
    """A case as the old API lists it; `since` is from when on its communications are shown."""

    since: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A field that leads to objects of another type. Without a `loader`, `key` gives the object itself.

    `identity` is the field of the target that `key` is, where whoever reaches the one reaches the other: if nothing else is asked for,
    nothing is read, but the caller must hold the permission that it `needs`.
    """

    target: str
    loader: str
    key: Getter
    many: bool = False
    identity: str = ""
    needs: str = ""


def text_of(value: Any) -> Any:
    """Instants and days as texts, as the answer's encoder writes them; everything else as it is."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _number(attribute: str) -> Getter:
    get = attrgetter(attribute)

    def read(source: Any) -> float | None:
        value = get(source)
        return None if value is None else float(value)

    return read


def _word(attribute: str, spelling: Mapping[str, str]) -> Getter:
    get = attrgetter(attribute)
    return lambda source: spelling[get(source)]


def _texts(**fields: str) -> dict[str, Getter]:
    return {name: attrgetter(attribute) for name, attribute in fields.items()}


CHANGES: dict[str, Getter] = {"createdDate": attrgetter("created_at"), "lastModifiedDate": attrgetter("modified_at")}


# Instants and days stay what they are: the encoder of the answer writes them as the schema has them.
PLAIN: dict[str, dict[str, Getter]] = {
    "Account": {
        **_texts(accountId="reference", name="name", legalName="legal_name", country="country", currency="currency"),
        **CHANGES,
    },
    "Site": {
        **_texts(siteId="reference", name="name", city="city", country="country", address="address", postalCode="postal_code"),
        **_texts(stateProvince="state_province", countryCode="country_code", timeZone="time_zone"),
        **_texts(latitude="latitude", longitude="longitude"),
        **CHANGES,
    },
    "Service": {
        **_texts(serviceId="reference", serviceName="name", technicalNote="technical_note", productName="product_name"),
        **_texts(accessType="access_type", customerReference="customer_reference"),
        "status": _word("status", words.SERVICE_STATUS),
        "plannedDeliveryDate": attrgetter("planned_delivery_date"),
        "readyForServiceDate": attrgetter("ready_for_service_date"),
        "downloadKbps": _number("download_kbps"),
        "uploadKbps": _number("upload_kbps"),
        **CHANGES,
    },
    "Case": {
        **_texts(id="reference", subject="subject", customerReference="customer_reference", priority="priority"),
        "type": _word("type", words.CASE_TYPE),
        "status": _word("status", words.CASE_STATUS),
        "origin": _word("origin", words.CASE_ORIGIN),
        "startOfIncident": attrgetter("start_of_incident"),
        "endOfIncident": attrgetter("end_of_incident"),
        "resolvedDate": attrgetter("resolved_at"),
        "closedDate": attrgetter("closed_at"),
        **CHANGES,
    },
    "Communication": {
        **_texts(message="body", sentBy="sent_by"),
        "type": _word("type", words.MESSAGE_TYPE),
        "timestamp": attrgetter("created_at"),
    },
    "Invoice": {
        **_texts(invoiceId="reference", invoiceReference="number", invoiceCurrency="currency"),
        "invoiceDate": attrgetter("invoice_date"),
        "dueDate": attrgetter("due_date"),
        "netAmount": _number("net_amount"),
        "taxAmount": _number("tax_amount"),
        "totalAmount": _number("total_amount"),
        "status": _word("status", words.INVOICE_STATUS),
    },
    "InvoiceLine": {
        **_texts(invoiceLineId="reference", invoiceId="invoice_reference", invoiceReference="invoice_number"),
        **_texts(invoiceCurrency="currency", description="description", orderIDExpereo="order_reference"),
        **_texts(orderName="order_name", siteAddress="site_address"),
        "invoiceDate": attrgetter("invoice_date"),
        "quantity": _number("quantity"),
        "unitPrice": _number("unit_price"),
        "periodStart": attrgetter("period_start"),
        "periodEnd": attrgetter("period_end"),
        "orderRFSDate": attrgetter("ready_for_service_date"),
        "sumInvoiceLineInvoiceCurrencyAmount": _number("net_amount"),
    },
    "Subscriber": {
        **_texts(subscriberId="reference", imsi="imsi", msisdn="msisdn", iccid="iccid"),
        "status": _word("status", words.SUBSCRIBER_STATUS),
        "type": _word("type", words.SUBSCRIBER_TYPE),
        **CHANGES,
    },
}

ACCOUNT = Link("Account", "account", attrgetter("account_reference"), identity="accountId", needs="accounts.read")
SITE = Link("Site", "site", attrgetter("site_reference"), identity="siteId", needs="sites.read")
SERVICE = Link("Service", "service", attrgetter("service_reference"), identity="serviceId", needs="services.read")

LINKS: dict[str, dict[str, Link]] = {
    "Account": {"parent": Link("Account", "account", attrgetter("parent_reference"))},
    "Site": {"account": ACCOUNT, "services": Link("Service", "services of site", attrgetter("reference"), many=True)},
    "Service": {"account": ACCOUNT, "site": SITE},
    "Case": {
        "account": ACCOUNT,
        "site": SITE,
        "service": SERVICE,
        "communications": Link(
            "Communication", "communications", lambda case: (case.id, getattr(case, "since", None)), many=True
        ),
    },
    "Invoice": {"account": ACCOUNT, "lines": Link("InvoiceLine", "lines of invoice", attrgetter("reference"), many=True)},
    "Subscriber": {"account": ACCOUNT, "site": SITE, "service": SERVICE},
}
