"""The words of sending."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec

from trunkline.domains.webhooks.model import DisabledReason, EndpointStatus
from trunkline.domains.webhooks.sealing import SealedKeys
from trunkline.kit.events import StoredEvent
from trunkline.kit.principal import Reach


class Target(msgspec.Struct, frozen=True):
    """An endpoint as sending sees it."""

    id: UUID
    status: EndpointStatus
    url: str
    since: int
    event_types: tuple[str, ...]
    permissions: tuple[str, ...]
    account_id: UUID | None
    customer_id: UUID | None
    account_path: str | None
    failing_since: datetime | None
    held_until: datetime | None
    secret: bytes  # sealed, as are the next three
    signing_key: bytes
    previous_secret: bytes | None
    previous_signing_key: bytes | None
    previous_until: datetime | None

    @property
    def sealed(self) -> SealedKeys:
        """What its messages are signed with."""
        previous = self.previous_secret, self.previous_signing_key, self.previous_until
        return SealedKeys(self.secret, self.signing_key, *previous)

    @property
    def reach(self) -> Reach | None:
        """Whose events it hears of; `None`: the whole tenant's."""
        if self.account_id is None or self.customer_id is None:
            return None
        own = self.account_id == self.customer_id
        return Reach(self.account_id, self.customer_id, "" if own else self.account_path or "")


class Which(Enum):
    """What an endpoint's state lets pass: tests always, what was forced also while it is paused or disabled."""

    TESTS = 1
    FORCED = 2
    ALL = 3


class Due(msgspec.Struct, frozen=True):
    """A delivery that is to be sent now. `event`: what to render when there is no `payload` yet; `None` when it is gone, and of tests."""

    id: UUID
    sequence: int | None
    event_type: str
    subject_type: str
    subject_id: UUID
    tries: int
    attempts: int
    forced: bool
    payload: str | None
    created_at: datetime
    event: StoredEvent | None

    @property
    def is_test(self) -> bool:
        return self.sequence is None

    @property
    def key(self) -> UUID:
        """Deliveries with the same key are sent one after the other: those of one subject; a test is alone."""
        return self.id if self.sequence is None else self.subject_id


@dataclass(frozen=True, slots=True)
class Exchange:
    """One try as the log keeps it; `failure` in words, `None` when it was delivered."""

    attempted_at: datetime
    duration_ms: int
    url: str
    address: str | None
    request_headers: str  # JSON
    response_status: int | None
    response_headers: str | None  # JSON
    response_body: str | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class Condition:
    """What the tries say about an endpoint: since when none has succeeded, and until when it asked to be left alone."""

    failing_since: datetime | None
    held_until: datetime | None


@dataclass(slots=True)
class Result:
    """What became of a delivery. Either a try (`exchange`), or (without) the reason why there will be none.

    `next_at`: when it is to be tried again; `None` when it is delivered, or has failed for good. `condition`: the endpoint's from now on,
    when it has changed. `disable`: the endpoint is to be disabled for this reason once this is written.
    """

    endpoint_id: UUID
    due: Due
    decided_at: datetime
    delivered: bool
    next_at: datetime | None
    failure: str | None
    exchange: Exchange | None = None
    payload: str | None = None
    condition: Condition | None = None
    disable: DisabledReason | None = None

    @property
    def outcome(self) -> str:
        """For the metrics."""
        return "delivered" if self.delivered else "failed" if self.next_at is None else "again"
