"""Services: the connections at the sites, most of them in use, some being built, a few gone."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from trunkline.demo.draw import Draw
from trunkline.demo.products import CANCELLED_NOTES, CEASED_NOTES, DELIVERY_NOTES, NOTES, PRIMARY, SECONDARY, Product
from trunkline.demo.sites import Site

COLUMNS = (
    "id", "reference", "account_id", "customer_id", "site_id", "name", "status", "planned_delivery_date",
    "ready_for_service_date", "technical_note", "product_name", "access_type", "download_kbps", "upload_kbps",
    "customer_reference", "version", "created_at", "modified_at",
)  # fmt: skip

DAY = timedelta(days=1)
# Out of 25 services of a customer, in this order; the rest is ready.
NOT_READY = {3: "in_progress", 9: "ceased", 14: "in_progress", 20: "cancelled"}


@dataclass(slots=True)
class Service:
    """A service on its way into the database. `ceased_on` is the last day that is billed."""

    id: UUID
    site: Site
    product: Product
    account_id: UUID
    customer_id: UUID
    site_id: UUID
    name: str
    status: str
    planned_delivery_date: date
    ready_for_service_date: date | None
    ceased_on: date | None
    technical_note: str | None
    product_name: str
    access_type: str
    download_kbps: int | None
    upload_kbps: int | None
    customer_reference: str | None
    created_at: datetime
    modified_at: datetime
    version: int
    reference: str = ""


def make_services(draw: Draw, now: datetime, sites: list[Site]) -> list[Service]:
    """One to three services for each site; every customer has some in every status."""
    services: list[Service] = []
    positions: dict[UUID, int] = {}
    billed: set[UUID] = set()  # legal entities that have a ready service
    for site in sites:
        second, third = draw.happens(0.42), draw.happens(0.08)
        for deck in (PRIMARY, SECONDARY, SECONDARY)[: 1 + second + (second and third)]:
            position = positions.get(site.customer_id, 0)
            positions[site.customer_id] = position + 1
            status = NOT_READY.get(position % 25, "ready")
            first = status == "ready" and site.account.entity.id not in billed
            if first:
                billed.add(site.account.entity.id)
            services.append(_service(draw, now, site, draw.one(deck), status, first=first))
    return services


def _service(draw: Draw, now: datetime, site: Site, product: Product, status: str, *, first: bool) -> Service:
    ready_on: date | None = None
    ceased_on: date | None = None
    if status == "in_progress":
        created_at = max(site.created_at, draw.between(now - 90 * DAY, now - 16 * DAY))
        modified_at = draw.between(created_at, now)
        # A few are late already.
        planned = max(created_at + 14 * DAY, draw.between(now - 5 * DAY, now + 75 * DAY)).date()
        note = draw.one(DELIVERY_NOTES)
    else:
        created_at = _ordered_at(draw, now, site, first=first)
        planned = (created_at + timedelta(days=draw.whole(28, 75))).date()
        delivered = datetime.combine(planned + timedelta(days=draw.whole(-5, 12)), created_at.timetz())
        ready_on = delivered.date()
        modified_at = draw.between(delivered + timedelta(hours=1), delivered + timedelta(hours=7))
        note = draw.one(NOTES[product.access_type])
        if status == "cancelled":
            ready_on, note = None, draw.one(CANCELLED_NOTES)
            modified_at = draw.between(created_at + DAY, delivered)
        elif status == "ceased":
            modified_at = draw.between(delivered + 60 * DAY, now - DAY)
            ceased_on, note = modified_at.date(), draw.one(CEASED_NOTES)
        elif draw.happens(0.25):
            modified_at = draw.between(modified_at, now)
    text = note.format(
        rack=draw.whole(1, 12), port=draw.whole(1, 24), circuit=draw.pattern("@@@-%#####"), signal=-draw.whole(58, 97)
    )
    return Service(
        id=draw.id(created_at),
        site=site,
        product=product,
        account_id=site.account_id,
        customer_id=site.customer_id,
        site_id=site.id,
        name=product.name,
        status=status,
        planned_delivery_date=planned,
        ready_for_service_date=ready_on,
        ceased_on=ceased_on,
        technical_note=text if draw.happens(0.8) else None,
        product_name=product.family,
        access_type=product.access_type,
        download_kbps=product.download_kbps,
        upload_kbps=product.upload_kbps,
        customer_reference=_customer_reference(draw) if draw.happens(0.45) else None,
        created_at=created_at,
        modified_at=modified_at,
        version=1 if modified_at == created_at else draw.whole(2, 5),
    )


def _ordered_at(draw: Draw, now: datetime, site: Site, *, first: bool) -> datetime:
    """A legal entity's first line comes with its site; others follow, mostly of late, all in time to be delivered."""
    if first or draw.happens(0.2):
        return draw.after(site.created_at, timedelta(hours=1), 5 * DAY)
    return draw.between(max(site.created_at, now - 380 * DAY), now - 150 * DAY)


def _customer_reference(draw: Draw) -> str:
    return draw.pattern(draw.one(("PO-45####%", "PO 70##/%#", "WAN-%###", "RITM00%####", "CC%## network")))
