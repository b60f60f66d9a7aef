"""Events: one row for every committed change, and a reader that never skips one.

An event carries its transaction's id beside its sequence number. Numbers are drawn before the commit, so a number may become visible
after a higher one; therefore the feed's order is (transaction, sequence) and a reader stops before the oldest transaction that is
still running: everything below that line is final (docs/decisions/0004-events.md).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from trunkline.kit.db import Connection
from trunkline.kit.statements import Statement


class Subject(Protocol):
    """What an event can be about: every object of a domain's model."""

    @property
    def id(self) -> UUID: ...
    @property
    def reference(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def account_id(self) -> UUID | None: ...
    @property
    def customer_id(self) -> UUID | None: ...


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one object. `type` is `<thing>.<what happened>`; `collection` is the list whose rows changed; `delta` its growth.

    What is only listed inside another object (the messages of a case) has no collection of its own: `collection` is empty.
    """

    type: str
    collection: str
    delta: int
    subject: Subject
    before: Any = None
    after: Any = None

    @property
    def subject_type(self) -> str:
        return self.type.partition(".")[0]


def created(type_: str, collection: str, after: Subject) -> Event:
    """`after` came into being."""
    return Event(type=type_, collection=collection, delta=1, subject=after, after=after)


def changed(type_: str, collection: str, before: Subject, after: Subject) -> Event:
    """`before` became `after`."""
    return Event(type=type_, collection=collection, delta=0, subject=after, before=before, after=after)


def removed(type_: str, collection: str, before: Subject) -> Event:
    """`before` is gone (or revoked, and no longer listed)."""
    return Event(type=type_, collection=collection, delta=-1, subject=before, before=before)


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in a tenant's feed: everything up to and including it was read. The beginning is `Position(0, 0)`."""

    transaction: int
    sequence: int


START = Position(0, 0)


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as the feed gives it. `before` and `after` are the object in the house's words, as JSON text."""

    position: Position
    occurred_at: datetime
    type: str
    subject_type: str
    subject_id: UUID
    subject_reference: str
    subject_version: int
    account_id: UUID | None
    customer_id: UUID | None
    actor_type: str
    actor_id: str
    request_id: str
    before: str | None
    after: str | None


READ_AFTER = Statement("""
    SELECT transaction::text::bigint, sequence, occurred_at, type, subject_type, subject_id, subject_reference, subject_version,
           account_id, customer_id, actor_type, actor_id, request_id, before::text, after::text
      FROM events
     WHERE tenant_id = $1
       AND (transaction, sequence) > ($2::text::xid8, $3)
       AND transaction < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY transaction, sequence
     LIMIT $4
""")


async def read_after(connection: Connection, tenant_id: UUID, position: Position, limit: int = 100) -> Sequence[StoredEvent]:
    """Up to `limit` committed events after `position`, in the feed's order.

    Gap-free: an event is returned only when no transaction that could still add an earlier one is running, so a reader that goes on
    from the last position sees every event exactly once.
    """
    rows = await connection.fetch(READ_AFTER, tenant_id, str(position.transaction), position.sequence, limit)
    return [StoredEvent(Position(row[0], row[1]), *row[2:]) for row in map(tuple, rows)]
