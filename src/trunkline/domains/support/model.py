"""The words of the support domain."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class CaseType(StrEnum):
    """An incident (something broke) or a request (anything else)."""

    INCIDENT = "incident"
    REQUEST = "request"


class Priority(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


class CaseStatus(StrEnum):
    NEW = "new"
    IN_PROGRESS = "in_progress"
    PENDING_CUSTOMER = "pending_customer"
    PENDING_SUPPLIER = "pending_supplier"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CaseOrigin(StrEnum):
    API = "api"
    PORTAL = "portal"
    EMAIL = "email"
    PHONE = "phone"
    MONITORING = "monitoring"


class MessageType(StrEnum):
    """Who speaks: the customer, the provider's support, or the house itself."""

    CUSTOMER = "customer"
    SUPPORT = "support"
    SYSTEM = "system"


class Case(msgspec.Struct, frozen=True):
    """A support case on one service. Instants are UTC, whole seconds."""

    id: UUID
    reference: str
    version: int
    account_id: UUID
    customer_id: UUID
    site_id: UUID
    service_id: UUID
    account_reference: str
    site_reference: str
    service_reference: str
    subject: str
    type: CaseType
    priority: Priority
    status: CaseStatus
    origin: CaseOrigin
    customer_reference: str | None
    start_of_incident: datetime | None
    end_of_incident: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    modified_at: datetime


class CaseMessage(msgspec.Struct, frozen=True):
    """One message of a case; messages are never changed."""

    id: UUID
    reference: str
    version: int
    case_id: UUID
    account_id: UUID
    customer_id: UUID
    case_reference: str
    type: MessageType
    body: str
    sent_by: str
    created_at: datetime


class CaseDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A case as a customer asks for it. `start_given` and `end_given` say whether the incident dates were in the request at all.

    The four mandatory fields are `None` only where the request could not be read; who says so has a violation for it.
    """

    type: CaseType | None
    subject: str | None
    service_reference: str | None
    message: str | None
    priority: str | None = None
    origin: CaseOrigin = CaseOrigin.API
    customer_reference: str | None = None
    start_of_incident: datetime | None = None
    end_of_incident: datetime | None = None
    start_given: bool = False
    end_given: bool = False
    sent_by: str | None = None


class CaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer may change. `UNSET` leaves a field as it is; `None` clears it."""

    customer_reference: str | msgspec.UnsetType | None = msgspec.UNSET
    priority: str | msgspec.UnsetType | None = msgspec.UNSET
    start_of_incident: datetime | msgspec.UnsetType | None = msgspec.UNSET
    end_of_incident: datetime | msgspec.UnsetType | None = msgspec.UNSET
    status: CaseStatus | msgspec.UnsetType = msgspec.UNSET
