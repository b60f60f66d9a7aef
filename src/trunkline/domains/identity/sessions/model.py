"""The words of sessions."""

from datetime import datetime
from uuid import UUID

import msgspec

from trunkline.domains.identity.api_tokens.model import may_manage_tokens
from trunkline.domains.identity.model import Role
from trunkline.kit.principal import Reach


class SessionCredential(msgspec.Struct, frozen=True):
    """A user who has logged in. `expires_at` (seconds since 1970 on the environment's clock): when the session ends if nothing is done.

    `last_seen_at` is its last use as the database knows it, at most a minute late.
    """

    tenant_id: UUID
    user_id: UUID
    user_reference: str
    username: str
    role: Role
    features: tuple[str, ...]
    reach: Reach | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: float

    @property
    def actor_id(self) -> str:
        """The caller's name in events and in the audit."""
        return self.username

    @property
    def credential_id(self) -> UUID:
        return self.user_id

    @property
    def may_manage_tokens(self) -> bool:
        return may_manage_tokens(self.role, self.features)
