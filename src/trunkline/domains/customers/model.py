"""The words of the customers domain."""

from datetime import datetime
from uuid import UUID

import msgspec


class Account(msgspec.Struct, frozen=True):
    """A customer, or a part of one. Accounts form trees; `customer_id` is the root's id.

    `country` is the English name; `currency` is ISO 4217. Instants are UTC.
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

    @property
    def account_id(self) -> UUID:
        return self.id


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
