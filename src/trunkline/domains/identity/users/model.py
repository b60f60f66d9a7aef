"""The words of users."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.domains.identity.model import Role


class User(msgspec.Struct, frozen=True):
    """A person who logs in, or whom API tokens stand for. `reference` is the Network API's id; without an account, the provider's own.

    `last_login_at` is `None` until the first login. Instants are UTC, whole seconds.
    """

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    username: str
    role: Role
    features: tuple[str, ...]
    active: bool
    last_login_at: datetime | None
    created_at: datetime
    modified_at: datetime

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "role", Role(self.role))
        msgspec.structs.force_setattr(self, "features", tuple(self.features))


class DeepUser(User, frozen=True):
    """A user with its account."""

    account_reference: str | None
    account_name: str | None


class UserDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A user as a caller asks for it, new or changed. `UNSET`: the default, or as it is. `account` is a reference.

    Without a password nobody can log in as the user; API tokens can still stand for it.
    """

    username: str | UnsetType | None = UNSET
    role: Role | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET
    features: tuple[str, ...] | UnsetType | None = UNSET
    active: bool | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
