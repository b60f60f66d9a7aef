"""A tenant with webhooks in a database of its own, for tests of sending: events of things that have versions, and a courier."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tests.domains.receiver import Receiver
from trunkline.domains.webhooks import service
from trunkline.domains.webhooks.sending.courier import Courier
from trunkline.domains.webhooks.service import EndpointDraft, Secrets, UrlPolicy, WebhookEndpoint
from trunkline.kit.events import Event, StoredEvent, changed
from trunkline.kit.ids import new_id
from trunkline.kit.keyring import Keyring
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.outbound.client import Outbound
from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin, write_record
from trunkline.kit.work import Transaction, Work

LOOPBACK = Allowed(["127.0.0.0/8"])
KEYRING = Keyring.of_new_key()
POLICY = UrlPolicy(https_only=False, allowed=LOOPBACK)


class Thing(msgspec.Struct, frozen=True):
    """Something that changes."""

    id: UUID
    reference: str
    version: int = 1
    account_id: UUID | None = None
    customer_id: UUID | None = None


class Things:
    """Shows things; `hidden` and `poisoned` are references of those that it does not show, and of those that it fails to show."""

    event_types: Collection[str] = ("thing.changed", "part.changed", "webhook_endpoint.disabled")

    def __init__(self) -> None:
        self.hidden: set[str] = set()
        self.poisoned: set[str] = set()

    def subjects(self, permissions: Collection[str]) -> frozenset[str]:
        found = {type_ for type_ in ("thing", "part") if f"{type_}s.read" in permissions or "*" in permissions}
        return frozenset(found | {"webhook_endpoint"})

    def permission(self, subject_type: str) -> str:
        return f"{subject_type}s.read"

    def data(self, event: StoredEvent) -> Any:
        if event.subject_reference in self.poisoned:
            raise KeyError("poison")
        if event.subject_reference in self.hidden:
            return None
        return {"sequence": event.sequence, "subject": event.subject_reference, "version": event.subject_version}


@dataclass
class Post:
    """The tenant, its clock and its couriers."""

    realm: Realm
    tenant_id: UUID
    presenter: Things = field(default_factory=Things)
    outbound: Outbound = field(default_factory=lambda: Outbound(LOOPBACK, seconds=5))
    ids: dict[str, UUID] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def work(self) -> Work:
        return Work(
            self.realm.pool, self.realm.clock, system(self.tenant_id, self.realm.environment, "tester"), Origin("test", "r")
        )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Work]:
        """A unit of work that commits when the block ends well."""
        work = self.work()
        async with Transaction(work) as transaction:
            yield work
            await transaction.commit(200)

    async def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.realm.pool.connection() as connection:
            return list(await connection.fetch(statement, self.tenant_id, *arguments))

    def advance(self, seconds: float) -> None:
        """Move this process's view of the clock, as the signal of `clock advance` does."""
        self.realm.clock.offset_seconds += int(seconds)

    async def endpoint(
        self, receiver: Receiver, *event_types: str, secret: str | None = None, path: str = ""
    ) -> tuple[WebhookEndpoint, Secrets]:
        async with self.writing() as work:
            draft = EndpointDraft(receiver.url + path, event_types or ("thing.*", "part.*"), secret=secret)
            return await service.create_endpoint(work, draft, POLICY, self.presenter)

    async def do(self, use_case: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """A use case in a transaction of its own."""
        async with self.writing() as work:
            return await use_case(work, *arguments)

    def event(self, reference: str) -> Event:
        """The next version of a thing."""
        version = self.versions[reference] = self.versions.get(reference, 0) + 1
        made = Thing(self.ids.setdefault(reference, new_id()), reference, version)
        return changed("thing.changed", "", made, made)

    async def change(self, *references: str) -> None:
        """Commit the next version of each of these things."""
        async with self.writing() as work:
            work.record(*(self.event(reference) for reference in references))

    async def change_slowly(self, reference: str, committing: asyncio.Event) -> None:
        """The same, with a commit that waits: the event's number is drawn at once."""
        work = self.work()
        async with Transaction(work) as transaction:
            work.record(self.event(reference))
            await write_record(transaction.connection, work, 200, None)
            work.recorded.clear()
            await committing.wait()
            await transaction.commit(200)

    async def deliveries(self, endpoint: WebhookEndpoint | None = None) -> list[asyncpg.Record]:
        return await self.sql(
            "SELECT * FROM webhook_deliveries WHERE tenant_id = $1 AND ($2::uuid IS NULL OR endpoint_id = $2) ORDER BY sequence",
            endpoint and endpoint.id,
        )

    async def one(self, endpoint: WebhookEndpoint) -> asyncpg.Record:
        (row,) = await self.deliveries(endpoint)
        return row

    async def stored(self, endpoint: WebhookEndpoint) -> asyncpg.Record:
        (row,) = await self.sql("SELECT * FROM webhook_endpoints WHERE tenant_id = $1 AND id = $2", endpoint.id)
        return row

    async def until(self, holds: Callable[[], Awaitable[Any]], seconds: float = 10) -> None:
        """Wait until `holds()` is true."""
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.01)

    async def settled(self, status: str, number: int, endpoint: WebhookEndpoint | None = None, seconds: float = 10) -> None:
        """Wait until so many deliveries have a status."""

        async def holds() -> bool:
            return sum(row["status"] == status for row in await self.deliveries(endpoint)) == number

        await self.until(holds, seconds)

    async def tried(self, endpoint: WebhookEndpoint, tries: int, seconds: float = 10) -> None:
        """Wait until the endpoint's only delivery has been tried so often."""

        async def holds() -> bool:
            return [row["attempts"] for row in await self.deliveries(endpoint)] == [tries]

        await self.until(holds, seconds)

    @asynccontextmanager
    async def courier(self, **options: Any) -> AsyncIterator["asyncio.Task[None]"]:
        """A courier that works until the block ends, and then stops in order."""
        stopping = asyncio.Event()
        task = asyncio.create_task(Courier(self.realm, self.presenter, self.outbound, **options).run(stopping))
        try:
            yield task
        finally:
            stopping.set()
            async with asyncio.timeout(20):
                await asyncio.wait([task])
            if not task.cancelled():
                task.result()


async def build(dsn: str) -> Post:
    """A new tenant in a migrated database, in the sandbox: its clock can be moved."""
    realm = Realm.at(Environment.SANDBOX, dsn, connections=10, throttle=False, keyring=KEYRING)
    tenant_id = new_id()
    async with realm.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO tenants (tenant_id, number, name, created_at) SELECT $1, count(*) + 1, 'T', $2 FROM tenants",
            tenant_id, realm.clock.now(),
        )  # fmt: skip
    return Post(realm, tenant_id)


async def leave(post: Post) -> None:
    """Nothing of the tenant is sent any more; its rows stay."""
    await post.sql(
        "UPDATE webhook_endpoints SET removed_at = created_at, secret = NULL, signing_key = NULL, previous_secret = NULL,"
        " previous_signing_key = NULL, previous_until = NULL WHERE tenant_id = $1"
    )
    await post.outbound.close()
    await post.realm.pool.close()
