"""What webhook endpoints and their deliveries can be filtered and sorted by."""

from trunkline.domains.webhooks.model import Delivery, WebhookEndpoint
from trunkline.kit.query import Field, Kind, Listing, Reachable, SortKey

WEBHOOK_ENDPOINTS = Listing(
    name="webhook_endpoints",
    model=WebhookEndpoint,
    table="p",
    source="webhook_endpoints p",
    columns=(
        "p.id", "p.reference", "p.version", "p.account_id", "p.customer_id", "p.url", "p.description", "p.event_types", "p.permissions",
        "p.public_key", "p.status", "p.disabled_reason", "p.failing_since", "p.held_until", "p.previous_until", "p.created_at",
        "p.modified_at",
    ),
    fields=(
        Field("reference", "p.reference", Kind.REFERENCE),
        Field("url", "p.url", Kind.TEXT),
        Field("description", "p.description", Kind.TEXT),
        Field("status", "p.status", Kind.WORD),
        Field("disabled_reason", "p.disabled_reason", Kind.WORD, nullable=True),
        # Moved by deliveries, without an event: sorting is fine, but a total over it could not be remembered.
        Field("failing_since", "p.failing_since", Kind.INSTANT, nullable=True, filterable=False),
        Field("created_at", "p.created_at", Kind.INSTANT),
        Field("modified_at", "p.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="p.customer_id", account="p.account_id"),
    collections=("webhook_endpoints",),
    sized=True,
    condition="p.removed_at IS NULL",
)  # fmt: skip

WEBHOOK_DELIVERIES = Listing(
    name="webhook_deliveries",
    model=Delivery,
    table="d",
    source="webhook_deliveries d LEFT JOIN webhook_endpoints p ON p.tenant_id = d.tenant_id AND p.id = d.endpoint_id",
    columns=(
        "d.id", "'msg_' || replace(d.id::text, '-', '')", "d.endpoint_id", "d.sequence", "d.event_type", "d.subject_type",
        "d.subject_reference", "d.status", "d.tries", "d.attempts", "d.next_at", "d.response_status", "d.failure", "d.created_at",
        "d.finished_at",
    ),
    fields=(
        Field("id", "d.id", Kind.UUID),
        Field("endpoint_id", "d.endpoint_id", Kind.UUID, sortable=False),
        Field("sequence", "d.sequence", Kind.INTEGER, nullable=True),
        Field("event_type", "d.event_type", Kind.WORD),
        Field("subject_type", "d.subject_type", Kind.WORD),
        Field("subject_reference", "d.subject_reference", Kind.WORD),
        Field("status", "d.status", Kind.WORD),
        Field("attempts", "d.attempts", Kind.INTEGER),
        Field("response_status", "d.response_status", Kind.INTEGER, nullable=True),
        Field("created_at", "d.created_at", Kind.INSTANT),
        Field("next_at", "d.next_at", Kind.INSTANT, nullable=True),
        Field("finished_at", "d.finished_at", Kind.INSTANT, nullable=True),
    ),
    reach=Reachable(customer="p.customer_id", account="p.account_id"),
    collections=("webhook_deliveries",),  # without events, thus without a change count: read with `query.page_uncounted`
    key="id",
)  # fmt: skip

NEWEST_FIRST = (SortKey("created_at", descending=True), SortKey("id", descending=True))  # as an index has them
