"""Sites: where the customers' people and machines are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trunkline.demo.accounts import Account
from trunkline.demo.companies import SITE_NAMES
from trunkline.demo.countries import COUNTRIES
from trunkline.demo.draw import Draw
from trunkline.demo.places import CITIES_OF, City

COLUMNS = (
    "id", "reference", "account_id", "customer_id", "name", "address", "city", "postal_code", "state_province", "country",
    "country_code", "latitude", "longitude", "time_zone", "version", "created_at", "modified_at",
)  # fmt: skip


@dataclass(slots=True)
class Site:
    """A site on its way into the database. `one_line` is its address as an invoice prints it."""

    id: UUID
    account: Account
    account_id: UUID
    customer_id: UUID
    name: str
    address: str
    one_line: str
    city: str
    postal_code: str | None
    state_province: str | None
    country: str
    country_code: str
    latitude: float | None
    longitude: float | None
    time_zone: str
    created_at: datetime
    modified_at: datetime
    version: int
    reference: str = ""


def make_sites(draw: Draw, now: datetime, accounts: list[Account]) -> list[Site]:
    """One to four sites for each account."""
    sites: list[Site] = []
    taken: set[tuple[UUID, str]] = set()
    for account in accounts:
        customer_id = account.customer_id
        cities = CITIES_OF[account.place.code]
        first = draw.below(len(cities))
        for number in range(_count(draw, account)):
            city = cities[(first + number) % len(cities)]
            name = _name(draw, account, city, number)
            attempt = 1
            plain = name
            while (customer_id, name) in taken:
                attempt += 1
                name = f"{plain} {attempt}"
            taken.add((customer_id, name))
            sites.append(_site(draw, now, account, city, name))
    return sites


def _count(draw: Draw, account: Account) -> int:
    if account.country is None:  # a region
        return 1
    if account.parent is None:
        return draw.whole(2, 3)
    return draw.whole(2, 3) if account.entity is account else draw.whole(1, 3)


def _name(draw: Draw, account: Account, city: City, number: int) -> str:
    if number == 0 and account.parent is None:
        return f"{city.name} Headquarters"
    name = draw.one(SITE_NAMES[account.company.industry])
    return name.format(city=city.name, number=f"{draw.whole(1, 480):03d}")


def _site(draw: Draw, now: datetime, account: Account, city: City, name: str) -> Site:
    country = COUNTRIES[city.country]
    created_at = min(draw.after(account.created_at, timedelta(hours=2), timedelta(days=120)), now - timedelta(days=120))
    changed = draw.happens(0.4)
    postal = draw.pattern(city.postal)
    address = country.street.format(number=draw.whole(1, 240), street=draw.one(city.streets.split("|")))
    place = country.place.format(postal=postal, city=city.name, state=city.state)
    surveyed = draw.happens(0.96)
    return Site(
        id=draw.id(created_at),
        account=account,
        account_id=account.id,
        customer_id=account.customer_id,
        name=name,
        address=address,
        one_line=f"{address}, {place}" if place == country.name else f"{address}, {place}, {country.name}",
        city=city.name,
        postal_code=postal or None,
        state_province=city.state or None,
        country=country.name,
        country_code=country.code,
        latitude=round(city.latitude + (draw.fraction() - 0.5) * 0.06, 5) if surveyed else None,
        longitude=round(city.longitude + (draw.fraction() - 0.5) * 0.06, 5) if surveyed else None,
        time_zone=city.time_zone,
        created_at=created_at,
        modified_at=draw.between(created_at, now) if changed else created_at,
        version=draw.whole(2, 4) if changed else 1,
    )
