"""What the house does by itself: closing cases that stay resolved, marking overdue invoices, sweeping what has expired.

Runs in the supervisor's process once a minute (and once at start); idle rate limits are forgotten once an hour. Every step is a
short transaction of its own that takes only rows nobody else holds, so any number of nodes may run it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from trunkline.domains.billing.service import mark_overdue
from trunkline.domains.identity.service import remove_expired_tokens, sweep_credentials, sweep_login_failures
from trunkline.domains.support.service import CLOSES_AFTER, close_resolved
from trunkline.domains.webhooks.service import LOG_KEPT, PAYLOAD_KEPT, sweep_deliveries
from trunkline.kit import replay
from trunkline.kit.clock import monotonic
from trunkline.kit.errors import Refusal
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.jobs.queue import sweep as sweep_jobs
from trunkline.kit.principal import Principal, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.throttle import forget_idle
from trunkline.kit.work import Transaction, Work

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
FORGET_EVERY_SECONDS = 3600.0
BATCH = 200
SWEEPS = 100  # batches of deliveries in one round, a thousand each: more than one courier sends, and the other steps do not wait for long
KEPT_AFTER_EXPIRY = timedelta(hours=1)

Step = Callable[[Work, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Periods:
    """How long things stay as they are: resolved cases open, what webhooks sent and the log of their deliveries in the database."""

    case_closes_after: timedelta = CLOSES_AFTER
    payload_kept: timedelta = PAYLOAD_KEPT
    log_kept: timedelta = LOG_KEPT


DEFAULT = Periods()


def steps(closes_after: timedelta) -> dict[str, Step]:
    """What is done, by the operation's name in the audit."""
    return {
        "timer.closeResolvedCases": lambda work, limit: close_resolved(work, limit, closes_after),
        "timer.markOverdueInvoices": mark_overdue,
        "timer.removeExpiredTokens": remove_expired_tokens,
    }


async def run_timers(realms: list[Realm], periods: Periods = DEFAULT) -> None:
    """Run every step of every tenant again and again until cancelled; a failing step is logged and tried next time."""
    forget_at = monotonic()
    while True:
        forget = monotonic() >= forget_at
        for realm in realms:
            try:
                await run_once(realm, periods)
                if forget:
                    await forget_limits(realm)
                    await sweep_jobs(realm.pool)
            except (Refusal, OSError) as error:
                log.warning("timers.failed", environment=realm.environment, error=str(error))
            except Exception:
                log.exception("timers.failed", environment=realm.environment)
        if forget:
            forget_at = monotonic() + FORGET_EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)


async def run_once(realm: Realm, periods: Periods = DEFAULT) -> None:
    """Every step, once, for all tenants of an environment."""
    for tenant_id in await _tenants(realm):
        for operation, step in steps(periods.case_closes_after).items():
            while await _step(realm, operation, step, system(tenant_id, realm.environment, "timer")) == BATCH:
                pass
        async with realm.pool.connection() as connection:
            now = realm.clock.now()
            await replay.sweep(connection, tenant_id, now, KEPT_AFTER_EXPIRY)
            await sweep_credentials(connection, tenant_id, now, now - KEPT_AFTER_EXPIRY)
            for _ in range(SWEEPS):
                if not await sweep_deliveries(connection, tenant_id, now, periods.payload_kept, periods.log_kept):
                    break
    async with realm.pool.connection() as connection:
        await sweep_login_failures(connection, realm.clock.now())


async def forget_limits(realm: Realm) -> int:
    """Delete the rate limits that nobody has used for a day, also those of callers without a tenant; how many."""
    return sum([await forget_idle(realm.pool, tenant_id) for tenant_id in [NIL, *await _tenants(realm)]])


async def _tenants(realm: Realm) -> list[UUID]:
    await realm.tenant(0)  # no tenant has this number: the directory is read
    return list(realm.tenants.values())


async def _step(realm: Realm, operation: str, step: Step, principal: Principal) -> int:
    work = Work(realm.pool, realm.clock, principal, Origin(operation, new_id().hex))
    async with Transaction(work) as transaction:
        done = await step(work, BATCH)
        await transaction.commit(200)
    return done
