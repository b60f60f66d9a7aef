"""Support: the rules of cases as tables, and its use cases on a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET

from tests.domains.house import ALL, House
from trunkline.domains.connectivity import service as connectivity
from trunkline.domains.support import rules
from trunkline.domains.support import service as support
from trunkline.domains.support.model import Case, CaseChange, CaseDraft, CaseOrigin, CaseStatus, CaseType, MessageType, Priority
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Stale, Violation
from trunkline.kit.ids import NIL
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, SortKey, Window
from trunkline.kit.rules import together

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def draft(**changes: Any) -> CaseDraft:
    plain = {"type": CaseType.REQUEST, "subject": "Other", "service_reference": "SVC-1", "message": "Hello."}
    return CaseDraft(**{**plain, **changes})


def incident(**changes: Any) -> CaseDraft:
    dates = {"start_of_incident": NOON, "start_given": True, "end_given": True}
    return draft(**{"type": CaseType.INCIDENT, "subject": "ServiceDown", **dates, **changes})


def case(**changes: Any) -> Case:
    plain: dict[str, Any] = {
        "id": NIL,
        "reference": "CAS-1",
        "version": 1,
        "account_id": NIL,
        "customer_id": NIL,
        "site_id": NIL,
        "service_id": NIL,
        "account_reference": "ACC-1",
        "site_reference": "SIT-1",
        "service_reference": "SVC-1",
        "subject": "ServiceDown",
        "type": CaseType.INCIDENT,
        "priority": Priority.P1,
        "status": CaseStatus.NEW,
        "origin": CaseOrigin.API,
        "customer_reference": None,
        "start_of_incident": NOON,
        "end_of_incident": None,
        "resolved_at": None,
        "closed_at": None,
        "created_at": NOON,
        "modified_at": NOON,
    }
    return Case(**{**plain, **changes})


def fields(violations: list[Violation]) -> list[str]:
    return [violation.field for violation in violations]


@pytest.mark.parametrize("type_", CaseType)
@pytest.mark.parametrize("priority", [None, *Priority, "P0", "P6", "p1", ""])
def test_the_matrix(type_: CaseType, priority: str | None) -> None:
    """A subject belongs to one type, P1 and P2 to incidents, and each broken rule names its field."""
    matrix = rules.CASE_MATRIX[type_]
    make = incident if type_ is CaseType.INCIDENT else draft
    for other, subjects in ((other, rules.CASE_MATRIX[other].subjects) for other in CaseType):
        for subject in (*subjects, subjects[0].lower(), ""):
            expected = [] if other is type_ and subject in matrix.subjects else ["subject"]
            expected += [] if priority is None or priority in matrix.priorities else ["priority"]
            assert fields(rules.violations(make(subject=subject, priority=priority))) == expected


def test_the_matrix_is_the_support_article_s() -> None:
    """Five priorities and four subjects for incidents, three and seven for everything else."""
    shape = {type_: (len(matrix.priorities), len(matrix.subjects)) for type_, matrix in rules.CASE_MATRIX.items()}
    assert shape == {CaseType.INCIDENT: (5, 4), CaseType.REQUEST: (3, 7)}


@pytest.mark.parametrize(
    ("type_", "subject", "asked", "given"),
    [
        (CaseType.INCIDENT, "ServiceDown", None, "P1"),
        (CaseType.INCIDENT, "ServiceIntermittent", None, "P2"),
        (CaseType.INCIDENT, "ServiceDegradation", None, "P3"),
        (CaseType.INCIDENT, "RfoRequest", None, "P4"),
        (CaseType.REQUEST, "Other", None, "P4"),
        (CaseType.REQUEST, "ChangeRequest", "P5", "P5"),
        (CaseType.INCIDENT, "RfoRequest", "P1", "P1"),
    ],
)
def test_priorities(type_: CaseType, subject: str, asked: str | None, given: str) -> None:
    """The caller's priority counts, else the subject's."""
    assert rules.priority_of(type_, subject, asked) == given


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"end_of_incident": NOON}, []),
        ({"end_of_incident": NOON + HOUR}, []),
        ({"end_of_incident": NOON - HOUR}, ["end_of_incident"]),
        ({"end_given": False}, ["end_of_incident"]),
        ({"start_of_incident": None}, ["start_of_incident"]),
        ({"start_of_incident": None, "start_given": False, "end_given": False}, ["start_of_incident", "end_of_incident"]),
    ],
)
def test_incident_dates(changes: dict[str, Any], expected: list[str]) -> None:
    """An incident needs a start and a word about its end; an end before the start is wrong for every type."""
    assert fields(rules.violations(incident(**changes))) == expected
    for_request = expected if changes.get("end_of_incident") == NOON - HOUR else []
    assert fields(rules.violations(incident(**changes, type=CaseType.REQUEST, subject="Other"))) == for_request


@pytest.mark.parametrize(("field", "longest"), [("message", 32_000), ("customer_reference", 255), ("sent_by", 255)])
def test_lengths(field: str, longest: int) -> None:
    """Texts may be as long as they may be, in characters, and not one longer."""
    assert fields(rules.violations(draft(**{field: "🙂" * longest}))) == []
    assert fields(rules.violations(draft(**{field: "🙂" * (longest + 1)}))) == [field]
    assert fields(rules.violations(draft(**{field: ""}))) == (["message"] if field == "message" else [])


def test_what_could_not_be_read_breaks_no_rule() -> None:
    """A draft of which nothing could be read has no violations of its own, and a field is blamed once."""
    assert rules.violations(CaseDraft(type=None, subject=None, service_reference=None, message=None)) == []
    found = [Violation("start_of_incident", "is no date")]
    broken = [Violation("start_of_incident", "is required"), Violation("priority", "is wrong")]
    assert together(found, broken) == [found[0], broken[1]]


MOVES = {
    CaseStatus.NEW: {"cancelled"},
    CaseStatus.IN_PROGRESS: {"cancelled"},
    CaseStatus.PENDING_CUSTOMER: {"cancelled"},
    CaseStatus.PENDING_SUPPLIER: {"cancelled"},
    CaseStatus.RESOLVED: {"closed", "in_progress"},
    CaseStatus.CLOSED: set(),
    CaseStatus.CANCELLED: set(),
}


@pytest.mark.parametrize("status", CaseStatus)
def test_moves(status: CaseStatus) -> None:
    """The customer's moves: cancel what is open, accept or reopen what is resolved; the rest is final."""
    for wanted in CaseStatus:
        broken = rules.change_violations(case(status=status), CaseChange(status=wanted))
        final = status in ("closed", "cancelled")
        assert (not broken) == (wanted in MOVES[status] or (wanted == status and not final))
    assert bool(rules.reply_violations(case(status=status))) == (status in ("closed", "cancelled"))
    after = {CaseStatus.PENDING_CUSTOMER: CaseStatus.IN_PROGRESS, CaseStatus.RESOLVED: CaseStatus.IN_PROGRESS}
    assert rules.MOVES_BY_MESSAGE.get(status, status) == after.get(status, status)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"priority": "P5"}, []),
        ({"priority": None}, ["priority"]),
        ({"priority": "P6"}, ["priority"]),
        ({"customer_reference": None}, []),
        ({"customer_reference": "x" * 256}, ["customer_reference"]),
        ({"start_of_incident": None}, ["start_of_incident"]),
        ({"end_of_incident": NOON - HOUR}, ["end_of_incident"]),
        ({"start_of_incident": NOON + HOUR, "end_of_incident": NOON}, ["end_of_incident"]),
        ({"end_of_incident": None}, []),
        (
            {"priority": "P6", "status": CaseStatus.CLOSED, "end_of_incident": NOON - HOUR},
            ["priority", "end_of_incident", "status"],
        ),
    ],
)
def test_changes(change: dict[str, Any], expected: list[str]) -> None:
    """Every rule that a change breaks is told."""
    assert fields(rules.change_violations(case(), CaseChange(**change))) == expected


