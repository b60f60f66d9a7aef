"""Where settings become objects and objects become an ASGI application.

`trunkline.app:create` is a factory for any ASGI server: `uvicorn --factory trunkline.app:create`. Each worker process calls it once.
"""

import gc
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.applications import Starlette

from trunkline import pages
from trunkline.dialects.customer.app import CustomerApi
from trunkline.dialects.customer.app import Limits as CustomerLimits
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit import processes
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.pipeline import Pipeline, Policy
from trunkline.kit.http.table import Table
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.telemetry import AccessLog, configure_logging
from trunkline.settings import Profile, Settings, load


def realms_of(settings: Settings) -> dict[Environment, Realm]:
    """The environments that the settings name databases for."""
    addresses = {Environment.PRODUCTION: settings.database_url}
    if settings.sandbox and settings.sandbox_database_url:
        addresses[Environment.SANDBOX] = settings.sandbox_database_url
    if not settings.database_url:
        raise StartupError(
            "TRUNKLINE_DATABASE_URL is not set; `trunkline serve` sets it for the embedded PostgreSQL", ExitCode.CONFIGURATION
        )
    return {
        environment: Realm.at(
            environment,
            address,
            connections=settings.database_connections,
            throttle=settings.throttle,
            processes=settings.workers,
        )
        for environment, address in addresses.items()
    }


def dialects_of(settings: Settings, realms: Mapping[Environment, Realm]) -> list[Dialect]:
    """Every dialect that this server speaks."""
    tokens = AccessTokens(realms)
    limits = CustomerLimits(
        reads_per_second=settings.customer_reads_per_second,
        read_burst=settings.customer_read_burst,
        writes_per_minute=settings.customer_writes_per_minute,
        key_life=timedelta(hours=settings.idempotency_hours),
    )
    return [CustomerApi(tokens, limits)]


def build(settings: Settings) -> Pipeline:
    """The whole application on these settings."""
    realms = realms_of(settings)
    access_log = AccessLog(enabled=settings.access_log)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for realm in realms.values():
            await realm.open()
        # What is loaded now stays: keep the collector from walking over it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        yield
        access_log.flush()
        for realm in realms.values():
            await realm.close()

    dialects = dialects_of(settings, realms)
    rest = Starlette(routes=pages.routes(realms, dialects, os.environ.get("PROMETHEUS_MULTIPROC_DIR")), lifespan=lifespan)
    policy = Policy(https_only=settings.profile is Profile.PRODUCTION, trusted_proxies=settings.trusted_proxies)
    return Pipeline(Table(dialects), realms, rest, policy, access_log)


def create() -> Pipeline:
    """The application on the environment's settings; what an ASGI server calls."""
    settings = load()
    configure_logging(settings.log_level)
    processes.end_with_parent()
    return build(settings)
