"""Refusals as the Network API words them: one shape with an incident number (reference/expeto.md §8)."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trunkline.dialects.network.resource import MASK, Resource
from trunkline.kit.clock import wall_clock
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
    Violation,
)
from trunkline.kit.http.answer import Answer, Headers, encoder
from trunkline.kit.http.failures import HttpFailure, HttpsRequired
from trunkline.kit.http.request import Request

CHALLENGE = ("WWW-Authenticate", 'ApiKey realm="xControl"')
DENIED = "The Security Framework denied access for this request. You are probably not allowed to access this resource."
UNAUTHORIZED = "A valid API key (header X-API-KEY) or a session is needed."
BAD_LOGIN = "The user name or the password is wrong."
FAILED = "Something went wrong on our side. Please contact support with the incident number."

NAMES: Mapping[int, str] = {  # status → the name that stands for it where nothing more precise is known
    400: "BadRequest",
    401: "Unauthorized",
    403: "AccessDenied",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "PayloadTooLarge",
    415: "UnsupportedMediaType",
    422: "KeyReused",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


class NetworkError(msgspec.Struct, omit_defaults=True):
    """An error. `timestamp` is in milliseconds since 1970; `incident` finds it in the log; `errors` names every fault."""

    status: int
    error: str
    message: str
    path: str
    timestamp: int
    incident: str
    errors: list["Fault"] | None = None


class Fault(msgspec.Struct):
    """One fault of a body."""

    entity: str
    property: str
    invalidValue: Any  # noqa: N815 - the wire's spelling
    message: str


class BadRequest(HttpFailure):
    """A refusal with status 400 and a name of its own."""

    status = 400

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class PreconditionFailed(HttpFailure):
    """`If-Match` names another version; the answer carries the current entity tag."""

    status = 412


class CsrfRejected(Forbidden):
    """A writing request with a session's cookie that does not come from a page of this server."""


class BadCredentials(Unauthenticated):
    """A login that is wrong; which part of it is not told."""


def problem(
    request: Request, status: int, error: str, message: str, headers: Headers | None = None, errors: list[Fault] | None = None
) -> Answer:
    """An error document about this request; its incident number joins the log."""
    incident = f"{secrets.randbelow(100_000_000):08d}"
    request.log_context["incident"] = incident
    body = NetworkError(status, error, message, request.path, round(wall_clock().timestamp() * 1000), incident, errors)
    return Answer(status, encoder.encode(body), headers=headers or [])


def fail(request: Request) -> Answer:
    """The answer to an unexpected error; it shows nothing of the inside."""
    return problem(request, 500, NAMES[500], FAILED)


def refuse(request: Request, refusal: Refusal) -> Answer:  # noqa: C901, PLR0911, PLR0912 - a table of refusals, one line each
    """Any refusal as an answer."""
    match refusal:
        case BadCredentials():
            return problem(request, 401, "BadCredentials", BAD_LOGIN)
        case Unauthenticated():
            if refusal.code:
                request.log_context["reason"] = refusal.code
            return problem(request, 401, NAMES[401], UNAUTHORIZED, [CHALLENGE])
        case CsrfRejected():
            return problem(request, 403, "CsrfRejected", refusal.message)
        case Forbidden():
            return problem(request, 403, NAMES[403], DENIED)
        case Malformed():
            return _malformed(request, refusal)
        case Invalid():
            faults = faults_of(getattr(request, "resource", None), getattr(request, "sent", {}), refusal.violations)
            message = "; ".join(f"{fault.property}: {fault.message}" for fault in faults)
            return problem(request, 400, "ValidationFailed", message, errors=faults)
        case KeyReused():
            return problem(request, 422, NAMES[422], refusal.message)
        case NotFound():
            return problem(request, 404, NAMES[404], refusal.message or "There is no such object.")
        case Stale() | Conflict():
            return problem(request, 409, NAMES[409], refusal.message)
        case InProgress():
            return problem(request, 409, NAMES[409], refusal.message, [_retry(refusal.retry_after)])
        case Throttled():
            return problem(request, 429, NAMES[429], refusal.message, [_retry(refusal.retry_after)])
        case Unavailable():
            return problem(request, 503, NAMES[503], refusal.message, [_retry(refusal.retry_after)])
        case BadRequest():
            return problem(request, 400, refusal.error, refusal.message)
        case HttpFailure():
            error = "HttpsRequired" if isinstance(refusal, HttpsRequired) else NAMES[refusal.status]
            return problem(request, refusal.status, error, refusal.message, list(refusal.headers))
    raise AssertionError(refusal)


def _retry(seconds: int) -> tuple[str, str]:
    return "Retry-After", str(seconds)


def _malformed(request: Request, refusal: Malformed) -> Answer:
    message = "; ".join(f"{violation.field} {violation.text()}" for violation in refusal.violations)
    in_body = all(violation.field.startswith("$") and violation.field != "$query" for violation in refusal.violations)
    return problem(request, 400, "MessageNotReadable" if in_body else NAMES[400], message.replace("$ ", "the body ", 1))


def faults_of(resource: Resource | None, sent: Mapping[str, Any], violations: Iterable[Violation]) -> list[Fault]:
    """Violations under the wire's names, one for each property; no secret is ever repeated."""
    faults: dict[str, Fault] = {}
    for violation in violations:
        name, words, secret = wire_name(resource, violation.field)
        value = sent.get(name.partition(".")[0].partition("[")[0]) if isinstance(sent, Mapping) else None
        if secret and value is not None:
            value = MASK
        entity = resource.item if resource is not None else "request"
        faults.setdefault(name, Fault(entity, name, value, violation.text(words)))
    return list(faults.values())


def wire_name(resource: Resource | None, field: str) -> tuple[str, Mapping[str, str], bool]:
    """(the wire's name of a house's field, its words, whether it is secret)."""
    first, dot, rest = field.partition(".")
    if resource is not None:
        for known in resource.properties:
            if known.field == first and known.constant is None:
                return known.name + dot + _camel(rest), known.words or {}, known.secret or known.write_only
        for association in resource.associations:
            if association.field == first:
                return association.name + dot + rest, {}, False
        if first == resource.key:
            return "id", {}, False
    return _camel(first) + dot + _camel(rest), {}, False


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
