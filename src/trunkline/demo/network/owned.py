"""What all objects of the network share: an owner, a life, a reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.draw import Draw

OWNED_COLUMNS = ("id", "reference", "account_id", "customer_id", "version", "created_at", "modified_at")


@dataclass(slots=True, kw_only=True, eq=False)
class Owned:
    """An object on its way into the database. Without an account it is the provider's own stock."""

    id: UUID
    account: Account | None
    created_at: datetime
    modified_at: datetime
    version: int
    reference: str = ""

    @property
    def account_id(self) -> UUID | None:
        return self.account.id if self.account else None

    @property
    def customer_id(self) -> UUID | None:
        return self.account.customer_id if self.account else None


def life(draw: Draw, now: datetime, account: Account | None, first: datetime, last: datetime) -> dict[str, Any]:
    """The attributes that an `Owned` of this account has when it came into being between two moments; two in five were changed since."""
    created_at = draw.between(first, min(last, now))
    changed = draw.happens(0.4)
    return {
        "id": draw.id(created_at),
        "account": account,
        "created_at": created_at,
        "modified_at": draw.between(created_at, now) if changed else created_at,
        "version": draw.whole(2, 5) if changed else 1,
    }


def of_account(things: Sequence[Any], account: Account | None) -> list[Any]:
    """Those of the things that belong to the account itself."""
    return [thing for thing in things if thing.account is account]
