"""Subscribers: create, read, change, delete, link, and keep their keys to themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.domains.house import House
from tests.domains.network_parts import OPC, RIGHTS, K, Parts, build_parts
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import DeepSubscriber, SubscriberDraft
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from trunkline.kit.keyring import Keyring
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, SortKey, Window

ALL = Window(0, 100)
_numbers = iter(range(10_000))


def imsi() -> str:
    """One that nobody has."""
    return f"12348{next(_numbers):010d}"


def draft(**values: object) -> SubscriberDraft:
    """The least that a new subscriber needs, with its own IMSI, and `values`."""
    number = imsi()
    return SubscriberDraft(**{"imsi": number, "msisdn": f"+{number}", "k": K, **values})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
async def parts(house: House) -> AsyncIterator[Parts]:
    yield await build_parts(house, house.customer)


async def create(house: House, reach: Reach | None = None, **values: object) -> DeepSubscriber:
    async with house.writing(reach or house.customer, RIGHTS) as work:
        return await subscribers.create_subscriber(work, draft(**values))


async def change(house: House, one: DeepSubscriber, version: int | None = None, **values: object) -> DeepSubscriber:
    async with house.writing(house.customer, RIGHTS) as work:
        return await subscribers.change_subscriber(
            work, one.reference, SubscriberDraft(**values), version  # type: ignore[arg-type]
        )


async def test_the_samples_of_the_seed_pass_as_they_are(house: House, parts: Parts) -> None:
    """IMSI, MSISDN and ICCID of the seed are accepted though no number plan knows them, and the IMSI of reference §13 too."""
    sample = SubscriberDraft(
        imsi="123480002339875", msisdn="+123480002339875", k=K, opc=None, iccid="89618802340002598755", status="inactive",
        type="production", extensions={"batch": "2022-04-12"},
    )  # fmt: skip
    active = SubscriberDraft(
        imsi="123480002339876", msisdn="+123480002339876", k=K, opc=OPC, system=parts.system, system_profile=parts.profile,
        status="active",
    )  # fmt: skip
    async with house.writing(house.customer, RIGHTS) as work:
        first = await subscribers.create_subscriber(work, sample)
        second = await subscribers.create_subscriber(work, active)
    assert (first.imsi, first.msisdn, first.iccid) == ("123480002339875", "+123480002339875", "89618802340002598755")
    assert (first.status, first.type, first.extensions) == ("inactive", "production", {"batch": "2022-04-12"})
    assert (first.has_k, first.has_opc, first.version) == (True, False, 1)
    assert first.reference.isdecimal()
    assert second.status == "active"
    assert second.system_profile_name == "internet-209715200-104857600"
    found = await subscribers.find_subscriber(house.reading(house.customer, RIGHTS), second.reference)
    assert found == second
