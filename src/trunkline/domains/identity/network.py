"""Everything that the Network API's callers may present: API tokens and sessions (reference/expeto.md §2.1)."""

from collections.abc import Mapping
from datetime import timedelta

from trunkline.domains.identity.api_tokens import service as api_tokens
from trunkline.domains.identity.api_tokens.model import TokenCredential
from trunkline.domains.identity.api_tokens.resolving import ApiTokens
from trunkline.domains.identity.api_tokens.revoking import NOW
from trunkline.domains.identity.sessions.model import SessionCredential
from trunkline.domains.identity.sessions.service import Sessions
from trunkline.domains.identity.unit import unit_of_work
from trunkline.kit.ids import new_id
from trunkline.kit.principal import ActorType, Environment, Principal
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin


class NetworkCredentials:
    """API tokens and sessions of all environments, as one process knows them.

    `grace`: for how long a replaced token still works after its child was activated.
    """

    def __init__(self, realms: Mapping[Environment, Realm], *, grace: timedelta = NOW) -> None:
        self._tokens = ApiTokens(realms)
        self._sessions = Sessions(realms)
        self._grace = grace

    def recall_token(self, realm: Realm, text: str) -> TokenCredential | None:
        """What a token that was seen a moment ago stands for; `None` when the database must be asked."""
        return self._tokens.recall(realm, text)

    async def resolve_token(self, realm: Realm, text: str) -> TokenCredential:
        """What an API token stands for. Raises `Unauthenticated` when it is unknown, expired or revoked."""
        return await self._tokens.resolve(realm, text)

    def recall_session(self, realm: Realm, text: str) -> SessionCredential | None:
        """Who is behind a session that was seen a moment ago; `None` when the database must be asked."""
        return self._sessions.recall(realm, text)

    async def resolve_session(self, realm: Realm, text: str) -> SessionCredential:
        """Who is behind a session's cookie. Raises `Unauthenticated` when it is unknown or has ended."""
        return await self._sessions.resolve(realm, text)

    async def activate(
        self, realm: Realm, credential: TokenCredential, *, request_id: str = "", address: str | None = None
    ) -> None:
        """A refreshed token was used in a valid request: it is activated, and the token that it replaces is revoked. Idempotent."""
        if not credential.needs_activation:
            return
        principal = Principal(
            credential.tenant_id, realm.environment, ActorType.TOKEN, credential.actor_id, credential.credential_id, frozenset(),
            reach=credential.reach, display_name=credential.name,
        )  # fmt: skip
        origin = Origin("identity.activateToken", request_id or new_id().hex, address)
        async with unit_of_work(realm, principal, origin) as work:
            await api_tokens.activate(work, credential.token_id, self._grace)
        self.forget()

    def forget(self) -> None:
        """Forget everything: the next use of each credential asks the database."""
        self._tokens.forget()
        self._sessions.forget()
