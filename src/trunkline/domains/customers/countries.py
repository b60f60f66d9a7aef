"""Countries' codes by their English names, out of the time zone database's table (its iso3166.tab)."""

from functools import cache
from importlib import resources

UNKNOWN = "ZZ"  # left to users by ISO 3166-1; Unicode's CLDR calls it "unknown region"

# Names that people use where the table has another.
ALSO = {
    "Cabo Verde": "CV",
    "Czechia": "CZ",
    "Democratic Republic of the Congo": "CD",
    "Eswatini": "SZ",
    "Great Britain": "GB",
    "Holy See": "VA",
    "Ivory Coast": "CI",
    "Macao": "MO",
    "Myanmar": "MM",
    "North Korea": "KP",
    "Republic of Korea": "KR",
    "Russian Federation": "RU",
    "Samoa": "WS",
    "South Korea": "KR",
    "The Netherlands": "NL",
    "Timor-Leste": "TL",
    "Türkiye": "TR",
    "UK": "GB",
    "United Kingdom": "GB",
    "United States of America": "US",
    "USA": "US",
    "Viet Nam": "VN",
}


def country_code(name: str | None) -> str:
    """The ISO 3166-1 alpha-2 code of a country; `UNKNOWN` for none and for a name that nobody uses."""
    return UNKNOWN if name is None else _codes().get(name.strip().casefold(), UNKNOWN)


@cache
def _codes() -> dict[str, str]:
    table = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    named = {name.replace("&", "and"): code for code, name in rows} | ALSO
    return {name.casefold(): code for name, code in named.items()}
