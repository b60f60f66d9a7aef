"""Countries of the demonstration: currency, tax, how an address and a company's legal form are written."""

from decimal import Decimal
from typing import NamedTuple


class Country(NamedTuple):
    """One country. `street` and `place` are formats of an address's two halves; `tax` is the standard rate."""

    code: str
    name: str
    short: str
    currency: str
    tax: Decimal
    street: str
    place: str
    legal: str


# How the street line is written ...
NUMBER_FIRST = "{number} {street}"
NUMBER_LAST = "{street} {number}"
NUMBER_AFTER_COMMA = "{street}, {number}"
# ... and how the place is.
POSTAL_FIRST = "{postal} {city}"
POSTAL_LAST = "{city} {postal}"
STATE_POSTAL = "{city}, {state} {postal}"
CITY_STATE = "{postal} {city}, {state}"
CITY_ONLY = "{city}"

_TABLE = (
    # code, name, short, currency, tax, street line, place, legal form
    ("US", "United States", "USA", "USD", "0", NUMBER_FIRST, STATE_POSTAL, "Inc."),
    ("CA", "Canada", "Canada", "CAD", "0.05", NUMBER_FIRST, STATE_POSTAL, "Inc."),
    ("MX", "Mexico", "México", "MXN", "0.16", NUMBER_LAST, CITY_STATE, "S.A. de C.V."),
    ("BR", "Brazil", "Brasil", "BRL", "0.17", NUMBER_AFTER_COMMA, STATE_POSTAL, "Ltda."),
    ("CL", "Chile", "Chile", "CLP", "0.19", NUMBER_LAST, POSTAL_FIRST, "SpA"),
    ("CO", "Colombia", "Colombia", "COP", "0.19", "{street} # {number}", POSTAL_LAST, "S.A.S."),
    ("PE", "Peru", "Perú", "PEN", "0.18", NUMBER_LAST, POSTAL_LAST, "S.A.C."),
    ("GB", "United Kingdom", "UK", "GBP", "0.20", NUMBER_FIRST, POSTAL_LAST, "Ltd"),
    ("IE", "Ireland", "Ireland", "EUR", "0.23", NUMBER_FIRST, POSTAL_LAST, "Ltd"),
    ("FR", "France", "France", "EUR", "0.20", NUMBER_FIRST, POSTAL_FIRST, "SAS"),
    ("DE", "Germany", "Deutschland", "EUR", "0.19", NUMBER_LAST, POSTAL_FIRST, "GmbH"),
    ("NL", "Netherlands", "Nederland", "EUR", "0.21", NUMBER_LAST, POSTAL_FIRST, "B.V."),
    ("BE", "Belgium", "Belgium", "EUR", "0.21", NUMBER_LAST, POSTAL_FIRST, "BV"),
    ("LU", "Luxembourg", "Luxembourg", "EUR", "0.17", NUMBER_FIRST, POSTAL_FIRST, "S.à r.l."),
    ("CH", "Switzerland", "Schweiz", "CHF", "0.081", NUMBER_LAST, POSTAL_FIRST, "AG"),
    ("AT", "Austria", "Österreich", "EUR", "0.20", NUMBER_LAST, POSTAL_FIRST, "GmbH"),
    ("IT", "Italy", "Italia", "EUR", "0.22", NUMBER_AFTER_COMMA, POSTAL_FIRST, "S.r.l."),
    ("ES", "Spain", "España", "EUR", "0.21", NUMBER_AFTER_COMMA, POSTAL_FIRST, "S.L."),
    ("PT", "Portugal", "Portugal", "EUR", "0.23", NUMBER_AFTER_COMMA, POSTAL_FIRST, "Lda."),
    ("DK", "Denmark", "Danmark", "DKK", "0.25", NUMBER_LAST, POSTAL_FIRST, "ApS"),
    ("SE", "Sweden", "Sverige", "SEK", "0.25", NUMBER_LAST, POSTAL_FIRST, "AB"),
    ("NO", "Norway", "Norge", "NOK", "0.25", NUMBER_LAST, POSTAL_FIRST, "AS"),
    ("FI", "Finland", "Suomi", "EUR", "0.255", NUMBER_LAST, POSTAL_FIRST, "Oy"),
    ("PL", "Poland", "Polska", "PLN", "0.23", NUMBER_LAST, POSTAL_FIRST, "Sp. z o.o."),
    ("CZ", "Czechia", "Česko", "CZK", "0.21", NUMBER_LAST, POSTAL_FIRST, "s.r.o."),
    ("HU", "Hungary", "Magyarország", "HUF", "0.27", NUMBER_LAST, POSTAL_FIRST, "Kft."),
    ("RO", "Romania", "România", "RON", "0.21", NUMBER_LAST, POSTAL_FIRST, "S.R.L."),
    ("GR", "Greece", "Hellas", "EUR", "0.24", NUMBER_LAST, POSTAL_FIRST, "S.A."),
    ("TR", "Türkiye", "Türkiye", "TRY", "0.20", "{street} No: {number}", POSTAL_FIRST, "A.Ş."),
    ("AE", "United Arab Emirates", "UAE", "AED", "0.05", NUMBER_FIRST, CITY_ONLY, "LLC"),
    ("SA", "Saudi Arabia", "KSA", "SAR", "0.15", NUMBER_FIRST, POSTAL_LAST, "LLC"),
    ("IL", "Israel", "Israel", "ILS", "0.18", NUMBER_FIRST, POSTAL_LAST, "Ltd."),
    ("EG", "Egypt", "Egypt", "EGP", "0.14", NUMBER_FIRST, POSTAL_LAST, "S.A.E."),
    ("MA", "Morocco", "Maroc", "MAD", "0.20", NUMBER_FIRST, POSTAL_FIRST, "SARL"),
    ("NG", "Nigeria", "Nigeria", "NGN", "0.075", NUMBER_FIRST, POSTAL_LAST, "Ltd"),
    ("KE", "Kenya", "Kenya", "KES", "0.16", NUMBER_FIRST, POSTAL_LAST, "Ltd"),
    ("ZA", "South Africa", "South Africa", "ZAR", "0.15", NUMBER_FIRST, POSTAL_LAST, "(Pty) Ltd"),
    ("IN", "India", "India", "INR", "0.18", NUMBER_FIRST, POSTAL_LAST, "Pvt. Ltd."),
    ("SG", "Singapore", "Singapore", "SGD", "0.09", NUMBER_FIRST, POSTAL_LAST, "Pte. Ltd."),
    ("MY", "Malaysia", "Malaysia", "MYR", "0.08", NUMBER_FIRST, POSTAL_FIRST, "Sdn. Bhd."),
    ("TH", "Thailand", "Thailand", "THB", "0.07", NUMBER_FIRST, POSTAL_LAST, "Co., Ltd."),
    ("ID", "Indonesia", "Indonesia", "IDR", "0.11", "{street} No. {number}", POSTAL_LAST, "PT"),
    ("VN", "Vietnam", "Vietnam", "VND", "0.10", NUMBER_FIRST, POSTAL_LAST, "Co., Ltd."),
    ("PH", "Philippines", "Philippines", "PHP", "0.12", NUMBER_FIRST, POSTAL_FIRST, "Inc."),
    ("HK", "Hong Kong", "Hong Kong", "HKD", "0", NUMBER_FIRST, CITY_ONLY, "Limited"),
    ("TW", "Taiwan", "Taiwan", "TWD", "0.05", "No. {number}, {street}", POSTAL_LAST, "Co., Ltd."),
    ("KR", "South Korea", "Korea", "KRW", "0.10", NUMBER_FIRST, POSTAL_LAST, "Co., Ltd."),
    ("JP", "Japan", "Japan", "JPY", "0.10", "{street} {number}", POSTAL_LAST, "K.K."),
    ("AU", "Australia", "Australia", "AUD", "0.10", NUMBER_FIRST, "{city} {state} {postal}", "Pty Ltd"),
    ("NZ", "New Zealand", "New Zealand", "NZD", "0.15", NUMBER_FIRST, POSTAL_LAST, "Ltd"),
)

