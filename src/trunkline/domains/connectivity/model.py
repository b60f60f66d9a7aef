"""The words of the connectivity domain."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class ServiceStatus(StrEnum):
    """A service is being delivered, ready (RFS), or at an end before (`cancelled`) or after (`ceased`) delivery."""

    IN_PROGRESS = "in_progress"
    READY = "ready"
    CANCELLED = "cancelled"
    CEASED = "ceased"


class Service(msgspec.Struct, frozen=True):
    """A connection at a site. `ready_for_service_date` is null until it is ready; rates are in kbit/s."""

    id: UUID
    reference: str
    version: int
    account_id: UUID
    customer_id: UUID
    site_id: UUID
    account_reference: str
    site_reference: str
    site_name: str
    name: str
    status: ServiceStatus
    planned_delivery_date: date | None
    ready_for_service_date: date | None
    technical_note: str | None
    product_name: str
    access_type: str
    download_kbps: int | None
    upload_kbps: int | None
    customer_reference: str | None
    created_at: datetime
    modified_at: datetime
