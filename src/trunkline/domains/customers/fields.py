"""What accounts and sites can be filtered and sorted by."""

from functools import partial

from trunkline.domains.customers.model import Account, DeepAccount, DeepSite, Site
from trunkline.kit.query import Field, Kind, Listing, Reachable
from trunkline.kit.query.rows import from_rows

_accounts = partial(
    Listing,
    table="a",
    source="accounts a LEFT JOIN accounts p ON p.tenant_id = a.tenant_id AND p.id = a.parent_id",
    fields=(
        Field("reference", "a.reference", Kind.REFERENCE),
        Field("id", "a.id", Kind.UUID, sortable=False),
        Field("name", "a.name", Kind.TEXT),
        Field("legal_name", "a.legal_name", Kind.TEXT),
        Field("parent_reference", "p.reference", Kind.REFERENCE, nullable=True),
        Field("country", "a.country", Kind.TEXT, nullable=True),
        Field("currency", "a.currency", Kind.TEXT),
        Field("enabled", "a.enabled", Kind.BOOLEAN),
        Field("created_at", "a.created_at", Kind.INSTANT),
        Field("modified_at", "a.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="a.customer_id", account="a.id"),
    collections=("accounts",),
    sized=True,
)  # fmt: skip

ACCOUNT_COLUMNS = (
    "a.id", "a.reference", "a.version", "a.customer_id", "p.reference", "a.name", "a.legal_name", "a.country", "a.currency",
    "a.created_at", "a.modified_at", "a.enabled", "a.extensions",
)  # fmt: skip

ACCOUNTS: Listing[Account] = _accounts(name="accounts", model=from_rows(Account), columns=ACCOUNT_COLUMNS)
ACCOUNTS_DEEP: Listing[DeepAccount] = _accounts(
    name="accounts_deep", model=from_rows(DeepAccount), columns=(*ACCOUNT_COLUMNS, "p.name")
)

_sites = partial(
    Listing,
    table="s",
    source="sites s LEFT JOIN accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id",
    fields=(
        Field("reference", "s.reference", Kind.REFERENCE),
        Field("account_id", "s.account_id", Kind.UUID, sortable=False),
        Field("account_reference", "a.reference", Kind.REFERENCE),
        Field("name", "s.name", Kind.TEXT),
        Field("address", "s.address", Kind.TEXT, nullable=True),
        Field("city", "s.city", Kind.TEXT, nullable=True),
        Field("postal_code", "s.postal_code", Kind.TEXT, nullable=True),
        Field("state_province", "s.state_province", Kind.TEXT, nullable=True),
        Field("country", "s.country", Kind.TEXT, nullable=True),
        Field("country_code", "s.country_code", Kind.TEXT),
        Field("latitude", "s.latitude", Kind.FLOAT, nullable=True),
        Field("longitude", "s.longitude", Kind.FLOAT, nullable=True),
        Field("time_zone", "s.time_zone", Kind.TEXT, nullable=True),
        Field("created_at", "s.created_at", Kind.INSTANT),
        Field("modified_at", "s.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="s.customer_id", account="s.account_id"),
    collections=("sites", "accounts"),
    sized=True,
)  # fmt: skip

SITE_COLUMNS = (
    "s.id", "s.reference", "s.version", "s.account_id", "s.customer_id", "a.reference", "s.name", "s.address", "s.city",
    "s.postal_code", "s.state_province", "s.country", "s.country_code", "s.latitude", "s.longitude", "s.time_zone",
    "s.created_at", "s.modified_at",
)  # fmt: skip

SITES: Listing[Site] = _sites(name="sites", model=Site, columns=SITE_COLUMNS)
SITES_DEEP: Listing[DeepSite] = _sites(name="sites_deep", model=DeepSite, columns=(*SITE_COLUMNS, "a.name"))
