"""Deliveries as their owners see them: lists, tries, tests, replays, and what is kept for how long."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.domains.house import House
from tests.domains.test_webhooks import MANAGER, PRESENTER, create
from trunkline.domains.webhooks import deliveries
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks.deliveries import REPLAY_JOB
from trunkline.domains.webhooks.service import NEWEST_FIRST, Delivery, WebhookEndpoint
from trunkline.domains.webhooks.store import SWEPT_AT_ONCE
from trunkline.jobs import JOBS
from trunkline.kit.errors import Conflict, Invalid, NotFound
from trunkline.kit.ids import new_id
from trunkline.kit.jobs.queue import Envelope
from trunkline.kit.query import EVERYTHING, LAST, Compare, Operator, Window
from trunkline.supervisor.timers import Periods, run_once

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

INSERT = """
    INSERT INTO webhook_deliveries (tenant_id, id, endpoint_id, sequence, event_type, subject_type, subject_id, subject_reference, status,
                                    tries, attempts, next_at, payload, response_status, failure, created_at, finished_at)
    SELECT $1, d.id, $2, d.sequence, 'case.opened', 'case', d.id, 'CAS-' || d.sequence, $5, $6, $6::smallint, $7, $8, $9, $10, $11, $12
      FROM unnest($3::uuid[], $4::bigint[]) AS d (id, sequence)
"""
INSERT_ATTEMPT = """
    INSERT INTO webhook_attempts (tenant_id, delivery_id, number, attempted_at, duration_ms, url, address, request_headers, response_status,
                                  response_headers, response_body, failure)
    VALUES ($1, $2, $3, $4, 12, 'https://hooks.example.com/in', $5, '{"webhook-id": "msg"}', $6, $7::jsonb, $8, $9)
"""
READ = """
    SELECT status, forced, tries, attempts, next_at, payload, failure, finished_at FROM webhook_deliveries
     WHERE tenant_id = $1 AND id = $2
"""


class Made:
    """An endpoint of a test's own, and deliveries that are put into its log."""

    def __init__(self, house: House, endpoint: WebhookEndpoint) -> None:
        self.house, self.endpoint, self.reference = house, endpoint, endpoint.reference
        self.now = house.realm.clock.now()
        self._sequence = 0

    async def put(self, number: int = 1, status: str = "failed", age: timedelta = HOUR, **news: Any) -> list[UUID]:
        """Deliveries that were made, and finished, so long ago."""
        ids = [new_id() for _ in range(number)]
        sequences = range(self._sequence + 1, self._sequence + number + 1)
        self._sequence += number
        at = self.now - age
        given = {
            "tries": 2, "next_at": None, "payload": None, "response_status": None, "failure": None, "created_at": at, "finished_at": at,
        }  # fmt: skip
        if status == "pending":
            given |= {"next_at": self.now + HOUR, "finished_at": None}
        given |= news
        await self.house.sql(INSERT, self.endpoint.id, ids, sequences, status, *given.values())
        return ids

    async def attempts(self, delivery: UUID, *bodies: str | None) -> None:
        for number, body in enumerate(bodies, 1):
            answered = (None, None, None, None, "no answer within 15 seconds")
            if body is not None:
                answered = ("198.51.100.7", 500, '{"server": "x"}', body, "the answer was 500")
            await self.house.sql(INSERT_ATTEMPT, delivery, number, self.now, *answered)

    async def of(self, delivery: UUID) -> Any:
        rows = await self.house.sql(READ, delivery)
        return rows[0] if rows else None

    async def find(self, delivery: UUID, reach: Any = None) -> Delivery:
        work = self.house.reading(reach, MANAGER)
        return await webhooks.find_delivery(work, self.reference, webhooks.reference_of(delivery))

    async def pending(self) -> int:
        rows = await self.house.sql(
            """
            SELECT count(*) FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2 AND status = 'pending' AND forced
            """,
            self.endpoint.id,
        )
        number: int = rows[0][0]
        return number

    async def replay(self, *given: Any, **how: Any) -> int:
        async with self.house.writing(self.house.customer, MANAGER) as work:
            return await webhooks.replay_range(work, self.reference, *given, **how)

    async def sweep(self, **periods: timedelta) -> None:
        await run_once(self.house.realm, Periods(**periods))


