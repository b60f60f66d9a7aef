"""Every SQL statement of webhook endpoints, and of their deliveries as their owners see them; those of sending: `sending/store.py`."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from trunkline.domains.webhooks.fields import WEBHOOK_ENDPOINTS
from trunkline.domains.webhooks.model import Attempt, WebhookEndpoint
from trunkline.domains.webhooks.sealing import SealedKeys
from trunkline.kit.db import Connection
from trunkline.kit.statements import Row, Statement
from trunkline.kit.work import Work

# endpoints -------------------------------------------------------------------------------------------------------------

COLUMNS = ", ".join(WEBHOOK_ENDPOINTS.columns)
WIDTH = len(WEBHOOK_ENDPOINTS.columns)
KEYS = "p.secret, p.signing_key, p.previous_secret, p.previous_signing_key, p.previous_until"

# The tenant's row is locked until the endpoint's creation commits: the courier, which moves it, then sees the endpoint when it reads
# the endpoint's own event, and two creations cannot both be the last that is allowed.
LOCK_POSITION = Statement("""
    INSERT INTO webhook_positions (tenant_id, sequence) VALUES ($1, $2)
    ON CONFLICT (tenant_id) DO UPDATE SET sequence = webhook_positions.sequence
    RETURNING sequence
""")
COUNT_OF_ACCOUNT = Statement("""
    SELECT count(*) FROM webhook_endpoints WHERE tenant_id = $1 AND account_id IS NOT DISTINCT FROM $2 AND removed_at IS NULL
""")
INSERT = Statement("""
    INSERT INTO webhook_endpoints (tenant_id, id, reference, account_id, customer_id, url, description, event_types, permissions,
                                   secret, signing_key, public_key, status, since, created_at, modified_at)
    VALUES ($1, $2, 'WHE-' || nextval('webhook_endpoint_references'), $3, $4, $5, $6, $7, $8, $9, $10, $11, 'active', $12, $13, $13)
    RETURNING reference
""")
# The strength of lock that an update of no key takes: writing deliveries of the endpoint goes on beside it.
LOCK = Statement(f"""
    SELECT {COLUMNS}, {KEYS}
      FROM webhook_endpoints p WHERE p.tenant_id = $1 AND p.id = $2 AND p.removed_at IS NULL
       FOR NO KEY UPDATE
""")
UPDATE = Statement("""
    UPDATE webhook_endpoints
       SET version = $3, url = $4, description = $5, event_types = $6, permissions = $7, public_key = $8, status = $9,
           disabled_reason = $10, failing_since = $11, held_until = $12, modified_at = $13
     WHERE tenant_id = $1 AND id = $2
""")
WRITE_KEYS = Statement("""
    UPDATE webhook_endpoints
       SET secret = $3, signing_key = $4, previous_secret = $5, previous_signing_key = $6, previous_until = $7
     WHERE tenant_id = $1 AND id = $2
""")
# It has no owner any more, so that the account can be removed before what is left of the endpoint is.
REMOVE = Statement("""
    UPDATE webhook_endpoints
       SET removed_at = $3, modified_at = $3, version = version + 1, account_id = NULL, customer_id = NULL,
           secret = NULL, signing_key = NULL, previous_secret = NULL, previous_signing_key = NULL, previous_until = NULL
     WHERE tenant_id = $1 AND id = $2
""")

# The five bytes that everything begins with that one key sealed (kit.keyring).
SEALED_BEFORE = Statement(f"""
    SELECT p.id, {KEYS}
      FROM webhook_endpoints p
     WHERE p.tenant_id = $1 AND p.removed_at IS NULL
       AND (substring(p.secret FROM 1 FOR 5) <> $2 OR substring(p.signing_key FROM 1 FOR 5) <> $2
            OR substring(p.previous_secret FROM 1 FOR 5) <> $2 OR substring(p.previous_signing_key FROM 1 FOR 5) <> $2)
     ORDER BY p.id LIMIT $3 FOR NO KEY UPDATE
