"""What cases and their messages can be filtered and sorted by."""

from trunkline.domains.support.model import Case, CaseMessage
from trunkline.kit.query import Field, Kind, Listing, Reachable

CASES = Listing(
    name="cases",
    model=Case,
    table="c",
    source=(
        "cases c LEFT JOIN accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id "
        "LEFT JOIN sites s ON s.tenant_id = c.tenant_id AND s.id = c.site_id "
        "LEFT JOIN services v ON v.tenant_id = c.tenant_id AND v.id = c.service_id"
    ),
    columns=(
        "c.id", "c.reference", "c.version", "c.account_id", "c.customer_id", "c.site_id", "c.service_id", "a.reference",
        "s.reference", "v.reference", "c.subject", "c.type", "c.priority", "c.status", "c.origin", "c.customer_reference",
        "c.start_of_incident", "c.end_of_incident", "c.resolved_at", "c.closed_at", "c.created_at", "c.modified_at",
    ),
    fields=(
        Field("reference", "c.reference", Kind.REFERENCE),
        Field("account_reference", "a.reference", Kind.REFERENCE),
        Field("site_reference", "s.reference", Kind.REFERENCE),
        Field("service_reference", "v.reference", Kind.REFERENCE),
        Field("subject", "c.subject", Kind.TEXT),
        Field("type", "c.type", Kind.WORD),
        Field("priority", "c.priority", Kind.WORD),
        Field("status", "c.status", Kind.WORD),
        Field("origin", "c.origin", Kind.WORD),
        Field("customer_reference", "c.customer_reference", Kind.TEXT, nullable=True),
        Field("start_of_incident", "c.start_of_incident", Kind.INSTANT, nullable=True),
        Field("end_of_incident", "c.end_of_incident", Kind.INSTANT, nullable=True),
        Field("resolved_at", "c.resolved_at", Kind.INSTANT, nullable=True),
        Field("closed_at", "c.closed_at", Kind.INSTANT, nullable=True),
        Field("created_at", "c.created_at", Kind.INSTANT),
        Field("modified_at", "c.modified_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="c.customer_id", account="c.account_id"),
    collections=("cases",),  # references never change, so the joined tables cannot change what matches
    sized=True,
)  # fmt: skip

CASE_MESSAGES = Listing(
    name="case_messages",
    model=CaseMessage,
    table="m",
    source="case_messages m LEFT JOIN cases c ON c.tenant_id = m.tenant_id AND c.id = m.case_id",
    columns=(
        "m.id", "m.reference", "1", "m.case_id", "c.account_id", "m.customer_id", "c.reference", "m.type", "m.body", "m.sent_by",
        "m.created_at",
    ),
    fields=(
        Field("reference", "m.reference", Kind.REFERENCE),
        Field("case_id", "m.case_id", Kind.UUID, sortable=False),
        Field("case_reference", "c.reference", Kind.REFERENCE),
        Field("type", "m.type", Kind.WORD),
        Field("body", "m.body", Kind.TEXT),
        Field("sent_by", "m.sent_by", Kind.TEXT),
        Field("created_at", "m.created_at", Kind.INSTANT),
    ),
    reach=Reachable(customer="m.customer_id", account="c.account_id"),
    collections=("cases",),  # a message always changes its case
)  # fmt: skip
