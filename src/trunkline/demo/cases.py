"""Support cases: every status, subject and origin for the named customers, each with the conversation that led there."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from trunkline.demo.conversations import CASE_REFERENCES
from trunkline.demo.draw import Draw
from trunkline.demo.messages import Message, converse
from trunkline.demo.services import Service

COLUMNS = (
    "id", "reference", "account_id", "customer_id", "site_id", "service_id", "type", "subject", "priority", "status",
    "origin", "customer_reference", "start_of_incident", "end_of_incident", "resolved_at", "closed_at", "version",
    "created_at", "modified_at",
)  # fmt: skip

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AUTO_CLOSE = 5 * DAY

# The matrix of types, subjects and priorities, with the default priority: reference/expereo.md, section 4.1.
DEFAULT_PRIORITY = {"ServiceDown": "P1", "ServiceIntermittent": "P2", "ServiceDegradation": "P3", "RfoRequest": "P4"}
PRIORITIES = {"incident": ("P1", "P2", "P3", "P4", "P5"), "request": ("P3", "P4", "P5")}

# How often each comes: a deck is dealt in another order each time, so everything comes round.
SUBJECTS = (
    *("ServiceDown",) * 6, *("ServiceIntermittent",) * 4, *("ServiceDegradation",) * 5, *("RfoRequest",) * 2,
    *("ActivationSupport",) * 2, *("ChangeRequest",) * 3, "EngineerDispatch", *("InformationRequest",) * 2, "Other",
    "SoftwareUpdate", "UtilizationReport",
)  # fmt: skip
ORIGINS = (*("api",) * 7, *("portal",) * 5, *("email",) * 4, *("phone",) * 2, *("monitoring",) * 3)
WATCHED = ("ServiceDown", "ServiceIntermittent", "ServiceDegradation")

# How many cases of a customer are not closed; the rest is.
NAMED_CASES, OTHER_CASES = 120, 12
NAMED_STATUSES = {"new": 6, "in_progress": 9, "pending_customer": 7, "pending_supplier": 7, "resolved": 8, "cancelled": 8}
OTHER_STATUSES = {"new": 1, "in_progress": 1, "pending_customer": 1, "pending_supplier": 1, "resolved": 1, "cancelled": 1}

# How old a case of each open status is, and how long it takes from opening to resolution.
AGE = {
    "new": (6 * MINUTE, 20 * HOUR),
    "in_progress": (2 * HOUR, 6 * DAY),
    "pending_customer": (5 * HOUR, 12 * DAY),
    "pending_supplier": (4 * HOUR, 10 * DAY),
}
DURATION = {
    "P1": (HOUR, 9 * HOUR),
    "P2": (3 * HOUR, 24 * HOUR),
    "P3": (6 * HOUR, 3 * DAY),
    "P4": (DAY, 6 * DAY),
    "P5": (2 * DAY, 12 * DAY),
}
# A finished case began at least so long ago: the longest duration, the days until it closes by itself, and a margin.
LONGEST = 20 * DAY


@dataclass(frozen=True, slots=True)
class CaseService:
    """What a case has to know of the service it is about; `domain` is that of the customer's mail addresses."""

    id: UUID
    account_id: UUID
    customer_id: UUID
    site_id: UUID
    name: str
    site_name: str
    domain: str
    ready_for_service_date: date | None


@dataclass(slots=True)
class Case:
    """A case on its way into the database, with its messages in order."""

    id: UUID
    service: CaseService
    account_id: UUID
    customer_id: UUID
    site_id: UUID
    service_id: UUID
    type: str
    subject: str
    priority: str
    status: str
    origin: str
    customer_reference: str | None
    created_at: datetime
    start_of_incident: datetime | None = None
    end_of_incident: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    modified_at: datetime = field(init=False)
    version: int = 1
    reference: str = ""
    messages: list[Message] = field(default_factory=list)