""")


class Stored(NamedTuple):
    """An endpoint with its sealed keys, as it stands in the table."""

    endpoint: WebhookEndpoint
    keys: SealedKeys


async def lock_position(work: Work, horizon: int) -> int:
    """Keep the tenant's position from moving until the transaction ends; the first time it begins at `horizon`."""
    rows = await work.write(LOCK_POSITION, horizon)
    sequence: int = rows[0][0]
    return sequence


async def count_of_account(work: Work, account_id: UUID | None) -> int:
    """How many endpoints an account has; without one, the operator."""
    rows = await work.fetch(COUNT_OF_ACCOUNT, account_id)
    count: int = rows[0][0]
    return count


async def insert(work: Work, stored: Stored, since: int) -> str:
    """Write a new endpoint; its reference."""
    new, keys = stored
    rows = await work.write(
        INSERT, new.id, new.account_id, new.customer_id, new.url, new.description, list(new.event_types), list(new.permissions),
        keys.secret, keys.signing_key, new.public_key, since, new.created_at,
    )  # fmt: skip
    reference: str = rows[0][0]
    return reference


async def lock(work: Work, id_: UUID) -> Stored | None:
    """An endpoint that is not removed, locked until the transaction ends."""
    rows = await work.write(LOCK, id_)
    return Stored(WebhookEndpoint(*rows[0][:WIDTH]), SealedKeys(*rows[0][WIDTH:])) if rows else None


async def update(work: Work, after: WebhookEndpoint) -> None:
    """Write what may change in an endpoint, but its keys."""
    await work.write(
        UPDATE, after.id, after.version, after.url, after.description, list(after.event_types), list(after.permissions),
        after.public_key, after.status, after.disabled_reason, after.failing_since, after.held_until, after.modified_at,
    )  # fmt: skip


async def write_keys(work: Work, id_: UUID, keys: SealedKeys) -> None:
    """Write an endpoint's sealed keys."""
    await work.write(WRITE_KEYS, id_, *keys)


async def remove(work: Work, id_: UUID) -> None:
    """Mark an endpoint as removed and erase its keys."""
    await work.write(REMOVE, id_, work.now)


async def sealed_before(work: Work, prefix: bytes, limit: int) -> list[tuple[UUID, SealedKeys]]:
    """Endpoints with a key that is not sealed under `prefix`, locked."""
    return [(row[0], SealedKeys(*row[1:])) for row in await work.write(SEALED_BEFORE, prefix, limit)]


# deliveries ------------------------------------------------------------------------------------------------------------

INSERT_TEST = Statement("""
    INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, event_type, subject_type, subject_id, subject_reference, status,
                                    next_at, forced, created_at)
    VALUES ($1, $2, $3, $4, $5, $2, $6, 'pending', $7, true, $7)
""")
COUNT_TESTS = Statement("""
    SELECT count(*) FROM webhook_deliveries d
     WHERE d.tenant_id = $1 AND d.endpoint_id = $2 AND d.status = 'pending' AND d.sequence IS NULL
""")
# The newest: each may hold some KiB, and a delivery may be replayed without end.
READ_ATTEMPTS = Statement("""
    SELECT t.number, t.attempted_at, t.duration_ms, t.url, t.address, t.request_headers::text, t.response_status,
           t.response_headers::text, t.response_body, t.failure
      FROM webhook_attempts t WHERE t.tenant_id = $1 AND t.delivery_id = $2 ORDER BY t.number DESC LIMIT $3
""")
READ_PAYLOAD = Statement("SELECT d.payload FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.id = $2")

