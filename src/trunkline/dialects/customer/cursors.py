"""Positions in the change feed as callers keep them."""


def cursor_of(sequence: int) -> str:
    """A position in the feed as callers keep it."""
    return f"v1.{sequence}"


def position_of(cursor: str) -> int | None:
    """The position that a cursor stands for; `None` when it is none of ours."""
    mark, _, digits = cursor.partition(".")
    if mark != "v1" or not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        return None
    return int(digits)
