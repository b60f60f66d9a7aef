# ruff: noqa: E501
"""The customers of the demonstration's provider: who they are, where they work, how they name their parts."""

from typing import NamedTuple


class Company(NamedTuple):
    """One root customer. `footprint` lists its regions (a name, or "" for none) with the countries where it has a legal entity."""

    name: str
    legal_name: str
    brand: str
    domain: str
    home: str
    industry: str
    footprint: tuple[tuple[str, str], ...]
    operating_name: str = ""  # of the legal entity at home, when it is not called after its country


# The two first are `customer` and `customer.other` of the credentials file.
COMPANIES: tuple[Company, ...] = (
    Company(
        "ACME Corporation HQ",
        "ACME Corporation HQ",
        "ACME",
        "acme.example",
        "US",
        "manufacturing",
        (
            ("North America", "US CA"),
            ("Latin America", "MX BR CO"),
            ("EMEA", "GB FR DE NL CH ES ZA"),
            ("Asia Pacific", "JP SG IN AU"),
        ),
        "ACME Corporation",
    ),
    Company(
        "Nordhavn Retail Group",
        "Nordhavn Retail Group A/S",
        "Nordhavn",
        "nordhavn.example",
        "DK",
        "retail",
        (("Nordics", "DK SE NO FI"), ("Western Europe", "DE NL GB FR AT"), ("Central Europe", "PL CZ IT")),
    ),
    *(
        Company(name, legal_name, brand, domain, home, industry, (("", countries),))
        for name, legal_name, brand, domain, home, industry, countries in (
            ("Hartmann, Voss & Partner", "Hartmann, Voss & Partner mbB", "Hartmann, Voss", "hvp.example", "DE", "services", "DE AT CH LU"),
            ("Oosterdok Logistics", "Oosterdok Logistics Holding B.V.", "Oosterdok", "oosterdok.example", "NL", "logistics", "NL BE DE PL TR"),
            ("Castellane Hôtels", "Castellane Hôtels S.A.", "Castellane", "castellane.example", "FR", "hospitality", "FR ES PT MA GR"),
            ("Kestrel Bank", "Kestrel Bank plc", "Kestrel", "kestrelbank.example", "GB", "finance", "GB IE LU HK"),
            ("Monte Alto Minería", "Monte Alto Minería S.A.", "Monte Alto", "montealto.example", "CL", "mining", "CL PE CO BR"),
            ("São Bento Alimentos", "São Bento Alimentos S.A.", "São Bento", "saobento.example", "BR", "food", "BR PT MX"),
            ("Zürcher Präzision", "Zürcher Präzision Holding AG", "Zürcher Präzision", "zpraez.example", "CH", "manufacturing", "CH DE CZ HU CA"),
            ("Silverfern Dairy Cooperative", "Silverfern Dairy Co-operative Ltd", "Silverfern", "silverfern.example", "NZ", "food", "NZ AU SG MY"),
            ("Tanjong Marine Services", "Tanjong Marine Services Pte. Ltd.", "Tanjong", "tanjong.example", "SG", "shipping", "SG MY ID TH VN"),
            ("Blue Mesa Energy", "Blue Mesa Energy LLC", "Blue Mesa", "bluemesa.example", "US", "mining", "US CA MX NG"),
            ("Corrigan, Walsh and Daly", "Corrigan, Walsh and Daly LLP", "CWD", "cwdlaw.example", "IE", "services", "IE GB BE"),
            ("Ekström Verktyg", "Ekström Verktyg AB", "Ekström", "ekstrom.example", "SE", "manufacturing", "SE FI NO RO"),
            ("Grupo Altavista", "Grupo Altavista S.A.B. de C.V.", "Altavista", "altavista-grupo.example", "MX", "retail", "MX CO PE US"),
            ("Officine Bergamasche", "Officine Bergamasche S.p.A.", "Officine", "officineb.example", "IT", "manufacturing", "IT RO EG TR"),
            ("Karoo Fresh Produce", "Karoo Fresh Produce (Pty) Ltd", "Karoo", "karoofresh.example", "ZA", "food", "ZA KE NL GB"),
            ("Al Noor Trading", "Al Noor Trading LLC", "Al Noor", "alnoor.example", "AE", "retail", "AE SA EG IN"),
            ("Sakura Instruments", "Sakura Instruments K.K.", "Sakura", "sakura-inst.example", "JP", "manufacturing", "JP KR TW US DE"),
            ("Deccan Software Services", "Deccan Software Services Pvt. Ltd.", "Deccan", "deccan.example", "IN", "services", "IN GB US PH"),
            ("Prairie Health Network", "Prairie Health Network Inc.", "Prairie Health", "prairiehealth.example", "CA", "health", "CA US"),
            ("Nordlys Seafood", "Nordlys Seafood ASA", "Nordlys", "nordlys.example", "NO", "food", "NO DK CL JP"),
            ("Wisła Spedycja", "Wisła Spedycja S.A.", "Wisła", "wisla-sped.example", "PL", "logistics", "PL CZ DE HU"),
            ("Harbour & Reef Resorts", "Harbour & Reef Resorts Pty Ltd", "Harbour & Reef", "harbourreef.example", "AU", "hospitality", "AU NZ TH PH"),
            ("adriatica Ferries", "adriatica Ferries S.A.", "adriatica", "adriatica.example", "GR", "shipping", "GR IT TR IL"),
            ("Lusitânia Têxteis", "Lusitânia Têxteis, S.A.", "Lusitânia", "lusitania-tx.example", "PT", "manufacturing", "PT ES MA BR"),
        )
    ),
)  # fmt: skip

