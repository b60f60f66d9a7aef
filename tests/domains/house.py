"""A house with the demonstration data in a database of its own, for tests of use cases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from trunkline import demo
from trunkline.demo import Demonstration
from trunkline.domains.customers.service import reach_of
from trunkline.kit.clock import Clock
from trunkline.kit.ids import new_id
from trunkline.kit.keyring import Keyring
from trunkline.kit.principal import ActorType, Environment, Principal, Reach
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

COLLECTIONS = (
    "accounts", "apns", "devices", "groups", "keyset_mappings", "keysets", "monitoring_endpoints", "notifications",
    "private_radios", "sftp_connections", "sites", "subscribers", "system_profiles", "systems",
)  # fmt: skip
ALL = frozenset(
    {"services.read", "cases.read", "cases.write", "invoices.read", "api_clients.read", "api_clients.manage"}
    | {f"{collection}.{verb}" for collection in COLLECTIONS for verb in ("read", "create", "change", "remove")}
)


@dataclass
class House:
    """One tenant. `customer` and `other` are what the credentials of two customers reach."""

    realm: Realm
    tenant_id: UUID
    customer: Reach
    other: Reach
    built: Demonstration

    def principal(self, reach: Reach | None, permissions: frozenset[str] = ALL) -> Principal:
        """A caller with a fresh credential."""
        return Principal(
            self.tenant_id,
            Environment.PRODUCTION,
            ActorType.API_CLIENT,
            "tester",
            new_id(),
            permissions,
            reach=reach,
            display_name="Tester",
        )

    def reading(self, reach: Reach | None, permissions: frozenset[str] = ALL) -> Work:
        """A unit of work that only reads."""
        return Work(self.realm.pool, self.realm.clock, self.principal(reach, permissions), Origin("test", "test"))

    @asynccontextmanager
    async def writing(self, reach: Reach | None, permissions: frozenset[str] = ALL) -> AsyncIterator[Work]:
        """A unit of work that commits when the block ends well."""
        work = self.reading(reach, permissions)
        async with Transaction(work) as transaction:
            yield work
            await transaction.commit(200)

    async def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """A statement outside every use case; `$1` is the tenant."""
        async with self.realm.pool.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement, self.tenant_id, *arguments)
        return rows


async def build(dsn: str) -> House:
    """The demonstration in an empty, migrated database."""
    clock = Clock()
    built, keyring = demo.build(clock.now()), Keyring.of_new_key()
    connection = await asyncpg.connect(dsn)
    loaded = await demo.write(connection, built, clock.now(), keyring)
    customer = await reach_of(connection, loaded.tenant_id, loaded.customer_account_id)
    other = await reach_of(connection, loaded.tenant_id, loaded.other_account_id)
    await connection.close()
    realm = Realm.at(Environment.PRODUCTION, dsn, throttle=False, keyring=keyring)
    return House(realm, loaded.tenant_id, customer, other, built)
