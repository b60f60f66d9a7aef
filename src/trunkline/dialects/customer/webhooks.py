"""Events as the Customer API sends them to webhooks: in the same words as in its feed."""

from collections.abc import Collection
from typing import Any, Protocol

import msgspec

from trunkline.dialects.customer.events import EVENT_TYPES, SUBJECTS, event_document, readable_subjects
from trunkline.domains.webhooks.service import UrlPolicy
from trunkline.kit.events import StoredEvent
from trunkline.kit.http.answer import encoder


class CustomerPresenter:
    """How the Customer API shows events to webhooks. Links begin with `base_url` (scheme and host, without a slash at the end)."""

    event_types: Collection[str] = EVENT_TYPES

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def subjects(self, permissions: Collection[str]) -> frozenset[str]:
        """The subject types whose events somebody with these permissions may read."""
        return readable_subjects(permissions)

    def permission(self, subject_type: str) -> str:
        """What reading the events of a subject type needs, in the house's words."""
        return SUBJECTS[subject_type].permission

    def data(self, event: StoredEvent) -> Any:
        """The event as the feed shows it, as JSON that is encoded already; `None` when such events are not shown."""
        document = event_document(event, self.base_url)
        return None if document is None else msgspec.Raw(encoder.encode(document))


class WebhookHost(Protocol):
    """What operations of webhooks ask of their dialect. The presenter only judges event types: nothing is sent with it."""

    webhook_policy: UrlPolicy
    presenter: CustomerPresenter
