"""Cases and their messages."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trunkline.dialects.clients import SUPPORT_READ, SUPPORT_WRITE
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import (
    INCIDENT_SUBJECTS,
    SUBJECTS,
    CaseDocument,
    CaseMessageDocument,
    One,
    ReadOnly,
    one_answer,
    owned,
    told,
)
from trunkline.domains.support import service as support
from trunkline.domains.support.service import Case, CaseChange, CaseDraft, CaseStatus, CaseType
from trunkline.kit.clock import whole_seconds
from trunkline.kit.errors import Stale, Violation
from trunkline.kit.http.answer import JSON, Answer, etag_matches, etag_of
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request
from trunkline.kit.instants import parse_instant
from trunkline.kit.query import SortKey

routes = Operations("Cases", prefix="/v2")

READ = (SUPPORT_READ, SUPPORT_WRITE)
WRITE = (SUPPORT_WRITE,)
MERGE_PATCH = "application/merge-patch+json"

CASE_NAMES = Names(
    support.CASES,
    {
        "CaseId": "reference",
        "Subject": "subject",
        "Type": ("type", words.CASE_TYPE),
        "Priority": ("priority", words.PRIORITY),
        "Status": ("status", words.CASE_STATUS),
        "Origin": ("origin", words.CASE_ORIGIN),
        "CreatedDate": "created_at",
        "LastModifiedDate": "modified_at",
        "CustomerReference": "customer_reference",
        "StartOfIncident": "start_of_incident",
        "EndOfIncident": "end_of_incident",
        "AccountId": "account_reference",
        "SiteId": "site_reference",
        "ServiceId": "service_reference",
        "ResolvedDate": "resolved_at",
        "ClosedDate": "closed_at",
    },
).with_aliases("Type", words.CASE_TYPE_ALIASES)

MESSAGE_NAMES = Names(
    support.CASE_MESSAGES,
    {
        "MessageId": "reference",
        "CaseId": "case_reference",
        "Message": "body",
        "Type": ("type", words.MESSAGE_TYPE),
        "Timestamp": "created_at",
        "SentBy": "sent_by",
    },
)

NEWEST_FIRST = (SortKey("created_at", descending=True),)

Reference = Annotated[str, Meta(max_length=255, description="The customer's own reference.", examples=["NOC-7781"])]
Sender = Annotated[
    str, Meta(max_length=255, description="Who sends it; without it the API client's name.", examples=["noc@acme.example"])
]
Message = Annotated[str, Meta(min_length=1, max_length=32000, description="The text.", examples=["Line down since 06:10 UTC."])]
Moment = Annotated[str, told("ISO 8601 date-time; without an offset it is UTC.", "2026-03-02T06:10:00Z", format="date-time")]


class CreateCase(msgspec.Struct, rename="camel", kw_only=True):
    """A new case. For type Incident both incident dates must be present (the end may be null)."""

    type: Annotated[
        str,
        told(
            "Incident: something is broken; NonIncident (or its older names): any other request.",
            "Incident",
            enum=[*words.CASE_TYPE.values(), *words.CASE_TYPE_ALIASES],
        ),
    ]
    subject: Annotated[
        str, told(f"Incident: {', '.join(INCIDENT_SUBJECTS)}. NonIncident: the others.", "ServiceDown", enum=SUBJECTS)
    ]
    service_id: Annotated[str, told("The service that it is about; neither cancelled nor ceased.", "SVC-98000417")]
    message: Message
    priority: Annotated[
        str | None,
        told(
            "Incident: P1 to P5; NonIncident: P3 to P5. Without it the subject decides (ServiceDown: P1).",
            "P1",
            words=words.PRIORITY,
        ),
    ] = None
    start_of_incident: Moment | UnsetType | None = UNSET
    end_of_incident: Moment | UnsetType | None = UNSET
    customer_reference: Reference | None = None
    sent_by: Sender | None = None
    case_id: ReadOnly | UnsetType = UNSET
    status: ReadOnly | UnsetType = UNSET
    origin: ReadOnly | UnsetType = UNSET
    account_id: ReadOnly | UnsetType = UNSET
    site_id: ReadOnly | UnsetType = UNSET
    created_date: ReadOnly | UnsetType = UNSET
    last_modified_date: ReadOnly | UnsetType = UNSET
    resolved_date: ReadOnly | UnsetType = UNSET
    closed_date: ReadOnly | UnsetType = UNSET


class ChangeCase(msgspec.Struct, rename="camel", kw_only=True):
    """Changes to a case (JSON merge patch): what is left out stays, null clears. At least one change is needed."""

    customer_reference: Reference | UnsetType | None = UNSET
    priority: Annotated[str, told("P1 and P2 are for incidents.", "P2", words=words.PRIORITY)] | UnsetType = UNSET
    start_of_incident: Moment | UnsetType | None = UNSET
    end_of_incident: Moment | UnsetType | None = UNSET
    status: (
        Annotated[
            str, told("Cancelled (an open case), Closed or InProgress (a resolved one).", "Closed", words=words.CASE_STATUS)
        ]
        | UnsetType
    ) = UNSET
    type: ReadOnly | UnsetType = UNSET
    subject: ReadOnly | UnsetType = UNSET
    service_id: ReadOnly | UnsetType = UNSET
    case_id: ReadOnly | UnsetType = UNSET
    origin: ReadOnly | UnsetType = UNSET
    account_id: ReadOnly | UnsetType = UNSET
    site_id: ReadOnly | UnsetType = UNSET
    created_date: ReadOnly | UnsetType = UNSET
    last_modified_date: ReadOnly | UnsetType = UNSET
    resolved_date: ReadOnly | UnsetType = UNSET
    closed_date: ReadOnly | UnsetType = UNSET


class CreateCaseMessage(msgspec.Struct, rename="camel", kw_only=True):
    """A message to support."""

    message: Message
    sent_by: Sender | None = None
    message_id: ReadOnly | UnsetType = UNSET
    case_id: ReadOnly | UnsetType = UNSET
    type: ReadOnly | UnsetType = UNSET
    timestamp: ReadOnly | UnsetType = UNSET


CREATE_OWNED = (
    "case_id",
    "status",
    "origin",
    "account_id",
    "site_id",
    "created_date",
    "last_modified_date",
    "resolved_date",
    "closed_date",
)
CHANGE_OWNED = ("type", "subject", "service_id", *(name for name in CREATE_OWNED if name != "status"))
CASE_TYPES = {wire: CaseType(house) for house, wire in words.CASE_TYPE.items()} | {
    wire: CaseType(house) for wire, house in words.CASE_TYPE_ALIASES.items()
}
MESSAGE_OWNED = ("message_id", "case_id", "type", "timestamp")


@routes.get(
    "/cases",
    scopes=READ,
    returns=ListOf[CaseDocument],
    parameters=list_parameters(CASE_NAMES),
    examples=examples.CASES,
)
async def list_cases(request: Request) -> Answer:
    """List cases.

    Newest first. To poll for changes: `filter[LastModifiedDate][gte]=…&sort=LastModifiedDate`.
    """
    query = read_query(request, CASE_NAMES, NEWEST_FIRST)
    page = await support.list_cases(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, CaseDocument.of)


@routes.get("/cases/{caseId}", scopes=READ, returns=One[CaseDocument], errors=(404,), examples=examples.CASE)
async def get_case(request: Request) -> Answer:
    """Retrieve a case."""
    return _answer(request, await support.find_case(request.work, request.path_parameters["caseId"]))


async def review_case(request: Request, body: CreateCase) -> list[Violation]:
    """What else is wrong with a case of which some fields are missing or of the wrong type."""
    return await support.draft_violations(request.work, *_draft(body))


@routes.post(
    "/cases",
    scopes=WRITE,
    status=201,
    body=CreateCase,
    review=review_case,
    returns=One[CaseDocument],
    errors=(422,),
    examples=examples.NEW_CASE,
)
async def create_case(request: Request, body: CreateCase) -> Answer:
    """Create a case.

    The message becomes the case's first message. Send an `Idempotency-Key` to make retries safe.
    """
    draft, broken = _draft(body)
    return _answer(request, await support.open_case(request.work, draft, broken), 201)


async def review_change(request: Request, body: ChangeCase) -> list[Violation]:
    """What else is wrong with changes of which some are of the wrong type."""
    return await support.change_violations(request.work, request.path_parameters["caseId"], *_change(body))


@routes.patch(
    "/cases/{caseId}",
    scopes=WRITE,
    body=ChangeCase,
    review=review_change,
    consumes=(JSON, MERGE_PATCH),
    returns=One[CaseDocument],
    errors=(404, 412, 422),
    examples=examples.CASE_CHANGE,
)
async def update_case(request: Request, body: ChangeCase) -> Answer:
    """Update a case.

    With `If-Match` the update happens only if the case is still at that version.
    """
    change, broken = _change(body)
    if not broken and change == CaseChange():
        broken = [Violation("$", "has nothing to change")]
    expected = await _expected_version(request)
    case_id = request.path_parameters["caseId"]
    return _answer(request, await support.change_case(request.work, case_id, change, expected, broken))


@routes.get(
    "/cases/{caseId}/case-messages",
    scopes=READ,
    returns=ListOf[CaseMessageDocument],
    parameters=list_parameters(MESSAGE_NAMES),
    errors=(404,),
    examples=examples.CASE_MESSAGES,
)
async def list_case_messages(request: Request) -> Answer:
    """List a case's messages."""
    query = read_query(request, MESSAGE_NAMES)
    case = await support.find_case(request.work, request.path_parameters["caseId"])
    page = await support.list_messages(request.work, case, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, CaseMessageDocument.of)


