"""The words of API tokens (reference/expeto.md §2.3-2.7)."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from trunkline.domains.identity.model import Feature, Role
from trunkline.kit.principal import Reach


class TokenKind(StrEnum):
    """Whom a token stands for: a user (the Network API's account), or a site's equipment."""

    ACCOUNT = "account"
    SITE = "site"


class ApiToken(msgspec.Struct, frozen=True):
    """A token for the header X-API-KEY, without its text. `scopes` is `None` when it may do all that its owner may.

    `is_refresh`: made by a refresh; `activated_at`: first used for anything else than a refresh; `refreshed_at`: it last made another.
    """

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    kind: TokenKind
    name: str
    user_id: UUID | None
    site_id: UUID | None
    last_four: str
    scopes: tuple[str, ...] | None
    is_refresh: bool
    created_at: datetime
    modified_at: datetime
    expires_at: datetime
    activated_at: datetime | None
    refreshed_at: datetime | None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "kind", TokenKind(self.kind))
        if self.scopes is not None:
            msgspec.structs.force_setattr(self, "scopes", tuple(self.scopes))

    @property
    def collection(self) -> str:
        return f"{self.kind}_tokens"


class DeepApiToken(ApiToken, frozen=True):
    """An API token with its user or site, and the account that it belongs to."""

    user_reference: str | None
    user_name: str | None
    site_reference: str | None
    site_name: str | None
    account_reference: str | None
    account_name: str | None


class TokenCredential(msgspec.Struct, frozen=True):
    """What a live API token stands for. `expires_at` is in seconds since 1970 on the environment's clock.

    A site's token has the rights of a customer's administrator in the site's account.
    """

    tenant_id: UUID
    token_id: UUID
    reference: str
    kind: TokenKind
    name: str
    user_id: UUID | None
    user_reference: str | None
    username: str | None
    role: Role
    features: tuple[str, ...]
    site_reference: str | None
    reach: Reach | None
    scopes: tuple[str, ...] | None
    created_at: datetime
    expires_at: float
    is_refresh: bool
    activated: bool

    @property
    def actor_id(self) -> str:
        """The caller's name in events and in the audit."""
        return self.username or f"site {self.site_reference}"

    @property
    def credential_id(self) -> UUID:
        return self.token_id

    @property
    def needs_activation(self) -> bool:
        """Whether its next valid request is its first."""
        return self.is_refresh and not self.activated

    @property
    def may_manage_tokens(self) -> bool:
        return self.kind is TokenKind.ACCOUNT and may_manage_tokens(self.role, self.features)


class RefreshStatus(StrEnum):
    """What became of a refresh. Only `CREATED` comes with a new token; the last two are the dialect's to refuse."""

    CREATED = "created"
    LATEST = "latest"
    ALREADY_ACTIVATED = "already_activated"
    ALREADY_REFRESHED = "already_refreshed"
    NOT_SUPPORTED = "not_supported"
    TOO_YOUNG = "too_young"


class Refreshed(msgspec.Struct, frozen=True):
    """The answer to a refresh. `text` is the new token, in plain text for the only time."""

    status: RefreshStatus
    text: str | None
    message: str


def may_manage_tokens(role: Role, features: tuple[str, ...]) -> bool:
    """Whether a user makes and manages API tokens: an administrator of the network whose feature is on (reference/expeto.md §2.3)."""
    return Feature.ADD_API_TOKEN in features and role in (Role.ADMINISTRATOR, Role.NETWORK, Role.CUSTOMER_MANAGER)
