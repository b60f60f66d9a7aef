"""Use cases of identity: API clients, access tokens, users, tenants."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

import asyncpg
import msgspec

from trunkline.domains.identity import store
from trunkline.domains.identity.fields import API_CLIENTS
from trunkline.domains.identity.model import ApiClient, Credential, IssuedToken, Role, User
from trunkline.domains.identity.tokens import REVOKED_CHANNEL, AccessTokens, issue_token, issue_token_as_operator
from trunkline.kit import query, secrets
from trunkline.kit.db import Connection
from trunkline.kit.errors import Forbidden, Invalid, Violation
from trunkline.kit.events import created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach
from trunkline.kit.query import Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

__all__ = [
    "API_CLIENTS", "AccessTokens", "ApiClient", "Credential", "IssuedToken", "Role", "User", "authenticate_user", "create_client",
    "create_tenant", "create_user", "find_client", "issue_token", "issue_token_as_operator", "list_clients", "revoke_client",
    "sweep_tokens",
]  # fmt: skip

READ = "api_clients.read"
MANAGE = "api_clients.manage"

NAME_LENGTH = 100
PASSWORD_LENGTH = 8
HEARD_SECONDS = 0.05  # a signal takes about a millisecond; a revocation answers only when every process has had time to hear it


async def list_clients(
    work: Work, predicate: Predicate, sort: Sequence[SortKey], window: Window, total_cap: int | None = None
) -> Page[ApiClient]:
    """A page of the API clients of the accounts that the caller reaches."""
    work.require(READ)
    return await query.page(work, API_CLIENTS, predicate, sort, window, total_cap)


async def find_client(work: Work, client_id: str) -> ApiClient:
    """The API client with this client id. Raises `NotFound`."""
    work.require(READ)
    return await query.find(work, API_CLIENTS, client_id)


async def create_client(work: Work, name: str, scopes: Sequence[str], reach: Reach | None = None) -> tuple[ApiClient, str]:
    """Make an API client for the account `reach` (default: the caller's own); the client and its secret, which is shown only now.

    Raises `Invalid` when the name is empty, too long or taken; the dialect has checked that the scopes are known.
    """
    work.require(MANAGE)
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise Invalid([Violation("name", f"must have 1 to {NAME_LENGTH} characters")])
    reach = reach or work.principal.reach
    number = (await work.fetch(store.READ_TENANT))[0][0]
    secret = secrets.new_client_secret()
    client = ApiClient(
        id=new_id(),
        reference=secrets.new_client_id(number),
        version=1,
        account_id=reach.account_id if reach else None,
        customer_id=reach.customer_id if reach else None,
        name=name,
        scopes=tuple(scopes),
        created_at=work.now,
        last_used_at=None,
    )
    try:
        await work.write(
            store.INSERT_CLIENT, client.id, client.reference, client.account_id, client.customer_id, name, secrets.digest(secret),
            list(client.scopes), client.created_at,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise Invalid([Violation("name", "{name} is already the name of another API client", {"name": repr(name)})]) from None
    work.record(created("api_client.created", "api_clients", client))
    return client, secret


async def revoke_client(work: Work, client_id: str) -> None:
    """Revoke an API client and all its tokens, at once in every process. Raises `NotFound`."""
    work.require(MANAGE)
    client = await query.find(work, API_CLIENTS, client_id)
    if await work.write(store.REVOKE_CLIENT, client.id, work.now, REVOKED_CHANNEL):
        work.record(removed("api_client.revoked", "api_clients", client))
        work.after_commit.append(_let_everybody_hear)


async def _let_everybody_hear() -> None:
    await asyncio.sleep(HEARD_SECONDS)


async def sweep_tokens(connection: Connection, tenant_id: UUID, before: datetime) -> None:
    """Forget tokens that expired before an instant."""
    await connection.execute(store.SWEEP_TOKENS, tenant_id, before)


async def create_tenant(connection: Connection, name: str, now: datetime) -> tuple[UUID, int]:
    """Make a tenant (a provider); its id and number."""
    tenant_id = new_id()
    number: int = await connection.fetchval(store.INSERT_TENANT, tenant_id, name, now)
    return tenant_id, number


async def create_user(work: Work, username: str, password: str, role: Role, reach: Reach | None = None) -> User:
    """Make a user. Raises `Invalid` when the name is taken, the password too short, or role and account do not fit."""
    work.require("users.manage")
    broken = []
    if not 1 <= len(username.strip()) <= NAME_LENGTH:
        broken.append(Violation("username", f"must have 1 to {NAME_LENGTH} characters"))
    if len(password) < PASSWORD_LENGTH:
        broken.append(Violation("password", f"must have at least {PASSWORD_LENGTH} characters"))
    if role.startswith("customer") != (reach is not None):
        broken.append(Violation("role", "customers' roles, and only they, need an account"))
    if broken:
        raise Invalid(broken)
    hash_ = await asyncio.to_thread(secrets.hash_password, password)
    user = User(
        id=new_id(), reference=username.strip(), version=1, role=role, account_id=reach.account_id if reach else None,
        customer_id=reach.customer_id if reach else None, active=True, created_at=work.now, modified_at=work.now,
    )  # fmt: skip
    try:
        await work.write(store.INSERT_USER, user.id, user.reference, hash_, user.role, user.account_id, user.created_at)
    except asyncpg.UniqueViolationError:
        raise Invalid([Violation("username", "{name} is taken", {"name": repr(username)})]) from None
    work.record(created("user.created", "users", user))
    return user


async def authenticate_user(work: Work, username: str, password: str) -> User:
    """The user with this name and password. Raises `Forbidden` with one text for every reason."""
    row = await work.fetch_one(store.FIND_USER, username)
    hash_ = row[9] if row else await asyncio.to_thread(_nobodys_hash)
    matches = await asyncio.to_thread(secrets.password_matches, hash_, password)
    if row is None or not matches or not row[6]:
        raise Forbidden("user name or password is wrong")
    return msgspec.convert(dict(zip(User.__struct_fields__, row[:9], strict=True)), User)


@cache
def _nobodys_hash() -> str:
    """Checking an unknown user's password costs as much as a known one's: names cannot be told apart by time."""
    return secrets.hash_password(secrets.new_password())
