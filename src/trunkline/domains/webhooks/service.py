"""Use cases of webhooks: endpoints here, their deliveries in `deliveries.py`. The one module that others import from."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from trunkline.domains.webhooks import rules, store
from trunkline.domains.webhooks.deliveries import (
    LOG_KEPT,
    PAYLOAD_KEPT,
    REPLAYED_AT_ONCE,
    attempts_of,
    find_delivery,
    list_deliveries,
    payload_of,
    reference_of,
    replay_delivery,
    replay_range,
    sweep_deliveries,
    test_endpoint,
)
from trunkline.domains.webhooks.fields import NEWEST_FIRST, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS
from trunkline.domains.webhooks.model import (
    TEST_TYPE,
    Attempt,
    Delivery,
    DeliveryStatus,
    DisabledReason,
    EndpointChanges,
    EndpointDraft,
    EndpointStatus,
    Presenter,
    PresenterOf,
    WebhookEndpoint,
)
from trunkline.domains.webhooks.rules import MOST_ENDPOINTS, MOST_EVENT_TYPES, MOST_OVERLAP, OVERLAP, UrlPolicy
from trunkline.domains.webhooks.sealing import open_present, reseal_keys, rotate_keys, seal_keys
from trunkline.domains.webhooks.signing import Keys, new_secret, new_signing_key, public_key_text, read_secret, secret_text
from trunkline.domains.webhooks.store import Stored
from trunkline.kit import query
from trunkline.kit.errors import Conflict, Invalid, NotFound, Stale, Violation
from trunkline.kit.events import changed, created, horizon, removed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach
from trunkline.kit.query import Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = [
    "LOG_KEPT", "MOST_ENDPOINTS", "MOST_EVENT_TYPES", "MOST_OVERLAP", "NEWEST_FIRST", "OVERLAP", "PAYLOAD_KEPT", "REPLAYED_AT_ONCE",
    "TEST_TYPE", "WEBHOOK_DELIVERIES", "WEBHOOK_ENDPOINTS", "Attempt", "Delivery", "DeliveryStatus", "DisabledReason", "EndpointChanges",
    "EndpointDraft", "EndpointStatus", "Presenter", "PresenterOf", "Secrets", "UrlPolicy", "WebhookEndpoint", "attempts_of",
    "change_endpoint", "change_violations", "create_endpoint", "draft_violations", "find_delivery",
    "find_endpoint", "list_deliveries", "list_endpoints", "pause_endpoint", "payload_of", "reference_of", "remove_endpoint",
    "replay_delivery", "replay_range", "reseal_batch", "resume_endpoint", "rotate_secret", "sweep_deliveries", "test_endpoint",
]  # fmt: skip

READ = "webhooks.read"
MANAGE = "webhooks.manage"
COLLECTION = "webhook_endpoints"


class Secrets(NamedTuple):
    """What the receiver verifies signatures with, shown only now: `whsec_…`, and the public key `whpk_…`."""

    secret: str
    public_key: str


async def list_endpoints(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[WebhookEndpoint]:
    """A page of the endpoints of the accounts that the caller reaches."""
    work.require(READ)
    return await query.page(work, WEBHOOK_ENDPOINTS, predicate, sort, window, total_cap)


async def find_endpoint(work: Work, reference: str) -> WebhookEndpoint:
    """The endpoint with this reference. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, WEBHOOK_ENDPOINTS, reference)


async def draft_violations(work: Work, draft: EndpointDraft, policy: UrlPolicy, presenter: Presenter) -> list[Violation]:
    """Every rule that a new endpoint breaks. Fields that are `None` could not be read and break none."""
    return rules.draft_violations(draft, work.principal.permissions, policy, presenter)


async def change_violations(work: Work, changes: EndpointChanges, policy: UrlPolicy, presenter: Presenter) -> list[Violation]:
    """Every rule that a change breaks by itself, whatever endpoint it is for."""
    return rules.change_violations(changes, work.principal.permissions, policy, presenter)