class CaseMaker:
    """Deals subjects and origins and makes cases of them."""

    def __init__(self, draw: Draw, now: datetime) -> None:
        self.draw, self.now = draw, now
        self._subjects: list[str] = []
        self._origins: list[str] = []

    def make(self, services: dict[str, list[CaseService]], status: str) -> Case:
        """One case of that status on one of the customer's `services` (by their status, some must be ready)."""
        draw = self.draw
        subject = self._next(self._subjects, SUBJECTS)
        service = draw.one(services.get(_status_of_service(subject, status)) or services["ready"])
        type_ = "incident" if subject in DEFAULT_PRIORITY else "request"
        priority = DEFAULT_PRIORITY.get(subject, "P4") if draw.happens(0.7) else draw.one(PRIORITIES[type_])
        origin = self._next(self._origins, ORIGINS)
        if origin == "monitoring" and subject not in WATCHED:
            origin = "portal"
        created_at, resolved_at = self._times(service, status, subject, priority)
        case = Case(
            id=draw.id(created_at),
            service=service,
            account_id=service.account_id,
            customer_id=service.customer_id,
            site_id=service.site_id,
            service_id=service.id,
            type=type_,
            subject=subject,
            priority=priority,
            status=status,
            origin=origin,
            customer_reference=draw.pattern(draw.one(CASE_REFERENCES)) if draw.happens(0.5) else None,
            created_at=created_at,
            resolved_at=resolved_at,
        )
        self._incident(case)
        converse(draw, self.now, case)
        return case

    def _next(self, dealt: list[str], deck: tuple[str, ...]) -> str:
        if not dealt:
            dealt.extend(self.draw.shuffled(deck))
        return dealt.pop()

    def _times(self, service: CaseService, status: str, subject: str, priority: str) -> tuple[datetime, datetime | None]:
        """When the case was opened, and when it was resolved (for a cancelled one: given up)."""
        draw, now = self.draw, self.now
        if status in AGE:
            shortest, longest = AGE[status]
            return draw.between(now - longest, now - shortest), None
        shortest, longest = DURATION[priority]
        if status == "resolved":
            resolved_at = draw.between(now - timedelta(days=3, hours=12), now - 20 * MINUTE)
            return draw.between(resolved_at - longest, resolved_at - shortest), resolved_at
        ready_on = service.ready_for_service_date
        assert ready_on is not None  # finished cases stand on ready services
        ready_at = datetime.combine(ready_on, now.timetz()) + DAY
        if subject == "ActivationSupport":
            created_at = min(draw.between(ready_at - 6 * DAY, ready_at), now - LONGEST)
        else:
            created_at = draw.between(max(ready_at, now - timedelta(days=540)), now - LONGEST)
        return created_at, draw.between(created_at + shortest, created_at + longest)

    def _incident(self, case: Case) -> None:
        """The times of the incident: open ones have no end, a reason is asked for after the end."""
        if case.type != "incident":
            return
        draw = self.draw
        if case.subject == "RfoRequest":
            case.start_of_incident = draw.between(case.created_at - 5 * DAY, case.created_at - DAY)
            case.end_of_incident = draw.after(case.start_of_incident, 20 * MINUTE, 7 * HOUR)
            return
        case.start_of_incident = draw.after(case.created_at, -50 * MINUTE, -4 * MINUTE)
        if case.resolved_at is not None:
            case.end_of_incident = draw.between(case.created_at + 20 * MINUTE, case.resolved_at - 15 * MINUTE)


def _status_of_service(subject: str, status: str) -> str:
    """Activation help that still goes on is for lines that are being built; all else is for lines in use."""
    return "in_progress" if subject == "ActivationSupport" and status in AGE else "ready"


def _case_service(service: Service) -> CaseService:
    return CaseService(
        id=service.id,
        account_id=service.account_id,
        customer_id=service.customer_id,
        site_id=service.site_id,
        name=service.name,
        site_name=service.site.name,
        domain=service.site.account.company.domain,
        ready_for_service_date=service.ready_for_service_date,
    )


def make_cases(draw: Draw, now: datetime, services: list[Service]) -> list[Case]:
    """The cases of all customers, those of the first two in greater number and variety."""
    by_customer: dict[UUID, dict[str, list[CaseService]]] = {}
    for service in services:
        by_customer.setdefault(service.customer_id, {}).setdefault(service.status, []).append(_case_service(service))
    maker = CaseMaker(draw, now)
    cases: list[Case] = []
    for position, own in enumerate(by_customer.values()):
        count, statuses = (NAMED_CASES, NAMED_STATUSES) if position < 2 else (OTHER_CASES, OTHER_STATUSES)
        wanted = [status for status, times in statuses.items() for _ in range(times)]
        wanted += ["closed"] * (count - len(wanted))
        cases.extend(maker.make(own, status) for status in draw.shuffled(wanted))
    return cases
