"""What a commit writes beside its effect, in one statement: events, the audit entry, collection sizes, the remembered answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from trunkline.kit.db import Connection
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


# $1 tenant, $2 instant, $3.. one array per event column, then sizes, the audit entry and the answer.
WRITE_RECORD = Statement("""
    WITH announced AS (
        INSERT INTO events (tenant_id, sequence, transaction, occurred_at, type, subject_type, subject_id, subject_reference,
                            subject_version, account_id, customer_id, actor_type, actor_id, request_id, before, after)
        SELECT $1, nextval('event_sequence'), pg_current_xact_id(), $2, e.type, e.subject_type, e.subject_id, e.subject_reference,
               e.subject_version, e.account_id, e.customer_id, $11, $12, $13, e.before::jsonb, e.after::jsonb
          FROM unnest($3::text[], $4::text[], $5::uuid[], $6::text[], $7::bigint[], $8::uuid[], $9::uuid[], $10::text[], $14::text[])
               AS e (type, subject_type, subject_id, subject_reference, subject_version, account_id, customer_id, before, after)
    ), sized AS (
        INSERT INTO collection_sizes AS s (tenant_id, collection, customer_id, slot, size, changes)
        SELECT $1, z.collection, z.customer_id, $15, z.size, z.changes
          FROM unnest($16::text[], $17::uuid[], $18::bigint[], $19::bigint[]) AS z (collection, customer_id, size, changes)
        ON CONFLICT (tenant_id, collection, customer_id, slot)
        DO UPDATE SET size = s.size + excluded.size, changes = s.changes + excluded.changes
    ), audited AS (
        INSERT INTO audit_entries (tenant_id, id, occurred_at, operation, actor_type, actor_id, remote_address, request_id, outcome,
                                   subject_reference)
        VALUES ($1, $20, $2, $21, $11, $12, $22, $13, $23, $24)
    )
    UPDATE request_guard SET status = $23, headers = $25::jsonb, body = $26, expires_at = $27
     WHERE tenant_id = $1 AND scope = $28 AND attempt = $29
""")


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _sizes(work: "Work") -> list[tuple[str, UUID, int, int]]:
    """(collection, customer, growth, changes), for the customer and for the whole tenant, in the one order that cannot deadlock."""
    sums: dict[tuple[str, UUID], tuple[int, int]] = {}
    for event in work.recorded:
        for customer in {event.subject.customer_id or NIL, NIL}:
            size, changes = sums.get((event.collection, customer), (0, 0))
            sums[event.collection, customer] = (size + event.delta, changes + 1)
    return [(collection, customer, size, changes) for (collection, customer), (size, changes) in sorted(sums.items())]


async def write_record(connection: Connection, work: "Work", outcome: int, answer: Remembered | None) -> None:
    """Write all that `work` recorded. `outcome` is the status of the answer; `answer` is kept when the request had a key."""
    principal, origin, recorded = work.principal, work.origin, work.recorded
    sizes = _sizes(work)
    await connection.execute(
        WRITE_RECORD,
        principal.tenant_id,
        work.clock.now(),
        [event.type for event in recorded],
        [event.subject_type for event in recorded],
        [event.subject.id for event in recorded],
        [event.subject.reference for event in recorded],
        [event.subject.version for event in recorded],
        [event.subject.account_id for event in recorded],
        [event.subject.customer_id for event in recorded],
        [_json(event.before) for event in recorded],
        principal.actor_type,
        principal.actor_id,
        origin.request_id,
        [_json(event.after) for event in recorded],
        connection.get_server_pid() % SLOTS,
        [size[0] for size in sizes],
        [size[1] for size in sizes],
        [size[2] for size in sizes],
        [size[3] for size in sizes],
        new_id(),
        origin.operation,
        origin.remote_address,
        outcome,
        recorded[0].subject.reference if recorded else None,
        answer.headers if answer else None,
        answer.body if answer else None,
        answer.expires_at if answer else None,
        answer.scope if answer else None,
        answer.attempt if answer else None,
    )
