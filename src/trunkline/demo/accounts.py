"""Accounts: each customer is a tree of headquarters, regions, legal entities by country, and their units."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from trunkline.demo.companies import COMPANIES, UNITS, Company
from trunkline.demo.countries import COUNTRIES, Country
from trunkline.demo.draw import Draw

COLUMNS = (
    "id", "reference", "parent_id", "customer_id", "path", "name", "legal_name", "country", "currency", "version",
    "created_at", "modified_at",
)  # fmt: skip

REGION_CURRENCY = {"North America": "USD", "Latin America": "USD", "Asia Pacific": "SGD"}
# How many units the entities of the two named customers have, by turns: 61 and 40 accounts in all.
NAMED_UNITS = {"ACME": (3, 2), "Nordhavn": (2, 2)}
UNIT_COUNTS = (1, 0, 2, 0, 1, 0)


@dataclass(slots=True, eq=False)
class Account:
    """An account on its way into the database. `place` is its country; a region has its home country's but shows none."""

    id: UUID
    company: Company
    place: Country
    parent: "Account | None"
    name: str
    legal_name: str
    country: str | None
    currency: str
    created_at: datetime
    modified_at: datetime
    version: int
    # The account that gets the invoices: itself, or the nearest one above that is a legal entity.
    entity: "Account" = field(init=False)
    reference: str = ""
    path: str = ""

    @property
    def parent_id(self) -> UUID | None:
        return self.parent.id if self.parent else None

    @property
    def root(self) -> "Account":
        return self.parent.root if self.parent else self

    @property
    def customer_id(self) -> UUID:
        return self.root.id


def make_accounts(draw: Draw, now: datetime) -> list[Account]:
    """All accounts, roots first within each customer; `references` still empty. The first customer is the oldest."""
    accounts: list[Account] = []
    for position, company in enumerate(COMPANIES):
        days_ago = 1500 if position == 0 else 1490 if position == 1 else draw.whole(1000, 1480)
        start = now.replace(hour=9, minute=0, second=0) - timedelta(days=days_ago)
        accounts.extend(_Tree(draw, now, company, start).grow())
    return accounts


def enter_references(accounts: list[Account]) -> None:
    """Give each account its path; they must have their references. A parent is always older than its children."""
    for account in sorted(accounts, key=lambda account: account.reference):
        account.path = f"{account.parent.path if account.parent else ''}{account.reference}/"


class _Tree:
    def __init__(self, draw: Draw, now: datetime, company: Company, start: datetime) -> None:
        self.draw, self.now, self.company, self.start = draw, now, company, start
        self.unit_counts = NAMED_UNITS.get(company.brand, UNIT_COUNTS)

    def grow(self) -> Iterator[Account]:
        company = self.company
        root = self._account(None, COUNTRIES[company.home], company.name, company.legal_name)
        yield root
        turn = self.draw.below(len(self.unit_counts)) if company.brand not in NAMED_UNITS else 0
        for region_name, codes in company.footprint:
            parent = root
            if region_name:
                parent = self._account(
                    root, root.place, f"{company.brand} {region_name}", company.legal_name, region=region_name
                )
                yield parent
            for code in codes.split():
                entity = self._entity(parent, COUNTRIES[code])
                yield entity
                units = UNITS[company.industry]
                for number in range(self.unit_counts[turn % len(self.unit_counts)]):
                    yield self._unit(entity, units[(turn + number) % len(units)])
                turn += 1

    def _entity(self, parent: Account, place: Country) -> Account:
        company = self.company
        name = f"{company.brand} {place.short}"
        if place.code == company.home and company.operating_name:
            name = company.operating_name
        legal_name = f"PT {name}" if place.legal == "PT" else f"{name} {place.legal}"
        return self._account(parent, place, name, legal_name, entity=True)

    def _unit(self, entity: Account, unit: str) -> Account:
        name = f"{self.company.brand} {entity.place.short} {unit}"
        return self._account(entity, entity.place, name, entity.legal_name)

    def _account(
        self, parent: Account | None, place: Country, name: str, legal_name: str, *, entity: bool = False, region: str = ""
    ) -> Account:
        draw = self.draw
        created_at = draw.after(parent.created_at, timedelta(days=2), timedelta(days=60)) if parent else self.start
        changed = draw.happens(0.6)
        account = Account(
            id=draw.id(created_at),
            company=self.company,
            place=place,
            parent=parent,
            name=name,
            legal_name=legal_name,
            country=None if region else place.name,
            currency=REGION_CURRENCY.get(region, "EUR") if region else place.currency,
            created_at=created_at,
            modified_at=draw.between(created_at, self.now) if changed else created_at,
            version=draw.whole(2, 5) if changed else 1,
        )
        account.entity = account if entity or parent is None else parent.entity
        return account