def test_a_stored_end_counts_when_the_start_moves() -> None:
    """Moving the start behind the end that is stored is wrong, too."""
    assert fields(rules.change_violations(case(end_of_incident=NOON), CaseChange(start_of_incident=NOON + HOUR))) == [
        "end_of_incident"
    ]
    assert CaseChange().status is UNSET


# use cases ----------------------------------------------------------------------------------------------------------------


async def a_service(house: House, status: str = "ready") -> str:
    page = await connectivity.list_services(
        house.reading(house.customer), Compare("status", Operator.EQUAL, status), (), Window(0, 1)
    )
    return page.items[0].reference


async def opened(house: House, **changes: Any) -> Case:
    async with house.writing(house.customer) as work:
        return await support.open_case(work, draft(**{"service_reference": await a_service(house), **changes}))


async def test_opening_a_case_leaves_its_traces(house: House) -> None:
    """A case comes with its first message, its events, an audit entry and the collection sizes, in one transaction."""
    before = await house.sql(
        "SELECT sum(size) FROM collection_sizes WHERE tenant_id = $1 AND customer_id = $2 AND collection = 'cases'",
        house.customer.customer_id,
    )
    made = await opened(house, message="First.")
    assert (made.status, made.priority, made.version, made.created_at) == ("new", "P4", 1, made.modified_at)
    assert made.created_at.microsecond == 0
    found = await support.find_case(house.reading(house.customer), made.reference)
    assert found == made
    messages = await support.list_messages(house.reading(house.customer), made, EVERYTHING, (), Window(0, 10))
    assert [(m.body, m.type, m.sent_by) for m in messages.items] == [("First.", MessageType.CUSTOMER, "Tester")]
    events = await house.sql(
        "SELECT type FROM events WHERE tenant_id = $1 AND subject_reference = ANY ($2)",
        [made.reference, messages.items[0].reference],
    )
    assert sorted(row[0] for row in events) == ["case.opened", "case_message.added"]
    audit = await house.sql(
        "SELECT actor_id, outcome FROM audit_entries WHERE tenant_id = $1 AND subject_reference = $2", made.reference
    )
    assert [tuple(row) for row in audit] == [("tester", 200)]
    after = await house.sql(
        "SELECT sum(size) FROM collection_sizes WHERE tenant_id = $1 AND customer_id = $2 AND collection = 'cases'",
        house.customer.customer_id,
    )
    assert after[0][0] == before[0][0] + 1


