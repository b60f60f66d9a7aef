"""Use cases of API clients."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from trunkline.domains.identity.clients import store
from trunkline.domains.identity.clients.fields import API_CLIENTS
from trunkline.domains.identity.clients.model import ApiClient
from trunkline.domains.identity.revocation import say_revoked
from trunkline.domains.identity.tenants import tenant_number
from trunkline.kit import query, secrets
from trunkline.kit.db import Connection
from trunkline.kit.errors import Invalid, Violation
from trunkline.kit.events import created, removed
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Reach
from trunkline.kit.query import Page, Predicate, SortKey, Window
from trunkline.kit.work import Work

READ = "api_clients.read"
MANAGE = "api_clients.manage"

NAME_LENGTH = 100


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
    secret = secrets.new_client_secret()
    client = ApiClient(
        id=new_id(),
        reference=secrets.new_client_id(await tenant_number(work)),
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
    if await work.write(store.REVOKE_CLIENT, client.id, work.now):
        await say_revoked(work, client.id)
        work.record(removed("api_client.revoked", "api_clients", client))


async def sweep_tokens(connection: Connection, tenant_id: UUID, before: datetime) -> None:
    """Forget tokens that expired before an instant."""
    await connection.execute(store.SWEEP_TOKENS, tenant_id, before)
