"""Subscribers: SIM cards as they come, in batches, at the services and sites where they are used."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw
from trunkline.demo.network.cores import Core, Keyset, System, SystemProfile
from trunkline.demo.network.devices import Device
from trunkline.demo.network.field import GROUPS, Group
from trunkline.demo.network.numbers import Card, CardMaker
from trunkline.demo.network.owned import OWNED_COLUMNS, Owned
from trunkline.demo.services import Service
from trunkline.demo.sites import Site

COLUMNS = (
    *OWNED_COLUMNS, "service_id", "site_id", "system_id", "system_profile_id", "group_id", "keyset_id", "device_id", "imsi",
    "msisdn", "iccid", "status", "type", "extensions",
)  # fmt: skip

FIRST_REFERENCE = 700_001
SAMPLE_REFERENCE = 700_123
SAMPLE = Card("123480002339875", "+123480002339875", "89618802340002598755")  # the one that the wire reference shows
SAMPLE_BATCH = "2022-04-12"
DAY = timedelta(days=1)


class Batch(NamedTuple):
    """A box of cards: days ago, place of its core in `cores.PLANS`, how many."""

    days_ago: int
    core: int
    cards: int


# The oldest are the head office's: SAMPLE_REFERENCE is among them.
BATCHES: tuple[Batch, ...] = tuple(
    Batch(*row)
    for row in (
        (1340, 0, 40), (1290, 0, 40), (1270, 1, 20), (1262, 0, 40), (1100, 2, 35), (1000, 0, 40), (900, 3, 40), (860, 4, 30),
        (800, 2, 35), (720, 0, 40), (640, 1, 40), (560, 3, 40), (500, 6, 20), (450, 2, 35), (400, 0, 40), (330, 4, 30),
        (260, 5, 20), (200, 0, 40), (150, 7, 10), (110, 2, 35), (80, 3, 40), (45, 0, 40), (20, 4, 30),
    )
)  # fmt: skip
SHARED, LAB = 6, 7  # cores of the provider
STOCK = {SHARED, LAB}
ROUTERS_SINCE = 1200 * DAY  # cards in routers of backup lines came later than the first batches
ROUTER_CORES = {"ACME": 0, "Nordhavn": 4}

# Group of `field.GROUPS` → profile of `cores.PROFILES`, and how often.
USES = ((0, 0), (0, 0), (0, 1), (1, 4), (1, 4), (2, 2), (2, 2), (3, 3))
ROUTER_USE = (4, 0)


@dataclass(slots=True, kw_only=True, eq=False)
class Subscriber(Owned):
    """A SIM card on its way into the database. `secrets` names the keys that it has; they are made when it is written."""

    service: Service | None
    site: Site | None
    system: System | None
    profile: SystemProfile | None
    group: Group | None
    keyset: Keyset | None
    device: Device | None
    imsi: str
    msisdn: str
    iccid: str
    status: str
    type: str
    extensions: str
    secrets: tuple[str, ...]

    @property
    def service_id(self) -> UUID | None:
        return self.service.id if self.service else None

    @property
    def site_id(self) -> UUID | None:
        return self.site.id if self.site else None

    @property
    def system_id(self) -> UUID | None:
        return self.system.id if self.system else None

    @property
    def system_profile_id(self) -> UUID | None:
        return self.profile.id if self.profile else None

    @property
    def group_id(self) -> UUID | None:
        return self.group.id if self.group else None

    @property
    def keyset_id(self) -> UUID | None:
        return self.keyset.id if self.keyset else None

    @property
    def device_id(self) -> UUID | None:
        return self.device.id if self.device else None


class Place(NamedTuple):
    """Where a card is used: at a service (and its site), at a site, or anywhere."""

    account: Account | None
    site: Site | None
    service: Service | None


class SubscriberMaker:
    """Makes all subscribers of a demonstration."""

    def __init__(
        self, draw: Draw, now: datetime, cores: list[Core], groups: list[Group], devices: list[Device], services: list[Service]
    ) -> None:
        self.draw, self.now, self.cores, self.groups = draw, now, cores, groups
        self.sample_device = devices[0]
        self.devices = draw.shuffled(devices[1:])
        self.services = [service for service in services if service.status == "ready"]
        self.cards = CardMaker()

    def make(self) -> list[Subscriber]:
        """All of them in the order of their references, which they have."""
        made = [subscriber for batch in BATCHES for subscriber in self._batch(batch)]
        made += self._routers()
        made.sort(key=attrgetter("created_at"))
        for value, subscriber in enumerate(made, FIRST_REFERENCE):
            subscriber.reference = str(value)
        self._sample(made[SAMPLE_REFERENCE - FIRST_REFERENCE])
        return made

    def _batch(self, batch: Batch) -> Iterator[Subscriber]:
        draw, core = self.draw, self.cores[batch.core]
        account = core.system.account
        opened = self.now.replace(hour=7, minute=0, second=0) - batch.days_ago * DAY
        opened = draw.after(opened, timedelta(), timedelta(hours=8))
        named = (opened - draw.whole(3, 40) * DAY).date().isoformat()
        sites = {service.site.id: service.site for service in self.services if service.site.account is account}
        services = [service for service in self.services if service.site.account is account]
        keyset = core.keysets[batch.days_ago % 2]
        for number in range(batch.cards):
            where = Place(account, None, None)
            if services and draw.happens(0.7):
                service = draw.one(services)
                where = Place(account, service.site, service)
            elif sites and draw.happens(0.5):
                where = Place(account, draw.one(list(sites.values())), None)
            created_at = opened + timedelta(seconds=number // 4)
            yield self._subscriber(core, where, draw.one(USES), created_at, named, keyset)

    def _routers(self) -> Iterator[Subscriber]:
        """A card in the router of each wireless line of the two named customers."""
        for service in self.services:
            core = ROUTER_CORES.get(service.site.account.company.brand)
            if core is None or service.product.access_type != "4G/5G":
                continue
            delivered = max(service.created_at + 20 * DAY, self.now - ROUTERS_SINCE)
            created_at = self.draw.after(delivered, DAY, 5 * DAY)
            where = Place(service.site.account, service.site, service)
            named = (created_at - 30 * DAY).date().isoformat()
            yield self._subscriber(self.cores[core], where, ROUTER_USE, created_at, named, self.cores[core].keysets[0])

    def _subscriber(
        self, core: Core, where: Place, use: tuple[int, int], created_at: datetime, batch: str, keyset: Keyset
    ) -> Subscriber:
        draw, number = self.draw, self.cores.index(core)
        home = where.service or where.site
        placed_at = max(created_at, home.created_at) if home else created_at
        active = number != SHARED and draw.happens(0.85 if created_at < self.now - 60 * DAY else 0.25)
        changed = active or placed_at > created_at or draw.happens(0.2)
        modified_at = draw.between(placed_at, self.now) if changed else created_at
        own_key = draw.happens(0.4)  # an OPc of its own; the others take their keyset's OP
        card = self.cards.card(core.system.plan.imsi_prefix)
        extensions = {"batch": batch}
        if use[0] == 1:
            extensions["asset"] = draw.pattern("FLT-%###")
        return Subscriber(
            id=draw.id(created_at),
            account=where.account,
            service=where.service,
            site=where.site,
            system=None if number == SHARED else core.system,
            profile=None if number == SHARED else core.profiles[use[1]],
            group=self._group(core, GROUPS[use[0]][0]),
            keyset=None if own_key else keyset,
            device=self._device(where.account) if use[0] in (0, 4) and active else None,
            imsi=card.imsi,
            msisdn=card.msisdn,
            iccid=card.iccid,
            status="active" if active else "inactive",
            type="test" if number == LAB or draw.happens(0.04) else "production",
            extensions=json.dumps(extensions),
            secrets=("k", "opc") if own_key else ("k",),
            created_at=created_at,
            modified_at=modified_at,
            version=1 if modified_at == created_at else draw.whole(2, 6),
        )

    def _group(self, core: Core, name: str) -> Group:
        return next(group for group in self.groups if group.account is core.system.account and group.name == name)

    def _device(self, account: Account | None) -> Device | None:
        found = next((device for device in self.devices if device.account is account), None)
        if found is not None:
            self.devices.remove(found)
        return found

    def _sample(self, subscriber: Subscriber) -> None:
        """Make it the one of the wire reference: inactive, without OPc, ready to be activated with the keyset that it has."""
        core = self.cores[0]
        service = next(service for service in self.services if service.site.account is core.system.account)
        subscriber.account, subscriber.site, subscriber.service = core.system.account, service.site, service
        subscriber.system, subscriber.profile, subscriber.keyset = core.system, core.profiles[0], core.keysets[0]
        subscriber.device = self.sample_device
        subscriber.imsi, subscriber.msisdn, subscriber.iccid = SAMPLE
        subscriber.status, subscriber.type = "inactive", "production"
        subscriber.extensions, subscriber.secrets = json.dumps({"batch": SAMPLE_BATCH}), ("k",)
        subscriber.version = 3
        subscriber.modified_at = max(subscriber.created_at, service.created_at) + DAY
