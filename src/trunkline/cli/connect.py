"""How commands reach the databases: through the running server's, or by starting the embedded one for a moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

import asyncpg
import typer

from trunkline import migrations
from trunkline.kit.clock import monotonic
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Transaction, Work
from trunkline.sealing import keyring_of
from trunkline.settings import Settings, load
from trunkline.supervisor.databases import addresses_of, close, connect, embedded_postgres, one_line
from trunkline.supervisor.running import State, look, make_data_folder

T = TypeVar("T")

EnvironmentOption = Annotated[Environment, typer.Option(help="production or sandbox")]
TenantOption = Annotated[int, typer.Option(help="the tenant's number")]
AccountOption = Annotated[str, typer.Option(help="reference of the customer's account (ACC-…); without it the operator's")]

WAIT_SECONDS = 60.0  # for a server that is starting or stopping
POLL_SECONDS = 0.1

Addresses = dict[Environment, str]


@asynccontextmanager
async def database_addresses(settings: Settings, *, may_create: bool = False) -> AsyncIterator[tuple[Addresses, str | None]]:
    """Where the databases are, and (embedded) a database through which they can be made; they stay reachable inside the block.

    Raises `StartupError` when there are none yet, unless they may be created.
    """
    embedded = embedded_postgres(settings, lambda _: None, patience=POLL_SECONDS)
    if embedded is None:
        yield settings.addresses(), None
        return
    try:
        running = await _running_or_started(settings, embedded, may_create=may_create)
        yield running or addresses_of(settings, embedded), embedded.dsn("postgres")
    finally:
        await embedded.stop()


async def _running_or_started(settings: Settings, embedded: EmbeddedPostgres, *, may_create: bool) -> Addresses | None:
    """The databases of the data folder's server; when none runs, `None`, and the embedded PostgreSQL is started.

    Waits for a server that starts or stops, and for other commands.
    """
    deadline = monotonic() + WAIT_SECONDS
    while True:
        state, addresses = look(settings)
        if state is State.RUNNING:
            return addresses
        if state is State.STOPPED:
            if embedded.is_new and not may_create:
                raise StartupError(
                    f"there is no database in {settings.data.absolute()} yet: start the server once (`make run`)",
                    ExitCode.CONFIGURATION,
                )
            make_data_folder(settings.data)
            try:
                await embedded.start()
            except StartupError as error:
                if error.exit_code != ExitCode.ALREADY_RUNNING or monotonic() > deadline:
                    raise
            else:
                return None
        elif monotonic() > deadline:
            raise StartupError(
                f"the server of {settings.data.absolute()} is still starting or stopping", ExitCode.ALREADY_RUNNING
            )
        await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def open_realm(settings: Settings, environment: Environment) -> AsyncIterator[Realm]:
    """The environment's realm. Raises `StartupError` when it has no database, or one of another version."""
    async with database_addresses(settings) as (addresses, _):
        if environment not in addresses:
            raise StartupError(f"there is no {environment} environment (TRUNKLINE_SANDBOX=off)", ExitCode.CONFIGURATION)
        async with _realms(settings, {environment: addresses[environment]}) as realms:
            yield realms[0]


@asynccontextmanager
async def open_realms(settings: Settings) -> AsyncIterator[list[Realm]]:
    """The realms of all environments. Raises `StartupError` as `open_realm`."""
    async with database_addresses(settings) as (addresses, _), _realms(settings, addresses) as realms:
        yield realms


@asynccontextmanager
async def _realms(settings: Settings, addresses: Addresses) -> AsyncIterator[list[Realm]]:
    keyring = keyring_of(settings)
    realms = []
    for environment, address in addresses.items():
        await check(environment, address)
        realms.append(Realm.at(environment, address, connections=1, throttle=False, keyring=keyring))
    try:
        with one_line("the command", settings.data):
            for realm in realms:
                await realm.read_clock()
            yield realms
    finally:
        for realm in realms:
            await realm.pool.close()


async def check(environment: Environment, address: str) -> None:
    """Raise `StartupError` unless the database can be reached and is of this code's version."""
    try:
        connection = await connect(address)
    except asyncpg.InvalidCatalogNameError:
        raise StartupError(
            f"the {environment} database does not exist yet: run `trunkline migrate`", ExitCode.CONFIGURATION
        ) from None
    try:
        if await migrations.pending(connection):
            raise StartupError(
                f"the {environment} database is older than this code: run `trunkline migrate`", ExitCode.CONFIGURATION
            )
    finally:
        await close(connection)


def in_realm(environment: Environment, use: Callable[[Realm], Awaitable[T]]) -> T:
    """Run `use` on an environment."""

    async def run() -> T:
        async with open_realm(load(), environment) as realm:
            return await use(realm)

    return asyncio.run(run())


def in_work(environment: Environment, tenant: int, operation: str, use: Callable[[Work], Awaitable[T]]) -> T:
    """Run `use` as one committed unit of work of the house itself, in the tenant with this number."""
    return in_realm(environment, lambda realm: committed(realm, tenant, operation, use))


async def committed(realm: Realm, tenant: int, operation: str, use: Callable[[Work], Awaitable[T]]) -> T:
    """Run `use` as one committed unit of work, as `in_work` does."""
    work = await work_in(realm, tenant, operation)
    async with Transaction(work) as transaction:
        result = await use(work)
        await transaction.commit(200)
    return result


async def work_in(realm: Realm, tenant: int, operation: str) -> Work:
    """A unit of work of the house itself, in the tenant with this number. Raises `StartupError` when there is none."""
    tenant_id = await realm.tenant(tenant)
    if tenant_id is None:
        raise StartupError(f"there is no tenant {tenant} in {realm.environment}", ExitCode.USAGE)
    principal = system(tenant_id, realm.environment, "command line")
    return Work(realm.pool, realm.clock, principal, Origin(f"cli.{operation}", operation))
