"""The rules of cases: matrix, life cycle, incident dates. Pure; sources: reference/expereo.md §3.3, §4.1, §4.2, §10.4."""

from dataclasses import dataclass
from datetime import timedelta

from msgspec import UNSET

from trunkline.domains.connectivity.service import ServiceStatus
from trunkline.domains.support.model import Case, CaseChange, CaseDraft, CaseStatus, CaseType, Priority
from trunkline.kit.errors import Violation

MESSAGE_LENGTH = 32_000
TEXT_LENGTH = 255
SHOWN = 80  # characters of a wrong value that an error text repeats
CLOSES_AFTER = timedelta(days=5)  # a resolved case that nobody touches closes by itself (TRUNKLINE_CASE_CLOSES_AFTER_DAYS)


@dataclass(frozen=True, slots=True)
class Matrix:
    """What a case type allows. `defaults` gives the priority of a subject when the caller names none."""

    priorities: tuple[str, ...]
    subjects: tuple[str, ...]
    default: Priority
    defaults: dict[str, Priority]


CASE_MATRIX: dict[CaseType, Matrix] = {
    CaseType.INCIDENT: Matrix(
        priorities=("P1", "P2", "P3", "P4", "P5"),
        subjects=("RfoRequest", "ServiceDegradation", "ServiceIntermittent", "ServiceDown"),
        default=Priority.P3,
        defaults={
            "ServiceDown": Priority.P1,
            "ServiceIntermittent": Priority.P2,
            "ServiceDegradation": Priority.P3,
            "RfoRequest": Priority.P4,
        },
    ),
    CaseType.REQUEST: Matrix(
        priorities=("P3", "P4", "P5"),
        subjects=(
            "ActivationSupport", "ChangeRequest", "EngineerDispatch", "InformationRequest", "Other", "SoftwareUpdate",
            "UtilizationReport",
        ),
        default=Priority.P4,
        defaults={},
    ),
}  # fmt: skip

OPEN = frozenset({CaseStatus.NEW, CaseStatus.IN_PROGRESS, CaseStatus.PENDING_CUSTOMER, CaseStatus.PENDING_SUPPLIER})
FINAL = frozenset({CaseStatus.CLOSED, CaseStatus.CANCELLED})

# The moves that a customer may make by changing the status.
CUSTOMER_MOVES: dict[CaseStatus, frozenset[CaseStatus]] = {
    **dict.fromkeys(OPEN, frozenset({CaseStatus.CANCELLED})),
    CaseStatus.RESOLVED: frozenset({CaseStatus.CLOSED, CaseStatus.IN_PROGRESS}),
    CaseStatus.CLOSED: frozenset(),
    CaseStatus.CANCELLED: frozenset(),
}

# What a customer's message does to the status; a status that is not here stays.
MOVES_BY_MESSAGE: dict[CaseStatus, CaseStatus] = {
    CaseStatus.PENDING_CUSTOMER: CaseStatus.IN_PROGRESS,
    CaseStatus.RESOLVED: CaseStatus.IN_PROGRESS,
}

SERVICE_ALLOWS_CASES = (ServiceStatus.IN_PROGRESS, ServiceStatus.READY)


def violations(draft: CaseDraft) -> list[Violation]:
    """Every rule that `draft` breaks by itself, in field order; an empty list means it may be stored (if its service allows it)."""
    broken: list[Violation] = []
    if draft.type is not None:
        matrix = CASE_MATRIX[draft.type]
        if draft.subject is not None and draft.subject not in matrix.subjects:
            values = {"subject": repr(draft.subject[:SHOWN]), "type": draft.type, "allowed": _one_of(matrix.subjects)}
            broken.append(Violation("subject", "{subject} is not allowed for type {type}; use {allowed}", values))
        broken += priority_violations(draft.type, draft.priority)
    if draft.message is not None:
        broken += message_violations(draft.message, draft.sent_by)
    broken += _reference_violations(draft.customer_reference)
    broken += _incident_violations(draft)
    return broken


def priority_violations(type_: CaseType, priority: str | None) -> list[Violation]:
    """Whether a case of this type may have this priority."""
    allowed = CASE_MATRIX[type_].priorities
    if priority is None or priority in allowed:
        return []
    values = {"priority": priority[:SHOWN] or "''", "type": type_, "allowed": _one_of(allowed)}
    return [Violation("priority", "{priority} is not allowed for type {type}; use {allowed}", values)]


def priority_of(type_: CaseType, subject: str, priority: str | None) -> Priority:
    """The priority that was asked for, or the subject's default."""
    matrix = CASE_MATRIX[type_]
    return Priority(priority) if priority else matrix.defaults.get(subject, matrix.default)


def message_violations(message: str, sent_by: str | None) -> list[Violation]:
    """Whether a message may be stored."""
    broken = []
    if not 1 <= len(message) <= MESSAGE_LENGTH:
        broken.append(Violation("message", f"must have 1 to {MESSAGE_LENGTH} characters, not {len(message)}"))
    if sent_by is not None and len(sent_by) > TEXT_LENGTH:
        broken.append(Violation("sent_by", f"must have at most {TEXT_LENGTH} characters, not {len(sent_by)}"))
    return broken


def _reference_violations(reference: str | None) -> list[Violation]:
    if reference is not None and len(reference) > TEXT_LENGTH:
        return [Violation("customer_reference", f"must have at most {TEXT_LENGTH} characters, not {len(reference)}")]
    return []


def _incident_violations(draft: CaseDraft) -> list[Violation]:
    broken = []
    if draft.type is CaseType.INCIDENT:
        if draft.start_of_incident is None:
            broken.append(Violation("start_of_incident", "is required for type {type}", {"type": draft.type}))
        if not draft.end_given:
            message = "must be given for type {type}; null when the incident goes on"
            broken.append(Violation("end_of_incident", message, {"type": draft.type}))
    if draft.start_of_incident and draft.end_of_incident and draft.end_of_incident < draft.start_of_incident:
        broken.append(Violation("end_of_incident", "must not be before the start of the incident"))
    return broken


def change_violations(case: Case, change: CaseChange) -> list[Violation]:
    """Every rule that a customer's `change` of `case` breaks."""
    broken: list[Violation] = []
    if change.priority is None:
        broken.append(Violation("priority", "must not be null"))
    elif change.priority is not UNSET:
        broken += priority_violations(case.type, change.priority)
    if change.customer_reference is not UNSET:
        broken += _reference_violations(change.customer_reference)
    start = case.start_of_incident if change.start_of_incident is UNSET else change.start_of_incident
    end = case.end_of_incident if change.end_of_incident is UNSET else change.end_of_incident
    if case.type == CaseType.INCIDENT and start is None:
        broken.append(Violation("start_of_incident", "is required for type {type}", {"type": case.type}))
    if start is not None and end is not None and end < start:
        broken.append(Violation("end_of_incident", "must not be before the start of the incident"))
    if case.status in FINAL:
        broken.append(Violation("status", "the case is {status}, which is final", {"status": case.status}))
    elif change.status is not UNSET and change.status != case.status and change.status not in CUSTOMER_MOVES[case.status]:
        values = {"status": case.status, "wanted": change.status}
        broken.append(Violation("status", "cannot go from {status} to {wanted}", values))
    return broken


def reply_violations(case: Case) -> list[Violation]:
    """Whether the case takes a message."""
    if case.status in FINAL:
        return [Violation("message", "the case is {status} and takes no more messages", {"status": case.status})]
    return []


def _one_of(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
