"""The worker: runs the jobs of every environment and sends its webhooks.

Under the supervisor it is a part that is forked from the stem; alone it is `trunkline worker`.
"""

import asyncio
import signal
import sys

import asyncpg
import structlog
import uvloop

from trunkline.domains.webhooks.sending.courier import Courier
from trunkline.jobs import JOBS
from trunkline.kit.errors import Refusal
from trunkline.kit.jobs import queue
from trunkline.kit.jobs.runner import Runner
from trunkline.kit.logs import configure_logging
from trunkline.kit.outbound.client import Outbound
from trunkline.kit.principal import Environment
from trunkline.kit.processes import allow_many_files
from trunkline.kit.realm import Realm
from trunkline.kit.startup import StartupError
from trunkline.kit.telemetry import CONNECTIONS, JOBS_HELD
from trunkline.sealing import adopt_in, keyring_of, source_of
from trunkline.settings import Profile, Settings, load
from trunkline.webhooks import allowed_of, presenter_of

log = structlog.get_logger(__name__)

REPORT_SECONDS = 5.0


async def work(settings: Settings, addresses: dict[Environment, str]) -> None:
    """Run jobs and send webhooks until SIGTERM or SIGINT, then finish what runs.

    Raises `StartupError` without the keys that a database needs, and for settings of webhooks that cannot be used.
    """
    allow_many_files()
    stopping = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stopping.set)
    keyring = keyring_of(settings)
    outbound = outbound_of(settings)
    presenter_in = presenter_of(settings)
    realms = [
        Realm.at(environment, address, connections=settings.database_connections, throttle=False, keyring=keyring)
        for environment, address in addresses.items()
    ]
    try:
        for realm in realms:
            await adopt_in(realm, source_of(settings))
            await realm.open()
        reporting = asyncio.create_task(_report(realms))
        await asyncio.gather(
            *(Runner(realm, JOBS).run(stopping) for realm in realms),
            *(Courier(realm, presenter_in(realm.environment), outbound).run(stopping) for realm in realms),
        )
        reporting.cancel()
    finally:
        await outbound.close()
        await asyncio.gather(*(realm.close() for realm in realms))


def outbound_of(settings: Settings) -> Outbound:
    """What webhooks are sent with."""
    return Outbound(allowed_of(settings), ca_file=settings.webhook_ca, https_only=settings.profile is Profile.PRODUCTION)


async def _report(realms: list[Realm]) -> None:
    """Keep the metrics of this process up to date."""
    while True:
        for realm in realms:
            environment = realm.environment.value
            CONNECTIONS.labels(environment).set(realm.pool.open + 1)
            try:
                counts = await queue.count(realm.pool)
            except (Refusal, asyncpg.PostgresError, OSError) as error:
                log.debug("jobs.not_counted", environment=environment, error=str(error))
                continue
            for state in ("waiting", "running", "failed"):
                JOBS_HELD.labels(environment, state).set(getattr(counts, state))
        await asyncio.sleep(REPORT_SECONDS)


def main() -> None:
    """Run jobs and send webhooks for the supervisor."""
    settings = load()
    configure_logging(settings.log_level)
    try:
        uvloop.run(work(settings, settings.addresses()))
    except StartupError as error:
        log.error("worker.not_started", error=str(error))  # noqa: TRY400 - one line says it all
        sys.exit(error.exit_code)
