"""Rules for single values: what may be stored, and what is said when it may not."""

from enum import StrEnum
from typing import Any

import pytest

from trunkline.kit import rules
from trunkline.kit.errors import Violation
from trunkline.kit.rules import Rule


class Light(StrEnum):
    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Only(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        (rules.text(3), "", ""),
        (rules.text(3), "äöü", ""),
        (rules.text(3), "abcd", "must have at most 3 characters, not 4"),
        (rules.text(3), "a\0", "must not hold the character U+0000"),
        (rules.text(3, 1), "", "must have 1 to 3 characters, not 0"),
        (rules.text(3, 1), " \n", "must not be blank"),
        (rules.number(0, 9), 0, ""),
        (rules.number(0, 9), 9, ""),
        (rules.number(0, 9), -1, "must be between 0 and 9"),
        (rules.number(-90, 90), 90.0001, "must be between -90 and 90"),
        (rules.word(Light), "amber", ""),
        (rules.word(Light), "Amber", "must be red, amber or green"),
        (rules.word(Only), "two", "must be one"),
        (rules.digits(8, 8), "35607009", ""),
        (rules.digits(8, 8), "3560700", "must be 8 digits"),
        (rules.digits(6, 15), "12345678901234567", "must be 6 to 15 digits"),
        (rules.digits(1, 3), "١٢", "must be 1 to 3 digits"),
        (rules.digits(1, 3), "12\n", "must be 1 to 3 digits"),
        (rules.hexadecimal(4, 8), "aB09", ""),
        (rules.hexadecimal(4, 8), "aB0900", "must be 4 or 8 hexadecimal digits"),
        (rules.hexadecimal(4), "0xfg", "must be 4 hexadecimal digits"),
        (rules.extensions, {}, ""),
        (rules.extensions, {"batch": "2022-04-12", "none": ""}, ""),
        (rules.extensions, {"": "x"}, "a key must have 1 to 100 characters, not 0"),
        (rules.extensions, {"{k}": "x" * 1001}, "{k} must have at most 1000 characters, not 1001"),
        (rules.extensions, {"k": "\0"}, "k must not hold the character U+0000"),
        (rules.extensions, {str(number): "" for number in range(51)}, "must have at most 50 keys, not 51"),
        (rules.anything, object(), ""),
    ],
)
def test_a_rule_says_what_is_wrong(rule: Rule, value: Any, said: str) -> None:
    """A value that may be stored is passed over in silence; of any other it is said what was expected."""
    found = rule("field", value)
    assert [(fault.field, fault.text()) for fault in found] == ([("field", said)] if said else [])


def test_a_dialect_says_its_own_words() -> None:
    """The words of a closed list can each be said in a dialect's spelling."""
    [fault] = rules.word(Light)("light", "blue")
    assert fault.text({"red": "Red", "green": "Green"}) == "must be Red, amber or Green"


def test_a_field_that_could_not_be_read_breaks_no_rule() -> None:
    """What was found in the request comes first, and nothing more is said of the same field."""
    found = [Violation("port", "is not a number")]
    assert rules.together(found, [rules.required("name"), rules.required("port")]) == [*found, rules.required("name")]
