"""The words of subscribers, of suspension and of importing.

What an import makes by the hundred thousand is `gc=False`: it is never part of a cycle, and the collector need not walk over it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.domains.customers.service import DeepAccount
from trunkline.kit.errors import Violation


class SubscriberStatus(StrEnum):
    """Only an active subscriber may use the network; an inactive one is blocked without being deleted."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class SubscriberType(StrEnum):
    PRODUCTION = "production"
    TEST = "test"


class Subscriber(msgspec.Struct, frozen=True, gc=False):
    """A SIM. Its keys K and OPc are never in it, only whether they are there. `account_id` is null in the provider's own stock.

    Instants are UTC, whole seconds.
    """

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    service_id: UUID | None
    site_id: UUID | None
    system_id: UUID | None
    system_profile_id: UUID | None
    group_id: UUID | None
    keyset_id: UUID | None
    device_id: UUID | None
    imsi: str
    msisdn: str
    iccid: str | None
    has_k: bool
    has_opc: bool
    status: SubscriberStatus
    type: SubscriberType
    extensions: dict[str, str]
    suspended_with_account: bool
    created_at: datetime
    modified_at: datetime


class DeepSubscriber(Subscriber, frozen=True):
    """A subscriber with what it is linked to.

    `effective_extensions` is what holds for it: those of its system and its account, overridden by its profile's, overridden by its own.
    """

    account_reference: str | None
    account_name: str | None
    service_reference: str | None
    service_name: str | None
    site_reference: str | None
    site_name: str | None
    system_reference: str | None
    system_name: str | None
    system_profile_reference: str | None
    system_profile_name: str | None
    group_reference: str | None
    group_name: str | None
    keyset_reference: str | None
    keyset_name: str | None
    device_reference: str | None
    device_name: str | None
    effective_extensions: dict[str, str]


class ListedSubscriber(msgspec.Struct, frozen=True, gc=False):
    """A subscriber as far as lists show it: a page reads many, and half of what a `Subscriber` costs are ids that nobody sees.

    `extensions` are as the database gives them: the JSON text of a map of texts.
    """

    reference: str
    version: int
    imsi: str
    msisdn: str
    iccid: str | None
    has_opc: bool
    status: SubscriberStatus
    type: SubscriberType
    extensions: str
    modified_at: datetime


class ListedDeepSubscriber(ListedSubscriber, frozen=True, gc=False):
    """A listed subscriber with what it is linked to; `effective_extensions` as in `DeepSubscriber`, as JSON text."""

    account_reference: str | None
    account_name: str | None
    site_reference: str | None
    site_name: str | None
    system_reference: str | None
    system_name: str | None
    system_profile_reference: str | None
    system_profile_name: str | None
    group_reference: str | None
    group_name: str | None
    keyset_reference: str | None
    keyset_name: str | None
    device_reference: str | None
    device_name: str | None
    effective_extensions: str


class SubscriberDraft(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a caller asks for. `UNSET` leaves a field as it is (or gives the default), `None` clears it.

    `k` and `opc` are 32 hexadecimal digits; links are references; `extensions` is the whole map.
    """

    imsi: str | UnsetType | None = UNSET
    msisdn: str | UnsetType | None = UNSET
    iccid: str | UnsetType | None = UNSET
    k: str | UnsetType | None = UNSET
    opc: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    extensions: dict[str, str] | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
    service: str | UnsetType | None = UNSET
    site: str | UnsetType | None = UNSET
    system: str | UnsetType | None = UNSET
    system_profile: str | UnsetType | None = UNSET
    group: str | UnsetType | None = UNSET
    keyset: str | UnsetType | None = UNSET
    device: str | UnsetType | None = UNSET


class SubscriberKeys(msgspec.Struct, frozen=True):
    """A subscriber's secrets in the clear, 16 bytes each: for the network's own authentication centre, never for an answer."""

    k: bytes | None
    opc: bytes | None


class Suspension(msgspec.Struct, frozen=True):
    """What suspending or resuming did: the account as it is now, and how many subscribers went with it."""

    account: DeepAccount
    subscribers: int


class RowOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    FAILED = "failed"


class ImportKind(StrEnum):
    IMPORT = "import"
    REMOVE = "remove"


class ImportStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"


class ImportRow(msgspec.Struct, frozen=True, gc=False):
    """One row of an import, and what was already found wrong with it while it was read.

    `extensions` are set one by one beside those that are stored; null takes one away. The draft's would replace them all.
    """

    draft: SubscriberDraft
    found: tuple[Violation, ...] = ()
    extensions: dict[str, str | None] | None = None


class SubscriberName(msgspec.Struct, frozen=True):
    """What a subscriber is called by a caller: its `reference` or its `imsi`."""

    field: Literal["reference", "imsi"]
    value: str


class RowResult(msgspec.Struct, frozen=True, gc=False):
    """What became of a row. `row` counts from 1; `faults` are all that is wrong with a failed one."""

    row: int
    result: RowOutcome
    imsi: str | None
    reference: str | None
    faults: tuple[Violation, ...] = ()


class ImportReport(msgspec.Struct, frozen=True):
    """An answer for each row. In a dry run nothing was stored, and what would be created has no reference yet."""

    kind: ImportKind
    dry_run: bool
    total: int
    created: int
    updated: int
    deleted: int
    failed: int
    rows: tuple[RowResult, ...]


class ImportJob(msgspec.Struct, frozen=True):
    """Many rows that are worked off in the background. `account_id` is that of the caller who started it, null for an operator."""

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    kind: ImportKind
    dry_run: bool
    status: ImportStatus
    total: int
    done: int
    created: int
    updated: int
    deleted: int
    failed: int
    created_at: datetime
    modified_at: datetime
    finished_at: datetime | None
