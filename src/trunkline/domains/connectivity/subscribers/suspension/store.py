"""The statements of suspending and resuming: the subscribers of a subtree by the thousand, with an event for each."""

from uuid import UUID

from trunkline.domains.connectivity.subscribers.fields import COLUMNS
from trunkline.kit.record import announce_rows, announcement, count_changes
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

INSTANTS = ("b.created_at", "b.modified_at")
# A subscriber as events have it, made by the database: the same text that kit.record makes of the object.
AS_JSON = "jsonb_build_object({})".format(
    ", ".join(
        f"'{name}', "
        + (f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')""" if column in INSTANTS else column)
        for column in COLUMNS
        for name in ({"b.k IS NOT NULL": "has_k", "b.opc IS NOT NULL": "has_opc"}.get(column, column[2:]),)
    )
)

BATCH = 2000  # of one statement: a statement has its time limit, the transaction around them all has none

EVENTS = """
        SELECT '{event_type}' AS type, 'subscriber' AS subject_type, moved.id AS subject_id, moved.reference AS subject_reference,
               (moved.new_state ->> 'version')::bigint AS subject_version, moved.account_id, moved.customer_id, moved.state AS before,
               moved.new_state AS after
          FROM moved"""

# Makes `changes` in the subscribers that meet `which`, with an event for each; how many they were.
# $2-$4: the account's customer and the range of paths that is its subtree; $5: now.
SWITCH = f"""
    WITH held AS (
        SELECT b.id, b.version, {AS_JSON} AS state
          FROM subscribers b JOIN accounts a ON a.tenant_id = b.tenant_id AND a.id = b.account_id
         WHERE b.tenant_id = $1 AND b.customer_id = $2 AND {{which}} AND b.deleted_at IS NULL
           AND a.tenant_id = $1 AND a.path >= $3 AND a.path < $4
         ORDER BY b.id LIMIT {BATCH} FOR UPDATE OF b
    ), moved AS (
        UPDATE subscribers b
           SET {{changes}}, version = b.version + 1, modified_at = greatest(b.modified_at, $5)
          FROM held WHERE b.tenant_id = $1 AND b.id = held.id
        RETURNING b.id, b.reference, b.account_id, b.customer_id, held.state, {AS_JSON} AS new_state
    ), {announce_rows(EVENTS, 5)}
    SELECT count(*) FROM moved
"""

SUSPEND = Statement(
    SWITCH.format(
        which="b.status = 'active'",
        changes="status = 'inactive', suspended_with_account = true",
        event_type="subscriber.deactivated",
    )
)

# Only what a suspension switched off, and only where no account above is still suspended.
RESUME = Statement(
    SWITCH.format(
        which="""b.suspended_with_account
           AND NOT EXISTS (SELECT 1 FROM accounts up WHERE up.tenant_id = $1 AND up.customer_id = $2 AND NOT up.enabled
                              AND starts_with(a.path, up.path))""",
        changes="status = 'active', suspended_with_account = false",
        event_type="subscriber.activated",
    )
)


# What decides whether a subscriber may be active stays as it is until the transaction ends, looked at from above to below.
HOLD_ABOVE = Statement("SELECT 1 FROM accounts WHERE tenant_id = $1 AND path = ANY ($2::text[]) ORDER BY path FOR SHARE")
HOLD_BRANCH = Statement("SELECT 1 FROM accounts WHERE tenant_id = $1 AND path >= $2 AND path < $3 ORDER BY path FOR SHARE")


async def hold_above(work: Work, path: str) -> None:
    """Keep the accounts above the one at `path` (empty: a customer, which has none) from being suspended until the transaction ends."""
    names = path.split("/")[:-2]
    if names:
        await work.write(HOLD_ABOVE, ["/".join(names[: level + 1]) + "/" for level in range(len(names))])


async def hold_branch(work: Work, path: str) -> None:
    """Keep the account at `path` and those below it from being suspended until the transaction ends."""
    await work.write(HOLD_BRANCH, path, path[:-1] + "0")


async def suspend(work: Work, customer_id: UUID, path: str) -> int:
    """Switch off every active subscriber of the account at `path` and of those below it; how many."""
    return await _switch(work, SUSPEND, customer_id, path)


async def resume(work: Work, customer_id: UUID, path: str) -> int:
    """Switch on again what a suspension switched off, where nothing above is suspended any more; how many."""
    return await _switch(work, RESUME, customer_id, path)


async def _switch(work: Work, statement: str, customer_id: UUID, path: str) -> int:
    total = 0
    while True:  # until none is found: a batch that somebody else changed meanwhile may be short
        rows = await work.write(statement, customer_id, path, path[:-1] + "0", work.now, *announcement(work))
        if not rows[0][0]:
            break
        total += rows[0][0]
    if total:
        await count_changes(work, "subscribers", customer_id, total)
    return total