# A finished one begins a new round; one that waits for its next try is sent now.
REPLAY_ONE = Statement("""
    UPDATE webhook_deliveries
       SET next_at = $3, forced = true, status = 'pending', finished_at = NULL,
           tries = CASE WHEN status = 'pending' THEN tries ELSE 0 END,
           response_status = CASE WHEN status = 'pending' THEN response_status END,
           failure = CASE WHEN status = 'pending' THEN failure END
     WHERE tenant_id = $1 AND id = $2
    RETURNING id
""")

# What a replay of a range takes: $3 and $4 bound when the deliveries were made, or when they failed. $5: what finished later was sent after
# the replay was asked for, perhaps by itself, and is not sent again; so a replay may go on where it stopped: with what was made at $6.
RANGE = """
         d.tenant_id = $1 AND d.endpoint_id = $2 AND d.created_at >= $6 AND d.finished_at <= $5 AND d.sequence IS NOT NULL
"""
FAILED = RANGE + "AND d.status = 'failed' AND d.finished_at >= $3 AND d.finished_at < $4"  # an index has the failed alone
FINISHED = RANGE + "AND d.status <> 'pending' AND d.created_at >= $3 AND d.created_at < $4"
COUNT = "SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE {} LIMIT $7) counted"
REPLAY = """
    WITH chosen AS (
        SELECT d.id FROM webhook_deliveries d WHERE {} ORDER BY d.created_at, d.id LIMIT $7 FOR UPDATE
    )
    UPDATE webhook_deliveries d
       SET status = 'pending', next_at = $8, forced = true, tries = 0, response_status = NULL, failure = NULL, finished_at = NULL
      FROM chosen WHERE d.tenant_id = $1 AND d.id = chosen.id
    RETURNING d.created_at
"""
COUNT_FAILED = Statement(COUNT.format(FAILED))
COUNT_FINISHED = Statement(COUNT.format(FINISHED))
REPLAY_FAILED = Statement(REPLAY.format(FAILED))
REPLAY_FINISHED = Statement(REPLAY.format(FINISHED))

_headers = msgspec.json.Decoder(dict[str, str]).decode


class Range(NamedTuple):
    """What a replay takes: what was made between two instants, or (`only_failed`) what failed between them.

    `reached`: what was made before is done already.
    """

    endpoint_id: UUID
    since: datetime
    until: datetime
    asked_at: datetime
    reached: datetime
    only_failed: bool


async def insert_test(work: Work, id_: UUID, endpoint: WebhookEndpoint, type_: str, at: datetime) -> None:
    """Write a test, due at once. It is its own subject, so that it waits for nothing."""
    subject_type = "webhook_endpoint"
    await work.write(INSERT_TEST, id_, endpoint.id, type_, subject_type, endpoint.reference, at)


async def count_tests(work: Work, endpoint_id: UUID) -> int:
    """How many tests are on their way to an endpoint."""
    rows = await work.fetch(COUNT_TESTS, endpoint_id)
    count: int = rows[0][0]
    return count


async def read_attempts(work: Work, delivery_id: UUID, most: int) -> list[Attempt]:
    """The newest tries of a delivery, in order."""
    return [_attempt(row) for row in reversed(await work.fetch(READ_ATTEMPTS, delivery_id, most))]


def _attempt(row: Row) -> Attempt:
    number, at, duration_ms, url, address, sent, status, answered, body, failure = row
    answer = None if answered is None else _headers(answered)
    return Attempt(number, at, duration_ms, url, address, _headers(sent), status, answer, body, failure)


async def read_payload(work: Work, delivery_id: UUID) -> str | None:
    """What was sent; `None` before the first try and after its retention."""
    row = await work.fetch_one(READ_PAYLOAD, delivery_id)
    return row[0] if row else None


async def replay_one(work: Work, delivery_id: UUID, at: datetime) -> bool:
    """Have a delivery sent at `at`; false when it is gone."""
    return bool(await work.write(REPLAY_ONE, delivery_id, at))


