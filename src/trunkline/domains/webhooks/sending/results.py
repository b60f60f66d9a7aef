"""Results on their way into the database: many in one statement, in the order in which they were decided."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from trunkline.domains.webhooks.sending import store
from trunkline.domains.webhooks.sending.model import Result
from trunkline.kit import db
from trunkline.kit.events import Reading
from trunkline.kit.principal import Environment
from trunkline.kit.startup import reason
from trunkline.kit.telemetry import WEBHOOKS

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.025  # a result waits so long for others
BATCH = 200


@dataclass(slots=True)
class Entry:
    """A result, or something that waits for all results before it. `then(written)` is called when that is settled.

    Not written means that the database refused it: the delivery stands as it stood and will be tried again.
    """

    tenant_id: UUID
    endpoint_id: UUID
    result: Result | None
    then: Callable[[bool], None] = field(repr=False)


class Results:
    """Writes results over the courier's own connection: whoever has lost the lock can write nothing."""

    def __init__(self, environment: Environment, connection: Reading) -> None:
        self._environment, self._connection = environment, connection
        self._entries: deque[Entry] = deque()
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._ending = False

    def put(self, entry: Entry) -> None:
        """Add what comes next."""
        self._entries.append(entry)
        self._some.set()
        if len(self._entries) >= BATCH:
            self._many.set()

    def end(self) -> None:
        """Let `run` end once everything is written."""
        self._ending = True
        self._some.set()
        self._many.set()

    async def run(self) -> None:
        """Write until `end`. Raises when the connection is lost."""
        while True:
            await self._some.wait()
            if len(self._entries) < BATCH and not self._ending:
                self._many.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GATHER_SECONDS):
                        await self._many.wait()
            await self._flush()
            if self._ending and not self._entries:
                return

    async def _flush(self) -> None:
        while self._entries:
            batch = [self._entries.popleft() for _ in range(min(len(self._entries), BATCH))]
            by_tenant: dict[UUID, list[Entry]] = {}
            for entry in batch:
                by_tenant.setdefault(entry.tenant_id, []).append(entry)
            for tenant_id, entries in by_tenant.items():
                await self._settle(tenant_id, entries)
        if not self._ending:
            self._some.clear()

    async def _settle(self, tenant_id: UUID, entries: list[Entry]) -> None:
        """Write one tenant's; when the database refuses them together, endpoint by endpoint, so that one spoils no other's."""
        try:
            await self._write(tenant_id, entries)
        except db.LOST:
            raise
        except asyncpg.PostgresError as error:
            log.warning("webhooks.unwritten", environment=self._environment, error=reason(error))
            for endpoint_id in dict.fromkeys(entry.endpoint_id for entry in entries):
                await self._settle_one(tenant_id, [entry for entry in entries if entry.endpoint_id == endpoint_id])
        else:
            self._done(entries, written=True)

    async def _settle_one(self, tenant_id: UUID, entries: list[Entry]) -> None:
        try:
            await self._write(tenant_id, entries)
        except db.LOST:
            raise
        except asyncpg.PostgresError as error:
            log.error("webhooks.unwritten", environment=self._environment, endpoint=entries[0].endpoint_id, error=reason(error))  # noqa: TRY400 - one line says it all
            self._done(entries, written=False)
        else:
            self._done(entries, written=True)

    async def _write(self, tenant_id: UUID, entries: list[Entry]) -> None:
        results = [entry.result for entry in entries if entry.result is not None]
        if results:
            await store.write(self._connection, tenant_id, results)

    def _done(self, entries: list[Entry], *, written: bool) -> None:
        for entry in entries:
            if written and entry.result is not None:
                WEBHOOKS.labels(self._environment.value, entry.result.outcome).inc()
            entry.then(written)