async def test_opening_is_refused_with_every_reason(house: House) -> None:
    """What the dialect found, the broken rules and the service's fault come together; nothing is stored."""
    count = await house.sql("SELECT count(*) FROM cases WHERE tenant_id = $1")
    theirs = (await connectivity.list_services(house.reading(house.other), EVERYTHING, (), Window(0, 1))).items[0].reference
    for reference, text in (
        ("SVC-1", "SVC-1 was not found"),
        (theirs, f"{theirs} was not found"),
        (await a_service(house, "ceased"), "the service is ceased; no cases can be opened on it"),
    ):
        with pytest.raises(Invalid) as refused:
            async with house.writing(house.customer) as work:
                await support.open_case(
                    work, draft(service_reference=reference, priority="P1"), [Violation("status", "is ours")]
                )
        assert [v.field for v in refused.value.violations] == ["status", "priority", "service_reference"]
        assert refused.value.violations[2].text() == text
        assert await support.draft_violations(house.reading(house.customer), draft(service_reference=reference))
    assert await house.sql("SELECT count(*) FROM cases WHERE tenant_id = $1") == count


async def test_changing_and_answering(house: House) -> None:
    """Each change raises the version and moves the modified date; a stale version is refused."""
    made = await opened(house)
    async with house.writing(house.customer) as work:
        changed = await support.change_case(work, made.reference, CaseChange(customer_reference="A"), expected_version=1)
    assert (changed.version, changed.customer_reference) == (2, "A")
    with pytest.raises(Stale):
        async with house.writing(house.customer) as work:
            await support.change_case(work, made.reference, CaseChange(customer_reference="B"), expected_version=1)
    async with house.writing(house.customer) as work:
        assert await support.change_case(work, made.reference, CaseChange(customer_reference="A")) == changed
        assert not work.recorded
    async with house.writing(house.customer) as work:
        reply = await support.reply(work, made.reference, "More.", "someone")
    assert (reply.type, reply.sent_by, reply.case_reference) == (MessageType.CUSTOMER, "someone", made.reference)
    async with house.writing(house.customer) as work:
        cancelled = await support.change_case(work, made.reference, CaseChange(status=CaseStatus.CANCELLED))
    assert cancelled.version == 4
    with pytest.raises(Invalid):
        async with house.writing(house.customer) as work:
            await support.reply(work, made.reference, "Too late.")
    assert fields(await support.reply_violations(house.reading(house.customer), made.reference)) == ["message"]
    assert fields(
        await support.change_violations(house.reading(house.customer), made.reference, CaseChange(priority="P1"))
    ) == ["priority", "status"]
    events = await house.sql(
        "SELECT type FROM events WHERE tenant_id = $1 AND subject_reference = $2 ORDER BY sequence", made.reference
    )
    assert [row[0] for row in events] == ["case.opened", "case.changed", "case.replied", "case.cancelled"]


