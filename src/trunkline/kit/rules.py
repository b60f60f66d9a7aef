"""Rules for single values, made to be listed in a domain's tables of rules.

A rule takes a field's name and its value (of the right type, never null) and gives every violation; none when the value may be stored.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

from trunkline.kit.errors import Violation

Rule: TypeAlias = Callable[[str, Any], list[Violation]]

MOST_EXTENSIONS = 50
EXTENSION_KEY = 100
EXTENSION_VALUE = 1000

DIGITS = re.compile(r"[0-9]*")
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]*")


def together(found: Sequence[Violation], broken: Sequence[Violation]) -> list[Violation]:
    """What a dialect found in the request and the rules that are broken; a field that could not be read breaks no rule."""
    unreadable = {violation.field for violation in found}
    return [*found, *(violation for violation in broken if violation.field not in unreadable)]


def required(field: str) -> Violation:
    """Said of a field that is missing or null and may not be."""
    return Violation(field, "is required")


def anything(_field: str, _value: Any) -> list[Violation]:
    """No rule but the type."""
    return []


def text(longest: int, shortest: int = 0) -> Rule:
    """A text of so many characters, not blank unless it may be empty."""

    def rule(field: str, value: str) -> list[Violation]:
        if "\0" in value:
            return [Violation(field, "must not hold the character U+0000")]
        if not shortest <= len(value) <= longest:
            bounds = f"{shortest} to {longest}" if shortest else f"at most {longest}"
            return [Violation(field, f"must have {bounds} characters, not {len(value)}")]
        if shortest and not value.strip():
            return [Violation(field, "must not be blank")]
        return []

    return rule


def number(least: float, most: float) -> Rule:
    """A number between two bounds, which it may reach."""

    def rule(field: str, value: float) -> list[Violation]:
        return [] if least <= value <= most else [Violation(field, f"must be between {least} and {most}")]

    return rule


def word(words: type[StrEnum]) -> Rule:
    """One of a few words. The violation holds each of them as a value, so that a dialect can say its own."""
    names = [f"word{index}" for index in range(len(words))]
    said = [f"{{{name}}}" for name in names]
    allowed = " or ".join(filter(None, (", ".join(said[:-1]), said[-1])))
    values = dict(zip(names, words, strict=True))
    known = frozenset(words)

    def rule(field: str, value: str) -> list[Violation]:
        return [] if value in known else [Violation(field, f"must be {allowed}", values)]

    return rule


def digits(least: int, most: int) -> Rule:
    """A text of so many digits."""
    count = f"{least}" if least == most else f"{least} to {most}"

    def rule(field: str, value: str) -> list[Violation]:
        if DIGITS.fullmatch(value) and least <= len(value) <= most:
            return []
        return [Violation(field, f"must be {count} digits")]

    return rule


def hexadecimal(*lengths: int) -> Rule:
    """A key as hexadecimal text of one of these lengths. The value is never repeated: it is a secret."""
    count = " or ".join(str(length) for length in lengths)

    def rule(field: str, value: str) -> list[Violation]:
        if HEXADECIMAL.fullmatch(value) and len(value) in lengths:
            return []
        return [Violation(field, f"must be {count} hexadecimal digits")]

    return rule


def extensions(field: str, value: Mapping[str, str]) -> list[Violation]:
    """A flat map of texts: at most 50 keys of 1 to 100 characters, values of at most 1,000."""
    broken = []
    if len(value) > MOST_EXTENSIONS:
        broken.append(Violation(field, f"must have at most {MOST_EXTENSIONS} keys, not {len(value)}"))
    key_rule, value_rule = text(EXTENSION_KEY, 1), text(EXTENSION_VALUE)
    for key, content in value.items():
        if said := key_rule(field, key):
            broken.append(Violation(field, f"a key {said[0].message}"))
        elif said := value_rule(field, content):
            broken.append(Violation(field, "{key} " + said[0].message, {"key": key}))
    return broken
