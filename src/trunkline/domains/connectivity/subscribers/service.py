"""Use cases of subscribers. What concerns many at once stands in `importing` and `suspension`; it is offered here too."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from trunkline.domains.connectivity.subscribers import store
from trunkline.domains.connectivity.subscribers.editing import (
    PURPOSES,
    announcements,
    by_id,
    edited,
    needs_accounts,
    surroundings,
)
from trunkline.domains.connectivity.subscribers.fields import (
    IMPORT_JOBS,
    LISTED,
    LISTED_DEEP,
    SUBSCRIBERS,
    SUBSCRIBERS_DEEP,
)
from trunkline.domains.connectivity.subscribers.importing.service import (
    MOST_JOB_ROWS,
    MOST_ROWS,
    find_import,
    import_subscribers,
    list_import_rows,
    remove_subscribers,
    reseal_rows,
    run_import,
    start_import,
    start_removal,
)
from trunkline.domains.connectivity.subscribers.model import (
    DeepSubscriber,
    ImportJob,
    ImportKind,
    ImportReport,
    ImportRow,
    ImportStatus,
    ListedDeepSubscriber,
    ListedSubscriber,
    RowOutcome,
    RowResult,
    Subscriber,
    SubscriberDraft,
    SubscriberKeys,
    SubscriberStatus,
    SubscriberType,
    Suspension,
)
from trunkline.domains.connectivity.subscribers.store import Stored
from trunkline.domains.connectivity.subscribers.suspension.service import resume_account, suspend_account
from trunkline.kit import query
from trunkline.kit.errors import Conflict, Invalid, NotFound, Stale, Violation
from trunkline.kit.events import removed
from trunkline.kit.query import Compare, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = [
    "IMPORT_JOBS",
    "MOST_JOB_ROWS",
    "MOST_ROWS",
    "SUBSCRIBERS",
    "SUBSCRIBERS_DEEP",
    "DeepSubscriber",
    "ImportJob",
    "ImportKind",
    "ImportReport",
    "ImportRow",
    "ImportStatus",
    "ListedDeepSubscriber",
    "ListedSubscriber",
    "RowOutcome",
    "RowResult",
    "Subscriber",
    "SubscriberDraft",
    "SubscriberKeys",
    "SubscriberStatus",
    "SubscriberType",
    "Suspension",
    "change_subscriber",
    "create_subscriber",
    "find_import",
    "find_subscriber",
    "glance_at_subscriber",
    "glance_at_subscribers",
    "import_subscribers",
    "list_import_rows",
    "list_subscribers",
    "read_keys",
    "remove_subscriber",
    "remove_subscribers",
    "reseal_batch",
    "resume_account",
    "run_import",
    "start_import",
    "start_removal",
    "suspend_account",
]

READ = "subscribers.read"
CREATE = "subscribers.create"
CHANGE = "subscribers.change"
REMOVE = "subscribers.remove"
SECRETS = "subscribers.secrets"


async def list_subscribers(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[Subscriber] | Page[DeepSubscriber]:
    """A page of the subscribers that the caller reaches; `deep` with what they are linked to."""
    work.require(READ)
    predicate = await by_id(work, predicate)
    if deep:
        return await query.page(work, SUBSCRIBERS_DEEP, predicate, sort, window, total_cap)
    return await query.page(work, SUBSCRIBERS, predicate, sort, window, total_cap)


async def glance_at_subscribers(
    work: Work,
    predicate: Predicate,
    sort: Sequence[SortKey],
    window: Window,
    total_cap: int | None = None,
    *,
    deep: bool = False,
) -> Page[ListedSubscriber] | Page[ListedDeepSubscriber]:
    """`list_subscribers` with no more than lists show, for half the cost."""
    work.require(READ)
    predicate = await by_id(work, predicate)
    if deep:
        return await query.page(work, LISTED_DEEP, predicate, sort, window, total_cap)
    return await query.page(work, LISTED, predicate, sort, window, total_cap)


async def find_subscriber(work: Work, value: str, field: str = "reference") -> DeepSubscriber:
    """The subscriber with this reference (or `imsi`, `iccid`; of several with one `msisdn` the oldest). Raises `NotFound`."""
    work.require(READ)
    if field != "msisdn":
        return await query.find(work, SUBSCRIBERS_DEEP, value, field)
    page = await query.page(work, SUBSCRIBERS_DEEP, Compare("msisdn", Operator.EQUAL, value), (), Window(0, 1))
    if not page.items:
        raise NotFound(f"{value!r} was not found")
    return page.items[0]


async def glance_at_subscriber(work: Work, reference: str) -> ListedSubscriber:
    """The subscriber without what it is linked to, for who shows no more. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, LISTED, reference)