async def create_endpoint(
    work: Work, draft: EndpointDraft, policy: UrlPolicy, presenter: Presenter, reach: Reach | None = None
) -> tuple[WebhookEndpoint, Secrets]:
    """Make an endpoint of the account `reach` (default: the caller's own), which hears of what happens from now on; and its secrets.

    Raises `Invalid` with every broken rule.
    """
    work.require(MANAGE)
    broken = [Violation(name, "is required") for name in ("url", "event_types") if getattr(draft, name) is None]
    if broken := broken + await draft_violations(work, draft, policy, presenter):
        raise Invalid(broken)
    assert draft.url is not None and draft.event_types is not None  # noqa: PT018 - for the type checker: checked above
    assert work.connection is not None, "only a writing unit of work creates"
    reach = reach or work.principal.reach
    keys = Keys(read_secret(draft.secret) if draft.secret is not None else new_secret(), new_signing_key())
    since = await horizon(work.connection)
    since = max(since, await store.lock_position(work, since))
    if await store.count_of_account(work, reach.account_id if reach else None) >= MOST_ENDPOINTS:
        raise Invalid(
            [Violation("url", f"cannot be added: the account has {MOST_ENDPOINTS} endpoints already, the most there can be")]
        )
    endpoint = WebhookEndpoint(
        id=new_id(),
        reference="",
        version=1,
        account_id=reach.account_id if reach else None,
        customer_id=reach.customer_id if reach else None,
        url=draft.url,
        description=draft.description or "",
        event_types=tuple(draft.event_types),
        permissions=tuple(sorted(work.principal.permissions)),
        public_key=public_key_text(keys.signing_key),
        status=EndpointStatus.ACTIVE,
        disabled_reason=None,
        failing_since=None,
        held_until=None,
        previous_until=None,
        created_at=work.now,
        modified_at=work.now,
    )
    reference = await store.insert(work, Stored(endpoint, seal_keys(work.keyring, endpoint.id, keys)), since)
    endpoint = msgspec.structs.replace(endpoint, reference=reference)
    work.record(created("webhook_endpoint.created", COLLECTION, endpoint))
    return endpoint, Secrets(secret_text(keys.secret), endpoint.public_key)


async def change_endpoint(
    work: Work,
    reference: str,
    changes: EndpointChanges,
    policy: UrlPolicy,
    presenter: Presenter,
    expected_version: int | None = None,
) -> WebhookEndpoint:
    """Change an endpoint's address, event types or description; nothing is written when nothing differs.

    Whoever changes the address or the event types becomes the one whose permissions count: the endpoint hears only what the caller
    may read. A new address begins without the failures of the old one. Raises `NotFound`, `Stale`, `Invalid` with every broken rule.
    """
    work.require(MANAGE)
    before = (await _lock(work, reference, expected_version)).endpoint
    asked = EndpointChanges(
        changes.url if changes.url != before.url else UNSET,
        changes.event_types if changes.event_types is UNSET or tuple(changes.event_types) != before.event_types else UNSET,
        changes.description if changes.description != before.description else UNSET,
    )
    permissions = work.principal.permissions
    if broken := rules.change_violations(asked, permissions, policy, presenter, before.event_types):
        raise Invalid(broken)
    news: dict[str, object] = {}
    if asked.url is not UNSET:
        news |= {"url": asked.url, "failing_since": None, "held_until": None}
    if asked.event_types is not UNSET:
        news["event_types"] = tuple(asked.event_types)
    if news:
        news["permissions"] = tuple(sorted(permissions))
    if asked.description is not UNSET:
        news["description"] = asked.description
    return await _write(work, "changed", before, **news) if news else before


async def pause_endpoint(work: Work, reference: str, expected_version: int | None = None) -> WebhookEndpoint:
    """Have deliveries wait. A paused endpoint stays as it is. Raises `NotFound`, `Stale`, and `Conflict` for a disabled one."""
    work.require(MANAGE)
    before = (await _lock(work, reference, expected_version)).endpoint
    if before.status == EndpointStatus.PAUSED:
        return before
    if before.status == EndpointStatus.DISABLED:
        raise Conflict("the endpoint is disabled: nothing is sent to it until it is resumed")
    return await _write(work, "paused", before, status=EndpointStatus.PAUSED)


