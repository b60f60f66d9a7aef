"""The `Idempotency-Key` header: the caller's promise that two requests are one."""

import re
from datetime import timedelta

from trunkline.kit import replay
from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.http.request import Request
from trunkline.kit.replay import Guarded

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


def guarded_by_key(request: Request, keep: timedelta) -> Guarded | None:
    """The promise that a request with an `Idempotency-Key` is made under: its answer is kept for `keep`. Raises `Malformed`."""
    key = idempotency_key(request)
    if key is None:
        return None
    return replay.by_key(
        request.principal.credential_id,
        key,
        request.method,
        request.path,
        request.raw_query,
        request.body,
        keep,
        secret=request.operation.secret,
    )
