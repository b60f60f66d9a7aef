"""An import whose worker is killed with -9 again and again loses no row and repeats none."""

import asyncio
import os
import signal
import sys

from tests.conftest import MakeDatabase
from tests.domains.house import build
from tests.domains.network_parts import RIGHTS, K
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import ImportRow, SubscriberDraft
from trunkline.kit.keyring import Keyring, KeyText, new_key

ROWS = 12_000
KILLS = 4


async def test_a_killed_import_is_taken_up_where_it_was(make_database: MakeDatabase) -> None:
    """Every row becomes one subscriber with one event, results and progress agree, whenever the worker dies."""
    dsn, key = await make_database(), new_key().spelled
    house = await build(dsn)
    house.realm.pool.keyring = Keyring(KeyText(key))
    rows = [ImportRow(SubscriberDraft(imsi=f"77700{n:010d}", msisdn=f"77700{n:010d}", k=K)) for n in range(ROWS)]
    async with house.writing(house.customer, RIGHTS) as work:
        job = await subscribers.start_import(work, rows)
    reading = house.reading(house.customer, RIGHTS)

    async def worker() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.import_worker", dsn, str(house.tenant_id), str(job.id), key
        )

    seen = 0
    for _ in range(KILLS):
        process = await worker()
        while (now := (await subscribers.find_import(reading, job.reference)).done) == seen and process.returncode is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.03)  # into the middle of the next chunk
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        seen = now
    assert (await subscribers.find_import(reading, job.reference)).status == "running", "it was to be killed before its end"
    assert await (await worker()).wait() == 0
    done = await subscribers.find_import(reading, job.reference)
    assert (done.status, done.done, done.created, done.updated, done.failed) == ("completed", ROWS, ROWS, 0, 0)
    stored = await house.sql(
        """SELECT count(*) AS subscribers, max(version) AS version,
                  (SELECT count(*) FROM events e WHERE e.tenant_id = $1 AND e.type = 'subscriber.created') AS events
             FROM subscribers WHERE tenant_id = $1 AND imsi LIKE '77700%' AND deleted_at IS NULL"""
    )
    assert tuple(stored[0]) == (ROWS, 1, ROWS)
    results = [
        result for start in range(0, ROWS, 1000) for result in await subscribers.list_import_rows(reading, done, start, 1000)
    ]
    assert [result.row for result in results] == list(range(1, ROWS + 1))
    await house.realm.pool.close()
