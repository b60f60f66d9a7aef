"""The replay guard: a request that is sent twice takes effect once.

One table serves two promises: `Idempotency-Key` (kept for 24 hours; same key and request: the first answer again) and a dialect's
rule against identical requests within a few seconds. The claim is a row inserted in the same transaction as the effect, so effect
and remembered answer exist together or not at all; a copy that arrives meanwhile waits on the claim's index entry until the first
has committed or gone. The algorithm, its proof and its test: docs/decisions/0005-replay-guard.md.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

import asyncpg
import msgspec

from trunkline.kit import secrets
from trunkline.kit.clock import Clock, monotonic
from trunkline.kit.db import Connection
from trunkline.kit.errors import InProgress
from trunkline.kit.record import Remembered
from trunkline.kit.statements import Statement

CLAIM = Statement("""
    INSERT INTO request_guard AS g (tenant_id, scope, fingerprint, created_at, expires_at)
    VALUES ($1, $2, $3, clock_timestamp() + $5::interval, clock_timestamp() + $5::interval + $4::interval)
    ON CONFLICT (tenant_id, scope) DO UPDATE
       SET fingerprint = excluded.fingerprint, attempt = g.attempt + 1, status = NULL, headers = NULL, body = NULL,
           created_at = excluded.created_at, expires_at = excluded.expires_at
     WHERE g.expires_at <= excluded.created_at
    RETURNING created_at, attempt
""")
READ_ANSWER = Statement(
    "SELECT fingerprint, status, headers::text, body FROM request_guard WHERE tenant_id = $1 AND scope = $2"
)
# expires_at stands outside too: there PostgreSQL looks again at a row that was claimed anew while the statement waited for it.
SWEEP = Statement("""
    DELETE FROM request_guard
     WHERE tenant_id = $1 AND expires_at < $3
       AND scope IN (SELECT scope FROM request_guard WHERE tenant_id = $1 AND created_at < $2 AND expires_at < $3
                                         ORDER BY created_at LIMIT 5000)
""")


class Promise(Enum):
    """Which of the two promises a claim is made under."""

    KEY = b"K"
    IDENTICAL = b"F"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A request under guard: what it is claimed by (`scope`), what it says (`fingerprint`), how long its answer is kept."""

    promise: Promise
    scope: bytes
    fingerprint: bytes
    keep: timedelta
    seal: bytes | None = None  # the key that seals the remembered body, for answers that hold a secret


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that an earlier copy of the request left. `same` is false when the key came with another request."""

    same: bool
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to execute the request, held until the transaction ends."""

    guarded: Guarded
    created_at: datetime
    attempt: int
    claimed_at: float

    def remember(self, status: int, headers: list[tuple[str, str]], body: bytes) -> Remembered:
        """The row's content when it commits. The time to keep it runs from the answer, on the database's clock."""
        elapsed = timedelta(seconds=monotonic() - self.claimed_at)
        return Remembered(
            scope=self.guarded.scope,
            attempt=self.attempt,
            headers=msgspec.json.encode(headers).decode(),
            body=body if self.guarded.seal is None or status >= 300 else secrets.seal(body, self.guarded.seal),
            expires_at=self.created_at + elapsed + self.guarded.keep,
        )


def _digest(*parts: bytes) -> bytes:
    """SHA-256 over parts that cannot run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def by_key(
    credential: UUID, key: str, method: str, path: str, query: bytes, body: bytes, keep: timedelta, *, secret: bool = False
) -> Guarded:
    """Guard by the client's `Idempotency-Key`. With `secret` the answer is kept sealed by the key, which itself is stored nowhere."""
    fingerprint = _digest(method.encode(), path.encode(), query, body)
    scope = _digest(Promise.KEY.value, credential.bytes, key.encode())
    return Guarded(Promise.KEY, scope, fingerprint, keep, _digest(b"seal", credential.bytes, key.encode()) if secret else None)


def by_content(credential: UUID, method: str, path: str, query: bytes, body: bytes, keep: timedelta) -> Guarded:
    """Guard by the request itself: identical in caller, method, path, query and body."""
    fingerprint = _digest(method.encode(), path.encode(), query, body)
    return Guarded(Promise.IDENTICAL, _digest(Promise.IDENTICAL.value, credential.bytes, fingerprint), fingerprint, keep)


async def claim(connection: Connection, tenant_id: UUID, guarded: Guarded, clock: Clock) -> Claim | Stored:
    """Claim the request inside the open transaction; it must be the transaction's first lock.

    A `Claim` when it is ours to execute, a `Stored` answer when an earlier copy committed. Raises `InProgress` when the earlier copy
    still runs after the connection's `lock_timeout`.
    """
    claimed_at = monotonic()
    try:
        row = await connection.fetchrow(CLAIM, tenant_id, guarded.scope, guarded.fingerprint, guarded.keep, clock.offset)
    except asyncpg.LockNotAvailableError:
        raise InProgress("the first request with this key is still in progress", retry_after=1) from None
    if row is not None:
        return Claim(guarded, row[0], row[1], claimed_at)
    stored = await connection.fetchrow(READ_ANSWER, tenant_id, guarded.scope)
    if stored is None:  # swept between the two statements: as if it had never been
        return await claim(connection, tenant_id, guarded, clock)
    headers = msgspec.json.decode(stored[2], type=list[tuple[str, str]])
    same = stored[0] == guarded.fingerprint
    # Refusals are not sealed, and a key that came with another request may have sealed nothing: only a good answer of ours is opened.
    sealed = guarded.seal is not None and same and stored[1] < 300
    return Stored(same, stored[1], headers, secrets.unseal(stored[3], guarded.seal) if sealed and guarded.seal else stored[3])


async def sweep(connection: Connection, tenant_id: UUID, now: datetime, keep: timedelta) -> None:
    """Forget answers whose time is over, a few thousand at a time."""
    await connection.execute(SWEEP, tenant_id, now - keep, now)
