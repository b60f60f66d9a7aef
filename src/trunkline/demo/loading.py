"""Into the database: COPY, the sequences, the sizes of the collections."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from trunkline.kit import sizes
from trunkline.kit.ids import NIL
from trunkline.kit.statements import Statement

FIRST_REFERENCE = 98_000_001

# Moves a sequence forward by $2 numbers and gives the last of them.
RESERVE_REFERENCES = Statement("SELECT setval($1::text::regclass, nextval($1::text::regclass) + $2 - 1)", scope="sequence")

COUNT_ROWS = {
    "accounts": Statement("SELECT customer_id, count(*) FROM accounts WHERE tenant_id = $1 GROUP BY customer_id"),
    "cases": Statement("SELECT customer_id, count(*) FROM cases WHERE tenant_id = $1 GROUP BY customer_id"),
    "subscribers": Statement(
        "SELECT customer_id, count(*) FROM subscribers WHERE tenant_id = $1 AND deleted_at IS NULL GROUP BY customer_id"
    ),
}


class Dated(Protocol):
    """What can be numbered: an object with a date of birth and a place for its reference."""

    created_at: datetime
    reference: str


def number(prefix: str, objects: Iterable[Dated], first: int = FIRST_REFERENCE) -> None:
    """Give the objects their references in the order in which they came into being."""
    for value, thing in enumerate(sorted(objects, key=attrgetter("created_at")), first):
        thing.reference = f"{prefix}-{value}"


def number_plainly(objects: Iterable[Dated], first: int) -> None:
    """The same, with references that are nothing but a number."""
    for value, thing in enumerate(sorted(objects, key=attrgetter("created_at")), first):
        thing.reference = str(value)


async def copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], tenant_id: UUID, objects: Iterable[Any]
) -> None:
    """Write the objects' attributes of those names into the table's columns."""
    await copy_rows(connection, table, columns, tenant_id, map(attrgetter(*columns), objects))


async def copy_rows(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], tenant_id: UUID, rows: Iterable[tuple[Any, ...]]
) -> None:
    """Write rows that hold those columns."""
    await connection.copy_records_to_table(table, records=[(tenant_id, *row) for row in rows], columns=["tenant_id", *columns])


async def reserve_references(connection: asyncpg.Connection, sequence: str, count: int) -> int:
    """Take `count` numbers of a sequence; the first of them."""
    last: int = await connection.fetchval(RESERVE_REFERENCES, sequence, count)
    return last - count + 1


def sizes_of(objects: Iterable[Any]) -> dict[UUID, int]:
    """How many there are per customer, and (nil) in all, the provider's own included."""
    result: dict[UUID, int] = {NIL: 0}
    for thing in objects:
        if thing.customer_id is not None:
            result[thing.customer_id] = result.get(thing.customer_id, 0) + 1
        result[NIL] += 1
    return result


async def recount(connection: asyncpg.Connection, tenant_id: UUID, collection: str, now: datetime) -> None:
    """Set a collection's sizes from what the table holds."""
    rows = await connection.fetch(COUNT_ROWS[collection], tenant_id)
    counted = {row[0]: row[1] for row in rows}
    total = sum(counted.values())
    counted.pop(None, None)  # the provider's own is in the total alone
    # The total keeps this count apart from that of an earlier load with the same clock.
    await sizes.recount(connection, tenant_id, collection, {**counted, NIL: total}, change_at(now) + total)


def change_at(now: datetime) -> int:
    """The change count that a load at that moment leaves behind (kit.sizes)."""
    return int(now.timestamp() * 1_000_000)
