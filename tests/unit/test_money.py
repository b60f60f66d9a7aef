"""Amounts: rounded by one rule, split without losing a cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.kit.money import quantum, round_amount, split

ROUNDED = [
    ("EUR", "0.005", "0.01"), ("EUR", "0.015", "0.02"), ("EUR", "0.025", "0.03"), ("EUR", "-0.005", "-0.01"),
    ("EUR", "-0.025", "-0.03"), ("EUR", "0.00499999", "0.00"), ("EUR", "2", "2.00"), ("JPY", "0.5", "1"),
    ("JPY", "1234.49", "1234"), ("KWD", "1.0005", "1.001"), ("KWD", "1.0004", "1.000"), ("CLF", "1.00005", "1.0001"),
    ("XOF", "10.5", "11"),
]  # fmt: skip

SPLIT = [
    ("EUR", "0.01", [1, 1, 1], ["0.01", "0.00", "0.00"]),
    ("EUR", "0.02", [1, 1, 1], ["0.01", "0.01", "0.00"]),
    ("EUR", "100.00", [1, 1, 1], ["33.34", "33.33", "33.33"]),
    ("EUR", "-100.00", [1, 1, 1], ["-33.34", "-33.33", "-33.33"]),
    ("EUR", "10.00", [1, 0, 3], ["2.50", "0.00", "7.50"]),
    ("EUR", "0.00", [1, 2], ["0.00", "0.00"]),
    ("EUR", "-0.01", [1, 1], ["-0.01", "0.00"]),
    ("JPY", "100", [1, 1, 1], ["34", "33", "33"]),
    ("KWD", "0.100", [1, 2], ["0.033", "0.067"]),
    ("EUR", "0.05", [Decimal("0.1"), Decimal("0.9")], ["0.01", "0.04"]),
]

currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF"])
units = st.integers(-(10**12), 10**12)
weights = st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize(("currency", "amount", "rounded"), ROUNDED)
def test_halves_are_rounded_away_from_zero(currency: str, amount: str, rounded: str) -> None:
    """Invoices round commercially, to the currency's own smallest unit."""
    assert str(round_amount(Decimal(amount), currency)) == rounded


@given(currencies, st.decimals(-(10**12), 10**12, places=8))
def test_rounding_moves_by_at_most_half_a_unit(currency: str, amount: Decimal) -> None:
    """What is rounded is whole, near, and stays as it is when it is rounded again."""
    rounded = round_amount(amount, currency)
    assert rounded % quantum(currency) == 0
    assert abs(rounded - amount) <= quantum(currency) / 2
    assert round_amount(rounded, currency) == rounded
    assert round_amount(-amount, currency) == -rounded


@pytest.mark.parametrize(("currency", "total", "shares", "parts"), SPLIT)
def test_a_split_gives_the_rest_to_the_largest_remainder(
    currency: str, total: str, shares: list[Decimal], parts: list[str]
) -> None:
    """Cents that cannot be divided go where most was cut off, the first first; zero is never printed as -0.00."""
    assert [str(part) for part in split(Decimal(total), [Decimal(share) for share in shares], currency)] == parts


@given(currencies, units, weights)
def test_a_split_adds_up_to_its_total(currency: str, total_units: int, shares: list[Decimal]) -> None:
    """Parts add up to the total exactly, each within a unit of its exact share, and none on the wrong side of zero."""
    unit = quantum(currency)
    total = unit * total_units
    parts = split(total, shares, currency)
    assert sum(parts) == total
    for part, share in zip(parts, shares, strict=True):
        assert abs(part - total * share / sum(shares)) < unit
        assert part == 0 or (part > 0) == (total > 0)
        assert share != 0 or part == 0


@given(currencies, units, weights)
def test_a_split_does_not_depend_on_the_scale_of_its_weights(currency: str, total_units: int, shares: list[Decimal]) -> None:
    """Ten times the weights make the same parts, and a credit is the mirror of its invoice."""
    total = quantum(currency) * total_units
    parts = split(total, shares, currency)
    assert split(total, [share * 10 for share in shares], currency) == parts
    assert split(-total, shares, currency) == [-part for part in parts]


@pytest.mark.parametrize("shares", [[], [0], [0, 0], [1, -1], [-1]])
def test_weights_must_make_sense(shares: list[int]) -> None:
    """There is no split by nothing, nor by less than nothing."""
    with pytest.raises(ValueError, match="weights"):
        split(Decimal(1), [Decimal(share) for share in shares], "EUR")


def test_there_is_no_negative_zero() -> None:
    """What rounds to nothing is nothing, and is printed so."""
    assert [str(round_amount(Decimal(amount), "EUR")) for amount in ("-0.001", "-0", "0.004")] == ["0.00"] * 3
    assert str(round_amount(Decimal("-0.4"), "JPY")) == "0"
    assert [str(part) for part in split(Decimal("-0.01"), [Decimal(1), Decimal(1)], "EUR")] == ["-0.01", "0.00"]


def test_what_no_parts_can_add_up_to_is_not_split() -> None:
    """An amount that was not rounded is refused: its last fraction would be lost."""
    for total, currency in (("0.015", "EUR"), ("0.5", "JPY"), ("1.0001", "KWD")):
        with pytest.raises(ValueError, match="whole minor units"):
            split(Decimal(total), [Decimal(1), Decimal(1)], currency)
