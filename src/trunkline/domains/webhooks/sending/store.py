"""The statements of sending."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from trunkline.domains.webhooks.sending.model import Due, Result, Target, Which
from trunkline.kit.events import COLUMNS, Reading, StoredEvent
from trunkline.kit.statements import Statement

DISABLED = "the endpoint is disabled"

# Whoever holds it sends; it ends with the connection.
TRY_LOCK = Statement("SELECT pg_try_advisory_lock(7233180248)", scope="directory")

# Every look-up below is by a subquery with a value, or by `= ANY`: each is one step into an index, however a plan that was made while the
# tables were small would have joined them.
PATH = "(SELECT a.path FROM accounts a WHERE a.tenant_id = $1 AND a.id = e.account_id)"

ENDPOINT = f"""e.id, e.status, e.url, e.since, e.event_types, e.permissions, e.account_id, e.customer_id, {PATH}, e.failing_since,
           e.held_until, e.secret, e.signing_key, e.previous_secret, e.previous_signing_key, e.previous_until"""
# `pending_at`, `forced_at`: one step into an index each.
WAITING = """(SELECT min(d.next_at) FROM webhook_deliveries d
             WHERE d.tenant_id = $1 AND d.endpoint_id = e.id AND d.status = 'pending'),
           (SELECT min(d.next_at) FROM webhook_deliveries d
             WHERE d.tenant_id = $1 AND d.endpoint_id = e.id AND d.status = 'pending' AND d.forced)"""
ENDPOINTS = "webhook_endpoints e"
READ_WAITING = Statement(f"SELECT {ENDPOINT}, {WAITING} FROM {ENDPOINTS} WHERE e.tenant_id = $1 AND e.removed_at IS NULL")
READ_TARGETS = Statement(f"SELECT {ENDPOINT} FROM {ENDPOINTS} WHERE e.tenant_id = $1 AND e.removed_at IS NULL")
READ_TARGET = Statement(f"SELECT {ENDPOINT} FROM {ENDPOINTS} WHERE e.tenant_id = $1 AND e.id = $2 AND e.removed_at IS NULL")

READ_POSITION = Statement("SELECT sequence FROM webhook_positions WHERE tenant_id = $1")

# Exactly one row for each event and endpoint: the rows and the position ($2 → $3) commit together or not at all. A new row waits behind
# what already waits for the same subject.
FAN_OUT = Statement(f"""
    WITH moved AS (
        UPDATE webhook_positions SET sequence = $3 WHERE tenant_id = $1 AND sequence = $2 RETURNING sequence
    ), made AS (
        INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, sequence, event_type, subject_type, subject_id, subject_reference,
                                        created_at, status, next_at, failure, finished_at)
        SELECT $1, g.id, g.endpoint_id, g.sequence, g.event_type, g.subject_type, g.subject_id, g.subject_reference, $4,
               CASE WHEN e.status = 'disabled' THEN 'failed' ELSE 'pending' END,
               CASE WHEN e.status = 'disabled' THEN NULL
                    ELSE greatest($4, (SELECT w.next_at FROM webhook_deliveries w
                                        WHERE w.tenant_id = $1 AND w.endpoint_id = g.endpoint_id AND w.subject_id = g.subject_id
                                          AND w.status = 'pending' AND w.sequence < g.sequence
                                        ORDER BY w.sequence DESC LIMIT 1)) END,
               CASE WHEN e.status = 'disabled' THEN '{DISABLED}' END,
               CASE WHEN e.status = 'disabled' THEN $4 END
          FROM moved,
               unnest($5::uuid[], $6::uuid[], $7::bigint[], $8::text[], $9::text[], $10::uuid[], $11::text[])
                   AS g (id, endpoint_id, sequence, event_type, subject_type, subject_id, subject_reference)
               JOIN webhook_endpoints e ON e.tenant_id = $1 AND e.id = g.endpoint_id AND e.removed_at IS NULL
    )
    SELECT sequence FROM moved
""")

# In the order in which they are due; for one subject that is the order of the events, because a delivery that waits makes the later ones
# of its subject wait as long. Where a replay or a row that came in between upsets that, the later one waits. It is asked for row by row
# (a subquery with a value): joined, it would be computed for all that wait. $4: the keys that are in hand. Forced rows wait only for
# forced ones: the others may be kept back by a pause.
EVENT = COLUMNS.replace("a.path", PATH)
TAKE = """
    SELECT d.id, d.sequence, d.event_type, d.subject_type, d.subject_id, d.tries, d.attempts, d.forced, d.payload, d.created_at, {columns}
      FROM (SELECT * FROM webhook_deliveries d
             WHERE d.tenant_id = $1 AND d.endpoint_id = $2 AND d.status = 'pending' AND {which} d.next_at <= $3
               AND (CASE WHEN d.sequence IS NULL THEN d.id ELSE d.subject_id END) <> ALL ($4::uuid[])
               AND (SELECT p.id FROM webhook_deliveries p
                     WHERE p.tenant_id = $1 AND p.endpoint_id = $2 AND p.subject_id = d.subject_id AND p.status = 'pending'
                       AND p.sequence < d.sequence AND p.next_at > d.next_at AND (p.forced OR NOT d.forced) LIMIT 1) IS NULL
             ORDER BY d.next_at, d.sequence LIMIT $5) d
      LEFT JOIN LATERAL (SELECT * FROM events e
                          WHERE e.tenant_id = $1 AND e.sequence = d.sequence AND d.payload IS NULL LIMIT 1) e ON true
     ORDER BY d.sequence
