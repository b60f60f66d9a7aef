"""What audit entries can be filtered and sorted by."""

from trunkline.domains.audit.model import AuditEntry, DeepAuditEntry
from trunkline.kit.query import Field, Kind, Listing, Reachable

SOURCE = "events e LEFT JOIN accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id"
COLUMNS = (
    "e.sequence", "e.occurred_at", "e.type", "e.subject_type", "e.subject_reference", "e.account_id", "e.customer_id",
    "e.actor_type", "e.actor_id", "e.remote_address", "e.request_id",
)  # fmt: skip
FIELDS = (
    Field("sequence", "e.sequence", Kind.INTEGER),
    Field("occurred_at", "e.occurred_at", Kind.INSTANT),
    Field("type", "e.type", Kind.WORD),
    Field("subject_type", "e.subject_type", Kind.WORD),
    Field("subject_reference", "e.subject_reference", Kind.WORD),
    Field("actor_type", "e.actor_type", Kind.WORD),
    Field("actor_id", "e.actor_id", Kind.WORD),
    Field("remote_address", "e.remote_address", Kind.WORD, nullable=True),
    Field("request_id", "e.request_id", Kind.WORD),
    Field("account_reference", "a.reference", Kind.REFERENCE, nullable=True),
)
REACH = Reachable(customer="e.customer_id", account="e.account_id")

AUDIT_LOG = Listing(
    name="audit_log",
    model=AuditEntry,
    table="e",
    source=SOURCE,
    columns=COLUMNS,
    fields=FIELDS,
    reach=REACH,
    collections=("events",),
    key="sequence",
)
AUDIT_LOG_DEEP = Listing(
    name="audit_log_deep",
    model=DeepAuditEntry,
    table="e",
    source=SOURCE,
    columns=(*COLUMNS, "a.reference", "a.name"),
    fields=FIELDS,
    reach=REACH,
    collections=("events",),
    key="sequence",
)
