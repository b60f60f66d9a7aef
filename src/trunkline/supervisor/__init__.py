"""`trunkline serve`: one process that starts everything in order, watches it, and ends it in order.

    checks → PostgreSQL (embedded) → databases made and migrated → first start → listeners → timers → … → listeners drained → PostgreSQL

The supervisor answers no requests. When a part ends by itself it is started again; when the supervisor is killed, the kernel ends
its parts (kit.processes), and the next start recovers.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog

from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.settings import Settings, variable
from trunkline.supervisor.banner import banner
from trunkline.supervisor.databases import Databases, embedded_addresses, locate, make_data_folder, prepare_all
from trunkline.supervisor.first_start import fill
from trunkline.supervisor.running import write_running
from trunkline.supervisor.servers import Server, servers_of
from trunkline.supervisor.timers import run_timers

log = structlog.get_logger(__name__)

RESTART_SECONDS = 1.0


async def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Run a whole server until SIGTERM or SIGINT. `say` gets lines for the person at the terminal. Raises `StartupError`."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, stopping.set)
    make_data_folder(settings.data)
    servers = servers_of(settings)
    for server in servers:
        server.check_port()

    async with AsyncExitStack() as stack:
        databases = await open_databases(settings, say, stack)
        running = write_running(settings, databases.addresses)
        stack.callback(running.unlink, missing_ok=True)
        first = await fill(settings, databases.addresses)
        environment = child_environment(settings, databases.addresses, stack)
        for server in servers:
            await server.start(environment)
            stack.push_async_callback(server.stop)
        await asyncio.gather(*(server.ready() for server in servers))
        say(banner(settings, servers, databases, first=first))

        realms = [Realm.at(name, address, connections=1, throttle=False) for name, address in databases.addresses.items()]
        for realm in realms:
            await realm.open()
            stack.push_async_callback(realm.close)
        tasks = [asyncio.create_task(run_timers(realms)), *(asyncio.create_task(_keep(s, environment)) for s in servers)]
        if databases.embedded is not None:
            tasks.append(asyncio.create_task(_keep_database(databases.embedded)))
        waiting = asyncio.create_task(stopping.wait())
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, waiting):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        say("trunkline: stopping")
        for task in done - {waiting}:
            task.result()  # a part that could not be kept alive


async def open_databases(settings: Settings, say: Callable[[str], None], stack: AsyncExitStack) -> Databases:
    """Start (or find) PostgreSQL and bring every environment's database up to date; `stack` ends what was started."""
    databases = locate(settings, say)
    maintenance = None
    if databases.embedded is not None:
        await databases.embedded.start()
        stack.push_async_callback(databases.embedded.stop)
        maintenance = databases.embedded.dsn("postgres")
        databases = Databases(embedded_addresses(settings, databases.embedded), databases.embedded)
    await prepare_all(databases.addresses, maintenance)
    return databases


def child_environment(settings: Settings, addresses: dict[Environment, str], stack: AsyncExitStack) -> dict[str, str]:
    """The environment of the listeners: the databases' addresses, and a folder where their metrics meet."""
    metrics = tempfile.mkdtemp(prefix="trunkline-metrics-")
    stack.callback(shutil.rmtree, metrics, ignore_errors=True)
    return {
        **os.environ,
        variable("database_url"): addresses[Environment.PRODUCTION],
        variable("sandbox_database_url"): addresses.get(Environment.SANDBOX, ""),
        variable("workers"): str(settings.workers),
        "PROMETHEUS_MULTIPROC_DIR": metrics,
    }


async def _keep(server: Server, environment: dict[str, str]) -> None:
    """Start a listener again whenever it ends by itself."""
    while True:
        code = await server.ended()
        log.error("listener.ended", url=server.url, code=code)
        await asyncio.sleep(RESTART_SECONDS)
        await server.start(environment)
        await server.ready()


async def _keep_database(postgres: EmbeddedPostgres) -> None:
    """Start PostgreSQL again whenever it ends by itself; it recovers what was acknowledged."""
    while True:
        code = await postgres.exited()
        log.error("postgresql.ended", code=code)
        await asyncio.sleep(RESTART_SECONDS)
        await postgres.start()


def check_python() -> None:
    """Refuse a Python that is too old, in one line."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever calls us with an older one shall read why
        raise StartupError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}", ExitCode.CONFIGURATION)
