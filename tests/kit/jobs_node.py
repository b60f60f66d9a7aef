"""A worker process for tests: `python -m tests.kit.jobs_node DSN`. Its jobs write what they do into the table `job_marks`."""

import asyncio
import signal
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from trunkline.kit.jobs.runner import Pauses, Runner
from trunkline.kit.logs import configure_logging
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm

MARKS = "CREATE TABLE job_marks (tenant_id uuid, mark text, at timestamptz DEFAULT clock_timestamp())"


async def mark(realm: Realm, tenant_id: UUID, text: str) -> None:
    await realm.pool.fetch("INSERT INTO job_marks (tenant_id, mark) VALUES ($1, $2)", tenant_id, text)


async def note(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """Write the payload's mark."""
    await mark(realm, tenant_id, payload["mark"])


async def slow(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """Say that it begins, take its time, say that it ended."""
    await mark(realm, tenant_id, f"begin {payload['mark']}")
    await asyncio.sleep(payload["seconds"])
    await mark(realm, tenant_id, f"end {payload['mark']}")


async def fail(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """Say that it begins, then fail."""
    await mark(realm, tenant_id, f"try {payload['mark']}")
    raise ValueError("this job always fails")


JOBS = {"test.note": note, "test.slow": slow, "test.fail": fail}


def runner(realm: Realm, drain_seconds: float = 20.0) -> Runner:
    """Quick where the product is patient."""
    return Runner(
        realm,
        JOBS,
        pauses=Pauses(tries=4, first=timedelta(seconds=0.3)),
        heartbeat=timedelta(seconds=2),
        look=timedelta(seconds=0.1),
        drain_seconds=drain_seconds,
    )


async def main(dsn: str) -> None:
    configure_logging("warning")
    realm = Realm.at(Environment.PRODUCTION, dsn, throttle=False)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await runner(realm).run(stopping)
    await realm.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
