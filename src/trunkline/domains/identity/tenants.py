"""Tenants: the providers whose data a database holds."""

from datetime import datetime
from uuid import UUID

from trunkline.domains.identity import store
from trunkline.kit.db import Connection
from trunkline.kit.ids import new_id
from trunkline.kit.work import Work


async def create_tenant(connection: Connection, name: str, now: datetime) -> tuple[UUID, int]:
    """Make a tenant (a provider); its id and number."""
    tenant_id = new_id()
    number: int = await connection.fetchval(store.INSERT_TENANT, tenant_id, name, now)
    return tenant_id, number


async def tenant_number(work: Work) -> int:
    """The number of the caller's tenant, which its credentials carry."""
    number: int = (await work.fetch(store.READ_TENANT))[0][0]
    return number