@pytest.fixture
async def made(house: House) -> Made:
    """A new endpoint of the customer's."""
    endpoint, _ = await create(house, house.customer)
    return Made(house, endpoint)


# reading ---------------------------------------------------------------------------------------------------------------


async def test_a_list_of_deliveries(made: Made, house: House) -> None:
    """Newest first, by pages in both directions, filtered, with totals; another endpoint's are not among them."""
    for age in range(1, 8):
        await made.put(age=age * HOUR, status="failed" if age % 2 else "delivered", response_status=None if age % 2 else 200)
    other = Made(house, (await create(house, house.customer))[0])
    await other.put(3)
    work = house.reading(house.customer, MANAGER)

    async def page(window: Window, predicate: Any = EVERYTHING, cap: int | None = None) -> Any:
        return await webhooks.list_deliveries(work, made.reference, predicate, NEWEST_FIRST, window, cap)

    first = await page(Window(0, 3), cap=100)
    assert ([one.sequence for one in first.items], first.has_more, first.total) == ([1, 2, 3], True, 7)
    second = await page(Window(3, 3, first.after))
    assert ([one.sequence for one in second.items], second.total) == ([4, 5, 6], None)
    back = await page(Window(0, 3, second.before))
    assert back.items == first.items
    last = await page(Window(6, 3, LAST), cap=100)
    assert ([one.sequence for one in last.items], last.total, last.after) == ([7], 7, None)
    assert (await page(Window(0, 3), cap=5)).total is None
    failed = await page(Window(0, 10), Compare("status", Operator.EQUAL, "failed"), 100)
    assert ([one.sequence for one in failed.items], failed.total) == ([1, 3, 5, 7], 4)
    await made.put(age=DAY)
    assert (await page(Window(0, 3), cap=100)).total == 8, "what was delivered meanwhile is counted"


