"""The demonstration data: one provider with its customers, sites, services, cases, invoices and networks, the same for the same seed.

Dates are relative to the moment of loading, so that a demonstration never looks old.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from trunkline.demo import accounts, cases, invoices, loading, messages, network, services, sites
from trunkline.demo.accounts import Account
from trunkline.demo.cases import Case
from trunkline.demo.draw import Draw
from trunkline.demo.invoices import Invoice, Line
from trunkline.demo.messages import Message
from trunkline.demo.network import Network
from trunkline.demo.network.sealing import sealed_columns, with_sealed
from trunkline.demo.services import Service
from trunkline.demo.sites import Site
from trunkline.kit.clock import whole_seconds
from trunkline.kit.keyring import Keyring
from trunkline.kit.sizes import recount
from trunkline.kit.statements import Statement

TENANT_NUMBER = 1
TENANT_NAME = "Meridian Managed Networks"

INSERT_TENANT = Statement(
    "INSERT INTO tenants (tenant_id, number, name, created_at) VALUES ($1, $2, $3, $4)",
    scope="directory",
)

# Collection, sequence of its references.
SEQUENCES = {
    "accounts": "account_references",
    "sites": "site_references",
    "services": "service_references",
    "cases": "case_references",
    "case_messages": "case_message_references",
    "invoices": "invoice_references",
    "invoice_lines": "invoice_line_references",
    **network.SEQUENCES,
}

# Their statistics are taken at once: without them each row that refers to such a table is checked by reading all of it.
REFERRED_TO = ("accounts", "sites", "services", "cases", "invoices", *network.REFERRED_TO)

# Listed only inside what they belong to: no collections of their own.
NESTED = ("case_messages", "invoice_lines", "system_profile_systems", "system_profile_apns")


@dataclass(frozen=True)
class Demonstration:
    """Everything that is loaded, parents before children."""

    tenant_id: UUID
    accounts: list[Account]
    sites: list[Site]
    services: list[Service]
    cases: list[Case]
    messages: list[Message]
    invoices: list[Invoice]
    lines: list[Line]
    network: Network


@dataclass(frozen=True)
class Loaded:
    """What the credentials need: the provider, two of its customers (root accounts) and a site of the first.

    `rows` counts each collection.
    """

    tenant_id: UUID
    customer_account_id: UUID
    other_account_id: UUID
    customer_account: str
    other_account: str
    customer_site: str
    rows: Mapping[str, int]


def build(now: datetime, seed: int = 1) -> Demonstration:
    """The demonstration as it looks at `now` (UTC); the same for the same moment and seed, identifiers included."""
    now = whole_seconds(now)
    draw = Draw(seed)
    all_accounts = accounts.make_accounts(draw, now)
    loading.number("ACC", all_accounts)
    accounts.enter_references(all_accounts)
    all_sites = sites.make_sites(draw, now, all_accounts)
    loading.number("SIT", all_sites)
    all_services = services.make_services(draw, now, all_sites)
    loading.number("SVC", all_services)
    all_cases = cases.make_cases(draw, now, all_services)
    loading.number("CAS", all_cases)
    all_messages = [message for case in all_cases for message in case.messages]
    loading.number("MSG", all_messages)
    all_invoices = invoices.InvoiceMaker(draw, now, all_services).make()
    all_lines = [line for invoice in all_invoices for line in invoice.lines]
    for value, invoice in enumerate(all_invoices, loading.FIRST_REFERENCE):
        invoice.reference = f"INV-{value}"
    for value, line in enumerate(all_lines, loading.FIRST_REFERENCE):
        line.reference = f"INL-{value}"
    tenant_id = draw.id(all_accounts[0].created_at)
    return Demonstration(
        tenant_id=tenant_id,
        accounts=all_accounts,
        sites=all_sites,
        services=all_services,
        cases=all_cases,
        messages=all_messages,
        invoices=all_invoices,
        lines=all_lines,
        network=network.make_network(draw, now, all_accounts, all_sites, all_services),
    )


def tables(built: Demonstration) -> tuple[tuple[str, tuple[str, ...], list[Any]], ...]:
    """(table, columns, objects that have them as attributes), in the order in which they can be written."""
    return (
        ("accounts", accounts.COLUMNS, built.accounts),
        ("sites", sites.COLUMNS, built.sites),
        ("services", services.COLUMNS, built.services),
        ("cases", cases.COLUMNS, built.cases),
        ("case_messages", messages.COLUMNS, built.messages),
        ("invoices", invoices.COLUMNS, built.invoices),
        ("invoice_lines", invoices.LINE_COLUMNS, built.lines),
        *network.tables(built.network),
    )


async def load(
    connection: asyncpg.Connection, now: datetime, keyring: Keyring, seed: int = 1, tenant_name: str = TENANT_NAME
) -> Loaded:
    """Load the demonstration into a database without tenants, in one transaction (the caller's, if there is one)."""
    return await write(connection, build(now, seed), now, keyring, tenant_name)


async def write(
    connection: asyncpg.Connection, built: Demonstration, now: datetime, keyring: Keyring, tenant_name: str = TENANT_NAME
) -> Loaded:
    """Write what `build` made; two environments may be given the same one. Keys are made here, and sealed with `keyring`."""
    tenant_id, roots = built.tenant_id, [account for account in built.accounts if account.parent is None]
    async with connection.transaction():
        await connection.execute(INSERT_TENANT, tenant_id, TENANT_NUMBER, tenant_name, roots[0].created_at)
        for table, columns, objects in tables(built):
            if sealed := sealed_columns(table):
                records = with_sealed(keyring.of(tenant_id), table, columns, objects)
                await loading.copy_rows(connection, table, (*columns, *sealed), tenant_id, records)
            else:
                await loading.copy(connection, table, columns, tenant_id, objects)
            if table in REFERRED_TO:
                await connection.execute(f"ANALYZE {table}")
            if table in SEQUENCES:
                await loading.reserve_references(connection, SEQUENCES[table], len(objects))
            if table not in NESTED:
                await recount(connection, tenant_id, table, loading.sizes_of(objects), loading.change_at(now))
    customer, other = roots[:2]
    site = next(site for site in built.sites if site.account is customer)
    rows = {table: len(objects) for table, _, objects in tables(built)}
    return Loaded(tenant_id, customer.id, other.id, customer.reference, other.reference, site.reference, rows)
