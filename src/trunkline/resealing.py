"""What is sealed, with which keys, and how it is sealed anew while servers go on (docs/decisions/0010-keyring.md)."""

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from trunkline.domains.connectivity.inventory.service import reseal_batch as reseal_inventory
from trunkline.domains.connectivity.subscribers.service import reseal_batch as reseal_subscribers
from trunkline.domains.webhooks.service import reseal_batch as reseal_webhooks
from trunkline.kit.ids import new_id
from trunkline.kit.keyring import registry
from trunkline.kit.keyring.registry import counting, forget, register
from trunkline.kit.keyring.ring import LOOK_SECONDS
from trunkline.kit.principal import system
from trunkline.kit.realm import KEYS_CHANNEL, Realm
from trunkline.kit.record import Origin
from trunkline.kit.startup import StartupError
from trunkline.kit.work import Transaction, Work

log = structlog.get_logger(__name__)

BATCH = 500
ATTEMPTS = 10
SKEW_SECONDS = 4.0  # clocks of this machine and the database's

ResealBatch = Callable[[Work, int], Awaitable[int]]

# Every domain with sealed columns: its function that seals up to so many rows anew and says how many it wrote.
RESEALS: tuple[ResealBatch, ...] = (reseal_subscribers, reseal_inventory, reseal_webhooks)

# Table to its sealed columns; tests/security/test_sealing.py finds a column that is missing here.
SEALED: dict[str, tuple[str, ...]] = {
    "subscribers": ("k", "opc"),
    "import_chunks": ("rows",),
    "keysets": ("op", "transport_key"),
    "sftp_connections": ("password",),
    "webhook_endpoints": ("secret", "signing_key", "previous_secret", "previous_signing_key"),
}

USES = [counting(table, column) for table, columns in SEALED.items() for column in columns]


async def uses(realm: Realm) -> Counter[str]:
    """How many values each key has sealed in an environment."""
    found: Counter[str] = Counter()
    for tenant_id in await realm.all_tenants():
        for statement in USES:
            found.update({row[0]: row[1] for row in await realm.pool.fetch(statement, tenant_id)})
    return found


async def reseal(realm: Realm, progress: Callable[[int], None] = lambda _: None) -> int:
    """Seal everything anew that an older key sealed, in short transactions, until nothing is left; how many rows it wrote.

    Raises `StartupError` when something stays (locked all the time, or sealed with a key that is gone).
    """
    written = 0
    for attempt in range(ATTEMPTS):
        for tenant_id in await realm.all_tenants():
            for batch in RESEALS:
                while done := await _batch(realm, tenant_id, batch):
                    written += done
                    progress(done)
        old = await uses(realm) - Counter({_current(realm): sys.maxsize})
        if not old:
            log.info("keys.resealed", environment=realm.environment, rows=written, key=_current(realm))
            return written
        await asyncio.sleep(min(attempt, 3) + LOOK_SECONDS)  # a transaction of somebody else's was in between
    raise StartupError(f"some values in {realm.environment} stay sealed with {', '.join(sorted(old))}; try again later")


async def _batch(realm: Realm, tenant_id: UUID, batch: ResealBatch) -> int:
    work = Work(realm.pool, realm.clock, system(tenant_id, realm.environment, "keys"), Origin("keys.reseal", new_id().hex))
    async with Transaction(work) as transaction:
        done = await batch(work, BATCH)
        await transaction.commit(200)
    return done


def _current(realm: Realm) -> str:
    assert realm.keyring is not None, "realms of commands have a keyring"
    return realm.keyring.current_id


async def announce(realm: Realm) -> None:
    """Note which key seals now, and have every process of the environment read the keys again."""
    async with realm.pool.connection() as connection:
        await register(connection, _current(realm))
    await tell(realm)


async def tell(realm: Realm) -> None:
    """Have every process of the environment read the keys again."""
    async with realm.pool.connection() as connection:
        await registry.tell(connection, KEYS_CHANNEL)


async def older_transactions(realm: Realm) -> int:
    """Transactions that began before every process knew the newest key: they may still write what an older one sealed."""
    async with realm.pool.connection() as connection:
        return await registry.older_transactions(connection, _current(realm), timedelta(seconds=LOOK_SECONDS + SKEW_SECONDS))


async def forget_in(realm: Realm, key_ids: Sequence[str]) -> None:
    """Note that nothing in an environment needs these keys."""
    async with realm.pool.connection() as connection:
        await forget(connection, key_ids)
