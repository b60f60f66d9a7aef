"""What services can be filtered and sorted by."""

from trunkline.domains.connectivity.model import Service
from trunkline.kit.query import Field, Kind, Listing, Reachable

SERVICES = Listing(
    name="services",
    model=Service,
    table="v",
    source=(
        "services v LEFT JOIN accounts a ON a.tenant_id = v.tenant_id AND a.id = v.account_id "
        "LEFT JOIN sites s ON s.tenant_id = v.tenant_id AND s.id = v.site_id"
    ),
    columns=(
        "v.id", "v.reference", "v.version", "v.account_id", "v.customer_id", "v.site_id", "a.reference", "s.reference", "s.name",
        "v.name", "v.status", "v.planned_delivery_date", "v.ready_for_service_date", "v.technical_note", "v.product_name",
        "v.access_type", "v.download_kbps", "v.upload_kbps", "v.customer_reference", "v.created_at", "v.modified_at",
    ),
    fields=(
        Field("reference", "v.reference", Kind.REFERENCE),
        Field("account_id", "v.account_id", Kind.UUID, sortable=False),
        Field("site_id", "v.site_id", Kind.UUID, sortable=False),
        Field("account_reference", "a.reference", Kind.REFERENCE),
        Field("site_reference", "s.reference", Kind.REFERENCE),
        Field("site_name", "s.name", Kind.TEXT),
        Field("name", "v.name", Kind.TEXT),
        Field("status", "v.status", Kind.WORD),
        Field("planned_delivery_date", "v.planned_delivery_date", Kind.DATE, nullable=True),
        Field("ready_for_service_date", "v.ready_for_service_date", Kind.DATE, nullable=True),
        Field("technical_note", "v.technical_note", Kind.TEXT, nullable=True),
        Field("product_name", "v.product_name", Kind.TEXT),
        Field("access_type", "v.access_type", Kind.TEXT),
        Field("download_kbps", "v.download_kbps", Kind.INTEGER, nullable=True),
        Field("upload_kbps", "v.upload_kbps", Kind.INTEGER, nullable=True),
        Field("customer_reference", "v.customer_reference", Kind.TEXT, nullable=True),
        Field("created_at", "v.created_at", Kind.INSTANT),
        Field("modified_at", "v.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="v.customer_id", account="v.account_id"),
    collections=("services", "sites", "accounts"),
    sized=True,
)  # fmt: skip
