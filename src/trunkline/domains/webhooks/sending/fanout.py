"""From committed events to deliveries: one row for each event and endpoint that is to hear of it, exactly once."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from trunkline.domains.events.service import Filter, filter_of
from trunkline.domains.webhooks.model import Presenter
from trunkline.domains.webhooks.sending import store
from trunkline.domains.webhooks.sending.model import Target
from trunkline.kit.clock import Clock
from trunkline.kit.events import Reading, StoredEvent, read_between
from trunkline.kit.ids import new_id

EVENTS = 1000  # looked at in one go
ROWS = 5000  # about as many are written in one go


@dataclass(frozen=True, slots=True)
class Heard:
    """What one round has done: the endpoints that got deliveries, and whether there is more to do at once."""

    targets: list[Target]
    more: bool


class Listeners:
    """Who is to hear of an event. The few that could are found by its customer, not by asking all."""

    def __init__(self, targets: Iterable[Target], presenter: Presenter) -> None:
        self._of_operator: list[tuple[Target, Filter]] = []
        self._of_customer: dict[UUID, list[tuple[Target, Filter]]] = {}
        for target in targets:
            wanted = filter_of(presenter.subjects(target.permissions), target.event_types, target.reach)
            if target.customer_id is None:
                self._of_operator.append((target, wanted))
            else:
                self._of_customer.setdefault(target.customer_id, []).append((target, wanted))

    def of(self, event: StoredEvent) -> list[UUID]:
        """The endpoints that are to hear of an event."""
        could = self._of_operator
        if event.customer_id is not None and (own := self._of_customer.get(event.customer_id)):
            could = could + own
        return [target.id for target, wanted in could if event.sequence > target.since and wanted.matches(event)]


async def fan_out(reading: Reading, tenant_id: UUID, horizon: int, presenter: Presenter, clock: Clock) -> Heard:
    """Make deliveries of a tenant's next events up to `horizon`.

    The order of the readings matters: the horizon was asked for before the endpoints are read. An endpoint that is missing here was
    committed after that, so every event that its owner can count on has a higher number than the horizon.
    """
    position = await store.position_of(reading, tenant_id)
    if position is None or position >= horizon:
        return Heard([], more=False)
    targets = await store.read_targets(reading, tenant_id)
    if not targets:  # the next endpoint begins at its own `since`
        return Heard([], more=False)
    begin = max(position, min(target.since for target in targets))
    events = await read_between(reading, tenant_id, begin, horizon, EVENTS)
    if not events:
        return Heard([], more=False)
    listeners = Listeners(targets, presenter)
    rows: list[tuple[UUID, UUID, StoredEvent]] = []
    reached = begin
    for event in events:
        rows += [(new_id(), endpoint, event) for endpoint in listeners.of(event)]
        reached = event.sequence
        if len(rows) >= ROWS:
            break
    moved = await store.fan_out(reading, tenant_id, position, reached, clock.now(), rows)
    more = reached < events[-1].sequence or len(events) == EVENTS
    if not moved:
        return Heard([], more=True)
    heard = {endpoint for _, endpoint, _ in rows}
    return Heard([target for target in targets if target.id in heard], more)
