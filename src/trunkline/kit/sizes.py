"""Exact totals of lists without counting the table each time.

`collection_sizes` holds, per collection and customer (and for the whole tenant under the nil customer), the number of rows and the
number of changes; every commit moves both (kit.record). A list reads the change count in its own statement, thus in the same
snapshot; a total that was counted under the same change count is still exact, whatever its filter. Only after a change is it
counted again, up to a cap.
"""

from collections import OrderedDict
from typing import Any
from uuid import UUID

from trunkline.kit.db import Connection
from trunkline.kit.statements import Statement

FORGET_SIZES = Statement("DELETE FROM collection_sizes WHERE tenant_id = $1 AND collection = $2")
INSERT_SIZES = Statement("""
    INSERT INTO collection_sizes (tenant_id, collection, customer_id, slot, size, changes)
    SELECT $1, $2, s.customer_id, 0, s.size, $5 FROM unnest($3::uuid[], $4::bigint[]) AS s (customer_id, size)
""")


class Totals:
    """A process's memory of totals: (what was counted) → (change count, total). The oldest entries go first."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._known: OrderedDict[Any, tuple[int, int]] = OrderedDict()
        self._capacity = capacity

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Any, changes: int) -> int | None:
        """The total, if it was counted under this change count."""
        known = self._known.get(key)
        if known is None or known[0] != changes:
            return None
        self._known.move_to_end(key)
        return known[1]

    def put(self, key: Any, changes: int, total: int) -> None:
        """Remember a total."""
        self._known[key] = (changes, total)
        self._known.move_to_end(key)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)


async def recount(connection: Connection, tenant_id: UUID, collection: str, sizes: dict[UUID, int], change: int) -> None:
    """Set the sizes of a collection after a bulk load that did not go through events. `sizes` holds each customer and the nil id for all.

    `change` must differ from every earlier change count (the clock's microseconds do).
    """
    await connection.execute(FORGET_SIZES, tenant_id, collection)
    await connection.execute(INSERT_SIZES, tenant_id, collection, list(sizes), list(sizes.values()), change)
