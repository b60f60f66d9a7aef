"""Refusals and faults as the Case API words them: GraphQL errors with Hot Chocolate's codes (reference/expereo.md §10.6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from graphql import DocumentNode, GraphQLError

from trunkline.dialects.cases.limits import TooComplex, fields_of
from trunkline.dialects.cases.loaders import TooMany
from trunkline.dialects.clients import SCOPE_FOR, challenge
from trunkline.dialects.customer.words import ALL, wire_field
from trunkline.kit.errors import (
    Conflict,
    Forbidden,
    InProgress,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    Refusal,
    Stale,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from trunkline.kit.http.answer import JSON, Answer, Headers, encoder
from trunkline.kit.http.failures import HttpFailure, MethodNotAllowed, NoRoute, PayloadTooLarge
from trunkline.kit.http.request import Request

GRAPHQL_JSON = "application/graphql-response+json"
MEDIA_TYPES = (JSON, GRAPHQL_JSON)

AN_ERROR = "An error has occurred"  # the old API's word for whatever it does not explain

SYNTAX = "HC0011"
NOT_VALID = "HC0016"
REQUEST_INVALID = "HC0009"
REQUEST_TOO_LARGE = "HC0010"
QUERY_MISSING = "HC0013"
TOO_COMPLEX = "QUERY_TOO_COMPLEX"
NOT_AUTHENTICATED = "AUTH_NOT_AUTHENTICATED"
NOT_AUTHORIZED = "AUTH_NOT_AUTHORIZED"
VALIDATION_FAILED = "VALIDATION_FAILED"
NOT_FOUND = "NOT_FOUND"

INCIDENT_DATES = frozenset({"startOfIncident", "endOfIncident"})

log = structlog.get_logger(__name__)


class IncidentDates(Invalid):
    """The incident dates are not as the old API wants them; it does not say how it wants them (§10.4)."""

    def __init__(self) -> None:
        super().__init__(())
        self.message = AN_ERROR


class Undone(Invalid):
    """A request whose only mutation was refused: `answer` is what its caller gets, and what an Idempotency-Key remembers."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(())
        self.answer = answer


class Failed(Exception):  # noqa: N818 - an answer; what went wrong is logged already
    """A request whose only mutation went wrong on our side: nothing of it may stay."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def fault(message: str, code: str | None = None, **more: Any) -> dict[str, Any]:
    """One entry of `errors`."""
    found: dict[str, Any] = {"message": message, **more}
    return {**found, "extensions": {"code": code}} if code else found


def formatted(error: GraphQLError, message: str, extensions: Mapping[str, Any]) -> dict[str, Any]:
    """An error of graphql-core in the words given, with its place in query and answer."""
    found: dict[str, Any] = {"message": message}
    if error.locations:
        found["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        found["path"] = error.path
    return {**found, "extensions": dict(extensions)} if extensions else found


def of_field(error: GraphQLError) -> dict[str, Any]:
    """An error that happened at a field of the answer."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):  # graphql-core's own: a variable or argument of the wrong type
        return formatted(error, error.message, error.extensions or {"code": NOT_VALID})
    if isinstance(original, Refusal):
        message, extensions = of_refusal(original)
        return formatted(error, message, extensions)
    return formatted(error, AN_ERROR, {})


def of_refusal(refusal: Refusal) -> tuple[str, dict[str, Any]]:  # noqa: PLR0911 - a table of refusals, one line each
    """(message, extensions) of what a use case refuses."""
    match refusal:
        case IncidentDates():
            return AN_ERROR, {"code": SYNTAX}
        case Invalid():
            errors: dict[str, list[str]] = {}
            for violation in refusal.violations:
                errors.setdefault(wire_field(violation.field), []).append(violation.text(ALL))
            texts = "; ".join(f"{name} {text}" for name, found in errors.items() for text in found)
            unknown = all(v.message == "{reference} was not found" for v in refusal.violations)
            return texts, {"code": NOT_FOUND if unknown else VALIDATION_FAILED, "errors": errors}
        case Malformed():
            texts = "; ".join(f"{violation.field} {violation.text()}" for violation in refusal.violations)
            return texts, {"code": VALIDATION_FAILED}
        case NotFound():
            return refusal.message, {"code": NOT_FOUND}
        case Forbidden():
            return f"The scope {scope_for(refusal.needs)} is needed.", {"code": NOT_AUTHORIZED}
        case TooMany():
            return refusal.message, {"code": TOO_COMPLEX}
    return refusal.message, {"code": VALIDATION_FAILED}