# What a legal entity divides itself into, per industry.
UNITS: dict[str, tuple[str, ...]] = {
    "manufacturing": ("Production", "Logistics", "Sales", "Research", "Field Service"),
    "retail": ("Stores", "E-Commerce", "Distribution", "Franchise"),
    "services": ("Consulting", "Back Office", "Training"),
    "logistics": ("Road Freight", "Warehousing", "Customs"),
    "hospitality": ("City Hotels", "Resorts", "Reservations"),
    "finance": ("Branches", "Trading", "Cards"),
    "mining": ("Operations", "Exploration", "Transport"),
    "food": ("Processing", "Cold Chain", "Sales"),
    "shipping": ("Terminals", "Fleet", "Ticketing"),
    "health": ("Clinics", "Laboratories", "Home Care"),
}

# What their sites are called; {city} and a three-digit {number} are filled in.
SITE_NAMES: dict[str, tuple[str, ...]] = {
    "manufacturing": ("{city} Plant", "{city} Office", "{city} DC", "Warehouse {city}", "{city} Technology Centre"),
    "retail": ("Store {number} {city}", "{city} Flagship Store", "{city} Distribution Centre", "Store {number} {city} Station"),
    "services": ("{city} Office", "{city} Delivery Centre", "{city} Training Rooms"),
    "logistics": ("Hub {city}", "Depot {number} {city}", "{city} Customs Office", "Cross-Dock {city}"),
    "hospitality": ("Hotel {city} Centre", "Hotel {city} Airport", "{city} Bay Resort", "{city} Reservations Office"),
    "finance": ("Branch {number} {city}", "{city} Trading Floor", "{city} Data Centre"),
    "mining": ("{city} Office", "Mine {number} near {city}", "{city} Control Room", "Camp {number} {city}"),
    "food": ("{city} Processing Plant", "Cold Store {city}", "{city} Office", "Packhouse {number} {city}"),
    "shipping": ("Terminal {city}", "{city} Port Office", "Berth {number} {city}", "{city} Ticket Hall"),
    "health": ("Clinic {number} {city}", "{city} Laboratory", "{city} Hospital East"),
}
