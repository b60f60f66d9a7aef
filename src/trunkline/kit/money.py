"""Amounts: `Decimal` all the way, one rounding rule per currency. Never a float."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217 minor units that are not 2.
MINOR_UNITS: dict[str, int] = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}


def quantum(currency: str) -> Decimal:
    """The smallest amount of `currency`: 0.01 for EUR, 1 for JPY."""
    return Decimal(1).scaleb(-MINOR_UNITS.get(currency, 2))


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole minor units, halves away from zero (what invoices and tax authorities expect); never a negative zero."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP) + 0


def split(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """`total` in parts proportional to `weights` that add up to it exactly: largest remainder, the first on a tie.

    Raises `ValueError` for a total that is not in whole minor units, which no parts could add up to, and for impossible weights.
    """
    unit = quantum(currency)
    units = int(total / unit)
    if units * unit != total:
        raise ValueError(f"{total} is not in whole minor units of {currency}")
    whole = sum(weights)
    if not weights or whole <= 0 or any(w < 0 for w in weights):
        raise ValueError("weights must be non-negative and not all zero")
    sign = -1 if units < 0 else 1
    exact = [Decimal(abs(units)) * w / whole for w in weights]
    parts = [int(e) for e in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: abs(units) - sum(parts)]:
        parts[i] += 1
    return [unit * (part * sign) + 0 for part in parts]
