"""What the Customer API's document says beside its operations, and the operation that serves it: `GET /v2/openapi.json`."""

from collections.abc import Iterable
from typing import Any, get_origin

from trunkline.dialects.clients import REALM
from trunkline.dialects.customer import auth
from trunkline.dialects.customer.errors import PROBLEM_JSON, TITLES
from trunkline.dialects.customer.examples import HOST, problem
from trunkline.dialects.customer.representations import One, SubscriberDocument
from trunkline.kit.http.openapi import About, Error, Header, published
from trunkline.kit.http.operation import Operation, Parameter

ADDRESS = "/v2/openapi.json"
TAG = "API description"

DESCRIPTION = """\
Accounts, sites, services, support cases and invoices of a customer of a connectivity provider.

## Authentication

Request a token from `POST /oauth2/token` with an API client's id and secret and the scopes that the call needs, then send
it as `Authorization: Bearer <access_token>`. A token is opaque and valid for the seconds that `expires_in` says. What a
credential may not know of is 404; what it may know of but not do is 403.

## Lists

`page[offset]` and `page[limit]` choose the page, `sort=AccountId,-Name` the order, `filter[Field]=value` the rows; dates
and numbers also take `filter[Field][gte]`, `[gt]`, `[lte]` and `[lt]`. Field names are those of the answers; case makes no
difference. Texts match as a whole, without regard to case. Filters of different fields narrow each other; the same filter
several times means any of the values.

- Follow `links.next` until it is null instead of counting: every page costs the same, and every row comes exactly once.
- `metadata.total` is null when there are more rows than are counted.
- Without `sort` a list is ordered by its ids, cases by `-CreatedDate`.
- To poll cases for changes: `filter[LastModifiedDate][gte]=…&sort=LastModifiedDate`; or read the change feed.

## The change feed

`GET /v2/events` gives every committed change of what the credential reaches and its scopes read, once and in order, with the
object before and after. Follow `links.next`, which is never null: with `wait=30` the answer comes as soon as there is something
new. `GET /v2/events/stream` gives the same as server-sent events. Cursors are opaque; keep the last one to go on after a restart.

## Webhooks

A webhook endpoint gets the same events sent to its address, signed (Standard Webhooks). Create one with `POST /v2/webhook-endpoints`
and the scope `customerapi/webhooks.manage`; its deliveries are a list of their own, and can be sent again.

## Writes

Send an `Idempotency-Key` of your own with a write: when the same request comes again under the same key, the stored answer
is repeated with `Idempotency-Replayed: true`, and nothing happens twice. Unknown members of a body are ignored; members
that only the server sets are refused.

Single resources carry an `ETag`: `If-None-Match` saves the transfer when nothing has changed (304), `If-Match` refuses to
overwrite somebody else's change (412).

## Errors

Errors are problem documents (RFC 9457). `errors` names every fault at once: query parameters, fields of the body, or `$`
for the body as a whole. `traceId` finds the request in the server's log.

## Rate limits

Reads and writes of a client have budgets of their own. `RateLimit-Policy` tells them, `RateLimit` what is left; beyond it
the answer is 429 with `Retry-After`.

## More of HTTP

HEAD answers wherever GET does, and OPTIONS names a resource's methods in `Allow`; any other method is 405. Bodies are JSON
in UTF-8. The sandbox is the same API on the host name with the prefix `sb2`, with data and credentials of its own.
"""

TAGS = {
    "Authentication": "Access tokens.",
    "API Clients": "A customer's own OAuth 2.0 credentials.",
    "Accounts": "The customer's accounts, a tree.",
    "Sites": "Locations.",
    "Services": "Connections at sites.",
    "Cases": "Support cases and their messages.",
    "Invoices": "Invoices and what is charged on them.",
    "Events": "Every change, in order: to read on from where one stopped, or as a stream.",
    "Webhooks": "Addresses that hear of events, what was sent to them, and sending it again.",
    TAG: "This document.",
}

