"""What is sent to a webhook endpoint: the log of deliveries, tests and replays."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trunkline.dialects.clients import MANAGE_WEBHOOKS
from trunkline.dialects.customer import examples, words
from trunkline.dialects.customer.events import EVENT_TYPES, SUBJECTS
from trunkline.dialects.customer.paging import ListOf, Names, list_answer, list_parameters, read_query
from trunkline.dialects.customer.representations import One, SelfLink, told
from trunkline.dialects.customer.webhook_documents import WebhookDeliveryDetailDocument, WebhookDeliveryDocument
from trunkline.dialects.customer.webhooks import CustomerPresenter, WebhookHost
from trunkline.domains.webhooks import service as webhooks
from trunkline.domains.webhooks.service import TEST_TYPE, Delivery
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.http.answer import Answer, encoder, json_answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request
from trunkline.kit.instants import parse_instant

routes = Operations("Webhooks", prefix="/v2/webhook-endpoints/{endpointId}")

SCOPES = (MANAGE_WEBHOOKS,)

DELIVERY_NAMES = Names(
    webhooks.WEBHOOK_DELIVERIES,
    {
        "EventType": ("event_type", {type_: type_ for type_ in (*EVENT_TYPES, TEST_TYPE)}),
        "SubjectType": ("subject_type", {type_: type_ for type_ in SUBJECTS}),
        "SubjectId": "subject_reference",
        "Status": ("status", words.DELIVERY_STATUS),
        "AttemptCount": "attempts",
        "ResponseStatus": "response_status",
        "NextAttemptDate": "next_at",
        "CreatedDate": "created_at",
        "FinishedDate": "finished_at",
    },
)

Moment = Annotated[str, told("ISO 8601 date-time; without an offset it is UTC.", "2026-03-02T06:00:00Z", format="date-time")]


class ReplayWebhooks(msgspec.Struct, rename="camel", kw_only=True):
    """What to send again: everything of a time (`from`, perhaps `to`), or what has failed since an instant (`failedSince`)."""

    since: Moment | UnsetType = msgspec.field(default=UNSET, name="from")
    to: Moment | UnsetType | None = UNSET
    failed_since: Moment | UnsetType = UNSET


class ReplayDocument(msgspec.Struct, rename="camel"):
    """What a replay sends."""

    delivery_count: Annotated[int, Meta(description="How many deliveries are to be sent again.", examples=[17])]


class DeliveriesLink(msgspec.Struct):
    """Where to follow it."""

    deliveries: Annotated[str, Meta(description="The endpoint's deliveries.", extra_json_schema={"format": "uri"})]


class WebhookReplayDocument(msgspec.Struct):
    """A replay that was asked for."""

    data: Annotated[ReplayDocument, Meta(description="What it sends.")]
    links: Annotated[DeliveriesLink, Meta(description="Where to follow it.")]


@routes.post(
    "/test",
    scopes=SCOPES,
    status=202,
    returns=One[WebhookDeliveryDocument],
    errors=(404, 422),
    examples=examples.WEBHOOK_TEST,
)
async def test_webhook_endpoint(request: Request) -> Answer:
    """Test a webhook endpoint.

    Sends it an event of the type `webhook.test`, once and at once, also while it is paused or disabled. The delivery says what
    came of it.
    """
    return _one(request, await webhooks.test_endpoint(request.work, _id(request)), 202)


@routes.get(
    "/deliveries",
    scopes=SCOPES,
    returns=ListOf[WebhookDeliveryDocument],
    parameters=list_parameters(DELIVERY_NAMES),
    errors=(404,),
    examples=examples.WEBHOOK_DELIVERIES,
)
async def list_webhook_deliveries(request: Request) -> Answer:
    """List a webhook endpoint's deliveries.

    Newest first, as long as the log is kept.
    """
    query = read_query(request, DELIVERY_NAMES, webhooks.NEWEST_FIRST)
    page = await webhooks.list_deliveries(
        request.work, _id(request), query.predicate, query.sort, query.window, request.dialect.total_cap
    )
    return list_answer(request, query, page, WebhookDeliveryDocument.of)


@routes.get(
    "/deliveries/{deliveryId}",
    scopes=SCOPES,
    returns=One[WebhookDeliveryDetailDocument],
    errors=(404,),
    examples=examples.WEBHOOK_DELIVERY,
)
async def get_webhook_delivery(request: Request) -> Answer:
    """Retrieve a delivery.

    With the body that is sent (if the credential's scopes read such events), and every try, of very many the newest hundred: headers,
    answer, duration, and why it failed.
    """
    work = request.work
    delivery = await webhooks.find_delivery(work, _id(request), request.path_parameters["deliveryId"])
    payload, attempts = (
        await webhooks.payload_of(work, delivery, _presenter(request)),
        await webhooks.attempts_of(work, delivery),
    )
    return _told(request, delivery, WebhookDeliveryDetailDocument.with_attempts(delivery, payload, attempts))


@routes.post(
    "/deliveries/{deliveryId}/replay",
    scopes=SCOPES,
    status=202,
    returns=One[WebhookDeliveryDocument],
    errors=(404, 422),
    examples=examples.WEBHOOK_REPLAY_OF_ONE,
)
async def replay_webhook_delivery(request: Request) -> Answer:
    """Send a delivery again.

    With the same id and body, signed with the present secret, to the present address; also while the endpoint is paused or
    disabled. It gets ten tries, as a new one does.
    """
    delivery = await webhooks.replay_delivery(request.work, _id(request), request.path_parameters["deliveryId"])
    return _one(request, delivery, 202)


async def review_replay(_: Request, body: ReplayWebhooks) -> list[Violation]:
    """What else is wrong with a replay of which some fields are of the wrong type."""
    return [violation for violation in _range(body)[1] if violation.field != "$"]


@routes.post(
    "/replay",
    scopes=SCOPES,
    status=202,
    body=ReplayWebhooks,
    review=review_replay,
    returns=WebhookReplayDocument,
    errors=(404, 422),
    examples=examples.WEBHOOK_REPLAY,
)
async def replay_webhook_deliveries(request: Request, body: ReplayWebhooks) -> Answer:
    """Send many deliveries again.

    Those that were made from an instant on (`from`, perhaps up to `to`), or those that have failed since `failedSince`, whenever they
    were made. Up to a thousand at once, more of them in the background; what is under way already is left alone.
    """
    (since, until, failed), broken = _range(body)
    if broken or since is None:
        raise Invalid(broken)
    try:
        count = await webhooks.replay_range(request.work, _id(request), since, until, only_failed=failed)
    except Invalid as refusal:
        names = {"since": "failedSince" if failed else "from", "until": "to"}
        raise Invalid([Violation(names.get(v.field, v.field), v.message, v.values) for v in refusal.violations]) from None
    link = f"{_address(request)}/deliveries"
    return json_answer(WebhookReplayDocument(ReplayDocument(count), DeliveriesLink(link)), 202)


Range = tuple[datetime | None, datetime | None, bool]


def _range(body: ReplayWebhooks) -> tuple[Range, list[Violation]]:
    """From when to when, whether only what failed, and what is wrong with it."""
    broken: list[Violation] = []
    since = _moment("from", body.since, broken)
    until = _moment("to", body.to, broken)
    failed_since = _moment("failedSince", body.failed_since, broken)
    if body.since is UNSET and body.failed_since is UNSET:
        broken.append(Violation("$", "needs from or failedSince"))
    if body.since is not UNSET and body.failed_since is not UNSET:
        broken.append(Violation("failedSince", "cannot go with from: choose one of them"))
    if body.to not in (UNSET, None) and body.failed_since is not UNSET:
        broken.append(Violation("to", "goes with from only"))
    if since is not None and until is not None and until <= since:
        broken.append(Violation("to", "must be after from"))
    return (since or failed_since, until, since is None), broken


def _moment(field: str, value: Any, broken: list[Violation]) -> datetime | None:
    if value is UNSET or value is None:
        return None
    try:
        return parse_instant(str(value))
    except ValueError:
        broken.append(Violation(field, "{value} is not an ISO 8601 date-time", {"value": repr(str(value)[:80])}))
        return None


def _presenter(request: Request) -> CustomerPresenter:
    return cast("WebhookHost", request.dialect).presenter


def _id(request: Request) -> str:
    return request.path_parameters["endpointId"]


def _address(request: Request) -> str:
    return f"{request.base_url}/v2/webhook-endpoints/{_id(request)}"


def _one(request: Request, delivery: Delivery, status: int = 200) -> Answer:
    return _told(request, delivery, WebhookDeliveryDocument.of(delivery), status)


def _told(request: Request, delivery: Delivery, document: WebhookDeliveryDocument, status: int = 200) -> Answer:
    """A delivery in its envelope. It has no version: its entity tag is made of what is shown."""
    address = f"{_address(request)}/deliveries/{delivery.reference}"
    etag = hashlib.sha256(encoder.encode(document)).hexdigest()[:32]
    return json_answer(One(document, SelfLink(address)), status, headers=[("ETag", f'"{etag}"')])
