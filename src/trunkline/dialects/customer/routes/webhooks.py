"""Webhook endpoints: who hears of events, at which address and under which secret."""

from datetime import timedelta
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trunkline.dialects.clients import MANAGE_WEBHOOKS
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.events import PATTERNS
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import One, SelfLink, told
from trunkline.dialects.customer.webhook_documents import (
    NewWebhookEndpointDocument,
    WebhookEndpointDocument,
)
from trunkline.dialects.customer.webhooks import WebhookHost
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks.service import EndpointChanges, EndpointDraft, Secrets, WebhookEndpoint
from trunkline.kit.errors import Invalid, Stale, Violation
from trunkline.kit.http.answer import JSON, Answer, json_answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("Webhooks", prefix="/v2/webhook-endpoints")

SCOPES = (MANAGE_WEBHOOKS,)
MERGE_PATCH = "application/merge-patch+json"
MOST_HOURS, DEFAULT_HOURS = 168, 24

ENDPOINT_NAMES = Names(
    webhooks.WEBHOOK_ENDPOINTS,
    {
        "EndpointId": "reference",
        "Url": "url",
        "Description": "description",
        "Status": ("status", words.ENDPOINT_STATUS),
        "DisabledReason": ("disabled_reason", words.DISABLED_REASON),
        "FailingSince": "failing_since",
        "CreatedDate": "created_at",
        "LastModifiedDate": "modified_at",
    },
)


ReadOnly = Annotated[Any, Meta(description="Set by the server; sending it is an error.", extra_json_schema={"readOnly": True})]
Url = Annotated[
    str,
    told(
        "Where deliveries are sent: https, or http where the server allows it.",
        "https://noc.acme.example/hooks/trunkline",
        format="uri",
        minLength=1,
        maxLength=2048,
    ),
]
EventTypes = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": list(PATTERNS)})]],
    told(
        "What to hear of: event types, `case.*` for all of a thing's, `*` for everything. Each must be readable with this token.",
        ["case.*", "case_message.added"],
        minItems=1,
        maxItems=50,
        uniqueItems=True,
    ),
]
Words = Annotated[str, told("What it is for.", "NOC ticketing", maxLength=500)]
OwnSecret = Annotated[
    str,
    told(
        "A secret of one's own: `whsec_` and the Base64 of 24 to 64 random bytes. Without it the server makes one.",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        pattern="^whsec_[A-Za-z0-9+/]{32,86}={0,2}$",
        writeOnly=True,
    ),
]


class Owned(msgspec.Struct, rename="camel", kw_only=True):
    """What an endpoint shows and only the server sets."""

    endpoint_id: ReadOnly | UnsetType = UNSET
    status: ReadOnly | UnsetType = UNSET
    disabled_reason: ReadOnly | UnsetType = UNSET
    failing_since: ReadOnly | UnsetType = UNSET
    held_until: ReadOnly | UnsetType = UNSET
    previous_secret_until: ReadOnly | UnsetType = UNSET
    public_key: ReadOnly | UnsetType = UNSET
    created_date: ReadOnly | UnsetType = UNSET
    last_modified_date: ReadOnly | UnsetType = UNSET


class CreateWebhookEndpoint(Owned, rename="camel", kw_only=True):
    """A new webhook endpoint. It hears of what happens from now on."""

    url: Url
    event_types: EventTypes
    description: Words | None = None
    secret: OwnSecret | None = None


class ChangeWebhookEndpoint(Owned, rename="camel", kw_only=True):
    """Changes to a webhook endpoint (JSON merge patch): what is left out stays, null clears. At least one change is needed."""

    url: Url | UnsetType = UNSET
    event_types: EventTypes | UnsetType = UNSET
    description: Words | UnsetType | None = UNSET
    secret: ReadOnly | UnsetType = UNSET


class RotateSecret(msgspec.Struct, rename="camel", kw_only=True):
    """How the secret is to be changed; an empty object takes the defaults."""

    secret: OwnSecret | None = None
    overlap_hours: Annotated[
        int,
        Meta(
            ge=0,
            le=MOST_HOURS,
            description="Hours for which the secret so far signs too, beside the new one.",
            examples=[24],
        ),
    ] = DEFAULT_HOURS


OWNED = Owned.__struct_fields__
ELSEWHERE = {"status": "is changed with pause and resume", "secret": "is changed with rotate-secret"}


