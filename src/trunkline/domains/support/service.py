"""Use cases of support: open, read, change and answer cases.

A customer's credential acts as the customer (its messages are of type `customer`, only the customer's moves are open to it).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET

from trunkline.domains.connectivity.service import SERVICES
from trunkline.domains.support import rules, store
from trunkline.domains.support.fields import CASE_MESSAGES, CASES
from trunkline.domains.support.model import (
    Case,
    CaseChange,
    CaseDraft,
    CaseMessage,
    CaseOrigin,
    CaseStatus,
    CaseType,
    MessageType,
    Priority,
)
from trunkline.kit import query
from trunkline.kit.errors import Invalid, NotFound, Stale, Violation
from trunkline.kit.events import changed, created
from trunkline.kit.query import And, Compare, In, Operator, Page, Predicate, SortKey, Window
from trunkline.kit.rules import together
from trunkline.kit.work import Work

__all__ = [
    "CASES",
    "CASE_MESSAGES",
    "CLOSES_AFTER",
    "Case",
    "CaseChange",
    "CaseDraft",
    "CaseMessage",
    "CaseOrigin",
    "CaseStatus",
    "CaseType",
    "MessageType",
    "Priority",
    "change_case",
    "change_violations",
    "close_resolved",
    "draft_violations",
    "find_case",
    "list_cases",
    "list_messages",
    "list_messages_of",
    "open_case",
    "reply",
    "reply_violations",
]  # fmt: skip

CLOSES_AFTER = rules.CLOSES_AFTER
READ = "cases.read"
WRITE = "cases.write"


async def list_cases(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[Case]:
    """A page of the cases that the caller reaches."""
    work.require(READ)
    return await query.page(work, CASES, predicate, sort, window, total_cap)


async def find_case(work: Work, reference: str) -> Case:
    """The case with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, CASES, reference)