async def create_subscriber(work: Work, draft: SubscriberDraft, found: Sequence[Violation] = ()) -> DeepSubscriber:
    """Store a new subscriber, in the caller's account if the draft names none.

    Raises `Invalid` with every broken rule and with what the dialect `found` already; `Conflict` when its IMSI or ICCID is another's.
    """
    work.require(CREATE)
    around = await surroundings(work, [draft], [])
    new, broken = edited(work, around, None, draft, found)
    if broken:
        raise Invalid(broken)
    references = await store.insert(work, [new])
    if not references:
        raise await _conflict(work, new.subscriber)
    subscriber = msgspec.structs.replace(new.subscriber, reference=references[new.subscriber.id])
    work.record(*announcements(None, Stored(subscriber, None, None)))
    return await _deep(work, subscriber)


async def change_subscriber(
    work: Work, reference: str, draft: SubscriberDraft, expected_version: int | None = None, found: Sequence[Violation] = ()
) -> DeepSubscriber:
    """Change what the draft names. What changes nothing writes nothing.

    Raises `NotFound`, `Stale` (no longer `expected_version`), `Invalid` with every broken rule and what the dialect `found`, `Conflict`.
    """
    work.require(CHANGE)
    if needs_accounts(draft):
        await _hold_account(work, reference)
    before = await _locked(work, reference, expected_version)
    around = await surroundings(work, [draft], [before.subscriber])
    after, broken = edited(work, around, before, draft, found)
    if broken:
        raise Invalid(broken)
    if after is not before:
        await store.update(work, [after])
        work.record(*announcements(before, after))
    return await _deep(work, after.subscriber)


async def remove_subscriber(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Delete a subscriber: it leaves every list, its keys are erased, its IMSI is free again. Raises `NotFound`, `Stale`."""
    work.require(REMOVE)
    before = await _locked(work, reference, expected_version)
    await store.remove(work, [before.subscriber.id], max(work.now, before.subscriber.modified_at))
    work.record(removed("subscriber.removed", "subscribers", before.subscriber))


async def read_keys(work: Work, reference: str) -> SubscriberKeys:
    """A subscriber's K and OPc in the clear. No caller over HTTP has the permission for it. Raises `NotFound`."""
    work.require(SECRETS)
    subscriber = await query.find(work, SUBSCRIBERS, reference)
    sealed = await store.read_keys(work, subscriber.id)
    k, opc = (
        None if text is None else work.keyring.unseal(purpose, subscriber.id, text)
        for purpose, text in zip(PURPOSES.values(), sealed, strict=True)
    )
    return SubscriberKeys(k, opc)


async def reseal_batch(work: Work, limit: int) -> int:
    """Seal up to `limit` subscribers' keys and waiting import rows anew that an older key sealed; how many. The house's own work."""
    rows = [
        (id_, _resealed(work, "k", id_, k), _resealed(work, "opc", id_, opc))
        for id_, k, opc in await store.sealed_before(work, work.keyring.prefix, limit)
    ]
    await store.seal_again(work, rows)
    return len(rows) or await reseal_rows(work, limit)


def _resealed(work: Work, name: str, owner: UUID, sealed: bytes | None) -> bytes | None:
    return None if sealed is None else work.keyring.reseal(PURPOSES[name], owner, sealed)


async def _hold_account(work: Work, reference: str) -> None:
    """Keep the subscriber's account from being suspended until the transaction ends. Raises `NotFound`."""
    subscriber = await query.find(work, SUBSCRIBERS, reference)
    if subscriber.account_id is not None:
        await store.hold_accounts(work, [subscriber.account_id])


async def _locked(work: Work, reference: str, expected_version: int | None) -> Stored:
    """The subscriber with this reference within the caller's reach, locked. Raises `NotFound`, `Stale`."""
    subscriber = await query.find(work, SUBSCRIBERS, reference)
    stored = await store.lock(work, [subscriber.id])
    if not stored:
        raise NotFound(f"{reference!r} was not found")
    version = stored[0].subscriber.version
    if expected_version is not None and version != expected_version:
        raise Stale(f"the subscriber is at version {version}")
    return stored[0]


async def _deep(work: Work, subscriber: Subscriber) -> DeepSubscriber:
    return await query.find(work, SUBSCRIBERS_DEEP, subscriber.reference)


async def _conflict(work: Work, subscriber: Subscriber) -> Conflict:
    held = zip(("IMSI", "ICCID"), await store.taken(work, subscriber.imsi, subscriber.iccid), strict=True)
    names = [name for name, is_taken in held if is_taken]
    return Conflict(f"another subscriber has this {' and this '.join(names) or 'IMSI or ICCID'}")
