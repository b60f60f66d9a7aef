"""Events: one row for every committed change, and a reader that never skips one.

An event's number is drawn just before its commit, so a number may become visible after a higher one. Whoever draws numbers therefore
first holds, until its transaction ends, a shared advisory lock whose key is the last number drawn so far: its own will all be higher.
A reader reads the last number drawn, then the lowest key that is held: everything up to the lower of both is final, and everything up
to there it reads, in the order of the numbers (docs/decisions/0013-feed.md). For one object that is the order of its versions: numbers
are drawn while its row is locked.
"""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

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


START = 0  # the position before a tenant's first event; a position is the number of the last event that was read


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it is read. `before` and `after` are the object in the house's words, as JSON text.

    `account_path` is the path of the account that it belongs to, as it is now (accounts never move).
    """

    sequence: int
    occurred_at: datetime
    type: str
    subject_type: str
    subject_id: UUID
    subject_reference: str
    subject_version: int
    account_id: UUID | None
    customer_id: UUID | None
    account_path: str | None
    actor_type: str
    actor_id: str
    request_id: str
    before: str | None
    after: str | None

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep."""
        return 400 + len(self.before or "") + len(self.after or "")


# Keys of the locks: this mark in the highest 16 bits, the number in the others.
MARK = 0x5EED
LAST_DRAWN = "coalesce(pg_sequence_last_value('event_sequence'), 0)"

# What a statement that draws numbers reads from; see kit.record. The lock is taken before any number is drawn, because a number is drawn
# for each row that comes out of here.
HOLD = f"(SELECT pg_advisory_xact_lock_shared({MARK}::bigint << 48 | {LAST_DRAWN}) AS held) AS hold"

COLUMNS = """e.sequence, e.occurred_at, e.type, e.subject_type, e.subject_id, e.subject_reference, e.subject_version, e.account_id,
           e.customer_id, a.path, e.actor_type, e.actor_id, e.request_id, e.before::text, e.after::text"""
SOURCE = "events e LEFT JOIN accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id"

# The order matters: first the last number, then the locks. A transaction that is not among these locks drew its numbers before and is
# over, or has yet to draw, and then draws higher ones. $1: an earlier answer; the locks are not looked at while it is the last number.
READ_HORIZON = Statement(
    f"""
    SELECT CASE WHEN drawn.last = $1 THEN $1
                ELSE least(drawn.last, (
                    SELECT min((l.classid::bigint & 65535) << 32 | l.objid::bigint)
                      FROM pg_locks l
                     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint >> 16 = {MARK} AND drawn.last IS NOT NULL
                       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))) END
      FROM (SELECT {LAST_DRAWN} AS last OFFSET 0) AS drawn
""",
    scope="directory",
)

READ_BETWEEN = Statement(f"""
    SELECT {COLUMNS}
      FROM {SOURCE}
     WHERE e.tenant_id = $1 AND e.sequence > $2 AND e.sequence <= $3
     ORDER BY e.sequence
     LIMIT $4
""")


class Reading(Protocol):
    """What events are read through: a connection outside any transaction, or a pool."""

    async def fetch(self, statement: str, *arguments: Any) -> Any: ...


async def horizon(reading: Reading, known: int = 0) -> int:
    """The highest number up to which all events are final. Events up to there must be read by a later statement, with a view of its own.

    `known`: an earlier answer; to hear it again is cheap. Not an answer from before a crash of the database: numbers that nobody had
    committed may be drawn again.
    """
    rows = await reading.fetch(READ_HORIZON, known)
    number: int = rows[0][0]
    return number


async def read_between(reading: Reading, tenant_id: UUID, after: int, until: int, limit: int) -> list[StoredEvent]:
    """Up to `limit` of a tenant's events with numbers above `after`, up to `until` (a `horizon`), in order."""
    rows = await reading.fetch(READ_BETWEEN, tenant_id, after, until, limit)
    return [StoredEvent(*row) for row in rows]


async def read_after(reading: Reading, tenant_id: UUID, after: int, limit: int = 100) -> list[StoredEvent]:
    """Up to `limit` committed events after the position `after` (`START`, or the `sequence` of an event that was read), in order.

    Gap-free: nothing that could still come before them is running, so a reader that goes on from the last event's number sees every
    event exactly once, and those of one object in the order of its versions. Not inside a transaction that keeps one view of the
    database (REPEATABLE READ): its view could be older than the locks that it sees.
    """
    return await read_between(reading, tenant_id, after, await horizon(reading), limit)