"""
WIDTH = 10  # columns of the delivery; those of the event follow
TAKES = {
    Which.ALL: Statement(TAKE.format(columns=EVENT, which=""), name="take all"),
    Which.FORCED: Statement(TAKE.format(columns=EVENT, which="d.forced AND"), name="take forced"),
    Which.TESTS: Statement(TAKE.format(columns=EVENT, which="d.forced AND d.sequence IS NULL AND"), name="take tests"),
}

# `attempts` says which try this is about: what somebody else has tried since is not written over. What was delivered is, whatever
# happened to the row meanwhile; what failed stays failed when the endpoint was disabled meanwhile.
WRITE = Statement("""
    WITH given AS (
        SELECT * FROM unnest($2::uuid[], $3::integer[], $4::boolean[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[],
                             $9::timestamptz[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::text[],
                             $16::text[])
            AS g (id, attempts, delivered, next_at, decided_at, failure, payload, attempted_at, duration_ms, url, address,
                  request_headers, response_status, response_headers, response_body)
    ), written AS (
        UPDATE webhook_deliveries d
           SET status = CASE WHEN g.delivered THEN 'delivered' WHEN g.next_at IS NULL OR d.status <> 'pending' THEN 'failed'
                             ELSE 'pending' END,
               next_at = CASE WHEN d.status = 'pending' THEN g.next_at END,
               finished_at = CASE WHEN g.delivered OR g.next_at IS NULL THEN g.decided_at ELSE d.finished_at END,
               tries = d.tries + (g.attempted_at IS NOT NULL)::integer,
               attempts = d.attempts + (g.attempted_at IS NOT NULL)::integer,
               payload = coalesce(g.payload, d.payload),
               response_status = CASE WHEN g.attempted_at IS NULL THEN d.response_status ELSE g.response_status END,
               failure = g.failure
          FROM given g
         WHERE d.tenant_id = $1 AND d.id = ANY ($2::uuid[]) AND d.id = g.id AND d.attempts = g.attempts
        RETURNING d.id, d.attempts
    )
    INSERT INTO webhook_attempts (tenant_id, delivery_id, number, attempted_at, duration_ms, url, address, request_headers,
                                  response_status, response_headers, response_body, failure)
    SELECT $1, w.id, w.attempts, g.attempted_at, g.duration_ms, g.url, g.address, g.request_headers::jsonb,
           g.response_status, g.response_headers::jsonb, g.response_body, g.failure
      FROM written w JOIN given g ON g.id = w.id
     WHERE g.attempted_at IS NOT NULL
""")

# What waits behind a delivery that is to be tried again waits as long.
WAIT_BEHIND = Statement("""
    UPDATE webhook_deliveries d SET next_at = g.next_at
      FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[]) AS g (endpoint_id, subject_id, sequence, next_at)
     WHERE d.tenant_id = $1 AND d.endpoint_id = ANY ($2::uuid[]) AND d.subject_id = ANY ($3::uuid[]) AND d.status = 'pending'
       AND d.endpoint_id = g.endpoint_id AND d.subject_id = g.subject_id AND d.sequence > g.sequence AND d.next_at < g.next_at
""")

# Only of the address that was tried: a new one begins without the failures of the old one.
WRITE_CONDITION = Statement("""
    UPDATE webhook_endpoints e SET failing_since = g.failing_since, held_until = g.held_until
      FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[]) AS g (id, url, failing_since, held_until)
     WHERE e.tenant_id = $1 AND e.id = g.id AND e.url = g.url AND e.status <> 'disabled'
""")

# Locked: nobody changes it between what is read and what is written.
READ_REFERENCE = Statement("""
    SELECT reference FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR NO KEY UPDATE
""")
# Only while what the reason rests on still holds: the address that answered ($4), the time since which it fails ($5).
DISABLE = Statement("""
    UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = $3, version = version + 1, modified_at = $6
     WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL AND status <> 'disabled' AND url = $4
       AND ($5::timestamptz IS NULL OR failing_since <= $5)
    RETURNING reference
