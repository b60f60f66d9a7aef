"""Jobs: asked for in a transaction, run by workers that may die, retried, kept when they fail for good."""

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.conftest import MakeDatabase
from tests.kit import jobs_node
from tests.kit.jobs_node import MARKS
from tests.serving import ROOT
from trunkline.kit import jobs
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.ids import new_id
from trunkline.kit.jobs import queue
from trunkline.kit.jobs.queue import APPLICATION
from trunkline.kit.jobs.runner import Pauses, Runner
from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

PATIENCE = 20.0


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    """A database of the test's own, with a table that jobs write to."""
    dsn = await make_database()
    connection = await asyncpg.connect(dsn)
    await connection.execute(MARKS)
    await connection.close()
    return dsn


@pytest.fixture
async def realm(dsn: str) -> AsyncIterator[Realm]:
    realm = Realm.at(Environment.PRODUCTION, dsn, throttle=False)
    yield realm
    await realm.close()


@asynccontextmanager
async def working(realm: Realm, runner: Runner | None = None) -> AsyncIterator[asyncio.Event]:
    """A worker inside this process, stopped in order at the end."""
    stopping = asyncio.Event()
    task = asyncio.create_task((runner or jobs_node.runner(realm)).run(stopping))
    try:
        yield stopping
    finally:
        stopping.set()
        async with asyncio.timeout(PATIENCE):
            await task


@asynccontextmanager
async def worker_process(dsn: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A worker as a process of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.kit.jobs_node", dsn], cwd=ROOT, env={"PYTHONPATH": "src:."})
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def unit(realm: Realm, tenant_id: UUID | None = None) -> Work:
    return Work(
        realm.pool, realm.clock, system(tenant_id or new_id(), Environment.PRODUCTION, "test"), Origin("test", "asked-by")
    )


async def ask(realm: Realm, name: str, payload: dict[str, Any], **options: Any) -> bool:
    """Ask for a job in a transaction of its own."""
    work = unit(realm)
    async with Transaction(work) as transaction:
        added = await jobs.enqueue(work, name, payload, **options)
        await transaction.commit(200)
    return added


async def marks(realm: Realm) -> list[str]:
    return [row[0] for row in await realm.pool.fetch("SELECT mark FROM job_marks ORDER BY at")]


async def until(condition: Callable[[], Coroutine[Any, Any, object]], seconds: float = PATIENCE) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def all_done(realm: Realm) -> bool:
    counts = await queue.count(realm.pool)
    return counts.waiting == counts.running == 0


async def test_a_job_runs_after_its_transaction_has_committed(realm: Realm) -> None:
    """A job exists when its transaction commits, not before, and never when it is rolled back; it knows its tenant."""
    tenant = new_id()
    async with working(realm):
        work = unit(realm, tenant)
        async with Transaction(work) as transaction:
            assert await jobs.enqueue(work, "test.note", {"mark": "one"})
            await asyncio.sleep(0.4)
            assert await marks(realm) == []
            await transaction.commit(200)
        forgotten = unit(realm)
        async with Transaction(forgotten):
            await jobs.enqueue(forgotten, "test.note", {"mark": "never"})
        await until(lambda: all_done(realm))
    rows = await realm.pool.fetch("SELECT tenant_id, mark FROM job_marks")
    assert [tuple(row) for row in rows] == [(tenant, "one")]


async def test_a_worker_is_told_at_once(realm: Realm) -> None:
    """An idle worker does not wait for its next look: the commit tells it."""
    slowly = Runner(realm, jobs_node.JOBS, look=timedelta(seconds=30))
    async with working(realm, slowly):
        await until(lambda: connected(realm))
        await asyncio.sleep(0.3)  # it has looked and found nothing
        await ask(realm, "test.note", {"mark": "now"})
        await until(lambda: marks(realm), 2.0)


async def connected(realm: Realm) -> bool:
    rows = await realm.pool.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1", APPLICATION
    )
    return bool(rows)


async def test_a_job_may_wait(realm: Realm) -> None:
    """A job that is asked for with a pause does not run before."""
    async with working(realm):
        await ask(realm, "test.note", {"mark": "later"}, after=timedelta(seconds=1))
        await asyncio.sleep(0.6)
        assert await marks(realm) == []
        await until(lambda: marks(realm))


async def test_the_same_job_is_not_asked_for_twice(realm: Realm) -> None:
    """With a key of its own a job waits once, however often it is asked for; other tenants' keys are other keys."""
    work = unit(realm)
    async with Transaction(work) as transaction:
        assert await jobs.enqueue(work, "test.note", {"mark": "a"}, dedupe="key")
        assert not await jobs.enqueue(work, "test.note", {"mark": "b"}, dedupe="key")
        assert await jobs.enqueue_all(work, "test.note", [{"mark": "c"}, {"mark": "d"}], dedupe=["key", "another"]) == 1
        await transaction.commit(200)
    assert await ask(realm, "test.note", {"mark": "e"}, dedupe="key")
    async with working(realm):
        await until(lambda: all_done(realm))
    assert sorted(await marks(realm)) == ["a", "d", "e"]


async def test_a_unit_of_work_that_only_reads_asks_for_nothing(realm: Realm) -> None:
    """Jobs belong to a change: a read cannot leave one behind."""
    with pytest.raises(RuntimeError, match="reading"):
        await jobs.enqueue(unit(realm), "test.note", {})


async def test_many_jobs_on_two_workers_run_once_each(realm: Realm) -> None:
    """While nothing fails, a job runs once, however many workers there are."""
    work = unit(realm)
    async with Transaction(work) as transaction:
        assert await jobs.enqueue_all(work, "test.note", [{"mark": f"{number}"} for number in range(500)]) == 500
        await transaction.commit(200)
    async with working(realm), working(realm):
        await until(lambda: all_done(realm))
    assert sorted(map(int, await marks(realm))) == list(range(500))


