"""What the house does by itself: closing cases that stay resolved, marking overdue invoices, sweeping what has expired.

Runs in the supervisor's process once a minute (and once at start). Every step is a short transaction of its own that takes only rows
nobody else holds, so any number of nodes may run it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from trunkline.domains.billing.service import mark_overdue
from trunkline.domains.identity.service import sweep_tokens
from trunkline.domains.support.service import close_resolved
from trunkline.kit import replay
from trunkline.kit.errors import Refusal
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Principal, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
BATCH = 200
KEPT_AFTER_EXPIRY = timedelta(hours=1)

Step = Callable[[Work, int], Awaitable[int]]
STEPS: dict[str, Step] = {"timer.closeResolvedCases": close_resolved, "timer.markOverdueInvoices": mark_overdue}


async def run_timers(realms: list[Realm]) -> None:
    """Run every step of every tenant again and again until cancelled; a failing step is logged and tried next time."""
    while True:
        for realm in realms:
            try:
                await run_once(realm)
            except (Refusal, OSError) as error:
                log.warning("timers.failed", environment=realm.environment, error=str(error))
            except Exception:
                log.exception("timers.failed", environment=realm.environment)
        await asyncio.sleep(EVERY_SECONDS)


async def run_once(realm: Realm) -> None:
    """Every step, once, for all tenants of an environment."""
    await realm.tenant(0)  # reads the directory
    for tenant_id in list(realm.tenants.values()):
        for operation, step in STEPS.items():
            while await _step(realm, operation, step, system(tenant_id, realm.environment, "timer")) == BATCH:
                pass
        async with realm.pool.connection() as connection:
            now = realm.clock.now()
            await replay.sweep(connection, tenant_id, now, KEPT_AFTER_EXPIRY)
            await sweep_tokens(connection, tenant_id, now - KEPT_AFTER_EXPIRY)


async def _step(realm: Realm, operation: str, step: Step, principal: Principal) -> int:
    work = Work(realm.pool, realm.clock, principal, Origin(operation, new_id().hex))
    async with Transaction(work) as transaction:
        done = await step(work, BATCH)
        await transaction.commit(200)
    return done