def scope_for(permission: str) -> str:
    """The scope that a caller lacks, by the house's permission."""
    return SCOPE_FOR.get(permission, permission)


def of_validation(error: GraphQLError, document: DocumentNode) -> dict[str, Any]:
    """An error of a document that does not fit the schema."""
    dates = {
        id(argument.value)
        for field in fields_of(document)
        for argument in field.arguments or ()
        if argument.name.value in INCIDENT_DATES
    }
    if any(id(node) in dates for node in error.nodes or ()):
        return formatted(error, AN_ERROR, {"code": SYNTAX})
    return formatted(error, error.message, {"code": NOT_VALID})


def answer(request: Request, status: int, errors: Sequence[Mapping[str, Any]], headers: Headers | None = None) -> Answer:
    """A request that was not executed: errors and no data."""
    media_type = getattr(request, "accepted", JSON)
    body = encoder.encode({"errors": errors})
    return Answer(status, body, media_type if media_type in MEDIA_TYPES else JSON, headers or [])


def refuse(request: Request, refusal: Refusal) -> Answer:  # noqa: PLR0911, PLR0912, C901 - a table of refusals, one line each
    """Any refusal of a whole request."""
    match refusal:
        case Undone():
            return refusal.answer
        case Unauthenticated():
            message = refusal.message or "An access token is needed: Authorization: Bearer <access_token>."
            headers = [("WWW-Authenticate", challenge(refusal))]
            return answer(request, 401, [fault(message, NOT_AUTHENTICATED)], headers)
        case Forbidden():
            return answer(request, 403, [fault(refusal.message or "Not for this caller.", NOT_AUTHORIZED)])
        case Malformed():
            texts = (f"{'The body' if v.field == '$' else v.field} {v.text()}" for v in refusal.violations)
            return answer(request, 400, [fault(text, REQUEST_INVALID) for text in texts])
        case Invalid():
            missing = any(v.field == "query" and v.message == "is required" for v in refusal.violations)
            code = QUERY_MISSING if missing else REQUEST_INVALID
            return answer(request, 400, [fault(f"{v.field} {v.text()}", code) for v in refusal.violations])
        case KeyReused():
            return answer(request, 422, [fault(refusal.message, REQUEST_INVALID)])
        case Throttled():
            return answer(request, 429, [fault(refusal.message, "TOO_MANY_REQUESTS")], _retry(refusal.retry_after))
        case InProgress():
            return answer(request, 409, [fault(refusal.message, "IN_PROGRESS")], _retry(refusal.retry_after))
        case Unavailable():
            return answer(request, 503, [fault(refusal.message, "UNAVAILABLE")], _retry(refusal.retry_after))
        case PayloadTooLarge():
            return answer(request, 413, [fault(refusal.message, REQUEST_TOO_LARGE)], list(refusal.headers))
        case NoRoute() | MethodNotAllowed() | HttpFailure():
            return answer(request, refusal.status, [fault(refusal.message, REQUEST_INVALID)], list(refusal.headers))
        case NotFound():
            return answer(request, 404, [fault(refusal.message, NOT_FOUND)])
        case Conflict() | Stale():
            return answer(request, 409, [fault(refusal.message, VALIDATION_FAILED)])
    raise AssertionError(refusal)


def refuse_complex(request: Request, refusal: TooComplex) -> Answer:
    """A query beyond the limits; not executed, whatever type of answer is asked for."""
    return answer(request, 400, [fault(str(refusal), TOO_COMPLEX)])


def fail(request: Request) -> Answer:
    """An unexpected error."""
    return answer(request, 500, [fault(AN_ERROR)])


def _retry(seconds: int) -> Headers:
    return [("Retry-After", str(seconds))]