async def count_range(work: Work, range_: Range, most: int) -> int:
    """How many deliveries a range holds that can be replayed, counted up to `most`."""
    *bounds, only_failed = range_
    rows = await work.fetch(COUNT_FAILED if only_failed else COUNT_FINISHED, *bounds, most)
    count: int = rows[0][0]
    return count


async def replay_range(work: Work, range_: Range, limit: int, at: datetime) -> tuple[int, Range]:
    """Have up to `limit` deliveries of a range sent at `at`, the oldest first; how many, and the range that is left."""
    *bounds, only_failed = range_
    rows = await work.write(REPLAY_FAILED if only_failed else REPLAY_FINISHED, *bounds, limit, at)
    return len(rows), range_._replace(reached=max((row[0] for row in rows), default=range_.reached))


# retention -------------------------------------------------------------------------------------------------------------

SWEPT_AT_ONCE = 1000  # in the texts: a planner that does not know how few they are reads whole tables to find them

# Rows that somebody else holds are left for the next time.
ERASE_PAYLOADS = Statement(f"""
    WITH old AS (
        SELECT d.id FROM webhook_deliveries d
         WHERE d.tenant_id = $1 AND d.payload IS NOT NULL AND coalesce(d.finished_at, d.created_at) < $2
         ORDER BY coalesce(d.finished_at, d.created_at) LIMIT {SWEPT_AT_ONCE} FOR UPDATE SKIP LOCKED
    ), answers AS (
        UPDATE webhook_attempts t SET response_body = NULL FROM old
         WHERE t.tenant_id = $1 AND t.delivery_id = old.id AND t.response_body IS NOT NULL
    )
    UPDATE webhook_deliveries d SET payload = NULL FROM old WHERE d.tenant_id = $1 AND d.id = old.id RETURNING d.id
""")
DELETE_FINISHED = Statement(f"""
    DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND id IN (
        SELECT d.id FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.finished_at < $2
         ORDER BY d.finished_at LIMIT {SWEPT_AT_ONCE} FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
DELETE_OF_REMOVED = Statement(f"""
    DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND id IN (
        SELECT d.id FROM webhook_endpoints p
          JOIN webhook_deliveries d ON d.tenant_id = $1 AND d.endpoint_id = p.id AND d.status = 'pending'
         WHERE p.tenant_id = $1 AND p.removed_at < $2
         LIMIT {SWEPT_AT_ONCE} FOR UPDATE OF d SKIP LOCKED)
    RETURNING id
""")
DELETE_REMOVED = Statement("""
    DELETE FROM webhook_endpoints p
     WHERE p.tenant_id = $1 AND p.removed_at < $2
       AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.endpoint_id = p.id)
    RETURNING p.id
""")
ERASE_PREVIOUS_KEYS = Statement("""
    UPDATE webhook_endpoints SET previous_secret = NULL, previous_signing_key = NULL, previous_until = NULL
     WHERE tenant_id = $1 AND previous_until < $2
    RETURNING id
""")


async def erase_payloads(connection: Connection, tenant_id: UUID, before: datetime) -> int:
    """Erase what was sent and answered by deliveries that finished before an instant, or are waiting since before; how many."""
    return len(await connection.fetch(ERASE_PAYLOADS, tenant_id, before))


async def delete_old(connection: Connection, tenant_id: UUID, before: datetime) -> int:
    """Delete deliveries that finished before an instant, and what removed endpoints have left; how many rows."""
    rows: Sequence[Row] = await connection.fetch(DELETE_FINISHED, tenant_id, before)
    if not rows:
        rows = await connection.fetch(DELETE_OF_REMOVED, tenant_id, before)
    if not rows:
        rows = await connection.fetch(DELETE_REMOVED, tenant_id, before)
    return len(rows)


async def erase_previous_keys(connection: Connection, tenant_id: UUID, now: datetime) -> None:
    """Erase keys that no longer sign."""
    await connection.fetch(ERASE_PREVIOUS_KEYS, tenant_id, now)
