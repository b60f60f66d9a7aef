"""Many more rows beside the demonstration, for measurements: accounts under one customer, cases on its services."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from trunkline.demo import accounts, loading, messages
from trunkline.demo.cases import COLUMNS as CASE_COLUMNS
from trunkline.demo.cases import OTHER_STATUSES, Case, CaseMaker, CaseService
from trunkline.demo.companies import UNITS
from trunkline.demo.countries import COUNTRIES
from trunkline.demo.draw import Draw
from trunkline.demo.places import CITIES_OF
from trunkline.kit.clock import whole_seconds
from trunkline.kit.statements import Statement

SEED = 1
CHUNK = 10_000  # rows per COPY: bounds what the server and we hold in memory
THREE_YEARS = timedelta(days=3 * 365)
DIVISIONS = tuple(unit for units in UNITS.values() for unit in units)
BULK_COUNTRIES = tuple(COUNTRIES.values())[:30]

# The measuring connection may have a short statement timeout; a load is one long piece of work.
NO_TIMEOUT = "SET LOCAL statement_timeout = 0"

READ_SERVICES = Statement("""
    SELECT v.id, v.account_id, v.customer_id, v.site_id, v.name, s.name, 'customer.example', v.ready_for_service_date
      FROM services AS v JOIN sites AS s ON s.tenant_id = v.tenant_id AND s.id = v.site_id
     WHERE v.tenant_id = $1 AND s.tenant_id = $1 AND v.customer_id = $2 AND v.status = 'ready'
     ORDER BY v.reference
""")


async def load_accounts(
    connection: asyncpg.Connection, tenant_id: UUID, customer_id: UUID, path: str, now: datetime, *, count: int = 100_000
) -> None:
    """Add `count` accounts directly beneath the root account `customer_id`, whose path is `path`."""
    async with connection.transaction():
        await connection.execute(NO_TIMEOUT)
        first = await loading.reserve_references(connection, "account_references", count)
        rows = _accounts(_Root(tenant_id, customer_id, path), whole_seconds(now), first, count)
        while chunk := list(islice(rows, CHUNK)):
            await connection.copy_records_to_table("accounts", records=chunk, columns=["tenant_id", *accounts.COLUMNS])
        await loading.recount(connection, tenant_id, "accounts", now)


class _Root(NamedTuple):
    """The account beneath which the others are added."""

    tenant_id: UUID
    customer_id: UUID
    path: str


def _accounts(root: _Root, now: datetime, first: int, count: int) -> Iterator[tuple[Any, ...]]:
    draw = Draw(SEED)
    for value in range(first, first + count):
        country = draw.one(BULK_COUNTRIES)
        city = draw.one(CITIES_OF[country.code]).name
        name = f"{city} {draw.one(DIVISIONS)} {draw.whole(1, 9999)}"
        # References follow the calendar, as they would in a database that has grown.
        created_at = now - THREE_YEARS * ((first + count - value) / count)
        modified_at = draw.between(created_at, now) if draw.happens(0.7) else created_at
        created_at, modified_at = whole_seconds(created_at), whole_seconds(modified_at)
        reference = f"ACC-{value}"
        yield (
            root.tenant_id, draw.id(created_at), reference, root.customer_id, root.customer_id, f"{root.path}{reference}/",
            name, f"{name} {country.legal}", country.name, country.currency, 1 if modified_at == created_at else 2,
            created_at, modified_at,
        )  # fmt: skip


async def load_cases(
    connection: asyncpg.Connection, tenant_id: UUID, customer_id: UUID, now: datetime, *, count: int = 50_000
) -> None:
    """Add `count` cases, one in twenty not closed, with their first messages, on the customer's services that are in use.

    Raises `ValueError` when there is no such service.
    """
    services = [CaseService(*row) for row in await connection.fetch(READ_SERVICES, tenant_id, customer_id)]
    if not services:
        raise ValueError("the customer has no service in use")
    made = _cases(CaseMaker(Draw(SEED), whole_seconds(now)), services, count)
    openings = [message for case in made for message in case.messages]
    async with connection.transaction():
        await connection.execute(NO_TIMEOUT)
        loading.number("CAS", made, await loading.reserve_references(connection, "case_references", count))
        loading.number("MSG", openings, await loading.reserve_references(connection, "case_message_references", count))
        for start in range(0, count, CHUNK):
            await loading.copy(connection, "cases", CASE_COLUMNS, tenant_id, made[start : start + CHUNK])
        for start in range(0, count, CHUNK):
            await loading.copy(connection, "case_messages", messages.COLUMNS, tenant_id, openings[start : start + CHUNK])
        await loading.recount(connection, tenant_id, "cases", now)


def _cases(maker: CaseMaker, services: list[CaseService], count: int) -> list[Case]:
    unfinished = tuple(OTHER_STATUSES)
    made: list[Case] = []
    for position in range(count):
        status = unfinished[position // 20 % len(unfinished)] if position % 20 == 0 else "closed"
        case = maker.make({"ready": services}, status)
        del case.messages[1:]  # the conversation would be five more rows for each case
        made.append(case)
    return made
