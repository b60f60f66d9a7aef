"""The words of API clients and their access tokens."""

from datetime import datetime
from uuid import UUID

import msgspec

from trunkline.kit.principal import Reach


class ApiClient(msgspec.Struct, frozen=True):
    """A program's OAuth2 credential. Its scopes never change; without an account it is the operator's and sees the whole tenant.

    `reference` is the client id.
    """

    id: UUID
    reference: str
    version: int
    account_id: UUID | None
    customer_id: UUID | None
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "scopes", tuple(self.scopes))


class IssuedToken(msgspec.Struct, frozen=True):
    """A fresh access token, in plain text for the only time."""

    token: str
    expires_in: int
    scopes: tuple[str, ...]


class Credential(msgspec.Struct, frozen=True):
    """What a live access token stands for. `expires_at` is in seconds since 1970 on the environment's clock."""

    tenant_id: UUID
    client: UUID
    client_id: str
    client_name: str
    scopes: tuple[str, ...]
    reach: Reach | None
    expires_at: float
