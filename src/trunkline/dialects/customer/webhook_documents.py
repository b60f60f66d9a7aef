"""Webhook endpoints, their deliveries and every try, as the Customer API shows them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from trunkline.dialects.customer import words
from trunkline.dialects.customer.cursors import cursor_of
from trunkline.dialects.customer.representations import CreatedDate, Instant, LastModifiedDate, told
from trunkline.domains.webhooks.model import Attempt, Delivery, WebhookEndpoint
from trunkline.kit.clock import whole_seconds

EndpointId = Annotated[str, told("The webhook endpoint's reference.", "WHE-1001")]
Address = Annotated[str, told("Where deliveries are sent.", "https://noc.acme.example/hooks/trunkline", format="uri")]
Description = Annotated[str, told("What it is for, in the owner's words.", "NOC ticketing")]
EventTypes = Annotated[
    list[str], told("What it hears of: event types, `case.*` for all of a thing's, `*` for all that is readable.", ["case.*"])
]
Status = Annotated[
    str,
    told(
        "Paused: deliveries wait. Disabled by the server: deliveries are kept as failed, for a replay.",
        "Active",
        words=words.ENDPOINT_STATUS,
    ),
]
DisabledReason = Annotated[
    str | None,
    told(
        "Why the server disabled it. Gone: it answered 410. Failing: no try succeeded for five days.",
        None,
        enum=[*words.DISABLED_REASON.values(), None],
    ),
]
FailingSince = Annotated[Instant | None, told("Since when no try has succeeded (UTC); null while they do.", None)]
HeldUntil = Annotated[Instant | None, told("Until then nothing is sent, as its `Retry-After` asked (UTC).", None)]
PreviousSecretUntil = Annotated[
    Instant | None, told("Until then the secret before the present one signs too (UTC).", "2026-03-03T10:00:00Z")
]
PublicKey = Annotated[
    str,
    told("Verifies the `v1a` signatures (ed25519): `whpk_` and Base64.", "whpk_bA63u0DTtwP7qgHwAJHNSk4K8AmwTBzsKu1eLT+wxzY="),
]
Secret = Annotated[
    str,
    told(
        "Verifies the `v1` signatures (HMAC-SHA256): `whsec_` and Base64. Shown here and never again.",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        pattern="^whsec_[A-Za-z0-9+/]+={0,2}$",
    ),
]


class WebhookEndpointDocument(msgspec.Struct, rename="camel"):
    """An address that hears of events."""

    endpoint_id: EndpointId
    url: Address
    description: Description
    event_types: EventTypes
    public_key: PublicKey
    status: Status
    disabled_reason: DisabledReason
    failing_since: FailingSince
    held_until: HeldUntil
    previous_secret_until: PreviousSecretUntil
    created_date: CreatedDate
    last_modified_date: LastModifiedDate

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> "WebhookEndpointDocument":
        reason = endpoint.disabled_reason
        return cls(
            endpoint.reference, endpoint.url, endpoint.description, list(endpoint.event_types), endpoint.public_key,
            words.ENDPOINT_STATUS[endpoint.status], None if reason is None else words.DISABLED_REASON[reason],
            _whole(endpoint.failing_since), _whole(endpoint.held_until), _whole(endpoint.previous_until),
            endpoint.created_at, endpoint.modified_at,
        )  # fmt: skip


class NewWebhookEndpointDocument(WebhookEndpointDocument, rename="camel"):
    """A webhook endpoint with a new secret. `secret` is shown here and never again."""

    secret: Secret

    @classmethod
    def with_secret(cls, endpoint: WebhookEndpoint, secret: str) -> "NewWebhookEndpointDocument":
        return cls(**msgspec.structs.asdict(WebhookEndpointDocument.of(endpoint)), secret=secret)


DeliveryId = Annotated[str, told("The header `webhook-id` of every try.", "msg_019c1f3a5b7c7d2e8f40a1b2c3d4e5f6")]
EventCursor = Annotated[str | None, told("The event's cursor in the feed; null for a test.", "v1.48213")]
EventType = Annotated[str, told("The event's type, or `webhook.test`.", "case.opened")]
SubjectType = Annotated[str, told("What the event is about.", "case")]
SubjectId = Annotated[str, told("Its reference.", "CAS-98002231")]
DeliveryStatus = Annotated[
    str,
    told("Delivered: answered with 2xx. Failed: nothing more is tried by itself.", "Delivered", words=words.DELIVERY_STATUS),
]
Tries = Annotated[int, told("Tries of the present round, of at most ten; a replay begins a new one.", 1, minimum=0)]
AttemptCount = Annotated[int, told("Tries of all rounds.", 1, minimum=0)]
NextAttemptDate = Annotated[Instant | None, told("When the next try is due (UTC); null when there is none.", None)]
ResponseStatus = Annotated[int | None, told("The HTTP status of the last answer; null when there was none.", 204)]
Failure = Annotated[str | None, told("Why it is not delivered, in words; null when it is.", None)]
FinishedDate = Annotated[Instant | None, told("When it was delivered or given up (UTC).", "2026-03-02T06:14:10Z")]


class WebhookDeliveryDocument(msgspec.Struct, rename="camel"):
    """One event on its way to one endpoint, or a test."""

    delivery_id: DeliveryId
    event_cursor: EventCursor
    event_type: EventType
    subject_type: SubjectType
    subject_id: SubjectId
    status: DeliveryStatus
    tries: Tries
    attempt_count: AttemptCount
    next_attempt_date: NextAttemptDate
    response_status: ResponseStatus
    failure: Failure
    created_date: CreatedDate
    finished_date: FinishedDate

    @classmethod
    def of(cls, delivery: Delivery) -> "WebhookDeliveryDocument":
        return cls(
            delivery.reference, None if delivery.sequence is None else cursor_of(delivery.sequence), delivery.event_type,
            delivery.subject_type, delivery.subject_reference, words.DELIVERY_STATUS[delivery.status], delivery.tries, delivery.attempts,
            _whole(delivery.next_at), delivery.response_status, delivery.failure, whole_seconds(delivery.created_at),
            _whole(delivery.finished_at),
        )  # fmt: skip


Headers = dict[str, str]


class WebhookAttemptDocument(msgspec.Struct, rename="camel"):
    """One try to deliver."""

    number: Annotated[int, told("The first try is 1.", 1, minimum=1)]
    timestamp: Annotated[Instant, told("When it began (UTC).", "2026-03-02T06:14:09Z")]
    duration_ms: Annotated[int, told("How long it took, in milliseconds.", 84, minimum=0)]
    url: Address
    address: Annotated[str | None, told("The IP address that was connected to; null when none was.", "192.0.2.17")]
    request_headers: Annotated[Headers, told("What was sent, without the signatures.", {"webhook-timestamp": "1772432049"})]
    response_status: Annotated[int | None, told("The HTTP status of the answer; null when there was none.", 204)]
    response_headers: Annotated[Headers | None, told("The headers of the answer.", {"content-length": "0"})]
    response_body: Annotated[str | None, told("The beginning of the answer's body; erased after some weeks.", "")]
    failure: Annotated[str | None, told("Why it failed, in words; null when it did not.", None)]

    @classmethod
    def of(cls, attempt: Attempt) -> "WebhookAttemptDocument":
        return cls(
            attempt.number, whole_seconds(attempt.attempted_at), attempt.duration_ms, attempt.url, attempt.address, attempt.request_headers,
            attempt.response_status, attempt.response_headers, attempt.response_body, attempt.failure,
        )  # fmt: skip


class WebhookDeliveryDetailDocument(WebhookDeliveryDocument, rename="camel"):
    """A delivery with what was sent and every try."""

    payload: Annotated[
        str | None,
        told(
            "The body as it is sent and signed, byte by byte; null before the first try, and when it has been erased.",
            '{"type":"case.opened","timestamp":"2026-03-02T06:14:09Z","data":{}}',
        ),
    ]
    attempts: Annotated[list[WebhookAttemptDocument], told("The tries, in order; at most the newest hundred.")]

    @classmethod
    def with_attempts(
        cls, delivery: Delivery, payload: str | None, attempts: Iterable[Attempt]
    ) -> "WebhookDeliveryDetailDocument":
        shown = msgspec.structs.asdict(WebhookDeliveryDocument.of(delivery))
        return cls(**shown, payload=payload, attempts=[WebhookAttemptDocument.of(attempt) for attempt in attempts])


def _whole(instant: datetime | None) -> datetime | None:
    return None if instant is None else whole_seconds(instant)