async def review_message(request: Request, body: CreateCaseMessage) -> list[Violation]:
    """What else is wrong with a message of which some fields are missing or of the wrong type."""
    return await support.reply_violations(request.work, request.path_parameters["caseId"], owned(body, MESSAGE_OWNED))


@routes.post(
    "/cases/{caseId}/case-messages",
    scopes=WRITE,
    status=201,
    body=CreateCaseMessage,
    review=review_message,
    returns=One[CaseMessageDocument],
    errors=(404, 422),
    examples=examples.NEW_CASE_MESSAGE,
)
async def create_case_message(request: Request, body: CreateCaseMessage) -> Answer:
    """Add a message to a case.

    A message takes a resolved case, or one that waits for the customer, up again.
    """
    message = await support.reply(
        request.work, request.path_parameters["caseId"], body.message, body.sent_by or None, owned(body, MESSAGE_OWNED)
    )
    path = f"/v2/cases/{message.case_reference}/case-messages"
    return one_answer(request, CaseMessageDocument.of(message), path, message.version, 201)


def _answer(request: Request, case: Case, status: int = 200) -> Answer:
    return one_answer(request, CaseDocument.of(case), f"/v2/cases/{case.reference}", case.version, status)


async def _expected_version(request: Request) -> int | None:
    """The version that an `If-Match` header demands; `None` without one. Raises `Stale` when it cannot be met."""
    header = request.header("if-match")
    if header is None or header.strip() == "*":
        return None
    case = await support.find_case(request.work, request.path_parameters["caseId"])
    if not etag_matches(header, etag_of(case.version)):
        raise Stale(f"the case is at version {etag_of(case.version)}")
    return case.version


