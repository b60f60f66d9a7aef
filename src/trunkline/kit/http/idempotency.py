"""The `Idempotency-Key` header: the caller's promise that two requests are one."""

import re

from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.http.request import Request

KEY_HEADER = "Idempotency-Key"
VISIBLE = re.compile(r"[!-~]{1,255}")  # visible ASCII


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` header, 1 to 255 visible ASCII characters. Raises `Malformed`."""
    key = request.header("idempotency-key")
    if key is None:
        return None
    if not VISIBLE.fullmatch(key):
        raise Malformed([Violation(KEY_HEADER, "must have 1 to 255 visible ASCII characters")])
    return key
