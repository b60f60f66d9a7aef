"""Fixtures of the domains' tests."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import MakeDatabase
from tests.domains.house import House, build


@pytest.fixture(scope="package")
async def house(make_database: MakeDatabase) -> AsyncIterator[House]:
    """A house with demonstration data; tests leave what they make in it."""
    made = await build(await make_database())
    yield made
    await made.realm.pool.close()
