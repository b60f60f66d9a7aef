"""An endpoint is disabled by the house: with an event, and with an end to everything that waits for it."""

from datetime import datetime
from uuid import UUID

from trunkline.domains.webhooks.fields import WEBHOOK_ENDPOINTS
from trunkline.domains.webhooks.model import DisabledReason, WebhookEndpoint
from trunkline.domains.webhooks.sending import store
from trunkline.domains.webhooks.sending.rules import DISABLED_AFTER
from trunkline.kit import query
from trunkline.kit.clock import Clock
from trunkline.kit.db import Pool
from trunkline.kit.events import changed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

DONE = 200  # what the audit has as its outcome


async def disable(
    pool: Pool, clock: Clock, environment: Environment, tenant_id: UUID, endpoint_id: UUID, url: str, reason: DisabledReason
) -> bool:
    """Disable an endpoint, unless its address is not `url` any more or a try has succeeded meanwhile; whether it was done.

    Its deliveries that wait become failed, to be replayed; what somebody has asked for by hand (a replay, a test) still goes out.
    """
    work = Work(pool, clock, system(tenant_id, environment, "webhooks"), Origin("webhooks.disable", new_id().hex))
    async with Transaction(work) as transaction:
        rows = await work.fetch(store.READ_REFERENCE, endpoint_id)
        if not rows:
            return False
        before: WebhookEndpoint = await query.find(work, WEBHOOK_ENDPOINTS, rows[0][0])
        failing: datetime | None = clock.now() - DISABLED_AFTER if reason is DisabledReason.FAILING else None
        if not await work.write(store.DISABLE, endpoint_id, reason, url, failing, work.now):
            return False
        await work.write(store.FAIL_WAITING, endpoint_id, clock.now())
        after: WebhookEndpoint = await query.find(work, WEBHOOK_ENDPOINTS, rows[0][0])
        work.record(changed("webhook_endpoint.disabled", "webhook_endpoints", before, after))
        await transaction.commit(DONE)
    return True
