"""Pages of other origins: off unless the origin is listed (reference/expeto.md §10)."""

from trunkline.kit.http.answer import Answer
from trunkline.kit.http.request import Request

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = "X-API-KEY, Content-Type, Accept, If-Match, If-None-Match, If-Modified-Since, Idempotency-Key"
EXPOSED = "Location, Link, ETag, Allow, Content-Location, X-API-KEY-EXPIRING, X-Request-Id, Retry-After"
DAY = "86400"


class Origins:
    """The origins whose pages may call with an API key. Cookies are never allowed across origins."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(allowed)

    def arrive(self, request: Request) -> Answer | None:
        """Say what an allowed page may read; answer its preflight before anybody asks for a key."""
        origin = request.header("origin")
        if not self._allowed:
            return None
        request.response_headers.append(("Vary", "Origin"))
        if origin not in self._allowed:
            return None
        request.response_headers += [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED),
        ]
        if request.method == "OPTIONS" and request.header("access-control-request-method") is not None:
            return Answer(
                204,
                headers=[
                    ("Access-Control-Allow-Methods", METHODS),
                    ("Access-Control-Allow-Headers", HEADERS),
                    ("Access-Control-Max-Age", DAY),
                ],
            )
        return None
