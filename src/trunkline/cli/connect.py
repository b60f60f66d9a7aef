"""How commands reach the databases: through the running server's, or by starting the embedded one for a moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, TypeVar

import typer

from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Transaction, Work
from trunkline.settings import Settings, load
from trunkline.supervisor import open_databases
from trunkline.supervisor.running import running_addresses

T = TypeVar("T")

EnvironmentOption = Annotated[Environment, typer.Option(help="production or sandbox")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]
TenantOption = Annotated[int, typer.Option(help="the tenant's number")]


@asynccontextmanager
async def open_realm(settings: Settings, environment: Environment) -> AsyncIterator[Realm]:
    """The environment's realm. Raises `StartupError` when it has no database."""
    async with AsyncExitStack() as stack:
        addresses = running_addresses(settings) or (await open_databases(settings, lambda _: None, stack)).addresses
        if environment not in addresses:
            raise StartupError(f"there is no {environment} environment (TRUNKLINE_SANDBOX=off)", ExitCode.CONFIGURATION)
        realm = Realm.at(environment, addresses[environment], connections=1, throttle=False)
        stack.push_async_callback(realm.pool.close)
        await realm.read_clock()
        yield realm


def in_realm(environment: Environment, use: Callable[[Realm], Awaitable[T]]) -> T:
    """Run `use` on an environment."""

    async def run() -> T:
        async with open_realm(load(), environment) as realm:
            return await use(realm)

    return asyncio.run(run())


def in_work(environment: Environment, tenant: int, operation: str, use: Callable[[Work], Awaitable[T]]) -> T:
    """Run `use` as one committed unit of work of the house itself, in the tenant with this number."""

    async def run(realm: Realm) -> T:
        tenant_id = await realm.tenant(tenant)
        if tenant_id is None:
            raise StartupError(f"there is no tenant {tenant}", ExitCode.USAGE)
        work = Work(
            realm.pool, realm.clock, system(tenant_id, environment, "command line"), Origin(f"cli.{operation}", operation)
        )
        async with Transaction(work) as transaction:
            result = await use(work)
            await transaction.commit(200)
        return result

    return in_realm(environment, run)
