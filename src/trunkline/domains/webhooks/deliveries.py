"""Use cases of deliveries: what an endpoint gets and got, every try, tests and replays."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from trunkline.domains.webhooks import store
from trunkline.domains.webhooks.fields import WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from trunkline.domains.webhooks.model import TEST_TYPE, Attempt, Delivery, Presenter
from trunkline.domains.webhooks.store import Range
from trunkline.kit import jobs, query
from trunkline.kit.db import Connection
from trunkline.kit.errors import Conflict, Invalid, NotFound, Violation
from trunkline.kit.ids import new_id
from trunkline.kit.principal import system
from trunkline.kit.query import And, Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

READ = "webhooks.read"
MANAGE = "webhooks.manage"

REPLAY_JOB = "webhooks.replay"
REPLAYED_AT_ONCE = 1000  # in one transaction
MOST_COUNTED = 100_000
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)  # nothing was made before
MOST_ATTEMPTS = 100  # that are shown of one delivery
MOST_TESTS = 20  # of one endpoint that are on their way
REFERENCE_PREFIX = "msg_"
OK = 200  # the outcome in the audit

PAYLOAD_KEPT = timedelta(days=30)
LOG_KEPT = timedelta(days=90)


async def list_deliveries(
    work: Work, reference: str, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[Delivery]:
    """A page of the deliveries of the endpoint with this reference. Raises `NotFound`."""
    work.require(READ)
    endpoint = await query.find(work, WEBHOOK_ENDPOINTS, reference)
    own = And((Compare("endpoint_id", Operator.EQUAL, endpoint.id), predicate))
    return await query.page_uncounted(work, WEBHOOK_DELIVERIES, own, sort, window, total_cap)


async def find_delivery(work: Work, reference: str, delivery_reference: str) -> Delivery:
    """One delivery (`msg_…`) of the endpoint with this reference. Raises `NotFound`."""
    work.require(READ)
    endpoint = await query.find(work, WEBHOOK_ENDPOINTS, reference)
    if (id_ := _id_of(delivery_reference)) is not None:
        only = And((Compare("id", Operator.EQUAL, id_), Compare("endpoint_id", Operator.EQUAL, endpoint.id)))
        page = await query.page(work, WEBHOOK_DELIVERIES, only, (), Window(0, 1))
        if page.items:
            return page.items[0]
    raise NotFound(f"{delivery_reference!r} was not found")


async def attempts_of(work: Work, delivery: Delivery) -> list[Attempt]:
    """The tries of a delivery, in order; of very many the newest."""
    work.require(READ)
    return await store.read_attempts(work, delivery.id, MOST_ATTEMPTS)


async def payload_of(work: Work, delivery: Delivery, presenter: Presenter) -> str | None:
    """What was sent: JSON text. `None` before the first try, after its retention, and when the caller may not read such events."""
    work.require(READ)
    if delivery.event_type != TEST_TYPE and delivery.subject_type not in presenter.subjects(work.principal.permissions):
        return None
    return await store.read_payload(work, delivery.id)


# sending on demand -----------------------------------------------------------------------------------------------------


async def test_endpoint(work: Work, reference: str) -> Delivery:
    """Send a test to an endpoint, also to one that is paused or disabled. Raises `NotFound`, and `Conflict` for too many at once."""
    work.require(MANAGE)
    endpoint = await query.find(work, WEBHOOK_ENDPOINTS, reference)
    if await store.count_tests(work, endpoint.id) >= MOST_TESTS:
        raise Conflict(f"{MOST_TESTS} tests are on their way to this endpoint already")
    id_ = new_id()
    await store.insert_test(work, id_, endpoint, TEST_TYPE, work.clock.now())
    return await find_delivery(work, reference, reference_of(id_))


async def replay_delivery(work: Work, reference: str, delivery_reference: str) -> Delivery:
    """Have a delivery sent again, with the endpoint's present address and secret, also when it is paused or disabled.

    One that is delivered or failed begins a new round of tries; one that waits for its next try is sent now. Raises `NotFound`.
    """
    work.require(MANAGE)
    delivery = await find_delivery(work, reference, delivery_reference)
    if not await store.replay_one(work, delivery.id, work.clock.now()):
        raise NotFound(f"{delivery_reference!r} was not found")
    return await find_delivery(work, reference, delivery_reference)


async def replay_range(work: Work, reference: str, since: datetime, until: datetime | None, only_failed: bool) -> int:
    """Have the deliveries that were made from `since` on and before `until` (default: now) sent again; how many they are,
    of which no more than a hundred thousand are counted.

    `only_failed`: those that failed in that time, whenever they were made. Those that are on their way, and tests, are never taken.
    The first thousand are taken at once, more by a job. Raises `NotFound`, and `Invalid` when `until` is not after `since`.
    """
    work.require(MANAGE)
    endpoint = await query.find(work, WEBHOOK_ENDPOINTS, reference)
    now = work.clock.now()
    if (until or now) <= since:
        field = "since" if until is None else "until"
        raise Invalid([Violation(field, "must be in the past" if until is None else "must be after the begin")])
    range_ = Range(endpoint.id, since, until or now + timedelta(seconds=1), now, BEGIN if only_failed else since, only_failed)
    count = await store.count_range(work, range_, MOST_COUNTED)
    done, rest = await store.replay_range(work, range_, REPLAYED_AT_ONCE, now)
    if done < count:
        await jobs.enqueue(work, REPLAY_JOB, _payload(rest))
    return max(count, done)


async def run_replay(realm: Realm, tenant_id: UUID, payload: dict[str, Any]) -> None:
    """The job: a thousand in each transaction. It may be run twice: what was taken once is not taken again."""
    since, until, asked_at = (datetime.fromisoformat(payload[name]) for name in ("since", "until", "asked"))
    reached = datetime.fromisoformat(payload.get("reached", payload["since"]))  # jobs of older versions do not tell
    range_ = Range(UUID(payload["endpoint"]), since, until, asked_at, reached, payload["failed"])
    done = REPLAYED_AT_ONCE
    while done == REPLAYED_AT_ONCE:
        principal = system(tenant_id, realm.environment, "webhooks")
        work = Work(realm.pool, realm.clock, principal, Origin(REPLAY_JOB, new_id().hex))
        async with Transaction(work) as transaction:
            done, range_ = await store.replay_range(work, range_, REPLAYED_AT_ONCE, work.clock.now())
            await transaction.commit(OK)


def _payload(range_: Range) -> dict[str, Any]:
    return {
        "endpoint": str(range_.endpoint_id), "since": range_.since.isoformat(), "until": range_.until.isoformat(),
        "failed": range_.only_failed, "asked": range_.asked_at.isoformat(), "reached": range_.reached.isoformat(),
    }  # fmt: skip


# retention -------------------------------------------------------------------------------------------------------------


async def sweep_deliveries(
    connection: Connection,
    tenant_id: UUID,
    now: datetime,
    payload_kept: timedelta = PAYLOAD_KEPT,
    log_kept: timedelta = LOG_KEPT,
) -> int:
    """Erase and delete one batch of what has been kept for long enough; how many rows. 0 when nothing is left."""
    await store.erase_previous_keys(connection, tenant_id, now)
    deleted = await store.delete_old(connection, tenant_id, now - log_kept)
    return deleted or await store.erase_payloads(connection, tenant_id, now - payload_kept)


# references ------------------------------------------------------------------------------------------------------------


def reference_of(delivery_id: UUID) -> str:
    """How a delivery is called, also in `webhook-id`."""
    return REFERENCE_PREFIX + delivery_id.hex


def _id_of(reference: str) -> UUID | None:
    digits = reference.removeprefix(REFERENCE_PREFIX)
    if len(digits) != 32 or len(reference) != 32 + len(REFERENCE_PREFIX) or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return UUID(hex=digits)
    except ValueError:
        return None
