"""What is told of a subscriber that goes from one customer to another, and how long the lists of both are then."""

from tests.domains.house import House
from tests.domains.network_parts import RIGHTS
from tests.domains.test_subscribers import account_of, draft
from trunkline.domains.connectivity.subscribers import service as subscribers
from trunkline.domains.connectivity.subscribers.service import SubscriberDraft
from trunkline.kit.principal import Reach
from trunkline.kit.query import EVERYTHING, Window


async def total(house: House, reach: Reach | None) -> int:
    page = await subscribers.list_subscribers(house.reading(reach, RIGHTS), EVERYTHING, (), Window(0, 1), 100_000)
    assert page.total is not None
    return page.total


async def test_each_customer_learns_of_its_own_side_alone(house: House) -> None:
    """Who loses a SIM hears that it is gone, who gets it that it has come; neither sees what it was at the other, and totals stay exact."""
    everybody = (None, house.customer, house.other)
    async with house.writing(house.customer, RIGHTS) as work:
        one = await subscribers.create_subscriber(work, draft())
    mine, theirs = await account_of(house, house.customer), await account_of(house, house.other)
    whole, ours, others = [await total(house, reach) for reach in everybody]
    for account, expected in ((theirs, (ours - 1, others + 1)), (None, (ours - 1, others)), (mine, (ours, others))):
        async with house.writing(None, RIGHTS) as work:
            await subscribers.change_subscriber(work, one.reference, SubscriberDraft(account=account))
        assert [await total(house, reach) for reach in everybody] == [whole, *expected]
    rows = await house.sql(
        """
        SELECT type, customer_id, subject_version, before IS NOT NULL, after IS NOT NULL FROM events
         WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence
        """,
        one.id,
    )
    customer, other = house.customer.customer_id, house.other.customer_id
    assert [tuple(row) for row in rows] == [
        ("subscriber.created", customer, 1, False, True),
        ("subscriber.released", customer, 1, True, False), ("subscriber.assigned", other, 2, False, True),
        ("subscriber.released", other, 2, True, False), ("subscriber.assigned", None, 3, False, True),
        ("subscriber.released", None, 3, True, False), ("subscriber.assigned", customer, 4, False, True),
    ]  # fmt: skip