async def test_a_closed_case_knows_when(house: House) -> None:
    """Closing keeps the instant of resolution; reopening forgets it."""
    for wanted in (CaseStatus.CLOSED, CaseStatus.IN_PROGRESS):
        made = await opened(house)
        await house.sql(
            "UPDATE cases SET status = 'resolved', resolved_at = modified_at WHERE tenant_id = $1 AND id = $2", made.id
        )
        async with house.writing(house.customer) as work:
            moved = await support.change_case(work, made.reference, CaseChange(status=wanted))
        assert (moved.resolved_at is not None, moved.closed_at is not None) == (
            (True, True) if wanted == "closed" else (False, False)
        )


async def test_closing_what_stays_resolved(house: House) -> None:
    """Five days after resolution a case closes; one that is a second younger stays; nothing closes twice."""
    await house.sql("UPDATE cases SET resolved_at = now() WHERE tenant_id = $1 AND status = 'resolved'")
    async with house.writing(None, frozenset({"*"})) as work:
        now = work.now
        due, young = await opened(house), await opened(house)
        for each, age in ((due, rules.CLOSES_AFTER + timedelta(seconds=1)), (young, rules.CLOSES_AFTER - timedelta(seconds=1))):
            await house.sql(
                "UPDATE cases SET status = 'resolved', resolved_at = $3 WHERE tenant_id = $1 AND id = $2", each.id, now - age
            )
        assert await support.close_resolved(work) == 1
        assert await support.close_resolved(work) == 0
    closed = await support.find_case(house.reading(house.customer), due.reference)
    assert (closed.status, closed.closed_at, closed.modified_at) == ("closed", now, now)
    assert (await support.find_case(house.reading(house.customer), young.reference)).status == "resolved"
    messages = await support.list_messages(
        house.reading(house.customer), closed, EVERYTHING, (SortKey("created_at"),), Window(0, 10)
    )
    assert messages.items[-1].type == MessageType.SYSTEM


async def test_nobody_reaches_another_s_cases(house: House) -> None:
    """Another customer's case cannot be found, changed or answered; without the permission nothing can."""
    made = await opened(house)
    with pytest.raises(NotFound):
        await support.find_case(house.reading(house.other), made.reference)
    for use in (
        lambda work: support.change_case(work, made.reference, CaseChange(priority="P5")),
        lambda work: support.reply(work, made.reference, "x"),
    ):
        with pytest.raises(NotFound):
            async with house.writing(house.other) as work:
                await use(work)
        with pytest.raises(Forbidden):
            async with house.writing(house.customer, ALL - {"cases.write"}) as work:
                await use(work)
    for read in (
        support.find_case(house.reading(house.customer, frozenset()), made.reference),
        support.list_cases(house.reading(house.customer, frozenset()), EVERYTHING, (), Window(0, 1)),
    ):
        with pytest.raises(Forbidden):
            await read
    assert await support.find_case(house.reading(house.customer), made.reference) == made


async def test_a_branch_sees_its_own_cases(house: House) -> None:
    """A credential of a branch opens and sees cases of its branch only."""
    ready = [service for service in house.built.services if service.status == "ready"]
    outside = next(service for service in ready if service.site.account.id == house.customer.account_id)
    inside = next(
        s for s in ready if s.site.account.parent is not None and s.site.account.parent.id == house.customer.account_id
    )
    branch = inside.site.account
    reach = Reach(branch.id, house.customer.customer_id, branch.path)
    async with house.writing(reach) as work:
        made = await support.open_case(work, draft(service_reference=inside.reference))
    assert made.account_id == branch.id
    with pytest.raises(Invalid):
        async with house.writing(reach) as work:
            await support.open_case(work, draft(service_reference=outside.reference))
    page = await support.list_cases(house.reading(reach), EVERYTHING, (), Window(0, 200))
    below = {account.id for account in house.built.accounts if account.path.startswith(branch.path)}
    assert made.id in {item.id for item in page.items}
    assert {item.account_id for item in page.items} <= below
