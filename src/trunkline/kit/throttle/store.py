"""The two statements. Time is the database's, in microseconds; one statement reads, refills, grants and writes.

Both ask for `wanted` hits (at least one), which somebody waits for, and up to `extra` more as a lease: a quarter of what would
be left or an eighth of `extra`, whichever is more, so that no process sits on the last hits. A refused ask changes nothing but
the refill.

An UPDATE clause of a distributed table may hold neither a subquery nor a volatile function, so the time comes in by VALUES and
every intermediate value is an expression, written out where it is used. A row's time never runs backwards (statements get the
row's lock in another order than their time), unless the clock was set back by more than ten seconds.
"""

import hashlib
from typing import NamedTuple
from uuid import UUID

from trunkline.kit.db import Connection, Pool
from trunkline.kit.statements import Statement
from trunkline.kit.throttle.rules import SlidingWindow, TokenBucket

MICRO = 1_000_000
NAME_LENGTH = 120
ENTRIES = 60  # of a large window; a window up to this limit keeps every hit
BUSY = 128  # hits per second from which on a rule is leased

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_SET_BACK = "(excluded.updated_at < b.updated_at - 10000000)"
_MOMENT = f"(CASE WHEN {_SET_BACK} THEN excluded.updated_at ELSE greatest(b.updated_at, excluded.updated_at) END)"

# Token bucket. $3 capacity and b.level in millionths of a token, $4 tokens per second (millionths per microsecond), $5 wanted,
# $6 extra.
_LEVEL = f"least($3, floor(least($3::float8, b.level + greatest(0, {_MOMENT} - b.updated_at)::float8 * $4::float8))::bigint)"
_LEASE = "least($6::bigint, greatest(({free} - $5::bigint) / 4, least({free} - $5::bigint, $6::bigint / 8), 0))"
_GRANT = "least({free}, $5::bigint + " + _LEASE + ")"
_TOKENS = _GRANT.format(free=f"({_LEVEL} / {MICRO})")
_FIRST_TOKENS = _GRANT.format(free=f"($3::bigint / {MICRO})")
TAKE_TOKENS = Statement(f"""
    INSERT INTO throttle_buckets AS b (tenant_id, bucket, level, granted, updated_at)
    VALUES ($1, $2, $3::bigint - {_FIRST_TOKENS} * {MICRO}, {_FIRST_TOKENS}, {_NOW})
    ON CONFLICT (tenant_id, bucket) DO UPDATE
       SET level = {_LEVEL} - {_TOKENS} * {MICRO}, granted = {_TOKENS}, updated_at = {_MOMENT}
    RETURNING granted, level
""")

# Sliding window. times: when hits were counted; totals: hits ever counted up to then; level: those that have left again.
# $3 limit, $4 length, $5 wanted, $6 extra, $7 grain and $8 hold: a hit is counted at the end of the grain in which it can be
# spent at the latest (1 and 0: exactly now).
_COUNTED_AT = "(({now} + $8::bigint + $7::bigint - 1) / $7::bigint * $7::bigint)"
_LAST = f"b.times[CASE WHEN {_SET_BACK} THEN 0 ELSE cardinality(b.times) END]"
_ENTRY = f"greatest({_COUNTED_AT.format(now=_MOMENT)}, {_LAST})"
_GONE = f"(CASE WHEN {_SET_BACK} THEN cardinality(b.times) ELSE width_bucket({_MOMENT} - $4::bigint, b.times) END)"
_LEFT = f"coalesce(b.totals[{_GONE}], b.level)"
_TOTAL = "coalesce(b.totals[cardinality(b.totals)], b.level)"
_FREE = f"greatest(0, $3::bigint - {_TOTAL} + {_LEFT})"
_HITS = _GRANT.format(free=_FREE)
_FIRST_HITS = _GRANT.format(free="$3::bigint")
_SAME_ENTRY = f"{_LAST} = {_ENTRY}"
TAKE_HITS = Statement(f"""
    INSERT INTO throttle_buckets AS b (tenant_id, bucket, level, granted, updated_at, times, totals)
    VALUES ($1, $2, 0, {_FIRST_HITS}, {_NOW}, ARRAY[{_COUNTED_AT.format(now=_NOW)}], ARRAY[{_FIRST_HITS}])
    ON CONFLICT (tenant_id, bucket) DO UPDATE
       SET level = {_LEFT}, granted = {_HITS}, updated_at = {_MOMENT},
           times = CASE WHEN {_FREE} = 0 OR {_SAME_ENTRY} THEN b.times[{_GONE} + 1:] ELSE b.times[{_GONE} + 1:] || {_ENTRY} END,
           totals = CASE WHEN {_FREE} = 0 THEN b.totals[{_GONE} + 1:]
                         WHEN {_SAME_ENTRY} THEN b.totals[{_GONE} + 1:cardinality(b.totals) - 1] || {_TOTAL} + {_HITS}
                         ELSE b.totals[{_GONE} + 1:] || {_TOTAL} + {_HITS} END
    RETURNING granted, coalesce(totals[cardinality(totals)], level) - level, times[1] + $4::bigint - updated_at
""")

