"""What API clients can be filtered and sorted by."""

from trunkline.domains.identity.clients.model import ApiClient
from trunkline.kit.query import Field, Kind, Listing, Reachable

API_CLIENTS = Listing(
    name="api_clients",
    model=ApiClient,
    table="k",
    source="api_clients k",
    columns=(
        "k.id", "k.client_id", "k.version", "k.account_id", "k.customer_id", "k.name", "k.scopes", "k.created_at", "k.last_used_at",
    ),
    fields=(
        Field("reference", "k.client_id", Kind.TEXT),
        Field("id", "k.id", Kind.UUID, filterable=False, sortable=False),
        Field("name", "k.name", Kind.TEXT),
        Field("created_at", "k.created_at", Kind.INSTANT),
        # Used every time a token is issued, without an event: sorting is fine, but a total over it could not be remembered.
        Field("last_used_at", "k.last_used_at", Kind.INSTANT, nullable=True, filterable=False),
    ),
    reach=Reachable(customer="k.customer_id", account="k.account_id"),
    collections=("api_clients",),
    sized=True,
    condition="k.revoked_at IS NULL",
)  # fmt: skip