async def test_a_failing_job_is_tried_again_and_kept_in_the_end(realm: Realm) -> None:
    """Each pause is longer than the one before; after the last try the job stays visible, and can be run again or given up."""
    async with working(realm):
        await ask(realm, "test.fail", {"mark": "x"})
        await until(lambda: has_failed(realm, 1))
        rows = await realm.pool.fetch("SELECT at FROM job_marks ORDER BY at")
        times = [row[0] for row in rows]
        pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
        assert len(pauses) == 3
        assert pauses[0] >= 0.3
        assert pauses[1] >= 0.6
        assert pauses[2] >= 1.2
        (kept,) = await queue.listed(realm.pool, 10)
        assert (kept.name, kept.state, kept.payload) == ("test.fail", "failed", {"mark": "x"})
        assert kept.failure == "ValueError: this job always fails"
        assert await queue.retry_failed(realm.pool, kept.id) == 1
        await until(lambda: has_failed(realm, 1))
        assert len(await marks(realm)) == 8
        assert await queue.drop_failed(realm.pool, None) == 1
        assert await queue.listed(realm.pool, 10) == []


async def has_failed(realm: Realm, jobs_: int) -> bool:
    return (await queue.count(realm.pool)).failed == jobs_


def test_pauses_grow_to_a_limit() -> None:
    """A job is tried twelve times over some twenty minutes unless told otherwise."""
    pauses = [Pauses().after(tries) for tries in range(1, 13)]
    seconds = [pause.total_seconds() for pause in pauses if pause is not None]
    assert seconds == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert pauses[-1] is None


async def test_a_job_of_a_killed_worker_is_run_again(dsn: str, realm: Realm) -> None:
    """kill -9 of a worker loses no job: when its heartbeat has been missing for a while another worker takes it."""
    await ask(realm, "test.slow", {"mark": "x", "seconds": 1.5})
    async with worker_process(dsn) as process:
        await until(lambda: marks(realm))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert await marks(realm) == ["begin x"]
    async with working(realm):
        await until(lambda: all_done(realm))
    assert await marks(realm) == ["begin x", "begin x", "end x"]


async def test_a_worker_stops_cleanly(dsn: str, realm: Realm) -> None:
    """SIGTERM lets a worker finish what it runs and take nothing new; it exits with 0."""
    await ask(realm, "test.slow", {"mark": "x", "seconds": 1.0})
    async with worker_process(dsn) as process:
        await until(lambda: marks(realm))
        process.send_signal(signal.SIGTERM)
        await ask(realm, "test.note", {"mark": "for the next"})
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert await marks(realm) == ["begin x", "end x"]
    assert (await queue.count(realm.pool)).waiting == 1


async def test_what_does_not_finish_in_time_goes_back(realm: Realm) -> None:
    """A stopping worker gives back at once what it cannot finish: the next one need not wait for a missing heartbeat."""
    await ask(realm, "test.slow", {"mark": "x", "seconds": 60})
    async with working(realm, jobs_node.runner(realm, drain_seconds=0.2)):
        await until(lambda: marks(realm))
    counts = await queue.count(realm.pool)
    assert (counts.waiting, counts.running) == (1, 0)


async def test_it_survives_the_loss_of_its_connection(realm: Realm) -> None:
    """When the connection is cut in the middle of jobs, the worker connects again and every job is done."""
    async with working(realm):
        await until(lambda: connected(realm))
        for number in range(3):
            await ask(realm, "test.slow", {"mark": f"{number}", "seconds": 0.5})
            await until(lambda number=number: began(realm, number))  # type: ignore[misc]
            await realm.pool.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
                APPLICATION,
            )
        await until(lambda: all_done(realm))
    assert {f"end {number}" for number in range(3)} <= set(await marks(realm))


async def began(realm: Realm, number: int) -> bool:
    return f"begin {number}" in await marks(realm)


async def test_it_survives_a_restart_of_postgresql(tmp_path_factory: pytest.TempPathFactory) -> None:
    """PostgreSQL may be killed and started again under a worker: what was committed is done, what comes later too."""
    from trunkline import migrations

    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("restarted") / "postgres", progress=lambda _: None)
    await postgres.start()
    try:
        await migrations.migrate(postgres.dsn("postgres"))
        realm = Realm.at(Environment.PRODUCTION, postgres.dsn("postgres"), throttle=False)
        await realm.pool.fetch(MARKS)
        async with working(realm):
            await ask(realm, "test.slow", {"mark": "before", "seconds": 1.0})
            await until(lambda: marks(realm))
            await postgres.stop()
            await asyncio.sleep(1.0)
            await postgres.start()
            await ask(realm, "test.note", {"mark": "after"})
            await until(lambda: all_done(realm))
            assert {"end before", "after"} <= set(await marks(realm))
        await realm.close()
    finally:
        await postgres.stop()


async def test_the_log_of_old_jobs_is_swept(realm: Realm) -> None:
    """What became of jobs is known for a day, of those that failed for good as long as they are kept."""
    async with working(realm):
        await ask(realm, "test.note", {"mark": "x"})
        await until(lambda: all_done(realm))
        await ask(realm, "test.fail", {"mark": "x"})
        await until(lambda: has_failed(realm, 1))
    await realm.pool.fetch("UPDATE pgqueuer_log SET created = now() - interval '2 days'")
    await queue.sweep(realm.pool)
    (kept,) = await queue.listed(realm.pool, 10)
    assert kept.failure == "ValueError: this job always fails"
    assert {row[0] for row in await realm.pool.fetch("SELECT job_id FROM pgqueuer_log")} == {kept.id}
