"""Events as the Customer API shows them: who may read which, and the object before and after as its own resources show it."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog

from trunkline.dialects.customer.cursors import cursor_of
from trunkline.dialects.customer.representations import (
    AccountDocument,
    ApiClientDocument,
    CaseDocument,
    CaseMessageDocument,
    Instant,
    InvoiceDocument,
    ServiceDocument,
    SiteDocument,
    SubscriberDocument,
    told,
)
from trunkline.dialects.customer.webhook_documents import WebhookEndpointDocument
from trunkline.domains.billing.service import Invoice
from trunkline.domains.connectivity.service import Service
from trunkline.domains.connectivity.subscribers.service import Subscriber
from trunkline.domains.customers.service import Account, Site
from trunkline.domains.identity.service import ApiClient
from trunkline.domains.support.service import Case, CaseMessage
from trunkline.domains.webhooks.model import WebhookEndpoint
from trunkline.kit.events import StoredEvent

log = structlog.get_logger(__name__)


class Shown(NamedTuple):
    """How the events of one type of subject are shown.

    `permission` (the house's word) is what reading its resources needs; `model` what the house stored; `path` where the subject is.
    """

    permission: str
    model: type[Any]
    document: Callable[[Any], msgspec.Struct]
    path: str


# Subject type → how it is shown. What is not here is in no feed and no webhook of this dialect.
SUBJECTS: Mapping[str, Shown] = {
    "account": Shown("accounts.read", Account, AccountDocument.of, "/v2/accounts/{reference}"),
    "site": Shown("sites.read", Site, SiteDocument.of, "/v2/sites/{reference}"),
    "service": Shown("services.read", Service, ServiceDocument.of, "/v2/services/{reference}"),
    "subscriber": Shown("subscribers.read", Subscriber, SubscriberDocument.of, "/v1/subs/{reference}"),
    "case": Shown("cases.read", Case, CaseDocument.of, "/v2/cases/{reference}"),
    "case_message": Shown("cases.read", CaseMessage, CaseMessageDocument.of, "/v2/cases/{case_reference}/case-messages"),
    "invoice": Shown("invoices.read", Invoice, InvoiceDocument.of, "/v2/invoices/{reference}"),
    "api_client": Shown("api_clients.read", ApiClient, ApiClientDocument.of, "/v2/api-clients/{reference}"),
    "webhook_endpoint": Shown(
        "webhooks.read", WebhookEndpoint, WebhookEndpointDocument.of, "/v2/webhook-endpoints/{reference}"
    ),
}

DECODERS = {type_: msgspec.json.Decoder(shown.model) for type_, shown in SUBJECTS.items()}

# What happens to them: the words of `types`. A test holds this against what the domains record.
EVENT_TYPES: tuple[str, ...] = (
    "account.created", "account.changed", "account.suspended", "account.resumed", "account.removed",
    "site.created", "site.changed", "site.removed",
    "subscriber.created", "subscriber.changed", "subscriber.keys_changed", "subscriber.activated", "subscriber.deactivated",
    "subscriber.assigned", "subscriber.released", "subscriber.removed",
    "case.opened", "case.changed", "case.replied", "case.new", "case.in_progress", "case.pending_customer", "case.pending_supplier",
    "case.resolved", "case.closed", "case.cancelled", "case_message.added",
    "invoice.overdue",
    "api_client.created", "api_client.revoked",
    "webhook_endpoint.created", "webhook_endpoint.changed", "webhook_endpoint.paused", "webhook_endpoint.resumed",
    "webhook_endpoint.rotated", "webhook_endpoint.disabled", "webhook_endpoint.removed",
)  # fmt: skip

# All that `types` takes: a type, everything that happens to a thing, everything.
PATTERNS = ("*", *(f"{thing}.*" for thing in dict.fromkeys(type_.partition(".")[0] for type_ in EVENT_TYPES)), *EVENT_TYPES)

_OBJECT: dict[str, Any] = {
    "oneOf": [
        {"type": "null"},
        *({"$ref": f"#/components/schemas/{name}"} for name in (
            "Account", "Site", "Service", "Subscriber", "Case", "CaseMessage", "Invoice", "ApiClient", "WebhookEndpoint",
        )),
    ]
}  # fmt: skip


class SubjectDocument(msgspec.Struct, rename="camel"):
    """The object that changed."""

    type: Annotated[str, told("What it is.", "case", enum=list(SUBJECTS))]
    id: Annotated[str, told("Its reference.", "CAS-98002231")]
    version: Annotated[int, told("Its version after the change, as in its `ETag`; of a removed one its last.", 1, minimum=1)]
    link: Annotated[
        str, told("Where it is or was.", "https://api.provider.example/v2/cases/CAS-98002231", format="uri")
    ]  # fmt: skip


class ActorDocument(msgspec.Struct, rename="camel"):
    """Who did it."""

    type: Annotated[
        str,
        told(
            "A program, a person, a token, or the house itself.", "api_client", enum=["api_client", "user", "token", "system"]
        ),
    ]
    id: Annotated[str, told("Client id, user name, or what part of the house.", "00001q6zs9a0v3k7m2x4c8d5ef")]


class EventDocument(msgspec.Struct, rename="camel"):
    """One committed change of one object."""

    cursor: Annotated[str, told("Where it is in the feed: go on with `after=`. Opaque.", "v1.48213")]
    sequence: Annotated[int, told("Grows from event to event, with gaps.", 48213, minimum=1)]
    type: Annotated[str, told("`<what>.<what happened to it>`.", "case.opened")]
    timestamp: Annotated[Instant, told("When it happened (UTC).", "2026-03-02T06:14:09Z")]
    subject: Annotated[SubjectDocument, told("The object that changed.")]
    actor: Annotated[ActorDocument, told("Who did it.")]
    request_id: Annotated[
        str, told("The request that did it: the `X-Request-Id` of its answer.", "4bf92f3577b34da6a3ce929d0e0e4736")
    ]
    before: Annotated[Any, msgspec.Meta(description="The object before; null when it is new.", extra_json_schema=_OBJECT)]
    after: Annotated[Any, msgspec.Meta(description="The object after; null when it is gone.", extra_json_schema=_OBJECT)]


def readable_subjects(permissions: Collection[str]) -> frozenset[str]:
    """The subject types whose events somebody with these permissions may read."""
    return frozenset(type_ for type_, shown in SUBJECTS.items() if shown.permission in permissions or "*" in permissions)


def event_document(event: StoredEvent, base_url: str) -> EventDocument | None:
    """An event as this dialect shows it, with links below `base_url`; `None` when it shows nothing of such subjects."""
    shown = SUBJECTS.get(event.subject_type)
    if shown is None:
        return None
    before, after = (_decoded(event, text) for text in (event.before, event.after))
    if before is not None and before.customer_id != event.customer_id:
        before = None  # it was another customer's: what it was there is not for whom it belongs to now
    known = after if after is not None else before
    link = base_url + shown.path.format(
        reference=event.subject_reference, case_reference=getattr(known, "case_reference", event.subject_reference)
    )
    return EventDocument(
        cursor_of(event.sequence),
        event.sequence,
        event.type,
        whole(event.occurred_at),
        SubjectDocument(event.subject_type, event.subject_reference, event.subject_version, link),
        ActorDocument(event.actor_type, event.actor_id),
        event.request_id,
        None if before is None else shown.document(before),
        None if after is None else shown.document(after),
    )


def whole(instant: datetime) -> datetime:
    """Instants on the wire have whole seconds."""
    return instant.replace(microsecond=0)


def _decoded(event: StoredEvent, text: str | None) -> Any:
    """The object as the house stored it; `None` when there is none, or when an older version stored it in a form that is not read now."""
    if text is None:
        return None
    try:
        return DECODERS[event.subject_type].decode(text)
    except msgspec.ValidationError as error:
        log.warning("event.unreadable", sequence=event.sequence, type=event.type, error=str(error))
        return None
