"""Refusals as the Customer API words them: RFC 9457 problems with ASP.NET's two extra members (reference/expereo.md §7)."""

from collections.abc import Iterable

import msgspec

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
    Violation,
)
from trunkline.kit.http.answer import Answer, Headers, encoder
from trunkline.kit.http.failures import HttpFailure
from trunkline.kit.http.idempotency import KEY_HEADER
from trunkline.kit.http.request import Request

PROBLEM_JSON = "application/problem+json"
SPOKEN = {**ALL, **SCOPE_FOR}  # what error texts say in the wire's words

TITLES: dict[int, tuple[str, str]] = {  # status → title, type
    400: ("Bad Request", "https://tools.ietf.org/html/rfc9110#section-15.5.1"),
    401: ("Unauthorized", "https://tools.ietf.org/html/rfc9110#section-15.5.2"),
    403: ("Forbidden", "https://tools.ietf.org/html/rfc9110#section-15.5.4"),
    404: ("Not Found", "https://tools.ietf.org/html/rfc9110#section-15.5.5"),
    405: ("Method Not Allowed", "https://tools.ietf.org/html/rfc9110#section-15.5.6"),
    406: ("Not Acceptable", "https://tools.ietf.org/html/rfc9110#section-15.5.7"),
    408: ("Request Timeout", "https://tools.ietf.org/html/rfc9110#section-15.5.9"),
    409: ("Conflict", "https://tools.ietf.org/html/rfc9110#section-15.5.10"),
    412: ("Precondition Failed", "https://tools.ietf.org/html/rfc9110#section-15.5.13"),
    413: ("Content Too Large", "https://tools.ietf.org/html/rfc9110#section-15.5.14"),
    415: ("Unsupported Media Type", "https://tools.ietf.org/html/rfc9110#section-15.5.16"),
    422: ("Validation Failure", "https://tools.ietf.org/html/rfc4918#section-11.2"),
    429: ("Too Many Requests", "https://tools.ietf.org/html/rfc6585#section-4"),
    500: ("Internal Server Error", "https://tools.ietf.org/html/rfc9110#section-15.6.1"),
    503: ("Service Unavailable", "https://tools.ietf.org/html/rfc9110#section-15.6.4"),
}


class Problem(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457). `errors` names every fault: query parameter, body field (camelCase) or `$` for the body as a whole."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str = ""
    errors: dict[str, list[str]] | None = None
    traceId: str = ""  # noqa: N815 - the wire's spelling


def problem(
    request: Request,
    status: int,
    detail: str | None = None,
    errors: dict[str, list[str]] | None = None,
    headers: Headers | None = None,
) -> Answer:
    """A problem document about this request."""
    title, type_ = TITLES[status]
    body = Problem(type_, title, status, detail, request.path, errors, request.trace_id)
    return Answer(status, encoder.encode(body), PROBLEM_JSON, headers or [])


def by_field(violations: Iterable[Violation], *, translate: bool) -> dict[str, list[str]]:
    """Violations grouped under the names that the caller used."""
    grouped: dict[str, list[str]] = {}
    for violation in violations:
        grouped.setdefault(wire_field(violation.field) if translate else violation.field, []).append(violation.text(SPOKEN))
    return grouped


def refuse(request: Request, refusal: Refusal) -> Answer:  # noqa: C901, PLR0911, PLR0912 - a table of refusals, one line each
    """Any refusal as an answer."""
    match refusal:
        case Malformed():
            errors = by_field(refusal.violations, translate=False)
            if "$" in errors:
                return problem(request, 400, "The body cannot be read.", errors)
            if KEY_HEADER in errors:
                return problem(request, 400, f"The header {KEY_HEADER} cannot be used.", errors)
            count = len(errors)
            return problem(request, 400, f"The query string has {count} invalid parameter{'s' * (count > 1)}.", errors)
        case Invalid():
            return problem(request, 422, None, by_field(refusal.violations, translate=True))
        case KeyReused():
            return problem(request, 422, refusal.message, {KEY_HEADER: ["was used with another request"]})
        case Unauthenticated():
            detail = refusal.message or "An access token is needed: Authorization: Bearer <access_token>."
            return problem(request, 401, detail, headers=[("WWW-Authenticate", challenge(refusal))])
        case Forbidden():
            detail = f"The scope {refusal.needs} is needed." if refusal.needs else refusal.message
            return problem(request, 403, detail, headers=[("WWW-Authenticate", challenge(refusal))])
        case NotFound():
            return problem(request, 404, refusal.message)
        case Stale():
            return problem(request, 412, refusal.message)
        case Conflict():  # 409 is not in the guide's list of statuses: clashes are validation failures
            return problem(request, 422, refusal.message)
        case InProgress():
            return problem(request, 409, refusal.message, headers=[("Retry-After", str(refusal.retry_after))])
        case Throttled():
            return problem(request, 429, refusal.message, headers=[("Retry-After", str(refusal.retry_after))])
        case Unavailable():
            return problem(request, 503, refusal.message, headers=[("Retry-After", str(refusal.retry_after))])
        case HttpFailure():
            return problem(request, refusal.status, refusal.message, headers=list(refusal.headers))
    raise AssertionError(refusal)
