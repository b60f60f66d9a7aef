"""Access tokens: issued to API clients, and resolved on every request through a memory that revocation empties at once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from trunkline.domains.identity.clients import store
from trunkline.domains.identity.clients.model import Credential, IssuedToken
from trunkline.domains.identity.memory import Memory
from trunkline.kit import secrets
from trunkline.kit.clock import whole_seconds
from trunkline.kit.errors import Invalid, Unauthenticated, Violation
from trunkline.kit.principal import Reach
from trunkline.kit.realm import Realm

TOKEN_LIFE = timedelta(hours=1)


class AccessTokens(Memory[Credential]):
    """The access tokens of all environments, as one process knows them."""

    async def find(self, realm: Realm, text: str) -> Credential:
        number = secrets.tenant_of_token(secrets.ACCESS_TOKEN, text)
        tenant_id = await realm.tenant(number) if number is not None else None
        if tenant_id is None:
            raise Unauthenticated("the access token is malformed or unknown", code="invalid_token")
        rows = await realm.pool.fetch(store.FIND_TOKEN, tenant_id, secrets.digest(text), realm.clock.now())
        if not rows:
            raise Unauthenticated("the access token is unknown, expired or revoked", code="invalid_token")
        client, client_id, name, scopes, expires_at, account_id, customer_id, path = rows[0]
        reach = Reach(account_id, customer_id, path or "") if account_id is not None else None
        return Credential(tenant_id, client, client_id, name, tuple(scopes), reach, expires_at)


async def issue_token(
    realm: Realm,
    client_id: str,
    client_secrets: tuple[str, ...],
    scopes: tuple[str, ...],
    admitted: Callable[[], Awaitable[None]] | None = None,
) -> IssuedToken:
    """A token for an API client (client credentials grant). `client_secrets`: the readings of the secret that may be meant.
    Without `scopes` it has all that the client holds. `admitted` is awaited when the client has proved who it is; it may refuse.

    Raises `Unauthenticated` for an unknown client or wrong secret, `Invalid` (field `scope`) for scopes that the client does not hold.
    """
    return await _issue(
        realm, client_id, scopes, lambda digest: any(secrets.same(digest, secret) for secret in client_secrets), admitted
    )


async def issue_token_as_operator(realm: Realm, client_id: str, scopes: tuple[str, ...]) -> IssuedToken:
    """A token for an API client without its secret: for whoever runs the server. Raises as `issue_token`."""
    return await _issue(realm, client_id, scopes, lambda _: True)


async def _issue(
    realm: Realm,
    client_id: str,
    scopes: tuple[str, ...],
    proves: Callable[[bytes], bool],
    admitted: Callable[[], Awaitable[None]] | None = None,
) -> IssuedToken:
    number = secrets.tenant_of_client_id(client_id)
    tenant_id = await realm.tenant(number) if number is not None else None
    rows = await realm.pool.fetch(store.FIND_CLIENT, tenant_id, client_id) if tenant_id is not None else []
    if not rows or not proves(rows[0][1]) or number is None or tenant_id is None:
        raise Unauthenticated("the client is unknown or its secret is wrong", code="invalid_client")
    if admitted is not None:
        await admitted()
    client, _, held = rows[0]
    scopes = scopes or tuple(held)
    if missing := [scope for scope in scopes if scope not in held]:
        raise Invalid([Violation("scope", "the client does not hold {scopes}", {"scopes": ", ".join(missing)})])
    token = secrets.new_token(secrets.ACCESS_TOKEN, number)
    await _store(realm, tenant_id, token, client, scopes)
    return IssuedToken(token, int(TOKEN_LIFE.total_seconds()), scopes)


async def _store(realm: Realm, tenant_id: UUID, token: str, client: UUID, scopes: tuple[str, ...]) -> None:
    now = realm.clock.now()
    seen_before = now - timedelta(minutes=1)
    await realm.pool.fetch(
        store.ISSUE_TOKEN,
        tenant_id,
        secrets.digest(token),
        client,
        list(scopes),
        now + TOKEN_LIFE,
        whole_seconds(now),
        seen_before,
    )