COUNTRIES: dict[str, Country] = {row[0]: Country(*row[:4], Decimal(row[4]), *row[5:]) for row in _TABLE}

# What one euro of the price list becomes in the price lists of other currencies.
_RATES = {
    "EUR": "1", "USD": "1.12", "CAD": "1.52", "MXN": "20.5", "BRL": "6.2", "CLP": "1050", "COP": "4600", "PEN": "4.1",
    "GBP": "0.86", "CHF": "0.95", "DKK": "7.46", "SEK": "11.2", "NOK": "11.7", "PLN": "4.27", "CZK": "25", "HUF": "400",
    "RON": "5", "TRY": "45", "AED": "4.1", "SAR": "4.2", "ILS": "4", "EGP": "54", "MAD": "10.6", "NGN": "1700",
    "KES": "145", "ZAR": "20.5", "INR": "97", "SGD": "1.49", "MYR": "4.8", "THB": "37", "IDR": "18500", "VND": "28500",
    "PHP": "64", "HKD": "8.7", "TWD": "34", "KRW": "1570", "JPY": "170", "AUD": "1.72", "NZD": "1.9",
}  # fmt: skip
PRICE_OF_ONE_EURO: dict[str, Decimal] = {currency: Decimal(rate) for currency, rate in _RATES.items()}
