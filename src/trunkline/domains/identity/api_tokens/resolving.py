"""API tokens on every request: what one stands for, through a memory that revocation empties at once."""

from trunkline.domains.identity.api_tokens import store
from trunkline.domains.identity.api_tokens.model import TokenCredential, TokenKind
from trunkline.domains.identity.memory import Memory
from trunkline.domains.identity.model import Role
from trunkline.domains.identity.reaching import reach_of_role
from trunkline.kit import secrets
from trunkline.kit.errors import Unauthenticated
from trunkline.kit.realm import Realm


class ApiTokens(Memory[TokenCredential]):
    """The API tokens of all environments, as one process knows them."""

    async def find(self, realm: Realm, text: str) -> TokenCredential:
        number = secrets.tenant_of_token(secrets.API_TOKEN, text)
        tenant_id = await realm.tenant(number) if number is not None else None
        if tenant_id is None:
            raise Unauthenticated("the API token is malformed or unknown", code="TokenUnknown")
        now = realm.clock.now()
        rows = await realm.pool.fetch(store.FIND_TOKEN, tenant_id, secrets.digest(text), now)
        if not rows:
            raise Unauthenticated("the API token is unknown or revoked", code="TokenUnknown")
        (
            token_id, reference, kind, name, user_id, user_reference, username, role, features, site_reference, scopes, created_at,
            expires_at, is_refresh, activated, account_id, customer_id, path,
        ) = rows[0]  # fmt: skip
        if expires_at <= now.timestamp():
            raise Unauthenticated("the API token has expired", code="TokenExpired")
        held = Role(role) if kind == TokenKind.ACCOUNT else Role.CUSTOMER_ADMINISTRATOR
        return TokenCredential(
            tenant_id=tenant_id, token_id=token_id, reference=reference, kind=TokenKind(kind), name=name, user_id=user_id,
            user_reference=user_reference, username=username, role=held, features=tuple(features or ()),
            site_reference=site_reference, reach=reach_of_role(held, account_id, customer_id, path),
            scopes=None if scopes is None else tuple(scopes), created_at=created_at, expires_at=expires_at, is_refresh=is_refresh,
            activated=activated,
        )  # fmt: skip
