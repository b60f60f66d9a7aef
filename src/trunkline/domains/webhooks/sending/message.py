"""What is sent: the body and the headers of a try (Standard Webhooks 1.0.0)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog

from trunkline.domains.webhooks.model import TEST_TYPE, Presenter
from trunkline.domains.webhooks.sending.model import Due
from trunkline.domains.webhooks.signing import Keys, signature
from trunkline.kit.clock import wall_clock, whole_seconds
from trunkline.kit.startup import reason

USER_AGENT = "Trunkline-Webhooks/1"

log = structlog.get_logger(__name__)


class Unsendable(Exception):  # noqa: N818 - as the refusals: not an error of ours but what becomes of the delivery
    """A delivery of which nothing can be sent; the text says why, for people."""


class Body(msgspec.Struct):
    """The JSON of every message."""

    type: str
    timestamp: datetime
    data: Any


def body_of(due: Due, presenter: Presenter) -> str:
    """The JSON text of a delivery: what was sent before, or the event as it is shown now. Raises `Unsendable`."""
    if due.payload is not None:
        return due.payload
    if due.is_test:
        body = Body(TEST_TYPE, whole_seconds(due.created_at), {"message": "This is a test."})
        return msgspec.json.encode(body).decode()
    event = due.event
    if event is None:
        raise Unsendable("the event is not kept any more")
    try:
        data = presenter.data(event)
        if data is not None:
            return msgspec.json.encode(Body(event.type, whole_seconds(event.occurred_at), data)).decode()
    except Exception as error:
        log.exception("webhook.unrendered", sequence=event.sequence, type=event.type)
        raise Unsendable(f"the event cannot be shown: {type(error).__name__}: {reason(error)}"[:300]) from error
    raise Unsendable(f"events of the type {event.type} are not shown")


def headers_of(delivery_id: UUID) -> dict[str, str]:
    """The headers of a try but its signatures; `webhook-timestamp` is the wall clock's, whatever a sandbox believes."""
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": f"msg_{delivery_id.hex}",
        "webhook-timestamp": str(int(wall_clock().timestamp())),
    }


def signed(headers: dict[str, str], keys: Sequence[Keys], body: bytes) -> dict[str, str]:
    """The same headers with the signatures of every generation of keys."""
    made = signature(keys, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    return {**headers, "webhook-signature": made}