@routes.get(
    "",
    scopes=SCOPES,
    returns=ListOf[WebhookEndpointDocument],
    parameters=list_parameters(ENDPOINT_NAMES),
    examples=examples.WEBHOOK_ENDPOINTS,
)
async def list_webhook_endpoints(request: Request) -> Answer:
    """List webhook endpoints.

    Those of the credential's account and the accounts below it. Secrets are never shown again.
    """
    query = read_query(request, ENDPOINT_NAMES)
    page = await webhooks.list_endpoints(request.work, query.predicate, query.sort, query.window, request.dialect.total_cap)
    return list_answer(request, query, page, WebhookEndpointDocument.of)


async def review_endpoint(request: Request, body: CreateWebhookEndpoint) -> list[Violation]:
    """What else is wrong with an endpoint of which some fields are missing or of the wrong type."""
    host = _host(request)
    return [*_owned(body), *await webhooks.draft_violations(request.work, _draft(body), host.webhook_policy, host.presenter)]


@routes.post(
    "",
    scopes=SCOPES,
    status=201,
    secret=True,
    body=CreateWebhookEndpoint,
    review=review_endpoint,
    returns=One[NewWebhookEndpointDocument],
    errors=(422,),
    examples=examples.NEW_WEBHOOK_ENDPOINT,
)
async def create_webhook_endpoint(request: Request, body: CreateWebhookEndpoint) -> Answer:
    """Create a webhook endpoint.

    It belongs to the credential's account, and hears of what that account reaches and the credential's scopes read, from now on.
    The answer holds the secret, for the only time.
    """
    if broken := await review_endpoint(request, body):
        raise Invalid(broken)
    host = _host(request)
    made, secrets = await webhooks.create_endpoint(request.work, _draft(body), host.webhook_policy, host.presenter)
    return _new_answer(request, made, secrets, 201)


@routes.get(
    "/{endpointId}",
    scopes=SCOPES,
    returns=One[WebhookEndpointDocument],
    errors=(404,),
    examples=examples.WEBHOOK_ENDPOINT,
)
async def get_webhook_endpoint(request: Request) -> Answer:
    """Retrieve a webhook endpoint."""
    return _answer(request, await webhooks.find_endpoint(request.work, _id(request)))


async def review_change(request: Request, body: ChangeWebhookEndpoint) -> list[Violation]:
    """What else is wrong with changes of which some are of the wrong type."""
    host = _host(request)
    changes = _changes(body)
    return [*_owned(body), *await webhooks.change_violations(request.work, changes, host.webhook_policy, host.presenter)]


@routes.patch(
    "/{endpointId}",
    scopes=SCOPES,
    body=ChangeWebhookEndpoint,
    review=review_change,
    consumes=(JSON, MERGE_PATCH),
    returns=One[WebhookEndpointDocument],
    errors=(404, 412, 422),
    examples=examples.WEBHOOK_ENDPOINT_CHANGE,
)
async def update_webhook_endpoint(request: Request, body: ChangeWebhookEndpoint) -> Answer:
    """Update a webhook endpoint.

    What waits is sent to the new address. Event types are checked against the scopes of the credential that changes them. With
    `If-Match` the update happens only if the endpoint is still at that version.
    """
    before = await webhooks.find_endpoint(request.work, _id(request))
    broken, changes = await review_change(request, body), _changes(body)
    if not broken and changes == EndpointChanges():
        broken = [Violation("$", "has nothing to change")]
    if broken:
        raise Invalid(broken)
    host = _host(request)
    expected = _expected_version(request, before)
    changed = await webhooks.change_endpoint(
        request.work, before.reference, changes, host.webhook_policy, host.presenter, expected
    )
    return _answer(request, changed)


@routes.delete("/{endpointId}", scopes=SCOPES, status=204, errors=(404, 412))
async def delete_webhook_endpoint(request: Request) -> Answer:
    """Delete a webhook endpoint.

    Nothing more is sent to it, and its secret is erased.
    """
    await webhooks.remove_endpoint(request.work, _id(request), await _expected(request))
    return Answer(204)


@routes.post(
    "/{endpointId}/pause",
    scopes=SCOPES,
    returns=One[WebhookEndpointDocument],
    errors=(404, 412, 422),
    examples=examples.PAUSED_WEBHOOK_ENDPOINT,
)
async def pause_webhook_endpoint(request: Request) -> Answer:
    """Pause a webhook endpoint.

    Its deliveries wait until it is resumed. A paused one stays paused.
    """
    return _answer(request, await webhooks.pause_endpoint(request.work, _id(request), await _expected(request)))


@routes.post(
    "/{endpointId}/resume",
    scopes=SCOPES,
    returns=One[WebhookEndpointDocument],
    errors=(404, 412, 422),
    examples=examples.WEBHOOK_ENDPOINT,
)
async def resume_webhook_endpoint(request: Request) -> Answer:
    """Resume a webhook endpoint.

    What waited is sent now. Also for one that the server disabled: what failed meanwhile is sent with a replay.
    """
    return _answer(request, await webhooks.resume_endpoint(request.work, _id(request), await _expected(request)))


