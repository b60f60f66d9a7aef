"""Identifiers: uuid version 7 (RFC 9562), made by the application so that one statement can write a whole graph."""

import os
import time
from uuid import UUID

NIL = UUID(int=0)

_last = 0


def new_id() -> UUID:
    """A uuid7: 48 bits of milliseconds, a counter that keeps ids of one process in order, 62 random bits."""
    global _last  # noqa: PLW0603 - the one piece of state: the last timestamp given out
    # 60 bits of time: milliseconds and a 12-bit fraction (RFC 9562, section 6.2, method 3), never the same twice.
    now = time.time_ns() * 4096 // 1_000_000
    _last = now if now > _last else _last + 1
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(_last >> 12) << 80 | 0x7 << 76 | (_last & 0xFFF) << 64 | 0x2 << 62 | random)
