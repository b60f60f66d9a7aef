"""The first start: a tenant with demonstration data (or an empty one), and credentials for it."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from trunkline import demo
from trunkline.dialects.customer.auth import (
    BASIC_READ,
    BILLING_READ,
    MANAGE_CLIENTS,
    MANAGE_WEBHOOKS,
    SUPPORT_READ,
    SUPPORT_WRITE,
)
from trunkline.domains.customers.service import reach_of
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import Feature, Role, UserDraft
from trunkline.kit import secrets
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.ids import NIL
from trunkline.kit.keyring import Keyring
from trunkline.kit.principal import Environment, Reach, system
from trunkline.kit.record import Origin
from trunkline.kit.statements import Statement
from trunkline.kit.work import Transaction, Work
from trunkline.sealing import keyring_of
from trunkline.settings import Settings
from trunkline.supervisor import credentials
from trunkline.supervisor.credentials import Section
from trunkline.supervisor.databases import ANY_TENANT, Prepared
from trunkline.supervisor.together import together

FULL = (BASIC_READ, SUPPORT_READ, SUPPORT_WRITE, BILLING_READ, MANAGE_WEBHOOKS)  # all that a customer gives itself
ADMINISTRATOR = "admin@trunkline.example"
NETWORK_OPERATOR = "network@trunkline.example"  # where there is no customer yet
KEY_NAME = "Demonstration"
MANAGER = "manager@acme.example"  # the first user: number 123456

PASSWORDS = 2  # of each environment: the administrator's and the Network API's first user's

LOCK = Statement("SELECT pg_advisory_xact_lock(7233180245)", scope="directory")  # one first start at a time in one database


@dataclass(frozen=True, slots=True)
class Filled:
    """What the first start left in one environment. `loaded`: the demonstration, if there is one."""

    tenant_id: UUID
    customer: Reach | None = None
    other: Reach | None = None
    loaded: demo.Loaded | None = None


class Password(NamedTuple):
    """A new password and its hash."""

    text: str
    hash: str


class Preparation:
    """What a first start can do before there are databases, in a thread beside it: build the demonstration, hash passwords.

    Each hash is meant to be slow; together they would be a fifth of the start.
    """

    def __init__(self, settings: Settings) -> None:
        self.now = Clock().now()
        self._thread = ThreadPoolExecutor(1, "first-start")
        self._demonstration = self._thread.submit(demo.build, self.now) if settings.demo else None
        environments = 2 if settings.sandbox else 1
        self._passwords = deque(self._thread.submit(_new_password) for _ in range(environments * PASSWORDS))

    async def demonstration(self) -> demo.Demonstration | None:
        """The demonstration's rows, the same for every environment; `None` when the settings want none."""
        if self._demonstration is None:
            return None
        return await asyncio.wrap_future(self._demonstration)

    async def password(self) -> Password:
        """A password that nobody else has."""
        return await asyncio.wrap_future(self._passwords.popleft())

    def end(self) -> None:
        """Do nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _new_password() -> Password:
    text = secrets.new_password()
    return Password(text, secrets.hash_password(text))


async def fill(settings: Settings, databases: dict[Environment, Prepared], preparation: Preparation) -> bool:
    """Fill every environment that has no tenant yet and complete the credentials; whether anything was filled."""
    found = await together(*(_section(settings, name, prepared, preparation) for name, prepared in databases.items()))
    sections = {name: section for name, section in zip(databases, found, strict=True) if section is not None}
    credentials.complete(settings, sections)
    return any(prepared.empty for prepared in databases.values())


async def _section(
    settings: Settings, environment: Environment, prepared: Prepared, preparation: Preparation
) -> Section | None:
    pool = Pool(prepared.address, 1, keyring=keyring_of(settings))
    try:
        if prepared.empty:
            return await _fill(settings, environment, pool, preparation)
        return await _recover(settings, environment, pool)
    finally:
        await pool.close()


async def _recover(settings: Settings, environment: Environment, pool: Pool) -> Section | None:
    """The draft of a start that was killed after its transaction, if this is its database."""
    drafted = credentials.drafted(settings, environment)
    if drafted is None:
        return None
    client_id = drafted["customer"]["client_id"]
    number = secrets.tenant_of_client_id(client_id)
    async with pool.connection() as connection:
        known = await connection.fetchval(
            "SELECT 1 FROM tenants t JOIN api_clients k ON k.tenant_id = t.tenant_id WHERE t.number = $1 AND k.client_id = $2",
            number,
            client_id,
        )
    return drafted if known else None


async def _fill(settings: Settings, environment: Environment, pool: Pool, preparation: Preparation) -> Section | None:
    """One transaction: whoever is killed in between finds an empty environment again. `None` when another node was first."""
    clock = Clock()
    work = Work(pool, clock, system(NIL, environment, "first start"), Origin("first-start", "first-start"))
    async with Transaction(work) as transaction:
        await transaction.connection.execute(LOCK)
        await transaction.connection.execute("SET LOCAL statement_timeout = 0")
        if await transaction.connection.fetchval(ANY_TENANT) is not None:
            return None
        filled = await _tenant(transaction.connection, clock, preparation, keyring_of(settings))
        work.principal = system(filled.tenant_id, environment, "first start")
        section = await _credentials(settings, work, filled, environment, preparation)
        credentials.draft(settings, environment, section)
        await transaction.commit(201)
    return section


async def _tenant(connection: asyncpg.Connection, clock: Clock, preparation: Preparation, keyring: Keyring) -> Filled:
    demonstration = await preparation.demonstration()
    if demonstration is None:
        tenant_id, _ = await identity.create_tenant(connection, "My company", clock.now())
        return Filled(tenant_id)
    loaded = await demo.write(connection, demonstration, preparation.now, keyring)
    return Filled(
        loaded.tenant_id,
        await reach_of(connection, loaded.tenant_id, loaded.customer_account_id),
        await reach_of(connection, loaded.tenant_id, loaded.other_account_id),
        loaded,
    )


async def _credentials(
    settings: Settings, work: Work, filled: Filled, environment: Environment, preparation: Preparation
) -> Section:
    async def client(name: str, scopes: tuple[str, ...], reach: Reach | None) -> dict[str, Any]:
        made, secret = await identity.create_client(work, name, scopes, reach)
        return {"client_id": made.reference, "client_secret": secret, "scopes": list(scopes)}

    name = (
        "Demonstration" if filled.customer else "Operator"
    )  # without demonstration data there is no customer yet to belong to
    network = await _network(work, filled.loaded, await preparation.password())
    password = await preparation.password()
    administrator = UserDraft(username=ADMINISTRATOR, password=password.text, role=Role.ADMINISTRATOR)
    await identity.create_user(work, administrator, password_hash=password.hash)
    return {
        "console": {"username": ADMINISTRATOR, "password": password.text},
        "customer": {
            "token_url": f"{credentials.base_url(settings, environment)}/oauth2/token",
            **await client(name, FULL, filled.customer),
            "read_only": await client(f"{name}, read only", (BASIC_READ,), filled.customer),
            "other": await client(f"{name}, another", FULL, filled.other),
            "manager": await client(f"{name}, API clients", (MANAGE_CLIENTS, BASIC_READ), filled.customer),
        },
        "network": network,
    }


async def _network(work: Work, loaded: demo.Loaded | None, password: Password) -> Section:
    """Users of the Network API with a key each. Only the first has a password: of the others nothing but the keys is used."""
    if loaded is None:
        key = await _key(work, NETWORK_OPERATOR, Role.NETWORK, None, password)
        return {"username": NETWORK_OPERATOR, "password": password.text, "admin_key": key}
    mine, others = loaded.customer_account, loaded.other_account
    return {
        "username": MANAGER,
        "password": password.text,
        "admin_key": await _key(work, MANAGER, Role.CUSTOMER_MANAGER, mine, password),
        "customer_admin_key": await _key(work, "administrator@acme.example", Role.CUSTOMER_ADMINISTRATOR, mine),
        "read_only_key": await _key(work, "reader@acme.example", Role.CUSTOMER_READER, mine),
        "site_key": (await identity.create_site_token(work, KEY_NAME, loaded.customer_site))[1],
        "other": {"admin_key": await _key(work, "manager@nordhavn.example", Role.CUSTOMER_MANAGER, others)},
    }


async def _key(work: Work, username: str, role: Role, account: str | None, password: Password | None = None) -> str:
    """Make a user and a key of it; administrators of networks may manage keys."""
    features = (Feature.ADD_API_TOKEN,) if role in (Role.NETWORK, Role.CUSTOMER_MANAGER) else ()
    text, hash_ = password or (None, None)
    draft = UserDraft(username=username, password=text, role=role, account=account, features=features)
    user = await identity.create_user(work, draft, password_hash=hash_)
    return (await identity.create_account_token(work, KEY_NAME, user.reference))[1]