async def list_messages(
    work: Work, case: Case, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[CaseMessage]:
    """A page of a case's messages."""
    work.require(READ)
    own = And((Compare("case_id", Operator.EQUAL, case.id), predicate))
    return await query.page(work, CASE_MESSAGES, own, sort, window, total_cap)


async def list_messages_of(work: Work, cases: Sequence[UUID], since: datetime | None, window: Window) -> Page[CaseMessage]:
    """A page of the messages of several cases together, oldest first; with `since` only those from that instant on."""
    work.require(READ)
    wanted: list[Predicate] = [In("case_id", tuple(cases))]
    if since is not None:
        wanted.append(Compare("created_at", Operator.GREATER_OR_EQUAL, since))
    return await query.page(work, CASE_MESSAGES, And(tuple(wanted)), (SortKey("created_at"),), window)


async def open_case(work: Work, draft: CaseDraft, found: Sequence[Violation] = ()) -> Case:
    """Open a case with its first message.

    Raises `Invalid` with every broken rule and with what the dialect `found` already; a service out of the caller's reach is one.
    """
    work.require(WRITE)
    broken = together(found, rules.violations(draft))
    if not broken and draft.type is not None and draft.subject is not None and draft.message is not None:
        priority = rules.priority_of(draft.type, draft.subject, draft.priority)
        sent_by = draft.sent_by or work.principal.display_name
        opened = await store.insert_case(work, draft.type, draft.subject, priority, draft.message, draft, sent_by)
        if opened is not None:
            case, message = opened
            work.record(created("case.opened", "cases", case), created("case_message.added", "", message))
            return case
    raise Invalid([*broken, *await _service_violations(work, draft)])


async def draft_violations(work: Work, draft: CaseDraft, found: Sequence[Violation] = ()) -> list[Violation]:
    """Every rule that opening this case would break, after what the dialect `found` already."""
    work.require(WRITE)
    return [*together(found, rules.violations(draft)), *await _service_violations(work, draft)]


async def _service_violations(work: Work, draft: CaseDraft) -> list[Violation]:
    if draft.service_reference is None:
        return []
    try:
        service = await query.find(work, SERVICES, draft.service_reference)
    except NotFound:
        shown = draft.service_reference[: rules.SHOWN] or "''"
        return [Violation("service_reference", "{reference} was not found", {"reference": shown})]
    if service.status not in rules.SERVICE_ALLOWS_CASES:
        return [
            Violation("service_reference", "the service is {status}; no cases can be opened on it", {"status": service.status})
        ]
    return []


async def change_case(
    work: Work, reference: str, change: CaseChange, expected_version: int | None = None, found: Sequence[Violation] = ()
) -> Case:
    """Change what a customer may change.

    Raises `NotFound`, `Stale` (no longer `expected_version`) or `Invalid` with every broken rule and what the dialect `found`.
    """
    work.require(WRITE)
    before = await store.lock_case(work, await query.find(work, CASES, reference))
    if expected_version is not None and before.version != expected_version:
        raise Stale(f"the case is at version {before.version}")
    if broken := together(found, rules.change_violations(before, change)):
        raise Invalid(broken)
    given = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
    after = msgspec.structs.replace(before, **given)
    if after == before:
        return before
    after = _moved(work, before, after)
    await store.update_case(work, after)
    work.record(changed("case.changed" if after.status == before.status else f"case.{after.status}", "cases", before, after))
    return after


async def change_violations(work: Work, reference: str, change: CaseChange, found: Sequence[Violation] = ()) -> list[Violation]:
    """Every rule that this change would break, after what the dialect `found` already. Raises `NotFound`."""
    work.require(WRITE)
    return together(found, rules.change_violations(await query.find(work, CASES, reference), change))


async def reply(
    work: Work, reference: str, body: str, sent_by: str | None = None, found: Sequence[Violation] = ()
) -> CaseMessage:
    """Add the customer's message; it takes a waiting or resolved case up again.

    Raises `NotFound`, or `Invalid` (the case is at an end, or what the dialect `found`).
    """
    work.require(WRITE)
    before = await store.lock_case(work, await query.find(work, CASES, reference))
    if broken := together(found, rules.message_violations(body, sent_by) + rules.reply_violations(before)):
        raise Invalid(broken)
    message = await store.insert_message(work, before, MessageType.CUSTOMER, body, sent_by or work.principal.display_name)
    status = rules.MOVES_BY_MESSAGE.get(before.status, before.status)
    after = _moved(work, before, msgspec.structs.replace(before, status=status))
    await store.update_case(work, after)
    work.record(created("case_message.added", "", message), changed("case.replied", "cases", before, after))
    return message


async def reply_violations(work: Work, reference: str, found: Sequence[Violation] = ()) -> list[Violation]:
    """Whether the case takes a message, after what the dialect `found` already. Raises `NotFound`."""
    work.require(WRITE)
    return together(found, rules.reply_violations(await query.find(work, CASES, reference)))


async def close_resolved(work: Work, limit: int = 200, life: timedelta = rules.CLOSES_AFTER) -> int:
    """Close cases that have stayed resolved for longer than `life`; how many. The house's own work, for its timer."""
    due = await store.lock_resolved_before(work, work.now - life, limit)
    for before in due:
        after = _moved(work, before, msgspec.structs.replace(before, status=CaseStatus.CLOSED))
        await store.update_case(work, after)
        message = await store.insert_message(
            work, after, MessageType.SYSTEM, f"Closed automatically after {life.days} days.", "Trunkline"
        )
        work.record(changed("case.closed", "cases", before, after), created("case_message.added", "", message))
    return len(due)


def _moved(work: Work, before: Case, after: Case) -> Case:
    """`after` with version, instants and the dates that follow from its status."""
    resolved_at, closed_at = after.resolved_at, after.closed_at
    if after.status != before.status:
        resolved_at = work.now if after.status == CaseStatus.RESOLVED else resolved_at
        resolved_at = None if after.status in rules.OPEN else resolved_at
        closed_at = work.now if after.status == CaseStatus.CLOSED else None
    return msgspec.structs.replace(
        after,
        version=before.version + 1,
        modified_at=max(work.now, before.modified_at),
        resolved_at=resolved_at,
        closed_at=closed_at,
    )