async def review_rotation(request: Request, body: RotateSecret) -> list[Violation]:
    """What else is wrong with a rotation of which one field is of the wrong type."""
    host = _host(request)
    draft = EndpointDraft(url=None, event_types=None, secret=_read(body.secret))
    return await webhooks.draft_violations(request.work, draft, host.webhook_policy, host.presenter)


@routes.post(
    "/{endpointId}/rotate-secret",
    scopes=SCOPES,
    secret=True,
    body=RotateSecret,
    review=review_rotation,
    returns=One[NewWebhookEndpointDocument],
    errors=(404, 412, 422),
    examples=examples.ROTATED_WEBHOOK_ENDPOINT,
)
async def rotate_webhook_secret(request: Request, body: RotateSecret) -> Answer:
    """Rotate the secret of a webhook endpoint.

    From now on deliveries are signed with the new secret and key, and for the overlap with those so far as well: a receiver that
    knows either accepts them. The answer holds the secret, for the only time.
    """
    overlap = timedelta(hours=body.overlap_hours)
    expected = await _expected(request)
    endpoint, secrets = await webhooks.rotate_secret(request.work, _id(request), overlap, body.secret, expected)
    return _new_answer(request, endpoint, secrets)


def _id(request: Request) -> str:
    return request.path_parameters["endpointId"]


def _host(request: Request) -> WebhookHost:
    return cast("WebhookHost", request.dialect)


def _owned(body: Owned) -> list[Violation]:
    """Members that only the server sets."""
    owned = (*OWNED, "secret") if isinstance(body, ChangeWebhookEndpoint) else OWNED
    otherwise = ELSEWHERE if isinstance(body, ChangeWebhookEndpoint) else {}
    return [
        Violation(name, otherwise.get(name, "is set by the server and cannot be sent"))
        for name in owned
        if getattr(body, name) is not UNSET
    ]


def _draft(body: CreateWebhookEndpoint) -> EndpointDraft:
    """The body in the house's words; `None` stands for what is missing or could not be read."""
    return EndpointDraft(
        url=_read(body.url),
        event_types=_read(body.event_types),
        description=_read(body.description) or "",
        secret=_read(body.secret),
    )


def _read(value: Any) -> Any:
    return None if value is UNSET else value


def _changes(body: ChangeWebhookEndpoint) -> EndpointChanges:
    """The changes in the house's words."""
    given: dict[str, Any] = {}
    if body.url is not UNSET:
        given["url"] = body.url
    if body.event_types is not UNSET:
        given["event_types"] = body.event_types
    if body.description is not UNSET:
        given["description"] = body.description or ""
    return EndpointChanges(**given)


def _etag(endpoint: WebhookEndpoint) -> str:
    """The version, and how sending goes, which is no version of its own."""
    state = (endpoint.failing_since, endpoint.held_until)
    parts = [str(endpoint.version), *(f"{instant.timestamp():.0f}" for instant in state if instant is not None)]
    return f'"{".".join(parts)}"'


async def _expected(request: Request) -> int | None:
    """The version that an `If-Match` header demands of the endpoint that the request names."""
    if request.header("if-match") is None:
        return None
    return _expected_version(request, await webhooks.find_endpoint(request.work, _id(request)))


def _expected_version(request: Request, endpoint: WebhookEndpoint) -> int | None:
    """The version that an `If-Match` header demands; `None` without one. Raises `Stale` when it cannot be met."""
    header = request.header("if-match")
    if header is None or header.strip() == "*":
        return None
    versions = {tag.strip().removeprefix("W/").strip('"').partition(".")[0] for tag in header.split(",")}
    if str(endpoint.version) not in versions:
        raise Stale(f"the endpoint is at version {_etag(endpoint)}")
    return endpoint.version


def _answer(request: Request, endpoint: WebhookEndpoint) -> Answer:
    return _one(request, endpoint, WebhookEndpointDocument.of(endpoint))


def _new_answer(request: Request, endpoint: WebhookEndpoint, secrets: Secrets, status: int = 200) -> Answer:
    return _one(request, endpoint, NewWebhookEndpointDocument.with_secret(endpoint, secrets.secret), status)


def _one(request: Request, endpoint: WebhookEndpoint, document: WebhookEndpointDocument, status: int = 200) -> Answer:
    address = f"{request.base_url}/v2/webhook-endpoints/{endpoint.reference}"
    headers = [("ETag", _etag(endpoint))]
    if status == 201:
        headers.append(("Location", address))
    return json_answer(One(document, SelfLink(address)), status, headers=headers)
