"""Many more rows beside the demonstration, for measurements: accounts under one customer, cases and subscribers on its services."""

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from trunkline.demo import accounts, loading, messages
from trunkline.demo.cases import COLUMNS as CASE_COLUMNS
from trunkline.demo.cases import OTHER_STATUSES, Case, CaseMaker, CaseService
from trunkline.demo.companies import UNITS
from trunkline.demo.countries import COUNTRIES
from trunkline.demo.draw import Draw
from trunkline.demo.network.numbers import CardMaker
from trunkline.demo.network.sealing import KEY_BYTES
from trunkline.demo.network.subscribers import COLUMNS as SUBSCRIBER_COLUMNS
from trunkline.demo.places import CITIES_OF
from trunkline.kit.clock import whole_seconds
from trunkline.kit.keyring import Keyring, TenantKeyring
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

READ_PLACES = Statement("""
    SELECT v.account_id, v.id, v.site_id FROM services AS v
     WHERE v.tenant_id = $1 AND v.customer_id = $2 AND v.status = 'ready' ORDER BY v.reference
""")
# A profile with a system that it is for, of those that belong to the account itself.
READ_PROFILES = Statement("""
    SELECT p.id, l.system_id
      FROM system_profiles AS p JOIN system_profile_systems AS l ON l.tenant_id = p.tenant_id AND l.system_profile_id = p.id
     WHERE p.tenant_id = $1 AND l.tenant_id = $1 AND p.account_id = $2 ORDER BY p.reference, l.system_id
""")
READ_GROUPS = Statement("SELECT id FROM groups WHERE tenant_id = $1 AND account_id = $2 ORDER BY reference")
READ_KEYSETS = Statement("SELECT id FROM keysets WHERE tenant_id = $1 AND account_id = $2 ORDER BY reference")
READ_DEVICES = Statement("SELECT id FROM devices WHERE tenant_id = $1 AND account_id = $2 ORDER BY reference")

BULK_PREFIX = "12349"  # of the IMSIs: no core of the demonstration has it


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


async def load_subscribers(
    connection: asyncpg.Connection, tenant_id: UUID, customer_id: UUID, keyring: Keyring, now: datetime, *, count: int = 100_000
) -> None:
    """Add `count` subscribers on the customer's services that are in use, nine in ten active, all links set, keys sealed.

    Raises `ValueError` when the customer has no such service, or nothing of a network.
    """
    parts = [
        await connection.fetch(query, tenant_id, customer_id)
        for query in (READ_PLACES, READ_PROFILES, READ_GROUPS, READ_KEYSETS, READ_DEVICES)
    ]
    if not all(parts):
        raise ValueError("the customer has no network, or no service in use")
    async with connection.transaction():
        await connection.execute(NO_TIMEOUT)
        first = await loading.reserve_references(connection, "subscriber_references", count)
        rows = _subscribers(_Owner(customer_id, *parts), keyring.of(tenant_id), whole_seconds(now), first, count)
        while chunk := list(islice(rows, CHUNK)):
            await loading.copy_rows(connection, "subscribers", (*SUBSCRIBER_COLUMNS, "k", "opc"), tenant_id, chunk)
        await loading.recount(connection, tenant_id, "subscribers", now)


class _Owner(NamedTuple):
    """The customer's rows that subscribers are linked to."""

    customer_id: UUID
    places: list[asyncpg.Record]
    profiles: list[asyncpg.Record]
    groups: list[asyncpg.Record]
    keysets: list[asyncpg.Record]
    devices: list[asyncpg.Record]


def _subscribers(owner: _Owner, keyring: TenantKeyring, now: datetime, first: int, count: int) -> Iterator[tuple[Any, ...]]:
    draw, cards = Draw(SEED), CardMaker(serial=50_000_000_000, number=50_000_000)
    linked = cycle(owner.profiles)
    for value in range(first, first + count):
        created_at = whole_seconds(now - THREE_YEARS * ((first + count - value) / count))
        modified_at = whole_seconds(draw.between(created_at, now))
        account_id, service_id, site_id = draw.one(owner.places)
        profile_id, system_id = next(linked)
        id_ = draw.id(created_at)
        yield (
            id_, str(value), account_id, owner.customer_id, 2, created_at, modified_at, service_id, site_id, system_id,
            profile_id, draw.one(owner.groups)[0], draw.one(owner.keysets)[0], draw.one(owner.devices)[0],
            *cards.card(BULK_PREFIX), "inactive" if value % 10 == 0 else "active", "production",
            json.dumps({"batch": created_at.date().isoformat()}),
            keyring.seal("subscriber.k", id_, os.urandom(KEY_BYTES)), keyring.seal("subscriber.opc", id_, os.urandom(KEY_BYTES)),
        )  # fmt: skip