FORGET_IDLE = Statement("""
    DELETE FROM throttle_buckets
     WHERE tenant_id = $1 AND updated_at < (extract(epoch FROM now()) * 1000000)::bigint - $2::bigint
""")


class Grant(NamedTuple):
    """What the database said: how many were granted and, in hits and seconds, how things stand after that."""

    granted: int
    left: int  # hits that the next ask could get at once
    next_in: float  # seconds until one more is there
    pause: float  # seconds for which asking is useless; 0 while something is left
    hold: float  # how long the lease may be spent
    room: float  # the lease may not exceed this ...
    fill: float  # ... less this many per second (see `holding`)


def bucket_lease(rule: TokenBucket) -> int:
    """How many tokens to lease: a sixteenth of a second's refill, at most a sixteenth of the burst; 0: ask for each hit."""
    busy = int(min(rule.capacity, rule.per_second))
    return busy // 16 if busy >= BUSY else 0


def window_lease(rule: SlidingWindow) -> tuple[int, float]:
    """The most hits to lease, and the seconds for which a lease lasts; (0, 0): ask for each hit."""
    if rule.limit < BUSY * rule.seconds:
        return 0, 0.0
    return rule.limit // 64, min(1.0, rule.seconds / ENTRIES)


async def take_tokens(connection: Connection, tenant_id: UUID, key: str, rule: TokenBucket, *, wanted: int) -> Grant:
    """Ask for `wanted` tokens and a lease."""
    lease, rate = bucket_lease(rule), float(rule.per_second)
    ((granted, level),) = await connection.fetch(
        TAKE_TOKENS, tenant_id, name_of("bucket", rule.name, key), rule.capacity * MICRO, rate, wanted, lease
    )
    left = level / MICRO
    next_in = (1 - left % 1) / rate
    # A busy rule is not asked for every token that drips in: a 64th of a second's worth comes together.
    pause = next_in if lease == 0 else (max(1.0, min(lease, rate / 64)) - left) / rate
    return Grant(granted, int(left), next_in, pause if left < 1 else 0.0, 1.0, rule.capacity - left, rate)


async def take_hits(
    connection: Connection, tenant_id: UUID, key: str, rule: SlidingWindow, *, wanted: int, extra: int
) -> Grant:
    """Ask for `wanted` hits of a window and up to `extra` as a lease."""
    hold = window_lease(rule)[1]
    grain = 1 if rule.limit <= ENTRIES else rule.seconds * MICRO // ENTRIES
    ((granted, hits, leaves_in),) = await connection.fetch(
        TAKE_HITS,
        tenant_id,
        name_of("window", rule.name, key),
        rule.limit,
        rule.seconds * MICRO,
        wanted,
        extra,
        grain,
        int(hold * MICRO),
    )
    next_in = (leaves_in or 0) / MICRO
    left = max(0, rule.limit - hits)
    return Grant(granted, left, next_in, 0.0 if left else next_in, hold, float("inf"), 0.0)


async def forget_idle(pool: Pool, tenant_id: UUID, idle_seconds: int = 86_400) -> int:
    """Delete the rows of keys that nobody used for `idle_seconds` (longer than any window); returns how many."""
    async with pool.connection() as connection:
        status = await connection.execute(FORGET_IDLE, tenant_id, idle_seconds * MICRO)
    return int(status.rpartition(" ")[2])


def name_of(kind: str, rule: str, key: str) -> str:
    """The row's name. A key that is long or not plain text (it may come from outside) goes in as its digest."""
    if len(key) > NAME_LENGTH or not (key.isascii() and key.isprintable()):
        key = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind}:{rule}:{key}"
