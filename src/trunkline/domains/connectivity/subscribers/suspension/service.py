"""Use cases of suspension: an account and every subscriber of it and of the accounts below it, as one recorded action."""

from trunkline.domains.connectivity.subscribers.model import Suspension
from trunkline.domains.connectivity.subscribers.suspension import store
from trunkline.domains.customers import service as customers
from trunkline.domains.customers.service import AccountDraft, DeepAccount
from trunkline.kit.events import changed
from trunkline.kit.work import Work

CHANGE = "subscribers.change"


async def suspend_account(work: Work, reference: str, *, subscribers: bool = True) -> Suspension:
    """Disable an account; with `subscribers` also every active subscriber of it and of the accounts below it. Raises `NotFound`.

    One transaction, one audit entry, an event for the account and one for each subscriber, however many there are.
    """
    account = await _enable(work, reference, enabled=False)
    count = 0
    if subscribers:
        work.require(CHANGE)
        count = await store.suspend(work, account.customer_id, await _path(work, account))
    _announce(work, "account.suspended", account, count)
    return Suspension(account, count)


async def resume_account(work: Work, reference: str) -> Suspension:
    """Enable an account again, and the subscribers that its suspension switched off. Raises `NotFound`.

    What stands below another account that is still suspended waits for that one.
    """
    work.require(CHANGE)
    await store.hold_above(work, (await customers.find_reach(work, reference)).path)
    account = await _enable(work, reference, enabled=True)
    path = await _path(work, account)
    await store.hold_branch(work, path)
    count = await store.resume(work, account.customer_id, path)
    _announce(work, "account.resumed", account, count)
    return Suspension(account, count)


async def _enable(work: Work, reference: str, *, enabled: bool) -> DeepAccount:
    return await customers.change_account(work, reference, AccountDraft(enabled=enabled))


async def _path(work: Work, account: DeepAccount) -> str:
    reach = await customers.find_reach(work, account.reference)
    return reach.path or f"{account.reference}/"


def _announce(work: Work, type_: str, account: DeepAccount, count: int) -> None:
    """An account that was suspended before keeps its version, but what happened to its subscribers is told and audited all the same."""
    if count and not work.recorded:
        work.record(changed(type_, "accounts", account, account))
