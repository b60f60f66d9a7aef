"""Accounts and sites that are made while what they belong to goes away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.domains.house import House
from trunkline.domains.customers import service as customers
from trunkline.domains.customers import store
from trunkline.domains.customers.service import AccountDraft, DeepAccount, SiteDraft
from trunkline.kit.errors import Conflict
from trunkline.kit.work import Work

Use = Callable[[Work, str], Awaitable[Any]]


async def account_below(work: Work, reference: str) -> None:
    await customers.create_account(work, AccountDraft(name="Late", parent=reference))


async def site_at(work: Work, reference: str) -> None:
    await customers.create_site(work, SiteDraft(name="Late", account=reference))


async def short_lived(house: House) -> DeepAccount:
    """An account that nothing refers to."""
    async with house.writing(house.customer) as work:
        return await customers.create_account(work, AccountDraft(name="Short-lived"))


@pytest.mark.parametrize("use", [account_below, site_at])
async def test_nothing_is_made_below_an_account_that_goes_at_the_same_time(house: House, use: Use) -> None:
    """Who makes something below an account while another removes it is told so, and nothing of it stays."""
    account = await short_lived(house)

    async def late() -> None:
        async with house.writing(house.customer) as work:
            await use(work, account.reference)

    async with house.writing(house.customer) as work:
        await customers.remove_account(work, account.reference)
        task = asyncio.create_task(late())
        await asyncio.sleep(0.3)  # it waits for the account's row
        assert not task.done()
    with pytest.raises(Conflict, match="was removed at the same time"):
        await task


async def test_an_account_that_went_between_two_reads_is_a_conflict(house: House) -> None:
    """An account that is removed just after it was found is no surprise either."""
    account = await short_lived(house)
    async with house.writing(house.customer) as work:
        await customers.remove_account(work, account.reference)
    with pytest.raises(Conflict, match="was removed at the same time"):
        await store.read_owner(house.reading(house.customer), account.id)
