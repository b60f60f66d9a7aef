"""Suspending an account together with its subscribers: one recorded action, undone by one."""

import asyncio

import pytest
from msgspec import UNSET

from tests.domains.house import House
from tests.domains.network_parts import OPC, RIGHTS, K, Parts, build_parts
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import ImportReport, ImportRow, SubscriberDraft
from trunkline.domains.connectivity.subscribers.suspension.store import SUSPEND
from trunkline.domains.customers import service as customers
from trunkline.domains.customers.service import AccountDraft, DeepAccount
from trunkline.kit.errors import Forbidden, Invalid, NotFound
from trunkline.kit.query import EVERYTHING, And, Compare, Operator, Window
from trunkline.kit.record import announcement

_numbers = iter(range(10_000))


async def account(house: House, parent: DeepAccount | None = None) -> DeepAccount:
    async with house.writing(None, RIGHTS) as work:
        draft = AccountDraft(name="Suspended", parent=parent.reference if parent else UNSET)
        return await customers.create_account(work, draft)


async def parts_of(house: House, root: DeepAccount) -> Parts:
    return await build_parts(house, await customers.find_reach(house.reading(None, RIGHTS), root.reference))


async def sim(house: House, owner: DeepAccount, parts: Parts, status: str = "active") -> str:
    number = f"20000{next(_numbers):010d}"
    draft = SubscriberDraft(
        imsi=number, msisdn=number, k=K, opc=OPC, status=status, account=owner.reference, system=parts.system,
        system_profile=parts.profile,
    )  # fmt: skip
    async with house.writing(None, RIGHTS) as work:
        return (await subscribers.create_subscriber(work, draft)).reference


async def status(house: House, *references: str) -> list[str]:
    work = house.reading(None, RIGHTS)
    return [(await subscribers.find_subscriber(work, one)).status for one in references]


async def suspend(house: House, one: DeepAccount, *, with_subscribers: bool = True) -> int:
    async with house.writing(None, RIGHTS) as work:
        return (await subscribers.suspend_account(work, one.reference, subscribers=with_subscribers)).subscribers


async def resume(house: House, one: DeepAccount) -> int:
    async with house.writing(None, RIGHTS) as work:
        return (await subscribers.resume_account(work, one.reference)).subscribers


async def test_an_account_is_suspended_with_all_below_it_and_resumed_as_it_was(house: House) -> None:
    """Active subscribers of the account and of those below it go off and on again; one that was off before stays off."""
    root = await account(house)
    child, parts = await account(house, root), await parts_of(house, root)
    sims = [await sim(house, root, parts), await sim(house, child, parts), await sim(house, root, parts, "inactive")]
    elsewhere = await account(house)
    other = await sim(house, elsewhere, await parts_of(house, elsewhere))
    assert await suspend(house, root) == 2
    assert await status(house, *sims, other) == ["inactive", "inactive", "inactive", "active"]
    assert not (await customers.find_account(house.reading(None, RIGHTS), root.reference)).enabled
    assert await suspend(house, root) == 0
    assert await resume(house, root) == 2
    assert await status(house, *sims) == ["active", "active", "inactive"]
    assert await resume(house, root) == 0


async def test_it_is_one_action_in_the_records(house: House) -> None:
    """One audit entry, an event for the account and one for each subscriber, as it was and as it is, in one transaction."""
    root = await account(house)
    parts = await parts_of(house, root)
    one = await sim(house, root, parts)
    before = await subscribers.find_subscriber(house.reading(None, RIGHTS), one)
    work = house.reading(None, RIGHTS)
    entries = len(await house.sql("SELECT 1 FROM audit_entries WHERE tenant_id = $1"))
    await suspend(house, root)
    after = (await subscribers.list_subscribers(work, Compare("reference", Operator.EQUAL, one), (), Window(0, 1))).items[0]
    assert len(await house.sql("SELECT 1 FROM audit_entries WHERE tenant_id = $1")) == entries + 1
    rows = await house.sql(
        """SELECT type, subject_id, subject_version, before::text AS before, after::text AS after, xmin::text AS transaction
             FROM events WHERE tenant_id = $1 AND xmin = (SELECT xmin FROM events
              WHERE tenant_id = $1 ORDER BY sequence DESC LIMIT 1) ORDER BY type""",
    )
    assert [(row["type"], row["subject_id"]) for row in rows] == [
        ("account.suspended", root.id), ("subscriber.deactivated", before.id),
    ]  # fmt: skip
    import msgspec

    from trunkline.domains.connectivity.subscribers.model import Subscriber

    told = rows[1]
    assert msgspec.json.decode(told["after"], type=Subscriber) == after
    expected = msgspec.structs.replace(
        after, status="active", suspended_with_account=False, version=1, modified_at=before.modified_at
    )
    assert msgspec.json.decode(told["before"], type=Subscriber) == expected
    # What the database wrote is what the house itself would have written, name by name.
    assert msgspec.json.decode(told["after"]) == msgspec.json.decode(msgspec.json.encode(after))
    assert told["subject_version"] == after.version == before.version + 1