SCOPES = {
    auth.BASIC_READ: "Read accounts, sites, services and API clients.",
    auth.SUPPORT_READ: "Read cases and their messages.",
    auth.SUPPORT_WRITE: "Read, create and change cases, and write messages.",
    auth.BILLING_READ: "Read invoices.",
    auth.MANAGE_WEBHOOKS: "Create, change and delete webhook endpoints; read and repeat their deliveries.",
    auth.MANAGE_CLIENTS: "Create and delete API clients; only the provider's operator gives it.",
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": (
        "An error (RFC 9457). `errors` names every fault: query parameter, body field (camelCase) or `$` for the whole body."
    ),
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Where the status is explained."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "description": "The status.", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "errors": {
            "type": "object",
            "description": "Every fault by the name of what is faulty.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
        "traceId": {"type": "string", "description": "Finds the request in the server's log.", "pattern": "^[0-9a-f]{32}$"},
    },
    "required": ["type", "title", "status", "instance", "traceId"],
}


def _error(
    status: int, name: str, description: str, instance: str = "/v2/cases/CAS-98002231", **members: Any
) -> tuple[int, Error]:
    title, type_ = TITLES[status]
    return status, Error(name, description, problem(status, title, type_, instance, **members))


ERRORS = dict((
    _error(
        400, "BadRequest", "The request cannot be read: a query parameter, a header, or a body that is not a JSON object.",
        "/v2/accounts", detail="The query string has 1 invalid parameter.",
        errors={"page[limit]": ["must be between 1 and 200"]},
    ),
    _error(
        401, "Unauthorized", "No valid access token.",
        detail="An access token is needed: Authorization: Bearer <access_token>.",
    ),
    _error(403, "Forbidden", "The token lacks the scope.", detail="The scope customerapi/support.read is needed."),
    _error(404, "NotFound", "There is no such thing, or the credential may not know of it.", detail="'CAS-98002231' was not found"),
    _error(406, "NotAcceptable", "`Accept` excludes JSON.", detail="this operation answers with application/json"),
    _error(408, "RequestTimeout", "The body did not arrive in time.", detail="the body did not arrive within 20 seconds"),
    _error(
        409, "InProgress", "A request with the same `Idempotency-Key` is still running.", "/v2/cases",
        detail="the first request with this key is still in progress",
    ),
    _error(412, "PreconditionFailed", "It is not at the version that `If-Match` names.", detail='the case is at version "3"'),
    _error(
        413, "ContentTooLarge", "The body is longer than 1 MiB.",
        detail="the body is longer than the 1048576 bytes that are read",
    ),
    _error(
        415, "UnsupportedMediaType", "The body is of another type.", "/v2/cases", detail="the body must be application/json"
    ),
    _error(
        422, "ValidationFailure", "The request breaks rules; all of them are named.", "/v2/cases",
        detail="this Idempotency-Key was used with another request",
        errors={"Idempotency-Key": ["was used with another request"]},
    ),
    _error(429, "TooManyRequests", "The rate limit is reached.", detail="too many requests"),
    _error(
        500, "InternalServerError", "Something unexpected happened on our side.",
        detail="Something went wrong on our side; the traceId finds it in the log.",
    ),
    _error(503, "ServiceUnavailable", "The same request may succeed later.", detail="the database cannot be reached"),
))  # fmt: skip

