"""People and programs of the network in a house of their own clock, for tests of users, API tokens and sessions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.domains.house import House
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import DeepUser, Feature, NetworkCredentials, Role, UserDraft
from trunkline.kit.clock import Clock
from trunkline.kit.ids import new_id
from trunkline.kit.principal import ActorType, Environment, Principal, Reach, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

PASSWORD = "Correct-horse-7"
CHANGES = frozenset({"create", "change", "remove"})
# What the Network API's roles grant over users and tokens (reference/expeto.md §3).
GRANTED = {
    Role.CUSTOMER_MANAGER: frozenset(f"{what}.{verb}" for what in ("users", "api_tokens") for verb in (*CHANGES, "read")),
    Role.NETWORK: frozenset(f"{what}.{verb}" for what in ("users", "api_tokens") for verb in (*CHANGES, "read")),
    Role.ADMINISTRATOR: frozenset(f"{what}.{verb}" for what in ("users", "api_tokens") for verb in (*CHANGES, "read")),
    Role.CUSTOMER_ADMINISTRATOR: frozenset(f"users.{verb}" for verb in (*CHANGES, "read")),
    Role.CUSTOMER_READER: frozenset({"users.read"}),
    Role.READER: frozenset({"users.read"}),
}


class StandingClock(Clock):
    """A clock that stands where it is set."""

    __slots__ = ("at",)

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        return self.at

    def timestamp(self) -> float:
        return self.at.timestamp()


@dataclass
class People:
    """One tenant. `root` and `child` are accounts of one customer, `other` is another customer."""

    house: House
    realm: Realm
    clock: StandingClock
    credentials: NetworkCredentials
    root: str
    child: str
    other: str

    def set(self, text: str) -> None:
        """Set the clock: `2026-12-01 10:00` or with seconds."""
        self.clock.at = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def forward(self, **by: float) -> None:
        self.clock.at += timedelta(**by)

    def principal(self, user: DeepUser | None, reach: Reach | None = None) -> Principal:
        """What the dialect makes of a user; the house itself without one."""
        if user is None:
            return system(self.house.tenant_id, Environment.PRODUCTION, "tester")
        permissions = GRANTED.get(user.role, frozenset()) | identity.role_permissions(user.role)
        return Principal(
            self.house.tenant_id, Environment.PRODUCTION, ActorType.USER, user.username, new_id(), permissions, reach=reach
        )

    async def reach(self, user: DeepUser | None) -> Reach | None:
        if user is None or user.account_id is None:
            return None
        rows = await self.house.sql("SELECT customer_id, path FROM accounts WHERE tenant_id = $1 AND id = $2", user.account_id)
        customer_id, path = rows[0]
        if user.role is Role.CUSTOMER_MANAGER:
            return Reach(user.account_id, customer_id, "" if customer_id == user.account_id else path)
        return Reach(user.account_id, customer_id, path, own=True)

    async def reading(self, user: DeepUser | None) -> Work:
        """A unit of work of a user that only reads."""
        return Work(self.realm.pool, self.clock, self.principal(user, await self.reach(user)), Origin("test", new_id().hex))

    @asynccontextmanager
    async def writing(self, user: DeepUser | None = None) -> AsyncIterator[Work]:
        """A user's unit of work that commits when the block ends well."""
        work = await self.reading(user)
        async with Transaction(work) as transaction:
            yield work
            await transaction.commit(200)

    async def make(self, role: Role, account: str | None = None, *, by: DeepUser | None = None, **draft: Any) -> DeepUser:
        """A user with a name of its own."""
        values = {"username": f"{new_id().hex}@example.com", "password": PASSWORD, "role": role, "account": account} | draft
        async with self.writing(by) as work:
            return await identity.create_user(work, UserDraft(**values))

    async def manager(self, account: str | None = None) -> DeepUser:
        """An administrator of the network on a customer's tree, who may make tokens."""
        return await self.make(Role.CUSTOMER_MANAGER, account or self.root, features=(Feature.ADD_API_TOKEN,))

    async def events(self, subject: Any) -> list[str]:
        rows = await self.house.sql(
            "SELECT type FROM events WHERE tenant_id = $1 AND subject_id = $2 ORDER BY sequence", subject
        )
        return [row[0] for row in rows]


async def build(house: House) -> People:
    """The house's people; the clock stands at the beginning of 2026."""
    realm = Realm.at(Environment.PRODUCTION, house.realm.pool.dsn, throttle=False)
    clock = StandingClock(datetime(2026, 1, 1, tzinfo=UTC))
    realm.clock = clock
    names = "SELECT reference FROM accounts WHERE tenant_id = $1 AND id = $2"
    below = "SELECT reference FROM accounts WHERE tenant_id = $1 AND customer_id = $2 AND id <> $2 ORDER BY reference LIMIT 1"
    return People(
        house,
        realm,
        clock,
        NetworkCredentials({Environment.PRODUCTION: realm}),
        (await house.sql(names, house.customer.account_id))[0][0],
        (await house.sql(below, house.customer.customer_id))[0][0],
        (await house.sql(names, house.other.account_id))[0][0],
    )
