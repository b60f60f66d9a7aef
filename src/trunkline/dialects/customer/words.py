"""The Customer API's spelling of the house's words (reference/expereo.md §3.2, §4)."""

CASE_TYPE = {"incident": "Incident", "request": "NonIncident"}
CASE_TYPE_ALIASES = {"GeneralRequest": "request", "General Request": "request"}  # accepted on input (§3.3)
CASE_STATUS = {
    "new": "New",
    "in_progress": "InProgress",
    "pending_customer": "PendingCustomer",
    "pending_supplier": "PendingSupplier",
    "resolved": "Resolved",
    "closed": "Closed",
    "cancelled": "Cancelled",
}
CASE_ORIGIN = {"api": "Api", "portal": "Portal", "email": "Email", "phone": "Phone", "monitoring": "Monitoring"}
MESSAGE_TYPE = {"customer": "Customer", "support": "Support", "system": "System"}
PRIORITY = {p: p for p in ("P1", "P2", "P3", "P4", "P5")}
SERVICE_STATUS = {"in_progress": "In progress", "ready": "RFS", "cancelled": "Cancelled", "ceased": "Ceased"}
SUBSCRIBER_STATUS = {"active": "Active", "inactive": "Inactive"}
SUBSCRIBER_TYPE = {"production": "Production", "test": "Test"}
INVOICE_STATUS = {"open": "Open", "paid": "Paid", "overdue": "Overdue", "cancelled": "Cancelled"}
ENDPOINT_STATUS = {"active": "Active", "paused": "Paused", "disabled": "Disabled"}
DISABLED_REASON = {"gone": "Gone", "failing": "Failing"}
DELIVERY_STATUS = {"pending": "Pending", "delivered": "Delivered", "failed": "Failed"}
SCOPE = {
    "customerapi/basic.read": "BasicRead",
    "customerapi/support.read": "SupportRead",
    "customerapi/support.read-write": "SupportReadWrite",
    "customerapi/billing.read": "BillingRead",
    "customerapi/webhooks.manage": "WebhooksManage",
    "customerapi/apiclients.manage": "ApiClientsManage",  # only the operator's command line gives it
}
GRANTABLE = tuple(name for name in SCOPE.values() if name != "ApiClientsManage")

# For error texts: whatever word of the house a rule mentions.
ALL = {**SERVICE_STATUS, **INVOICE_STATUS, **CASE_TYPE, **CASE_STATUS}

# House fields whose name is not just another case of the wire's.
FIELDS = {
    "service_reference": "serviceId",
    "name": "apiClientName",
}


def wire_field(field: str) -> str:
    """A rule's field as the caller wrote it: `start_of_incident` → `startOfIncident`. What is on the wire already stays."""
    if field in FIELDS:
        return FIELDS[field]
    first, *rest = field.split("_")
    return first + "".join(part.title() for part in rest)