def _moment(broken: list[Violation], field: str, value: str | UnsetType | None) -> Any:
    if value is UNSET or value is None:
        return None
    try:
        return whole_seconds(parse_instant(str(value)))
    except ValueError:
        broken.append(Violation(field, "{value} is not an ISO 8601 date-time", {"value": repr(str(value)[:80])}))
        return None


def _draft(body: CreateCase) -> tuple[CaseDraft, list[Violation]]:
    """The body in the house's words, and what cannot be said in them. Mandatory fields that are `UNSET` could not be read."""
    broken = owned(body, CREATE_OWNED)
    type_ = _read(body.type)
    if type_ is not None and type_ not in CASE_TYPES:
        broken.append(Violation("type", "{value} is not a type; use Incident or NonIncident", {"value": repr(type_[:80])}))
    draft = CaseDraft(
        type=CASE_TYPES.get(type_),
        subject=_read(body.subject),
        service_reference=_read(body.service_id),
        message=_read(body.message),
        priority=_read(body.priority),
        customer_reference=body.customer_reference or None,
        start_of_incident=_moment(broken, "start_of_incident", body.start_of_incident),
        end_of_incident=_moment(broken, "end_of_incident", body.end_of_incident),
        start_given=body.start_of_incident is not UNSET,
        end_given=body.end_of_incident is not UNSET,
        sent_by=body.sent_by or None,
    )
    return draft, broken


def _read(value: Any) -> Any:
    return None if value is UNSET else value


def _change(body: ChangeCase) -> tuple[CaseChange, list[Violation]]:
    """The changes in the house's words, and what cannot be said in them."""
    broken = owned(body, CHANGE_OWNED)
    given: dict[str, Any] = {}
    if body.customer_reference is not UNSET:
        given["customer_reference"] = body.customer_reference or None
    if body.priority is not UNSET:
        given["priority"] = body.priority
    for name in ("start_of_incident", "end_of_incident"):
        if (value := getattr(body, name)) is not UNSET:
            given[name] = _moment(broken, name, value)
    if body.status is not UNSET:
        statuses = {wire: house for house, wire in words.CASE_STATUS.items()}
        if body.status in statuses:
            given["status"] = CaseStatus(statuses[body.status])
        else:
            values = {"value": repr(str(body.status)[:80]), "allowed": ", ".join(statuses)}
            broken.append(Violation("status", "{value} is not a status; use one of {allowed}", values))
    return CaseChange(**given), broken
