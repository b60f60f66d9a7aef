"""The timers' housekeeping on a real database."""

from tests.conftest import MakeDatabase
from trunkline.domains.identity.service import create_tenant
from trunkline.kit.ids import NIL
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.supervisor.timers import forget_limits, run_once

ADD_BUCKET = """
    INSERT INTO throttle_buckets (tenant_id, bucket, level, granted, updated_at)
    VALUES ($1, $2, 0, 0, (extract(epoch FROM now()) * 1000000)::bigint - $3)
"""
TWO_DAYS = 2 * 86_400 * 1_000_000


async def test_idle_rate_limits_are_forgotten(make_database: MakeDatabase) -> None:
    """Rate limits that nobody used for a day are deleted, of every tenant and of callers without one; the others stay."""
    realm = Realm.at(Environment.PRODUCTION, await make_database(), connections=1)
    async with realm.pool.connection() as connection:
        tenant_id, _ = await create_tenant(connection, "One", realm.clock.now())
        for owner in (NIL, tenant_id):
            await connection.execute(ADD_BUCKET, owner, "idle", TWO_DAYS)
            await connection.execute(ADD_BUCKET, owner, "used", 0)
    assert await forget_limits(realm) == 2
    async with realm.pool.connection() as connection:
        assert {row[0] for row in await connection.fetch("SELECT bucket FROM throttle_buckets")} == {"used"}
    await run_once(realm)  # the other steps find nothing to do
    await realm.close()
