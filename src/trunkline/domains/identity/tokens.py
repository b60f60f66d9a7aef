"""Access tokens: issued to API clients, and resolved on every request through a memory that revocation empties at once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from trunkline.domains.identity import store
from trunkline.domains.identity.model import Credential, IssuedToken
from trunkline.kit import secrets
from trunkline.kit.clock import monotonic, whole_seconds
from trunkline.kit.errors import Invalid, Unauthenticated, Violation
from trunkline.kit.principal import Environment, Reach
from trunkline.kit.realm import Realm

REVOKED_CHANNEL = "trunkline_revoked"

TOKEN_LIFE = timedelta(hours=1)
REMEMBER_SECONDS = 30.0  # the net under the revocation signal
CAPACITY = 20_000


class AccessTokens:
    """The access tokens of all environments, as one process knows them."""

    def __init__(self, realms: Mapping[Environment, Realm]) -> None:
        self._known: dict[Environment, OrderedDict[str, tuple[Credential, float]]] = {}
        self._generation = 0
        for environment, realm in realms.items():
            self._known[environment] = OrderedDict()
            realm.signals.subscribe(REVOKED_CHANNEL, self._revoked, self.forget)

    def _revoked(self, _payload: str) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything: the next use of each token asks the database."""
        self._generation += 1
        for known in self._known.values():
            known.clear()

    def recall(self, realm: Realm, token: str) -> Credential | None:
        """The credential of a token that was seen a moment ago; `None` when the database must be asked."""
        found = self._known[realm.environment].get(token)
        if (
            found is None
            or found[1] < monotonic()
            or not realm.signals.healthy
            or found[0].expires_at <= realm.clock.timestamp()
        ):
            return None
        return found[0]

    async def resolve(self, realm: Realm, token: str) -> Credential:
        """What a token stands for. Raises `Unauthenticated` when it is unknown, expired or revoked."""
        if (remembered := self.recall(realm, token)) is not None:
            return remembered
        number = secrets.tenant_of_token(secrets.ACCESS_TOKEN, token)
        tenant_id = await realm.tenant(number) if number is not None else None
        if tenant_id is None:
            raise Unauthenticated("the access token is malformed or unknown", code="invalid_token")
        generation = self._generation
        rows = await realm.pool.fetch(store.FIND_TOKEN, tenant_id, secrets.digest(token), realm.clock.now())
        if not rows:
            raise Unauthenticated("the access token is unknown, expired or revoked", code="invalid_token")
        client, client_id, name, scopes, expires_at, account_id, customer_id, path = rows[0]
        reach = Reach(account_id, customer_id, path or "") if account_id is not None else None
        credential = Credential(tenant_id, client, client_id, name, tuple(scopes), reach, expires_at)
        if generation == self._generation:  # nothing was revoked while the database was asked
            known = self._known[realm.environment]
            known[token] = (credential, monotonic() + REMEMBER_SECONDS)
            if len(known) > CAPACITY:
                known.popitem(last=False)
        return credential


async def issue_token(realm: Realm, client_id: str, client_secrets: tuple[str, ...], scopes: tuple[str, ...]) -> IssuedToken:
    """A token for an API client (client credentials grant). `client_secrets`: the readings of the secret that may be meant.
    Without `scopes` it has all that the client holds.

    Raises `Unauthenticated` for an unknown client or wrong secret, `Invalid` (field `scope`) for scopes that the client does not hold.
    """
    return await _issue(realm, client_id, scopes, lambda digest: any(secrets.same(digest, secret) for secret in client_secrets))


async def issue_token_as_operator(realm: Realm, client_id: str, scopes: tuple[str, ...]) -> IssuedToken:
    """A token for an API client without its secret: for whoever runs the server. Raises as `issue_token`."""
    return await _issue(realm, client_id, scopes, lambda _: True)


async def _issue(realm: Realm, client_id: str, scopes: tuple[str, ...], proves: Callable[[bytes], bool]) -> IssuedToken:
    number = secrets.tenant_of_client_id(client_id)
    tenant_id = await realm.tenant(number) if number is not None else None
    rows = await realm.pool.fetch(store.FIND_CLIENT, tenant_id, client_id) if tenant_id is not None else []
    if not rows or not proves(rows[0][1]) or number is None or tenant_id is None:
        raise Unauthenticated("the client is unknown or its secret is wrong", code="invalid_client")
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
