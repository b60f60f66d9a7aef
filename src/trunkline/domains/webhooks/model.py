"""The words of webhooks."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.kit.events import StoredEvent

TEST_TYPE = "webhook.test"  # what a test sends; no event of the house


class EndpointStatus(StrEnum):
    """`paused` by its owner: deliveries wait. `disabled` by the house: deliveries are written down as failed, for a replay."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why the house disabled an endpoint: it answered 410, or no try has succeeded for days."""

    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookEndpoint(msgspec.Struct, frozen=True):
    """An address that hears of events. Without an account it is the operator's and hears of the whole tenant.

    `permissions` are those of whoever chose the event types: the endpoint hears only what they may read.
    `public_key` verifies the `v1a` signatures. `previous_until`: until then the keys before the present ones sign too.
    """

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    url: str
    description: str
    event_types: tuple[str, ...]
    permissions: tuple[str, ...]
    public_key: str
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    held_until: datetime | None
    previous_until: datetime | None
    created_at: datetime
    modified_at: datetime

    def __post_init__(self) -> None:
        for name in ("event_types", "permissions"):
            msgspec.structs.force_setattr(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class EndpointDraft:
    """A new endpoint as it is asked for. `secret`: the caller's own (`whsec_…`); without it the house makes one."""

    url: str | None
    event_types: Sequence[str] | None
    description: str | None = ""
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What is to be changed in an endpoint; `UNSET` stays as it is."""

    url: str | UnsetType = UNSET
    event_types: Sequence[str] | UnsetType = UNSET
    description: str | UnsetType = UNSET


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one endpoint, or a test. `sequence`: the event's number; `None` for a test.

    `tries` counts those of the present round: a replay begins a new one, while `attempts` counts all.
    """

    id: UUID
    reference: str  # `msg_` and the id: the `webhook-id` of every try
    endpoint_id: UUID
    sequence: int | None
    event_type: str
    subject_type: str
    subject_reference: str
    status: DeliveryStatus
    tries: int
    attempts: int
    next_at: datetime | None
    response_status: int | None
    failure: str | None
    created_at: datetime
    finished_at: datetime | None


class Attempt(msgspec.Struct, frozen=True):
    """One try. `failure` says in words why it was none; `response_body` is the beginning of the answer."""

    number: int
    attempted_at: datetime
    duration_ms: int
    url: str
    address: str | None
    request_headers: dict[str, str]
    response_status: int | None
    response_headers: dict[str, str] | None
    response_body: str | None
    failure: str | None


class Presenter(Protocol):
    """How a dialect shows events to webhooks; the domain knows no dialect."""

    event_types: Collection[str]  # all that an endpoint can ask for

    def subjects(self, permissions: Collection[str]) -> frozenset[str]:
        """The subject types whose events somebody with these permissions may read."""
        ...

    def permission(self, subject_type: str) -> str:
        """What reading the events of a subject type needs, in the house's words (`cases.read`)."""
        ...

    def data(self, event: StoredEvent) -> Any:
        """The event as it is sent (what msgspec can encode); `None` when such events are not shown."""
        ...


PresenterOf = Callable[[Any], Presenter]  # by environment: links differ
