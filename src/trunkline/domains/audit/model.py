"""What happened, as whoever checks it later reads it."""

from datetime import datetime
from uuid import UUID

import msgspec


class AuditEntry(msgspec.Struct, frozen=True):
    """One committed change: who (`actor_id`) did what (`type`) to which object, when and from where."""

    sequence: int
    occurred_at: datetime
    type: str
    subject_type: str
    subject_reference: str
    account_id: UUID | None
    customer_id: UUID | None
    actor_type: str
    actor_id: str
    remote_address: str | None
    request_id: str


class DeepAuditEntry(AuditEntry, frozen=True):
    """The same with the account that the object belongs to."""

    account_reference: str | None
    account_name: str | None