async def test_totals_that_were_counted_before_are_counted_anew(house: House) -> None:
    """A filtered total is exact right after a suspension."""
    root = await account(house)
    parts = await parts_of(house, root)
    for _ in range(3):
        await sim(house, root, parts)
    reach = await customers.find_reach(house.reading(None, RIGHTS), root.reference)
    active = Compare("status", Operator.EQUAL, "active")

    async def total() -> int | None:
        return (await subscribers.list_subscribers(house.reading(reach, RIGHTS), active, (), Window(0, 1), 100)).total

    assert await total() == 3
    await suspend(house, root)
    assert await total() == 0
    assert (await subscribers.list_subscribers(house.reading(reach, RIGHTS), EVERYTHING, (), Window(0, 1), 100)).total == 3


async def test_a_branch_waits_for_what_is_suspended_above_it(house: House) -> None:
    """Resuming an account does not switch on what stands below another suspended one; resuming that one does."""
    root = await account(house)
    middle = await account(house, root)
    leaf, parts = await account(house, middle), await parts_of(house, root)
    sims = [await sim(house, one, parts) for one in (root, middle, leaf)]
    assert await suspend(house, middle) == 2
    assert await suspend(house, root) == 1
    assert await resume(house, middle) == 0
    assert await suspend(house, middle) == 0
    assert await resume(house, root) == 1
    assert await status(house, *sims) == ["active", "inactive", "inactive"]
    assert await resume(house, middle) == 2
    assert await status(house, *sims) == ["active"] * 3


async def test_nothing_is_activated_under_a_suspended_account(house: House) -> None:
    """Neither a new subscriber nor an old one, of the account or of one below it; what a person switched off stays off."""
    root = await account(house)
    child, parts = await account(house, root), await parts_of(house, root)
    one = await sim(house, child, parts)
    await suspend(house, root)
    for owner in (root, child):
        with pytest.raises(Invalid, match="while the account is suspended"):
            await sim(house, owner, parts)
    with pytest.raises(Invalid, match="while the account is suspended"):
        async with house.writing(None, RIGHTS) as work:
            await subscribers.change_subscriber(work, one, SubscriberDraft(status="active"))
    async with house.writing(None, RIGHTS) as work:
        await subscribers.change_subscriber(work, one, SubscriberDraft(extensions={"seen": "yes"}))
    assert await resume(house, root) == 1
    assert await status(house, one) == ["active"]


async def test_an_account_can_be_suspended_without_its_subscribers(house: House) -> None:
    """They stay active; suspending it once more takes them along, which is recorded though the account itself stays as it is."""
    root = await account(house)
    one = await sim(house, root, await parts_of(house, root))
    assert await suspend(house, root, with_subscribers=False) == 0
    assert await status(house, one) == ["active"]
    entries = len(await house.sql("SELECT 1 FROM audit_entries WHERE tenant_id = $1"))
    assert await suspend(house, root) == 1
    assert len(await house.sql("SELECT 1 FROM audit_entries WHERE tenant_id = $1")) == entries + 1


async def test_nothing_slips_through_a_suspension_that_runs_at_the_same_time(house: House) -> None:
    """A subscriber that is activated while its account is being suspended is either refused or suspended too."""
    root = await account(house)
    parts = await parts_of(house, root)
    sims = [await sim(house, root, parts, "inactive") for _ in range(6)]

    async def activate(reference: str) -> None:
        try:
            async with house.writing(None, RIGHTS) as work:
                await subscribers.change_subscriber(work, reference, SubscriberDraft(status="active"))
        except Invalid:
            pass

    await asyncio.gather(*(activate(one) for one in sims[:3]), suspend(house, root), *(activate(one) for one in sims[3:]))
    assert set(await status(house, *sims)) == {"inactive"}


