"""`/healthz` (this process lives), `/readyz` (its databases answer and are migrated), `/metrics` (Prometheus)."""

from collections.abc import Mapping

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from trunkline import migrations
from trunkline.kit.db import LOST
from trunkline.kit.errors import Unavailable
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import StartupError
from trunkline.kit.telemetry import metrics_page

READY = "ready"
PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def health_routes(realms: Mapping[Environment, Realm], metrics_folder: str | None) -> list[Route]:
    """The three routes that operators' tools ask."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        states = {environment.value: await _state(realm) for environment, realm in realms.items()}
        if set(states.values()) == {READY}:
            return JSONResponse(states)
        return JSONResponse(states, 503, {"Retry-After": "1"})

    async def metrics(_: Request) -> Response:
        return Response(metrics_page(metrics_folder), media_type=PROMETHEUS_TEXT)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _state(realm: Realm) -> str:
    try:
        async with realm.pool.connection() as connection:
            return "migration pending" if await migrations.pending(connection) else READY
    except (Unavailable, asyncpg.PostgresError, *LOST):
        return "database unreachable"
    except StartupError:
        return "database newer than the code"
