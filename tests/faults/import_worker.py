"""A process that works an import off and is killed by a test: `python -m tests.faults.import_worker DSN TENANT JOB KEY`."""

import asyncio
import sys
from uuid import UUID

from trunkline.domains.connectivity.subscribers.service import run_import
from trunkline.kit.keyring import Keyring, KeyText
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm


async def main(dsn: str, tenant: str, job: str, key: str) -> None:
    """Work the job off once."""
    realm = Realm.at(Environment.PRODUCTION, dsn, throttle=False, keyring=Keyring(KeyText(key)))
    await run_import(realm, UUID(tenant), UUID(job))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
