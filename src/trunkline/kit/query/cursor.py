"""Cursors on the wire: opaque text that carries the whole scan position, so that no server remembers anything.

A cursor belongs to one list, filter, order and offset. Where it does not fit the request that brings it (someone edited the link's
offset or sort) it is not an error: the offset counts.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.query.compile import total_order
from trunkline.kit.query.fields import Field, Kind, Listing
from trunkline.kit.query.tree import LAST, Cursor, Predicate, SortKey

DIGITS = 40  # before or after the point; no column has more

_decoder = msgspec.msgpack.Decoder(tuple[int, bytes, bool, list[Any]])


def fingerprint(listing: Listing[Any], predicate: Predicate, sort: Sequence[SortKey]) -> bytes:
    """Six bytes that differ when list, filter or order differ."""
    return hashlib.blake2b(repr((listing.name, predicate, tuple(sort))).encode(), digest_size=6).digest()


def write_cursor(cursor: Cursor, offset: int, mark: bytes) -> str:
    """The text of a cursor for the page at `offset`; `mark` is the scan's fingerprint."""
    raw = msgspec.msgpack.encode((offset, mark, cursor.backwards, cursor.values))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_cursor(
    text: str, offset: int, mark: bytes, listing: Listing[Any], sort: Sequence[SortKey], parameter: str
) -> Cursor | None:
    """The cursor in a text; `None` when it belongs to another scan. Raises `Malformed` (field `parameter`) when it is none of ours."""
    order = total_order(listing, sort)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        its_offset, its_mark, backwards, values = _decoder.decode(raw)
        if its_offset != offset or its_mark != mark:
            return None
        if not values and backwards:
            return LAST
        if len(values) != len(order):
            return None
        fields = [listing.by_name[key.field] for key in order]
        return Cursor(tuple(_typed(value, field) for value, field in zip(values, fields, strict=True)), backwards)
    except (msgspec.MsgspecError, binascii.Error, ValueError, OverflowError, RecursionError):
        raise Malformed(
            [Violation(parameter, "is not a cursor of this server; follow links.next instead of building addresses")]
        ) from None


def _typed(value: Any, field: Field) -> Any:
    """A cursor's value as the field's column can hold it. Raises `ValueError`: an edited cursor never reaches PostgreSQL."""
    if value is None:
        if not field.nullable:
            raise ValueError(f"{field.name} is never null")
        return None
    typed: Any = msgspec.convert(value, field.kind.python, strict=False)
    match typed:
        case str() if "\0" in typed:
            raise ValueError("NUL")
        case bool() if field.kind is not Kind.BOOLEAN:
            raise ValueError("a boolean")
        case int() if not -(2**63) <= typed < 2**63:
            raise ValueError("out of range")
        case Decimal() if not (
            typed.is_finite() and abs(typed.adjusted()) < DIGITS and len(typed.as_tuple().digits) <= 2 * DIGITS
        ):
            raise ValueError("out of range")
        case datetime():
            return typed.replace(tzinfo=UTC) if typed.tzinfo is None else typed.astimezone(UTC)
    return typed
