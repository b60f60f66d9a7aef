"""What the Customer API and the Case API share: API clients with scopes, their limits, their replay promise.

The Case API is the Customer API's older form: the same clients call both with the same tokens, and what one of them spends of its
limits or keeps under an `Idempotency-Key` counts for the other too (reference/expereo.md §2, §6, §10.5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from trunkline.dialects.principals import Principals
from trunkline.domains.identity.service import AccessTokens, Credential
from trunkline.kit.errors import Forbidden, Unauthenticated
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.idempotency import guarded_by_key
from trunkline.kit.http.request import Request
from trunkline.kit.principal import ActorType, Principal
from trunkline.kit.replay import Guarded
from trunkline.kit.throttle import Rule, SlidingWindow, TokenBucket

REALM = 'realm="expereoOne"'

BASIC_READ = "customerapi/basic.read"
SUPPORT_READ = "customerapi/support.read"
SUPPORT_WRITE = "customerapi/support.read-write"
BILLING_READ = "customerapi/billing.read"
MANAGE_WEBHOOKS = "customerapi/webhooks.manage"
MANAGE_CLIENTS = "customerapi/apiclients.manage"

# What each scope lets a caller do, in the house's words.
GRANTS: Mapping[str, frozenset[str]] = {
    BASIC_READ: frozenset({"accounts.read", "sites.read", "services.read", "subscribers.read", "api_clients.read"}),
    SUPPORT_READ: frozenset({"cases.read"}),
    SUPPORT_WRITE: frozenset({"cases.read", "cases.write"}),
    BILLING_READ: frozenset({"invoices.read"}),
    MANAGE_WEBHOOKS: frozenset({"webhooks.read", "webhooks.manage"}),
    MANAGE_CLIENTS: frozenset({"api_clients.read", "api_clients.manage"}),
}

# The scope that opens each of them; the narrowest where there are several.
SCOPE_FOR: Mapping[str, str] = {
    permission: scope for scope, granted in reversed(tuple(GRANTS.items())) for permission in granted
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The guide's rate limits (§6), and what the reference leaves to whoever runs the server."""

    reads_per_second: float = 3.0
    read_burst: int = 50
    writes_per_minute: int = 30
    key_life: timedelta = timedelta(hours=24)
    total_cap: int = 10_000  # §5.3
    scope_required: bool = True  # §2.2: whether a token request must name its scopes


def bearer_token(request: Request) -> str:
    """The token of the `Authorization` header. Raises `Unauthenticated` (without a code when none was presented)."""
    header = request.header("authorization") or ""
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()


def principal_of(request: Request, credential: Credential) -> Principal:
    """The caller behind a credential."""
    permissions: frozenset[str] = frozenset().union(*(GRANTS.get(scope, frozenset()) for scope in credential.scopes))
    return Principal(
        tenant_id=credential.tenant_id,
        environment=request.realm.environment,
        actor_type=ActorType.API_CLIENT,
        actor_id=credential.client_id,
        credential_id=credential.client,
        permissions=permissions,
        scopes=frozenset(credential.scopes),
        reach=credential.reach,
        display_name=credential.client_name,
    )


class Callers:
    """Bearer tokens to principals; a token's principal is made once."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens
        self._principals = Principals(principal_of)

    async def authenticate(self, request: Request) -> Principal:
        token = bearer_token(request)
        credential = self._tokens.recall(request.realm, token) or await self._tokens.resolve(request.realm, token)
        return self._principals.of(request, credential)


def authorize(request: Request) -> None:
    """Any one of the operation's scopes is enough. Raises `Forbidden`."""
    needed = request.operation.scopes or ()
    if needed and request.principal.scopes.isdisjoint(needed):
        raise Forbidden(needs=needed[0])


def challenge(refusal: Unauthenticated | Forbidden) -> str:
    """The `WWW-Authenticate` value for a refusal (RFC 6750, section 3)."""
    if isinstance(refusal, Forbidden):
        return f'Bearer {REALM}, error="insufficient_scope", scope="{refusal.needs}"'
    if not refusal.code:
        return f"Bearer {REALM}"
    return f'Bearer {REALM}, error="{refusal.code}", error_description="{refusal.message}"'


class ClientDialect(Dialect):
    """A dialect that API clients speak. Its refusals, and what counts as a write, are each dialect's own."""

    def __init__(self, tokens: AccessTokens, limits: Limits) -> None:
        self._callers = Callers(tokens)
        self.reads = TokenBucket("read", limits.read_burst, limits.reads_per_second)
        self.writes = SlidingWindow("write", limits.writes_per_minute, 60)
        self._key_life = limits.key_life
        self.total_cap = limits.total_cap

    async def authenticate(self, request: Request) -> Principal:
        return await self._callers.authenticate(request)

    def authorize(self, request: Request) -> None:
        authorize(request)

    def rule(self, request: Request) -> Rule | None:
        return self.writes if request.operation.writes else self.reads

    def rules(self) -> Sequence[Rule]:
        return (self.reads, self.writes)

    def guard(self, request: Request) -> Guarded | None:
        return guarded_by_key(request, self._key_life)