async def test_a_suspension_does_not_fail_because_others_activate(house: House) -> None:
    """Who activates or imports subscribers of an account waits for its suspension, and is refused then; it never has to give way."""
    root = await account(house)
    parts = await parts_of(house, root)
    sims = [await sim(house, root, parts) for _ in range(2)]
    number = (await subscribers.find_subscriber(house.reading(None, RIGHTS), sims[1])).imsi

    async def activate() -> None:
        async with house.writing(None, RIGHTS) as work:
            await subscribers.change_subscriber(work, sims[0], SubscriberDraft(status="active"))

    async def import_active() -> ImportReport:
        async with house.writing(None, RIGHTS) as work:
            return await subscribers.import_subscribers(work, [ImportRow(SubscriberDraft(imsi=number, status="active"))])

    async with house.writing(None, RIGHTS) as work:
        await customers.change_account(work, root.reference, AccountDraft(enabled=False))
        waiting = asyncio.create_task(activate()), asyncio.create_task(import_active())
        await asyncio.sleep(0.5)
        assert (await subscribers.suspend_account(work, root.reference)).subscribers == 2
    with pytest.raises(Invalid, match="while the account is suspended"):
        await waiting[0]
    assert (await waiting[1]).failed == 1
    assert await status(house, *sims) == ["inactive"] * 2


@pytest.mark.parametrize("suspended", ["above", "below"])
async def test_resuming_waits_for_a_suspension_nearby(suspended: str, house: House) -> None:
    """What is resumed while an account above or below it is being suspended stays off with that one."""
    root = await account(house)
    child, parts = await account(house, root), await parts_of(house, root)
    one = await sim(house, child, parts)
    falls, rises = (root, child) if suspended == "above" else (child, root)
    await suspend(house, rises)
    async with house.writing(None, RIGHTS) as work:
        await subscribers.suspend_account(work, falls.reference)
        resuming = asyncio.create_task(resume(house, rises))
        await asyncio.sleep(0.5)
    assert await resuming == 0
    assert await status(house, one) == ["inactive"]
    assert await resume(house, falls) == 1


async def test_who_may_suspend(house: House) -> None:
    """It takes the rights to change accounts and subscribers, and the account must be within reach."""
    root = await account(house)
    for missing in ("accounts.change", "subscribers.change"):
        with pytest.raises(Forbidden):
            async with house.writing(None, RIGHTS - {missing}) as work:
                await subscribers.suspend_account(work, root.reference)
    with pytest.raises(NotFound):
        async with house.writing(house.other, RIGHTS) as work:
            await subscribers.suspend_account(work, root.reference)


async def test_others_write_while_an_account_is_suspended(house: House) -> None:
    """However long a suspension takes, the counters that every writer of subscribers passes by stay free until its very end."""
    root = await account(house)
    await sim(house, root, await parts_of(house, root))
    free = "SELECT 1 FROM collection_sizes WHERE tenant_id = $1 AND collection = 'subscribers' FOR UPDATE NOWAIT"
    async with house.writing(None, RIGHTS) as work:
        path = (await customers.find_reach(work, root.reference)).path or f"{root.reference}/"
        rows = await work.write(SUSPEND, root.customer_id, path, path[:-1] + "0", work.now, *announcement(work))
        assert rows[0][0] == 1
        assert await house.sql(free)


async def test_totals_follow_a_suspension(house: House) -> None:
    """A count that is remembered from before a suspension or a resumption is not told after it."""
    root = await account(house)
    parts = await parts_of(house, root)
    for _ in range(3):
        await sim(house, root, parts)
    mine = And((Compare("status", Operator.EQUAL, "active"), Compare("account_id", Operator.EQUAL, root.id)))

    async def active() -> int | None:
        return (await subscribers.list_subscribers(house.reading(None, RIGHTS), mine, (), Window(0, 1), 100)).total

    totals = [await active()]
    await suspend(house, root)
    totals.append(await active())
    await resume(house, root)
    assert [*totals, await active()] == [3, 0, 3]