async def resume_endpoint(work: Work, reference: str, expected_version: int | None = None) -> WebhookEndpoint:
    """Have deliveries sent again: a paused endpoint gets what has waited; what a disabled one has missed can be replayed.

    It begins anew: earlier failures and pauses that it asked for are forgotten. An active endpoint stays as it is. Raises `NotFound`,
    `Stale`.
    """
    work.require(MANAGE)
    before = (await _lock(work, reference, expected_version)).endpoint
    if before.status == EndpointStatus.ACTIVE:
        return before
    return await _write(
        work, "resumed", before, status=EndpointStatus.ACTIVE, disabled_reason=None, failing_since=None, held_until=None
    )


async def rotate_secret(
    work: Work, reference: str, overlap: timedelta = OVERLAP, secret: str | None = None, expected_version: int | None = None
) -> tuple[WebhookEndpoint, Secrets]:
    """Give an endpoint a new secret (the caller's own, or a random one) and a new key pair; the new ones, shown only now.

    For `overlap` the keys until now sign beside them; keys from before those end at once. Raises `NotFound`, `Stale`, `Invalid`
    (fields `overlap`, `secret`).
    """
    work.require(MANAGE)
    stored = await _lock(work, reference, expected_version)
    before = stored.endpoint
    broken = rules.overlap_violations(overlap)
    if secret is not None:
        broken += rules.secret_violations(secret)
        if not broken and open_present(work.keyring, before.id, stored.keys).secret == read_secret(secret):
            broken.append(Violation("secret", "is the present one"))
    if broken:
        raise Invalid(broken)
    keys = Keys(read_secret(secret) if secret is not None else new_secret(), new_signing_key())
    until = work.now + overlap if overlap else None
    sealed = (
        seal_keys(work.keyring, before.id, keys)
        if until is None
        else rotate_keys(work.keyring, before.id, stored.keys, keys, until)
    )
    await store.write_keys(work, before.id, sealed)
    after = await _write(work, "rotated", before, public_key=public_key_text(keys.signing_key), previous_until=until)
    return after, Secrets(secret_text(keys.secret), after.public_key)


async def remove_endpoint(work: Work, reference: str, expected_version: int | None = None) -> None:
    """Remove an endpoint, and erase its keys. What it was still to get is never sent. Raises `NotFound`, `Stale`."""
    work.require(MANAGE)
    before = (await _lock(work, reference, expected_version)).endpoint
    await store.remove(work, before.id)
    work.record(removed("webhook_endpoint.removed", COLLECTION, before))


# the house's own work --------------------------------------------------------------------------------------------------


async def reseal_batch(work: Work, limit: int) -> int:
    """Seal the keys of up to `limit` endpoints anew that an older key sealed; how many. 0 when none is left (kit.keyring)."""
    found = await store.sealed_before(work, work.keyring.prefix, limit)
    for id_, keys in found:
        await store.write_keys(work, id_, reseal_keys(work.keyring, id_, keys))
    return len(found)


# what the use cases are made of ----------------------------------------------------------------------------------------


async def _lock(work: Work, reference: str, expected_version: int | None) -> Stored:
    """The endpoint as it is now, locked until the transaction ends. Raises `NotFound`, `Stale`."""
    found = await query.find(work, WEBHOOK_ENDPOINTS, reference)
    stored = await store.lock(work, found.id)
    if stored is None:
        raise NotFound(f"{reference!r} was not found")
    if expected_version is not None and stored.endpoint.version != expected_version:
        raise Stale(f"the webhook endpoint is at version {stored.endpoint.version}")
    return stored


async def _write(work: Work, happened: str, before: WebhookEndpoint, **news: object) -> WebhookEndpoint:
    """The endpoint with what is new, written and announced."""
    after = msgspec.structs.replace(before, **news, version=before.version + 1, modified_at=max(work.now, before.modified_at))
    await store.update(work, after)
    work.record(changed(f"webhook_endpoint.{happened}", COLLECTION, before, after))
    return after
