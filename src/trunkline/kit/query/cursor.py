"""Cursors on the wire: opaque text that carries the whole scan position, so that no server remembers anything.

A cursor belongs to one list, filter, order and offset. Where it does not fit the request that brings it (someone edited the link's
offset or sort) it is not an error: the offset counts.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.query.compile import total_order
from trunkline.kit.query.fields import Listing
from trunkline.kit.query.tree import Cursor, Predicate, SortKey

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
        if its_offset != offset or its_mark != mark or len(values) != len(order):
            return None
        kinds = [listing.by_name[key.field].kind for key in order]
        typed = (
            None if value is None else msgspec.convert(value, kind.python, strict=False)
            for value, kind in zip(values, kinds, strict=True)
        )
        return Cursor(tuple(typed), backwards)
    except (msgspec.MsgspecError, binascii.Error, ValueError, UnicodeError):
        raise Malformed(
            [Violation(parameter, "is not a cursor of this server; follow links.next instead of building addresses")]
        ) from None
