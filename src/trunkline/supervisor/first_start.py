"""The first start: a tenant with demonstration data (or an empty one), and credentials for it in `credentials.json`."""

import json
import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from trunkline import demo
from trunkline.dialects.customer.auth import BASIC_READ, BILLING_READ, MANAGE_CLIENTS, SUPPORT_READ, SUPPORT_WRITE
from trunkline.domains.customers.service import reach_of
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import Role
from trunkline.kit import secrets
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.principal import Environment, Reach, system
from trunkline.kit.record import Origin
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.statements import Statement
from trunkline.kit.work import Transaction, Work
from trunkline.settings import Settings

CREDENTIALS = "credentials.json"
ALL_FOUR = (BASIC_READ, SUPPORT_READ, SUPPORT_WRITE, BILLING_READ)

ANY_TENANT = Statement("SELECT tenant_id FROM tenants ORDER BY number LIMIT 1", scope="directory")


@dataclass(frozen=True, slots=True)
class Filled:
    """What the first start left in one environment."""

    tenant_id: UUID
    customer: Reach | None
    other: Reach | None


async def fill(settings: Settings, addresses: dict[Environment, str]) -> bool:
    """Fill every environment that has no tenant yet and write the credentials; whether anything was done."""
    sections: dict[Environment, dict[str, Any]] = {}
    for environment, address in addresses.items():
        pool = Pool(address, 1)
        try:
            async with pool.connection() as connection:
                if await connection.fetchval(ANY_TENANT) is not None:
                    continue
            sections[environment] = await _fill(settings, environment, pool)
        finally:
            await pool.close()
    if sections:
        write_credentials(settings, sections)
    return bool(sections)


async def _fill(settings: Settings, environment: Environment, pool: Pool) -> dict[str, Any]:
    """One transaction: whoever is killed in between finds an empty environment again."""
    clock = Clock()
    work = Work(pool, clock, system(UUID(int=0), environment, "first start"), Origin("first-start", "first-start"))
    async with Transaction(work) as transaction:
        filled = await _tenant(settings, transaction.connection, clock)
        work.principal = system(filled.tenant_id, environment, "first start")
        section = await _credentials(settings, work, filled, environment)
        await transaction.commit(201)
    return section


async def _tenant(settings: Settings, connection: asyncpg.Connection, clock: Clock) -> Filled:
    if not settings.demo:
        tenant_id, _ = await identity.create_tenant(connection, "My company", clock.now())
        return Filled(tenant_id, None, None)
    loaded = await demo.load(connection, clock.now())
    return Filled(
        loaded.tenant_id,
        await reach_of(connection, loaded.tenant_id, loaded.customer_account_id),
        await reach_of(connection, loaded.tenant_id, loaded.other_account_id),
    )


async def _credentials(settings: Settings, work: Work, filled: Filled, environment: Environment) -> dict[str, Any]:
    async def client(name: str, scopes: tuple[str, ...], reach: Reach | None) -> dict[str, Any]:
        made, secret = await identity.create_client(work, name, scopes, reach)
        return {"client_id": made.reference, "client_secret": secret, "scopes": list(scopes)}

    password = secrets.new_password()
    await identity.create_user(work, "admin@trunkline.example", password, Role.ADMINISTRATOR)
    return {
        "console": {"username": "admin@trunkline.example", "password": password},
        "customer": {
            "token_url": f"{base_url(settings, environment)}/oauth2/token",
            **await client("Demonstration", ALL_FOUR, filled.customer),
            "read_only": await client("Demonstration, read only", (BASIC_READ,), filled.customer),
            "other": await client("Demonstration of another customer", ALL_FOUR, filled.other),
            "manager": await client("Demonstration, API clients", (MANAGE_CLIENTS, BASIC_READ), filled.customer),
        },
    }


def base_url(settings: Settings, environment: Environment) -> str:
    """Where an environment answers, as seen from this machine."""
    host = "sb2.localhost" if environment is Environment.SANDBOX else "127.0.0.1"
    return f"http://{host}:{settings.port}"


def write_credentials(settings: Settings, sections: dict[Environment, dict[str, Any]]) -> None:
    """Write (or complete) `credentials.json`, mode 0600, in one step."""
    path = settings.data / CREDENTIALS
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    content["base_url"] = base_url(settings, Environment.PRODUCTION)
    content |= sections.get(Environment.PRODUCTION, {})
    if Environment.SANDBOX in sections:
        content["sandbox"] = {"host": "sb2.localhost", **sections[Environment.SANDBOX]}
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_credentials(settings: Settings) -> dict[str, Any]:
    """What `write_credentials` wrote. Raises `StartupError` when there is nothing."""
    path = settings.data / CREDENTIALS
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise StartupError(f"there is no {path}: start the server once (`make run`)", ExitCode.CONFIGURATION) from None
    return content
