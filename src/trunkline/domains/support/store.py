"""Every SQL statement of the support domain that is not a list."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from trunkline.domains.support.fields import CASES
from trunkline.domains.support.model import Case, CaseDraft, CaseMessage, CaseStatus, CaseType, MessageType, Priority
from trunkline.domains.support.rules import SERVICE_ALLOWS_CASES
from trunkline.kit.ids import new_id
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

# In one statement: find the service within the caller's reach, store case and first message; the database gives the references.
# Without a row there is no such service for the caller, or none that takes cases.
INSERT_CASE = Statement(f"""
    WITH v AS (
        SELECT v.id, v.account_id, v.customer_id, v.site_id, v.reference, a.reference AS account_reference, s.reference AS site_reference
          FROM services v
          JOIN accounts a ON a.tenant_id = v.tenant_id AND a.id = v.account_id
          JOIN sites s ON s.tenant_id = v.tenant_id AND s.id = v.site_id
         WHERE v.tenant_id = $1 AND v.reference = $2 AND v.status IN ({", ".join(f"'{status}'" for status in SERVICE_ALLOWS_CASES)})
           AND ($3::uuid IS NULL OR v.customer_id = $3) AND ($4::text IS NULL OR (a.path >= $4 AND a.path < $5))
    ), c AS (
        INSERT INTO cases (tenant_id, id, reference, account_id, customer_id, site_id, service_id, type, subject, priority, status,
                           origin, customer_reference, start_of_incident, end_of_incident, created_at, modified_at)
        SELECT $1, $6, 'CAS-' || nextval('case_references'), account_id, customer_id, site_id, id, $7, $8, $9, 'new',
               $10, $11, $12, $13, $14, $14
          FROM v
        RETURNING reference
    ), m AS (
        INSERT INTO case_messages (tenant_id, id, reference, case_id, customer_id, type, body, sent_by, created_at)
        SELECT $1, $15, 'MSG-' || nextval('case_message_references'), $6, customer_id, $16, $17, $18, $14 FROM v
        RETURNING reference
    )
    SELECT c.reference, m.reference, v.id, v.account_id, v.customer_id, v.site_id, v.reference, v.account_reference, v.site_reference
      FROM c, m, v
""")

LOCK_CASE = Statement(
    f"SELECT {', '.join(CASES.columns)} FROM {CASES.source} WHERE c.tenant_id = $1 AND c.id = $2 FOR UPDATE OF c"
)

UPDATE_CASE = Statement("""
    UPDATE cases SET priority = $3::text, status = $4::text, customer_reference = $5, start_of_incident = $6, end_of_incident = $7,
                     resolved_at = $8, closed_at = $9, modified_at = $10, version = $11
     WHERE tenant_id = $1 AND id = $2
""")

INSERT_MESSAGE = Statement("""
    INSERT INTO case_messages (tenant_id, id, reference, case_id, customer_id, type, body, sent_by, created_at)
    VALUES ($1, $2, 'MSG-' || nextval('case_message_references'), $3, $4, $5::text, $6, $7, $8)
    RETURNING reference
""")

RESOLVED_BEFORE = Statement("""
    SELECT id FROM cases WHERE tenant_id = $1 AND status = 'resolved' AND resolved_at < $2
     ORDER BY resolved_at LIMIT $3 FOR UPDATE SKIP LOCKED
""")


async def insert_case(
    work: Work, type_: CaseType, subject: str, priority: Priority, message: str, draft: CaseDraft, sent_by: str
) -> tuple[Case, CaseMessage] | None:
    """Store the case and its first message; the optional fields come from `draft`. `None` when its service takes no case of the caller."""
    case_id, message_id = new_id(), new_id()
    reach = work.principal.reach
    branch = (reach.path, reach.path_end) if reach and reach.path else (None, None)
    rows = await work.write(
        INSERT_CASE, draft.service_reference, reach and reach.customer_id, *branch, case_id, type_, subject, priority, draft.origin,
        draft.customer_reference, draft.start_of_incident, draft.end_of_incident, work.now, message_id, MessageType.CUSTOMER, message,
        sent_by,
    )  # fmt: skip
    if not rows:
        return None
    reference, message_reference, service_id, account_id, customer_id, site_id, service, account, site = rows[0]
    case = Case(
        id=case_id, reference=reference, version=1, account_id=account_id, customer_id=customer_id, site_id=site_id,
        service_id=service_id, account_reference=account, site_reference=site, service_reference=service, subject=subject, type=type_,
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
