"""What users can be filtered and sorted by."""

from trunkline.domains.identity.users.model import DeepUser, User
from trunkline.kit.query import Field, Kind, Listing, Reachable

SOURCE = "users u LEFT JOIN accounts a ON a.tenant_id = u.tenant_id AND a.id = u.account_id"
COLUMNS = (
    "u.id", "u.reference", "u.version", "u.account_id", "u.customer_id", "u.username", "u.role", "u.features", "u.active",
    "u.last_login_at", "u.created_at", "u.modified_at",
)  # fmt: skip
FIELDS = (
    Field("reference", "u.reference", Kind.REFERENCE),
    Field("username", "u.username", Kind.TEXT),
    Field("role", "u.role", Kind.WORD),
    Field("active", "u.active", Kind.BOOLEAN),
    Field("last_login_at", "u.last_login_at", Kind.INSTANT, nullable=True),
    Field("account_reference", "a.reference", Kind.REFERENCE, nullable=True),
    Field("created_at", "u.created_at", Kind.INSTANT),
    Field("modified_at", "u.modified_at", Kind.INSTANT),
)
REACH = Reachable(customer="u.customer_id", account="u.account_id")

USERS = Listing(
    name="users", model=User, table="u", source=SOURCE, columns=COLUMNS, fields=FIELDS, reach=REACH, collections=("users",)
)
USERS_DEEP = Listing(
    name="users_deep",
    model=DeepUser,
    table="u",
    source=SOURCE,
    columns=(*COLUMNS, "a.reference", "a.name"),
    fields=FIELDS,
    reach=REACH,
    collections=("users",),
)