""")
# Some thousands at once: a statement has its time limit. The courier comes back for the rest.
FAIL_WAITING = Statement(f"""
    UPDATE webhook_deliveries SET status = 'failed', next_at = NULL, failure = '{DISABLED}', finished_at = $3
     WHERE tenant_id = $1 AND id IN (SELECT d.id FROM webhook_deliveries d
                                      WHERE d.tenant_id = $1 AND d.endpoint_id = $2 AND d.status = 'pending' AND NOT d.forced
                                      LIMIT 10000)
""")

COUNT_PENDING = Statement("SELECT count(*) FROM webhook_deliveries WHERE tenant_id = $1 AND status = 'pending'")


async def read_waiting(reading: Reading, tenant_id: UUID) -> list[tuple[Target, datetime | None, datetime | None]]:
    """Every endpoint of a tenant, and when the first of its pending, and of its forced, deliveries is to be sent."""
    return [(Target(*row[:-2]), row[-2], row[-1]) for row in await reading.fetch(READ_WAITING, tenant_id)]


async def read_targets(reading: Reading, tenant_id: UUID) -> list[Target]:
    """Every endpoint of a tenant that was not removed."""
    return [Target(*row) for row in await reading.fetch(READ_TARGETS, tenant_id)]


async def read_target(reading: Reading, tenant_id: UUID, endpoint_id: UUID) -> Target | None:
    """One endpoint; `None` when it was removed."""
    rows = await reading.fetch(READ_TARGET, tenant_id, endpoint_id)
    return Target(*rows[0]) if rows else None


async def position_of(reading: Reading, tenant_id: UUID) -> int | None:
    """How far a tenant's events have become deliveries; `None` when it never had an endpoint."""
    rows = await reading.fetch(READ_POSITION, tenant_id)
    return rows[0][0] if rows else None


async def fan_out(
    reading: Reading, tenant_id: UUID, old: int, new: int, now: datetime, rows: Sequence[tuple[UUID, UUID, StoredEvent]]
) -> bool:
    """Write deliveries (id, endpoint, event) and move the position; `False` when somebody else has moved it, and nothing was written."""
    events = [event for _, _, event in rows]
    moved = await reading.fetch(
        FAN_OUT,
        tenant_id,
        old,
        new,
        now,
        [id_ for id_, _, _ in rows],
        [endpoint for _, endpoint, _ in rows],
        [event.sequence for event in events],
        [event.type for event in events],
        [event.subject_type for event in events],
        [event.subject_id for event in events],
        [event.subject_reference for event in events],
    )
    return bool(moved)


async def take(
    reading: Reading, tenant_id: UUID, endpoint_id: UUID, which: Which, now: datetime, in_hand: Collection[UUID], limit: int
) -> list[Due]:
    """Up to `limit` deliveries that are due and of no subject `in_hand`, each subject's in order."""
    rows = await reading.fetch(TAKES[which], tenant_id, endpoint_id, now, list(in_hand), limit)
    return [Due(*[*row[:WIDTH], StoredEvent(*row[WIDTH:]) if row[WIDTH] is not None else None]) for row in rows]


async def write(reading: Reading, tenant_id: UUID, results: Sequence[Result]) -> None:
    """Write results of one tenant, no delivery twice."""
    tried = [result.exchange for result in results]
    await reading.fetch(
        WRITE,
        tenant_id,
        [result.due.id for result in results],
        [result.due.attempts for result in results],
        [result.delivered for result in results],
        [result.next_at for result in results],
        [result.decided_at for result in results],
        [result.failure for result in results],
        [result.payload for result in results],
        [exchange and exchange.attempted_at for exchange in tried],
        [exchange and exchange.duration_ms for exchange in tried],
        [exchange and exchange.url for exchange in tried],
        [exchange and exchange.address for exchange in tried],
        [exchange and exchange.request_headers for exchange in tried],
        [exchange and exchange.response_status for exchange in tried],
        [exchange and exchange.response_headers for exchange in tried],
        [exchange and exchange.response_body for exchange in tried],
    )
    again = [result for result in results if result.next_at is not None and not result.due.is_test]
    if again:
        await reading.fetch(
            WAIT_BEHIND,
            tenant_id,
            [result.endpoint_id for result in again],
            [result.due.subject_id for result in again],
            [result.due.sequence for result in again],
            [result.next_at for result in again],
        )
    conditions = {
        result.endpoint_id: (result.exchange.url, result.condition)
        for result in results
        if result.exchange is not None and result.condition is not None
    }
    if conditions:
        await reading.fetch(
            WRITE_CONDITION,
            tenant_id,
            list(conditions),
            [url for url, _ in conditions.values()],
            [condition.failing_since for _, condition in conditions.values()],
            [condition.held_until for _, condition in conditions.values()],
        )
