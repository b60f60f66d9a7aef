"""What a commit writes beside its effect, in one statement: events, the audit entry, collection sizes, the remembered answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from trunkline.kit.db import Connection
from trunkline.kit.events import HOLD, Event
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.statements import Statement

if TYPE_CHECKING:
    from trunkline.kit.work import Work

SLOTS = 8  # writers of one collection spread over this many counter rows, by their backend's process id


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the operation (`customer.createCase`), the request's id, the caller's address."""

    operation: str
    request_id: str
    remote_address: str | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer to keep with its claim in `request_guard` (kit.replay)."""

    scope: bytes
    attempt: int
    headers: str
    body: bytes
    expires_at: datetime


SCALARS = 30  # events, or sizes, that are written as scalars; more go as arrays, which cost less from about there on
MOST_EVENTS = 20_000  # in one transaction: bounds what one request holds in memory

COMMON = (
    "uuid",
    "timestamptz",
    "text",
    "text",
    "text",
    "text",
)  # tenant, instant, actor type, actor, request id, remote address
ENTRY = ("uuid", "text", "smallint", "text")  # id, operation, outcome, subject
EVENT = ("text", "text", "uuid", "text", "bigint", "uuid", "uuid", "jsonb", "jsonb")
EVENT_COLUMNS = (
    "type", "subject_type", "subject_id", "subject_reference", "subject_version", "account_id", "customer_id", "before", "after",
)  # fmt: skip
SIZE = ("text", "uuid", "bigint", "bigint")
ANSWER = ("smallint", "jsonb", "bytea", "timestamptz", "bytea", "integer")


MANY = -1


@lru_cache(maxsize=128)
def record_text(events: int, sizes: int, *, answered: bool) -> str:
    """The statement that writes so many events and sizes, the audit entry and (in the claim's row) the answer.

    Few events stand as scalars in VALUES: they cost a third of the time to send; `MANY` are arrays, one for each column. Parameters:
    COMMON, ENTRY, the events', the slot and the sizes', the answer's.
    """
    numbers = count(1)

    def take(types: tuple[str, ...]) -> list[str]:
        return [f"${next(numbers)}::{type_}" for type_ in types]

    tenant, instant, *actor = take(COMMON)
    entry_id, *entry = take(ENTRY)
    parts = []
    if events:
        common = (tenant, "nextval('event_sequence')", instant, *actor)
        columns = ", ".join(EVENT_COLUMNS)
        if events == MANY:
            rows = "unnest({})".format(", ".join(take(tuple(f"{type_}[]" for type_ in EVENT))))
        else:
            rows = "(VALUES {})".format(", ".join(f"({', '.join(take(EVENT))})" for _ in range(events)))
        parts.append(f"""announced AS (
            INSERT INTO events (tenant_id, sequence, occurred_at, actor_type, actor_id, request_id, remote_address, {columns})
            SELECT {", ".join(common)}, {columns} FROM {HOLD}, {rows} AS e ({columns}))""")
    if sizes:
        slot, *_ = take(("smallint",))
        if sizes == MANY:
            arrays = ", ".join(take(tuple(f"{type_}[]" for type_ in SIZE)))
            rows = f"SELECT {tenant}, {slot}, t.* FROM unnest({arrays}) AS t"
        else:
            rows = "VALUES " + ", ".join(f"({tenant}, {slot}, {', '.join(take(SIZE))})" for _ in range(sizes))
        parts.append(f"""sized AS (
            INSERT INTO collection_sizes AS s (tenant_id, slot, collection, customer_id, size, changes) {rows}
            ON CONFLICT (tenant_id, collection, customer_id, slot)
            DO UPDATE SET size = s.size + excluded.size, changes = s.changes + excluded.changes)""")
    if answered:
        status, headers, body, expires_at, scope, attempt = take(ANSWER)
        parts.append(f"""answered AS (
            UPDATE request_guard SET status = {status}, headers = {headers}, body = {body}, expires_at = {expires_at}
             WHERE tenant_id = {tenant} AND scope = {scope} AND attempt = {attempt})""")
    before_insert = f"WITH {', '.join(parts)} " if parts else ""
    return f"""{before_insert}INSERT INTO audit_entries (tenant_id, occurred_at, actor_type, actor_id, request_id, remote_address, id,
            operation, outcome, subject_reference)
        VALUES ({", ".join((tenant, instant, *actor, entry_id, *entry))})"""


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _sizes(recorded: Sequence[Event]) -> list[tuple[str, UUID, int, int]]:
    """(collection, customer, growth, changes), for the customer and for the whole tenant, in the one order that cannot deadlock."""
    sums: dict[tuple[str, UUID], tuple[int, int]] = {}
    for event in recorded:
        if not event.collection:
            continue
        for customer in {event.subject.customer_id or NIL, NIL}:
            size, changes = sums.get((event.collection, customer), (0, 0))
            sums[event.collection, customer] = (size + event.delta, changes + 1)
    return [(collection, customer, size, changes) for (collection, customer), (size, changes) in sorted(sums.items())]


def _few(number: int) -> int:
    return number if number <= SCALARS else MANY


def _scalars_or_arrays(rows: Sequence[tuple[Any, ...]]) -> Iterable[Any]:
    return chain.from_iterable(rows) if len(rows) <= SCALARS else zip(*rows, strict=True)


def _row(event: Event) -> tuple[Any, ...]:
    """An event's values, in the order of `EVENT_COLUMNS`."""
    subject = event.subject
    return (
        event.type, event.subject_type, subject.id, subject.reference, subject.version, subject.account_id, subject.customer_id,
        _json(event.before), _json(event.after),
    )  # fmt: skip


async def write_record(connection: Connection, work: "Work", outcome: int, answer: Remembered | None) -> None:
    """Write all that `work` recorded. `outcome` is the status of the answer; `answer` is kept when the request had a key."""
    principal, origin, recorded = work.principal, work.origin, work.recorded
    if len(recorded) > MOST_EVENTS:
        raise RuntimeError(f"{len(recorded)} events in one transaction; split the work into several")
    first = recorded[0].subject.reference if recorded else None
    arguments: list[Any] = [
        principal.tenant_id, work.clock.now(), principal.actor_type, principal.actor_id, origin.request_id, origin.remote_address,
        new_id(), origin.operation, outcome, first,
    ]  # fmt: skip
    rows = [_row(event) for event in recorded]
    arguments += _scalars_or_arrays(rows)
    sizes = _sizes(recorded)
    if sizes:
        arguments.append(connection.get_server_pid() % SLOTS)
        arguments += _scalars_or_arrays(sizes)
    if answer is not None:
        arguments += (outcome, answer.headers, answer.body, answer.expires_at, answer.scope, answer.attempt)
    text = record_text(_few(len(rows)), _few(len(sizes)), answered=answer is not None)
    await connection.execute(text, *arguments)


def announce_rows(rows: str, last: int) -> str:
    """The part `announced` of a statement that changes more rows than objects should be made of (`WITH …, {this} SELECT …`).

    `rows` is a SELECT of `EVENT_COLUMNS`, one row for each event. The statement's parameters go on after `$last` with those of
    `announcement`. Rows come and go in no such statement, so sizes stay; that something changed is told by `count_changes`.
    """
    instant, *actor = (f"${last + number}" for number in range(1, 6))
    columns = ", ".join(EVENT_COLUMNS)
    return f"""announced AS (
            INSERT INTO events (tenant_id, sequence, occurred_at, actor_type, actor_id, request_id, remote_address, {columns})
            SELECT $1, nextval('event_sequence'), {instant}::timestamptz, {", ".join(actor)}, {columns}
              FROM {HOLD}, ({rows}) AS e)"""


COUNT_CHANGES = Statement(f"""
    INSERT INTO collection_sizes AS s (tenant_id, slot, collection, customer_id, size, changes)
    SELECT $1, $2::smallint, $3, c.customer_id, 0, $5
      FROM unnest(ARRAY['{NIL}'::uuid, $4]) AS c (customer_id) ORDER BY c.customer_id
    ON CONFLICT (tenant_id, collection, customer_id, slot)
    DO UPDATE SET changes = s.changes + excluded.changes
""")


async def count_changes(work: "Work", collection: str, customer_id: UUID, changes: int) -> None:
    """Tell that so many objects of a customer were changed by `announce_rows`.

    To be called last: other writers of the collection wait for this row until the transaction ends.
    """
    assert work.connection is not None, "only a writing unit of work announces"
    slot = work.connection.get_server_pid() % SLOTS
    await work.write(COUNT_CHANGES, slot, collection, customer_id, changes)


def announcement(work: "Work") -> tuple[Any, ...]:
    """The parameters of `announce_rows`."""
    actor = work.principal
    return work.clock.now(), actor.actor_type, actor.actor_id, work.origin.request_id, work.origin.remote_address
