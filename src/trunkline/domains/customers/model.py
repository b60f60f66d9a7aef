"""The words of the customers domain."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType


class Account(msgspec.Struct, frozen=True):
    """A customer, or a part of one. Accounts form trees; `customer_id` is the root's id.

    `country` is the English name; `currency` is ISO 4217. `extensions` are texts of the customer's own. Instants are UTC.
    """

    id: UUID
    reference: str
    version: int
    customer_id: UUID
    parent_reference: str | None
    name: str
    legal_name: str
    country: str | None
    currency: str
    created_at: datetime
    modified_at: datetime
    enabled: bool
    extensions: dict[str, str]

    @property
    def account_id(self) -> UUID:
        return self.id


class DeepAccount(Account, frozen=True):
    parent_name: str | None


class Site(msgspec.Struct, frozen=True):
    """A location where services end. `country_code` is ISO 3166-1 alpha-2, `time_zone` an IANA name, coordinates are WGS 84 degrees."""

    id: UUID
    reference: str
    version: int
    account_id: UUID
    customer_id: UUID
    account_reference: str
    name: str
    address: str | None
    city: str | None
    postal_code: str | None
    state_province: str | None
    country: str | None
    country_code: str
    latitude: float | None
    longitude: float | None
    time_zone: str | None
    created_at: datetime
    modified_at: datetime


class DeepSite(Site, frozen=True):
    account_name: str


class AccountDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An account as somebody asks for it, new or changed. `UNSET` keeps a field or takes its default, `None` clears it.

    `parent` is a reference. A new account takes currency and country of its parent, and its name as its legal name.
    """

    name: str | UnsetType | None = UNSET
    legal_name: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    extensions: dict[str, str] | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    parent: str | UnsetType | None = UNSET


class SiteDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A site as somebody asks for it, new or changed; `account` is a reference, coordinates are WGS 84 degrees."""

    name: str | UnsetType | None = UNSET
    address: str | UnsetType | None = UNSET
    latitude: float | UnsetType | None = UNSET
    longitude: float | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
