"""Where settings become objects and objects become an ASGI application.

`trunkline.app:create` is a factory for any ASGI server: `uvicorn --factory trunkline.app:create`. Each worker process calls it
once.
"""

import asyncio
import gc
import multiprocessing
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette

from trunkline import pages
from trunkline.dialects.cases.app import CaseApi, CaseLimits
from trunkline.dialects.cases.limits import QueryLimits
from trunkline.dialects.clients import Limits as CustomerLimits
from trunkline.dialects.customer.app import CustomerApi
from trunkline.dialects.network.app import Limits as NetworkLimits
from trunkline.dialects.network.app import NetworkApi
from trunkline.domains.events.service import Feeds
from trunkline.domains.identity.service import AccessTokens, NetworkCredentials
from trunkline.kit import processes
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.pipeline import Pipeline, Policy
from trunkline.kit.http.table import Table
from trunkline.kit.http.waiting import Draining
from trunkline.kit.logs import configure_logging
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.telemetry import ANSWERED, CONNECTIONS, AccessLog
from trunkline.sealing import adopt_in, keyring_of, source_of
from trunkline.settings import Profile, Settings, load
from trunkline.webhooks import bases_of, policy_of

REPORT_SECONDS = 5.0


def realms_of(settings: Settings) -> dict[Environment, Realm]:
    """The environments that the settings name databases for."""
    addresses = settings.addresses()
    if not addresses:
        raise StartupError(
            "TRUNKLINE_DATABASE_URL is not set; `trunkline serve` sets it for the embedded PostgreSQL", ExitCode.CONFIGURATION
        )
    keyring = keyring_of(settings)
    return {
        environment: Realm.at(
            environment,
            address,
            connections=settings.database_connections,
            throttle=settings.throttle,
            processes=settings.workers,
            keyring=keyring,
        )
        for environment, address in addresses.items()
    }


def dialects_of(settings: Settings, realms: Mapping[Environment, Realm], feeds: Feeds) -> list[Dialect]:
    """Every dialect that this server speaks."""
    tokens = AccessTokens(realms)
    limits = CustomerLimits(
        reads_per_second=settings.customer_reads_per_second,
        read_burst=settings.customer_read_burst,
        writes_per_minute=settings.customer_writes_per_minute,
        key_life=timedelta(hours=settings.idempotency_hours),
        total_cap=settings.customer_total_cap,
        scope_required=settings.customer_scope_required,
    )
    credentials = NetworkCredentials(realms, grace=timedelta(seconds=settings.network_token_grace_seconds))
    network = NetworkLimits(
        reads_per_second=settings.network_reads_per_second,
        read_burst=settings.network_read_burst,
        writes_per_minute=settings.network_writes_per_minute,
        key_life=timedelta(hours=settings.idempotency_hours),
        token_life=timedelta(days=settings.network_token_days),
        origins=settings.network_origins,
        bases=bases_of(settings),
    )
    local = settings.profile is Profile.LOCAL
    cases = CaseLimits(
        query=QueryLimits(settings.cases_depth, settings.cases_aliases, settings.cases_tokens, settings.cases_cost),
        introspection=local if settings.cases_introspection is None else settings.cases_introspection,
        deprecated=settings.cases_deprecated,
        sunset=settings.cases_sunset,
    )
    return [
        CustomerApi(tokens, limits, feeds, policy_of(settings)),
        CaseApi(tokens, limits, cases),
        NetworkApi(credentials, network),
    ]


def build(settings: Settings) -> Pipeline:
    """The whole application on these settings."""
    realms = realms_of(settings)
    access_log = AccessLog(enabled=settings.access_log)
    feeds, draining = Feeds(realms), Draining()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for realm in realms.values():
            await adopt_in(realm, source_of(settings))
            await realm.open()
        draining.watch()
        reporting = asyncio.create_task(report_connections(realms))
        # What is loaded now stays: keep the collector from walking over it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        yield
        reporting.cancel()
        access_log.flush()
        ANSWERED.flush()
        await feeds.close()
        for realm in realms.values():
            await realm.close()

    dialects = dialects_of(settings, realms, feeds)
    rest = Starlette(routes=pages.routes(realms, dialects, os.environ.get("PROMETHEUS_MULTIPROC_DIR")), lifespan=lifespan)
    policy = Policy(https_only=settings.profile is Profile.PRODUCTION, trusted_proxies=settings.trusted_proxies)
    return Pipeline(Table(dialects), realms, rest, policy, access_log, draining)


async def report_connections(realms: Mapping[Environment, Realm]) -> None:
    """Keep the count of this process's database connections up to date, for whichever process is asked for the metrics."""
    while True:
        for environment, realm in realms.items():
            CONNECTIONS.labels(environment.value).set(realm.pool.open)
        await asyncio.sleep(REPORT_SECONDS)


def create() -> Pipeline:
    """The application on the environment's settings; what an ASGI server calls. Ends the process when they cannot be used."""
    try:
        settings = load()
        configure_logging(settings.log_level)
        application = build(settings)
    except StartupError as error:
        print(f"trunkline: {error}", file=sys.stderr)  # noqa: T201 - for the person who starts the server
        sys.exit(error.exit_code)
    if (server := multiprocessing.parent_process()) is not None and server.pid is not None:  # we are one worker of several
        processes.end_with_parent(server.pid)
    return application