async def test_one_delivery(made: Made, house: House) -> None:
    """It is found by its reference at its own endpoint alone, with what became of it."""
    (id_,) = await made.put(failure="the answer was 500", response_status=500)
    found = await made.find(id_, house.customer)
    assert found.reference == f"msg_{id_.hex}"
    assert (found.endpoint_id, found.sequence, found.event_type) == (made.endpoint.id, 1, "case.opened")
    assert (found.subject_type, found.subject_reference) == ("case", "CAS-1")
    assert (found.status, found.tries, found.attempts) == ("failed", 2, 2)
    assert (found.response_status, found.failure) == (500, "the answer was 500")
    with pytest.raises(NotFound):
        await made.find(id_, house.other)
    other, _ = await create(house, house.customer)
    work = house.reading(house.customer, MANAGER)
    for endpoint, reference in (
        (other.reference, found.reference), (made.reference, str(id_)), (made.reference, ""), (made.reference, "msg_"),
        (made.reference, "msg_" + "é" * 32), (made.reference, "msg_" + "z" * 32), (made.reference, f"msg_{new_id().hex}"),
        (made.reference, "msg_\0" + id_.hex[1:]), ("WHE-0", found.reference),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await webhooks.find_delivery(work, endpoint, reference)


async def test_the_tries_of_a_delivery(made: Made, house: House) -> None:
    """Each try is told with request, answer and duration, in order; without an answer there is the reason."""
    (id_,) = await made.put()
    await made.attempts(id_, None, "oops")
    first, second = await webhooks.attempts_of(house.reading(house.customer, MANAGER), await made.find(id_))
    assert (first.number, first.response_status, first.response_headers, first.address) == (1, None, None, None)
    assert first.failure == "no answer within 15 seconds"
    assert (second.number, second.response_status, second.response_body, second.duration_ms) == (2, 500, "oops", 12)
    assert (second.request_headers, second.response_headers) == ({"webhook-id": "msg"}, {"server": "x"})


async def test_of_very_many_tries_the_newest_are_told(made: Made, house: House) -> None:
    """However often a delivery was replayed, its log stays of a size that can be read."""
    (id_,) = await made.put()
    await made.attempts(id_, *["oops"] * 103)
    told = await webhooks.attempts_of(house.reading(house.customer, MANAGER), await made.find(id_))
    assert [attempt.number for attempt in told] == list(range(4, 104))


async def test_what_was_sent_is_shown_to_those_who_may_read_such_events(made: Made, house: House) -> None:
    """The log of an endpoint is no way around the scopes: who may not read cases does not read what was said of them."""
    (id_,) = await made.put(payload='{"type":"case.opened"}')
    delivery = await made.find(id_)
    work = house.reading(house.customer, MANAGER)
    assert await webhooks.payload_of(work, delivery, PRESENTER) == '{"type":"case.opened"}'
    assert await webhooks.payload_of(house.reading(house.customer, MANAGER - {"cases.read"}), delivery, PRESENTER) is None


# tests -----------------------------------------------------------------------------------------------------------------


async def test_a_test_is_due_at_once(made: Made, house: House) -> None:
    """A test waits for nothing, whatever the endpoint's status; only so many are on their way at once."""
    async with house.writing(house.customer, MANAGER) as work:
        await webhooks.pause_endpoint(work, made.reference)
    async with house.writing(house.customer, MANAGER) as work:
        test = await webhooks.test_endpoint(work, made.reference)
    assert (test.event_type, test.sequence, test.subject_reference) == ("webhook.test", None, made.reference)
    row = await made.of(test.id)
    assert (row["status"], row["forced"], row["tries"]) == ("pending", True, 0)
    assert row["next_at"] <= house.realm.clock.now()
    async with house.writing(house.customer, MANAGER) as work:
        for _ in range(deliveries.MOST_TESTS - 1):
            await webhooks.test_endpoint(work, made.reference)
        with pytest.raises(Conflict):
            await webhooks.test_endpoint(work, made.reference)


# replays ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "delivered"])
async def test_a_replay_begins_a_new_round(status: str, made: Made, house: House) -> None:
    """What is finished is sent again under the same reference, also while the endpoint is disabled; its tries stay in the log."""
    (id_,) = await made.put(status=status, payload="{}", failure="x" if status == "failed" else None)
    await made.attempts(id_, "a", "b")
    await house.sql(
        "UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = 'gone' WHERE tenant_id = $1 AND id = $2",
        made.endpoint.id,
    )
    async with house.writing(house.customer, MANAGER) as work:
        again = await webhooks.replay_delivery(work, made.reference, f"msg_{id_.hex}")
    assert (again.id, again.status, again.tries, again.attempts, again.failure) == (id_, "pending", 0, 2, None)
    row = await made.of(id_)
    assert (row["forced"], row["finished_at"], row["payload"]) == (True, None, "{}")
    assert row["next_at"] <= house.realm.clock.now()
    assert len(await webhooks.attempts_of(house.reading(None, MANAGER), again)) == 2


async def test_a_replay_of_what_waits_sends_it_now(made: Made, house: House) -> None:
    """A delivery between two tries is tried now, and keeps the count of its tries."""
    (id_,) = await made.put(status="pending", failure="the answer was 500", response_status=500)
    async with house.writing(house.customer, MANAGER) as work:
        again = await webhooks.replay_delivery(work, made.reference, f"msg_{id_.hex}")
    assert (again.tries, again.failure, again.response_status) == (2, "the answer was 500", 500)
    assert again.next_at is not None
    assert again.next_at <= house.realm.clock.now()


async def test_a_replay_of_all_that_failed(made: Made) -> None:
    """Since an instant, and until another: what failed in between, not what was delivered, waits, was a test or came before or after."""
    early, late = await made.put(age=5 * HOUR), await made.put(age=1 * HOUR)
    taken = await made.put(3, age=3 * HOUR)
    await made.put(age=3 * HOUR, status="delivered")
    await made.put(age=3 * HOUR, status="pending")
    async with made.house.writing(made.house.customer, MANAGER) as work:
        test = await webhooks.test_endpoint(work, made.reference)
    await made.house.sql(
        """
        UPDATE webhook_deliveries SET status = 'failed', next_at = NULL, created_at = $3, finished_at = $3, forced = false
         WHERE tenant_id = $1 AND id = $2
        """,
        test.id,
        made.now - 3 * HOUR,
    )
    assert await made.replay(made.now - 4 * HOUR, made.now - 2 * HOUR, only_failed=True) == 3
    assert [(await made.of(id_))["status"] for id_ in (*early, *taken, *late, test.id)] == [
        "failed", "pending", "pending", "pending", "failed", "failed",
    ]  # fmt: skip
    assert await made.replay(made.now - 4 * HOUR, made.now - 2 * HOUR, only_failed=True) == 0
    assert await made.replay(made.now - 6 * HOUR, None, only_failed=True) == 2
    assert await made.pending() == 5


async def test_what_failed_since_may_have_been_made_long_before(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is when a delivery was given up that counts: what waited for days and failed when its endpoint was disabled is sent again."""
    monkeypatch.setattr(deliveries, "REPLAYED_AT_ONCE", 2)
    (early,) = await made.put(age=4 * DAY, finished_at=made.now - DAY)
    await made.put(2, age=3 * DAY, finished_at=made.now - HOUR)
    await made.put(2, age=2 * DAY, finished_at=made.now - HOUR)
    await made.put(age=2 * HOUR, finished_at=made.now - HOUR / 2)
    assert await made.replay(made.now - HOUR, None, only_failed=True) == 5
    assert await made.pending() == 2
    (job,) = await jobs(made)
    await JOBS[REPLAY_JOB](made.house.realm, job.tenant, job.payload)
    assert await made.pending() == 5
    assert (await made.of(early))["status"] == "failed"


async def test_a_replay_of_everything(made: Made) -> None:
    """All that is finished in the range is sent again, delivered or not."""
    await made.put(2, status="delivered")
    await made.put(2)
    assert await made.replay(made.now - DAY, None, only_failed=False) == 4
    assert await made.pending() == 4


async def test_a_range_that_is_none(made: Made) -> None:
    """An end that is not after the begin, or a begin in the future, is refused."""
    for given, field in (((made.now, made.now), "until"), ((made.now + DAY, None), "since")):
        with pytest.raises(Invalid) as refused:
            await made.replay(*given, only_failed=True)
        assert [violation.field for violation in refused.value.violations] == [field]


async def jobs(made: Made) -> Sequence[Envelope]:
    async with made.house.realm.pool.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", REPLAY_JOB)
    found = [msgspec.json.decode(row[0], type=Envelope) for row in rows]
    return [envelope for envelope in found if envelope.payload["endpoint"] == str(made.endpoint.id)]


async def test_a_large_replay_goes_on_as_a_job(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request takes the first ones and says how many there are; the job takes the others, and what comes later stays."""
    monkeypatch.setattr(deliveries, "REPLAYED_AT_ONCE", 10)
    oldest = await made.put(age=2 * DAY)
    await made.put(34, age=DAY)
    assert await made.replay(made.now - 3 * DAY, None, only_failed=True) == 35
    assert await made.pending() == 10
    assert (await made.of(oldest[0]))["status"] == "pending", "the oldest come first"
    (job,) = await jobs(made)
    # Meanwhile one is delivered and fails again, and a new one fails: neither is the job's.
    failed_again = made.house.realm.clock.now()
    await made.house.sql(
        """
        UPDATE webhook_deliveries SET status = 'failed', next_at = NULL, finished_at = $3 WHERE tenant_id = $1 AND id = $2
        """,
        oldest[0],
        failed_again,
    )
    late = await made.put(finished_at=failed_again)
    await JOBS[REPLAY_JOB](made.house.realm, job.tenant, job.payload)
    assert await made.pending() == 34
    assert [(await made.of(id_))["status"] for id_ in (*oldest, *late)] == ["failed", "failed"]


async def test_the_job_may_be_run_twice(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run twice at the same time, and once more when all were sent, it takes nothing a second time."""
    monkeypatch.setattr(deliveries, "REPLAYED_AT_ONCE", 10)
    await made.put(45)
    await made.replay(made.now - DAY, None, only_failed=False)
    (job,) = await jobs(made)
    await asyncio.gather(*(JOBS[REPLAY_JOB](made.house.realm, job.tenant, job.payload) for _ in range(2)))
    assert await made.pending() == 45
    sent = """
        UPDATE webhook_deliveries SET status = 'delivered', next_at = NULL, finished_at = $3, forced = false
         WHERE tenant_id = $1 AND endpoint_id = $2
    """
    await made.house.sql(sent, made.endpoint.id, made.house.realm.clock.now())
    await JOBS[REPLAY_JOB](made.house.realm, job.tenant, job.payload)
    assert await made.pending() == 0


# retention -------------------------------------------------------------------------------------------------------------


async def test_what_was_sent_is_erased_after_a_while(made: Made) -> None:
    """Payloads and answers go when their days are over, the log stays; so it is with what has waited for as long."""
    old, new = await made.put(payload="old", age=31 * DAY), await made.put(payload="new", age=29 * DAY)
    waiting = await made.put(payload="waits", age=31 * DAY, status="pending")
    for id_ in (*old, *new):
        await made.attempts(id_, "answer", None)
    await made.sweep()
    assert [(await made.of(id_))["payload"] for id_ in (*old, *new, *waiting)] == [None, "new", None]
    work = made.house.reading(None, MANAGER)
    first, second = await webhooks.attempts_of(work, await made.find(old[0]))
    assert (first.response_body, first.response_status, second.failure) == (None, 500, "no answer within 15 seconds")
    kept, _ = await webhooks.attempts_of(work, await made.find(new[0]))
    assert kept.response_body == "answer"


async def test_finished_deliveries_are_deleted_after_a_while(made: Made) -> None:
    """With their tries, in batches; what waits stays however old it is, and what finished lately however long it took."""
    old = await made.put(2 * SWEPT_AT_ONCE + 5, age=91 * DAY, payload="x")
    await made.attempts(old[0], "a", "b")
    waiting = await made.put(age=91 * DAY, status="pending")
    slow = await made.put(age=91 * DAY, finished_at=made.now - 89 * DAY)
    await made.sweep()
    assert [await made.of(id_) for id_ in old] == [None] * len(old)
    assert await made.house.sql("SELECT 1 FROM webhook_attempts WHERE tenant_id = $1 AND delivery_id = $2", old[0]) == []
    assert (await made.of(waiting[0]))["status"] == "pending"
    assert (await made.of(slow[0]))["status"] == "failed"
    await made.sweep(log_kept=88 * DAY)
    assert await made.of(slow[0]) is None


async def test_a_removed_endpoint_leaves_nothing_for_ever(made: Made) -> None:
    """Its log, what still waited for it and its row are deleted when their days are over, not before."""
    (waiting,), (finished,) = await made.put(status="pending"), await made.put()
    async with made.house.writing(made.house.customer, MANAGER) as work:
        await webhooks.remove_endpoint(work, made.reference)
    await made.sweep()
    assert await made.of(waiting) is not None
    await made.house.sql(
        "UPDATE webhook_endpoints SET removed_at = $3 WHERE tenant_id = $1 AND id = $2", made.endpoint.id, made.now - 91 * DAY
    )
    await made.sweep()
    assert await made.of(waiting) is None
    assert await made.of(finished) is not None
    await made.sweep(log_kept=timedelta(minutes=1))
    assert await made.of(finished) is None
    assert not await made.house.sql("SELECT 1 FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2", made.endpoint.id)


async def test_keys_that_no_longer_sign_are_erased(made: Made, house: House) -> None:
    """When the overlap of a rotation is over, nothing of the previous keys stays in the database."""
    async with house.writing(house.customer, MANAGER) as work:
        await webhooks.rotate_secret(work, made.reference)
    previous = """
        SELECT previous_secret, previous_signing_key, previous_until FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2
    """
    await made.sweep()
    assert None not in (await house.sql(previous, made.endpoint.id))[0]
    move = "UPDATE webhook_endpoints SET previous_until = $3 WHERE tenant_id = $1 AND id = $2"
    await house.sql(move, made.endpoint.id, house.realm.clock.now() - timedelta(seconds=1))
    await made.sweep()
    assert set((await house.sql(previous, made.endpoint.id))[0]) == {None}


async def test_the_days_are_the_environment_s(made: Made) -> None:
    """In a sandbox whose clock was moved forward, what is old by that clock is erased."""
    (id_,) = await made.put(payload="old")
    clock = made.house.realm.clock
    before: datetime = clock.now()
    clock.offset_seconds += int((31 * DAY).total_seconds())
    try:
        await made.sweep()
        assert clock.now() - before > 30 * DAY
    finally:
        clock.offset_seconds -= int((31 * DAY).total_seconds())
    assert (await made.of(id_))["payload"] is None
