"""Devices: what the SIMs are in. The type allocation codes are those that the makers were given."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw
from trunkline.demo.network.owned import OWNED_COLUMNS, Owned, life

COLUMNS = (*OWNED_COLUMNS, "tac", "brand_name", "model_name", "device_type", "os", "source")


class Model(NamedTuple):
    """A make with its TAC (GSMA TS.06)."""

    tac: str
    brand_name: str
    model_name: str
    device_type: str
    os: str | None


MODELS: tuple[Model, ...] = (
    Model("35607009", "SAMSUNG", "SM-G5323G/DS", "Smartphone", "Android 6.0 Marshmallow"),
    Model("35744105", "SAMSUNG", "GT-I9505", "Smartphone", "Android 5.0 Lollipop"),
    Model("35909205", "SAMSUNG", "SM-N9005", "Smartphone", "Android 5.0 Lollipop"),
    Model("35824005", "LG", "LG-D821", "Smartphone", "Android 6.0 Marshmallow"),
    Model("01332700", "APPLE", "iPhone 5", "Smartphone", "iOS 10"),
    Model("35920605", "NOKIA", "Lumia 625", "Smartphone", "Windows Phone 8.1"),
    Model("35714904", "HUAWEI", "E398u-15", "Modem", None),
)

# Those that somebody gave a name, in the order in which they came; the first is everybody's example.
NAMED = (
    ("Grob's Phone", 0), ("Forklift 4 Hall B", 6), ("Night shift supervisor", 3), ("Paint line camera", 6), ("Gate/North barrier", 6),
    ("Übung Werkschutz", 1),
)  # fmt: skip
NUMBERED = 46  # of the head office; others have a third as many


@dataclass(slots=True, kw_only=True, eq=False)
class Device(Owned):
    """A device. Its reference is its name, for those that have one."""

    tac: str
    brand_name: str
    model_name: str
    device_type: str
    os: str | None
    source: str


def make_devices(draw: Draw, now: datetime, owners: list[Account | None], start: datetime) -> list[Device]:
    """Devices of each owner, all younger than `start`; the first owner has the named ones."""
    return [device for place, owner in enumerate(owners) for device in _of_owner(draw, now, owner, start, first=place == 0)]


def _of_owner(draw: Draw, now: datetime, owner: Account | None, start: datetime, *, first: bool) -> Iterator[Device]:
    begin = max(start, owner.created_at) if owner else start
    if first:
        for number, (name, model) in enumerate(NAMED):
            begin += timedelta(days=11 * number)
            yield _device(draw, now, owner, begin, MODELS[model], "manual", name)
    for _ in range(NUMBERED if first else NUMBERED // 3):
        moment = draw.between(begin, now - timedelta(days=3))
        yield _device(draw, now, owner, moment, draw.one(MODELS), draw.one(("manual", "import", "network")))


def _device(
    draw: Draw, now: datetime, owner: Account | None, moment: datetime, model: Model, source: str, name: str = ""
) -> Device:
    return Device(**life(draw, now, owner, moment, moment), **model._asdict(), source=source, reference=name)
