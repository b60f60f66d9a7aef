"""Fixtures of the domains' tests."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import MakeDatabase
from tests.domains import people as network_people
from tests.domains.house import House, build
from tests.domains.people import People


@pytest.fixture(scope="package")
async def house(make_database: MakeDatabase) -> AsyncIterator[House]:
    """A house with demonstration data; tests leave what they make in it."""
    made = await build(await make_database())
    yield made
    await made.realm.pool.close()


@pytest.fixture
async def people(house: House) -> AsyncIterator[People]:
    """The house's people, with a clock of the test's own."""
    made = await network_people.build(house)
    yield made
    await made.realm.pool.close()
