"""Instants as every dialect reads them: ISO 8601 (reference/expereo.md §9)."""

import re
from datetime import UTC, datetime

# The same on every Python: what `fromisoformat` takes differs between versions (hour 24) and is wider (minute 60 of an offset).
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
)

EARLIEST = datetime.min.replace(tzinfo=UTC)  # the database's driver takes this one instant for minus infinity


def parse_instant(text: str) -> datetime:
    """ISO 8601 → UTC. No offset means UTC, a date alone its first second. Raises `ValueError`."""
    if not INSTANT.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not an ISO 8601 date-time")
    text = re.sub(r"([.,][0-9]{6})[0-9]+", r"\1", text.upper())
    instant = datetime.fromisoformat(text)
    try:
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is out of range") from None
    if instant == EARLIEST:
        raise ValueError(f"{text!r} is out of range")
    return instant
