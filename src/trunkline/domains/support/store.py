"""Every SQL statement of the support domain that is not a list."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from trunkline.domains.connectivity.service import Service
from trunkline.domains.support.fields import CASES
from trunkline.domains.support.model import Case, CaseDraft, CaseMessage, CaseStatus, CaseType, MessageType, Priority
from trunkline.kit.ids import new_id
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

# Case and first message in one statement; the database gives the references.
INSERT_CASE = Statement("""
    WITH c AS (
        INSERT INTO cases (tenant_id, id, reference, account_id, customer_id, site_id, service_id, type, subject, priority, status,
                           origin, customer_reference, start_of_incident, end_of_incident, created_at, modified_at)
        VALUES ($1, $2, 'CAS-' || nextval('case_references'), $3, $4, $5, $6, $7, $8, $9, 'new', $10, $11, $12, $13, $14, $14)
        RETURNING reference
    ), m AS (
        INSERT INTO case_messages (tenant_id, id, reference, case_id, customer_id, type, body, sent_by, created_at)
        VALUES ($1, $15, 'MSG-' || nextval('case_message_references'), $2, $4, $16, $17, $18, $14)
        RETURNING reference
    )
    SELECT c.reference, m.reference FROM c, m
""")

LOCK_CASE = Statement(
    f"SELECT {', '.join(CASES.columns)} FROM {CASES.source} WHERE c.tenant_id = $1 AND c.id = $2 FOR UPDATE OF c"
)

UPDATE_CASE = Statement("""
    UPDATE cases SET priority = $3, status = $4, customer_reference = $5, start_of_incident = $6, end_of_incident = $7,
                     resolved_at = $8, closed_at = $9, modified_at = $10, version = $11
     WHERE tenant_id = $1 AND id = $2
""")

INSERT_MESSAGE = Statement("""
    INSERT INTO case_messages (tenant_id, id, reference, case_id, customer_id, type, body, sent_by, created_at)
    VALUES ($1, $2, 'MSG-' || nextval('case_message_references'), $3, $4, $5, $6, $7, $8)
    RETURNING reference
""")

RESOLVED_BEFORE = Statement("""
    SELECT id FROM cases WHERE tenant_id = $1 AND status = 'resolved' AND resolved_at < $2
     ORDER BY resolved_at LIMIT $3 FOR UPDATE SKIP LOCKED
""")


async def insert_case(
    work: Work,
    type_: CaseType,
    subject: str,
    priority: Priority,
    message: str,
    draft: CaseDraft,
    service: Service,
    sent_by: str,
) -> tuple[Case, CaseMessage]:
    """Store the case and its first message; the optional fields come from `draft`."""
    case_id, message_id = new_id(), new_id()
    rows = await work.write(
        INSERT_CASE, case_id, service.account_id, service.customer_id, service.site_id, service.id, type_, subject, priority,
        draft.origin, draft.customer_reference, draft.start_of_incident, draft.end_of_incident, work.now, message_id,
        MessageType.CUSTOMER, message, sent_by,
    )  # fmt: skip
    reference, message_reference = rows[0]
    case = Case(
        id=case_id, reference=reference, version=1, account_id=service.account_id, customer_id=service.customer_id,
        site_id=service.site_id, service_id=service.id, account_reference=service.account_reference,
        site_reference=service.site_reference, service_reference=service.reference, subject=subject, type=type_,
        priority=priority, status=CaseStatus.NEW, origin=draft.origin, customer_reference=draft.customer_reference,
        start_of_incident=draft.start_of_incident, end_of_incident=draft.end_of_incident, resolved_at=None, closed_at=None,
        created_at=work.now, modified_at=work.now,
    )  # fmt: skip
    return case, _message(case, message_id, message_reference, MessageType.CUSTOMER, message, sent_by, work.now)


async def lock_case(work: Work, case: Case) -> Case:
    """The case as it is now, locked until the transaction ends."""
    rows = await work.write(LOCK_CASE, case.id)
    return Case(*rows[0])


async def update_case(work: Work, case: Case) -> None:
    """Write every changeable field of `case`."""
    await work.write(
        UPDATE_CASE, case.id, case.priority, case.status, case.customer_reference, case.start_of_incident, case.end_of_incident,
        case.resolved_at, case.closed_at, case.modified_at, case.version,
    )  # fmt: skip


async def insert_message(work: Work, case: Case, type_: MessageType, body: str, sent_by: str) -> CaseMessage:
    """Add a message to a case."""
    id_ = new_id()
    rows = await work.write(INSERT_MESSAGE, id_, case.id, case.customer_id, type_, body, sent_by, work.now)
    return _message(case, id_, rows[0][0], type_, body, sent_by, work.now)


async def lock_resolved_before(work: Work, instant: datetime, limit: int) -> Sequence[Case]:
    """Cases that were resolved before `instant`, locked; those that somebody else holds are left out."""
    ids = await work.write(RESOLVED_BEFORE, instant, limit)
    return [Case(*(await work.write(LOCK_CASE, row[0]))[0]) for row in ids]


def _message(case: Case, id_: UUID, reference: str, type_: MessageType, body: str, sent_by: str, at: datetime) -> CaseMessage:
    return CaseMessage(
        id=id_, reference=reference, version=1, case_id=case.id, account_id=case.account_id, customer_id=case.customer_id,
        case_reference=case.reference, type=type_, body=body, sent_by=sent_by, created_at=at,
    )  # fmt: skip