TEXT = {"type": "string"}
REFERENCE = {"type": "string", "minLength": 1}
POLICY = '"read";q=50;w=17, "write";q=30;w=60'
HEADERS = {
    "X-Request-Id": Header(
        "The request's id: the caller's own `X-Request-Id`, or one that the server made.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ),
    "ETag": Header("The version of the resource.", TEXT, '"3"'),
    "Location": Header(
        "The address of what was created.", {"type": "string", "format": "uri"}, f"{HOST}/v2/cases/CAS-98002231"
    ),
    "X-Accel-Buffering": Header("`no`: proxies pass every event on at once.", {"const": "no"}, "no"),
    "Cache-Control": Header("Whether it may be stored.", TEXT, "no-store"),
    "RateLimit": Header("What is left of the budget: `r` requests; `t` seconds until there is more.", TEXT, '"read";r=49;t=1'),
    "RateLimit-Policy": Header("The budgets: `q` requests in `w` seconds.", TEXT, POLICY),
    "Retry-After": Header("Seconds after which to try again.", {"type": "integer", "minimum": 1}, 3),
    "WWW-Authenticate": Header(
        "What is missing (RFC 6750; for client credentials by Basic, RFC 7617).", TEXT, f'Bearer {REALM}, error="invalid_token"'
    ),
    "Idempotency-Replayed": Header(
        "`true` when the answer is the stored one of an earlier request.", {"const": "true"}, "true"
    ),
}

PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        *(
            Parameter(name, f"The {what}'s reference.", REFERENCE, "path", required=True, example=example)
            for name, what, example in (
                ("accountId", "account", "ACC-98000001"),
                ("siteId", "site", "SIT-98000112"),
                ("serviceId", "service", "SVC-98000417"),
                ("caseId", "case", "CAS-98002231"),
                ("invoiceId", "invoice", "INV-98000077"),
                ("endpointId", "webhook endpoint", "WHE-1001"),
                ("deliveryId", "delivery", "msg_019c1f3a5b7c7d2e8f40a1b2c3d4e5f6"),
            )
        ),
        Parameter(
            "clientId", "The API client's id.", REFERENCE, "path", required=True, example="00001q6zs9a0v3k7m2x4c8d5ef",
        ),
        Parameter(
            "Idempotency-Key", "Makes retries safe: a key of the caller's own, such as a UUID, new for every write.",
            {"type": "string", "pattern": "^[!-~]{1,255}$"}, "header", example="9f4f7a52-6c1f-4bd2-8a53-0d1d0e2c7b6a",
        ),
        Parameter("If-None-Match", "Answer 304 if it is still at this version.", TEXT, "header", example='"3"'),
        Parameter("If-Match", "Change it only if it is still at this version.", TEXT, "header", example='"3"'),
        Parameter(
            "X-Request-Id", "An id of the caller's own for the request; the answer repeats it. What is no such id is ignored.",
            TEXT, "header", example="import-2026-03-02.17",
        ),
    )
}  # fmt: skip

SECURITY_SCHEMES = {
    "oauth2": {
        "type": "oauth2",
        "description": "OAuth 2.0 client credentials. Tokens are opaque and revoked at once when their client is deleted.",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": SCOPES}},
    },
    "client": {"type": "http", "scheme": "basic", "description": "Client id and secret, at the token endpoint only."},
}

NAMES = {"TokenAnswer": "Token", "Metadata": "PageMetadata", "SubjectDocument": "EventSubject", "ActorDocument": "EventActor"}


def described(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations, and the one that serves their document."""
    return published(operations, ABOUT, ADDRESS, TAG)


def component_name(struct: str) -> str:
    """A Struct's name as people know the thing: `ListOf_CaseDocument_` → `CaseList`, `One_CaseDocument_` → `CaseResponse`."""
    name = struct.rstrip("_")
    for prefix, suffix in (("ListOf_", "List"), ("One_", "Response")):
        if name.startswith(prefix):
            return name.removeprefix(prefix).removesuffix("Document") + suffix
    return NAMES.get(name, name.removesuffix("Document"))


def _given(operation: Operation) -> tuple[str, ...]:
    """Single resources come with their version, new ones with their address."""
    if get_origin(operation.returns) is not One:
        return ()
    return ("ETag", "Location") if operation.status == 201 else ("ETag",)


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Any one of an operation's scopes is enough; the token endpoint takes the client's own credentials."""
    if operation.scopes is None:
        return [{}, {"client": []}] if operation.form is not None else []
    return [{"oauth2": [scope]} for scope in operation.scopes]


ABOUT = About(
    title="Customer API",
    version="2.0",
    summary="Accounts, sites, services, cases and invoices of a customer.",
    description=DESCRIPTION,
    tags=TAGS,
    error_type=PROBLEM_JSON,
    error_schema=PROBLEM_SCHEMA,
    errors=ERRORS,
    headers=HEADERS,
    given=_given,
    parameters=PARAMETERS,
    security_schemes=SECURITY_SCHEMES,
    security=_security,
    rename=component_name,
    types=(SubscriberDocument,),
)
