"""A process that writes and reads subscribers' keys: `python -m tests.security.keys_node DSN DATA SEED`, until SIGTERM.

Ends with an error at the first key that it cannot read or that is not the one that was written.
"""

import asyncio
import hashlib
import os
import signal
import sys
from uuid import UUID

from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import SubscriberDraft
from trunkline.kit.ids import new_id
from trunkline.kit.logs import configure_logging
from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work
from trunkline.sealing import keyring_of
from trunkline.settings import load


def secret(name: str, imsi: str) -> bytes:
    """The key that a subscriber with this IMSI has."""
    return hashlib.sha256(f"{name} {imsi}".encode()).digest()[:16]


def unit(realm: Realm, tenant_id: UUID) -> Work:
    return Work(realm.pool, realm.clock, system(tenant_id, Environment.PRODUCTION, "node"), Origin("test", new_id().hex))


async def write(realm: Realm, tenant_id: UUID, imsi: str) -> None:
    work = unit(realm, tenant_id)
    async with Transaction(work) as transaction:
        draft = SubscriberDraft(imsi=imsi, msisdn=f"49{imsi[5:]}", k=secret("k", imsi).hex(), opc=secret("opc", imsi).hex())
        await subscribers.create_subscriber(work, draft)
        await transaction.commit(201)


async def read_any(realm: Realm, tenant_id: UUID) -> None:
    """A subscriber of anybody's, newest ones most often: its keys are what was written."""
    work = unit(realm, tenant_id)
    row = await work.fetch_one(
        "SELECT reference, imsi FROM subscribers WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1 OFFSET floor(20 * random() ^ 4)::int"
    )
    if row is not None:
        keys = await subscribers.read_keys(work, row[0])
        assert keys.k == secret("k", row[1]), row[1]
        assert keys.opc == secret("opc", row[1]), row[1]


async def main(dsn: str, data: str, seed: int) -> None:
    configure_logging("warning")
    os.environ["TRUNKLINE_DATA"] = data
    realm = Realm.at(Environment.PRODUCTION, dsn, throttle=False, keyring=keyring_of(load()))
    await realm.open()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    (tenant_id,) = await realm.all_tenants()
    written = 0
    while not stopping.is_set():
        await write(realm, tenant_id, f"00101{seed}{written:09d}")
        await read_any(realm, tenant_id)
        written += 1
    await realm.close()
    sys.stdout.write(f"{written}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
