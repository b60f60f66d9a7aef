"""Units of work that no operation opens: logging in and out happens before there is a caller, activation after its request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trunkline.kit.principal import Principal
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

DONE = 204  # what the audit has as their outcome


@asynccontextmanager
async def unit_of_work(realm: Realm, principal: Principal, origin: Origin) -> AsyncIterator[Work]:
    """A unit of work that commits when the block ends well."""
    work = Work(realm.pool, realm.clock, principal, origin)
    async with Transaction(work) as transaction:
        yield work
        await transaction.commit(DONE)
