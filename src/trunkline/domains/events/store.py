"""The statements of the feed: where it ends, and catching up with it in bounded batches."""

from uuid import UUID

from trunkline.domains.events.model import Filter
from trunkline.kit.events import COLUMNS, LAST_DRAWN, SOURCE, Reading, StoredEvent
from trunkline.kit.statements import Statement

READ_LAST_DRAWN = Statement(f"SELECT {LAST_DRAWN}", scope="directory")

# $2: what is final. Backwards over the primary key: one row.
READ_LAST = Statement("SELECT sequence FROM events WHERE tenant_id = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT 1")

# How far a batch goes: $2 the position, $3 what is final, $4 the most events that a batch looks at. Only an index is read.
SCAN_TENANT = Statement("""
    SELECT max(s.sequence), count(*)
      FROM (SELECT e.sequence FROM events e WHERE e.tenant_id = $1 AND e.sequence > $2 AND e.sequence <= $3
             ORDER BY e.sequence LIMIT $4) s
""")
SCAN_CUSTOMER = Statement("""
    SELECT max(s.sequence), count(*)
      FROM (SELECT e.sequence FROM events e WHERE e.tenant_id = $1 AND e.customer_id = $5 AND e.sequence > $2 AND e.sequence <= $3
             ORDER BY e.sequence LIMIT $4) s
""")

MATCHING = f"""
    SELECT {COLUMNS}
      FROM {SOURCE}
     WHERE e.tenant_id = $1 AND e.sequence > $2 AND e.sequence <= $3 AND (e.subject_type = ANY($4) OR e.type = ANY($5))
"""
OF_CUSTOMER = " AND e.customer_id = $7"
OF_BRANCH = " AND a.tenant_id = $1 AND a.path >= $8 AND a.path < $9"
IN_ORDER = " ORDER BY e.sequence LIMIT $6"

READ_TENANT = Statement(MATCHING + IN_ORDER)
READ_CUSTOMER = Statement(MATCHING + OF_CUSTOMER + IN_ORDER)
READ_BRANCH = Statement(MATCHING + OF_CUSTOMER + OF_BRANCH + IN_ORDER)


async def last_drawn(reading: Reading) -> int:
    """The last number that any event was given."""
    rows = await reading.fetch(READ_LAST_DRAWN)
    number: int = rows[0][0]
    return number


async def last_event(reading: Reading, tenant_id: UUID, until: int) -> int:
    """The number of a tenant's last event up to `until`; 0 when it has none."""
    rows = await reading.fetch(READ_LAST, tenant_id, until)
    return rows[0][0] if rows else 0


async def scan(reading: Reading, tenant_id: UUID, wanted: Filter, after: int, until: int, most: int) -> tuple[int, bool]:
    """How far the next `most` events after a position go, and whether there may be more beyond, up to `until`."""
    arguments = [tenant_id, after, until, most]
    if wanted.reach is None:
        rows = await reading.fetch(SCAN_TENANT, *arguments)
    else:
        rows = await reading.fetch(SCAN_CUSTOMER, *arguments, wanted.reach.customer_id)
    last, seen = rows[0]
    return (last if last is not None else after), seen == most


async def read_matching(
    reading: Reading, tenant_id: UUID, wanted: Filter, after: int, until: int, limit: int
) -> list[StoredEvent]:
    """Up to `limit` events of a filter between two positions, in order."""
    arguments = [tenant_id, after, until, list(wanted.subjects), list(wanted.types), limit]
    reach = wanted.reach
    if reach is None:
        rows = await reading.fetch(READ_TENANT, *arguments)
    elif not reach.path:
        rows = await reading.fetch(READ_CUSTOMER, *arguments, reach.customer_id)
    else:
        rows = await reading.fetch(READ_BRANCH, *arguments, reach.customer_id, reach.path, reach.path_end)
    return [StoredEvent(*row) for row in rows]
