"""Files and pages as answers: made once, compressed once, under a content security policy that lets nothing else in."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trunkline.kit.http.answer import etag_matches

STATIC = Path(__file__).parent / "static"
POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'none'",
    "form-action 'none'", "frame-ancestors 'none'",
))  # fmt: skip
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6e63"/>'
    '<path d="M7 10h18M16 10v14" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/>'
    '<g fill="#fff"><circle cx="7" cy="10" r="3"/><circle cx="25" cy="10" r="3"/><circle cx="16" cy="24" r="3"/></g></svg>'
)


class Asset:
    """Bytes that stay the same as long as the server runs."""

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.compressed = gzip.compress(body, 9, mtime=0)
        self.digest = hashlib.sha256(body).hexdigest()[:16]
        self.media_type = MEDIA_TYPES[Path(name).suffix]

    def answer(self, request: Request) -> Response:
        """The asset; whoever asks for it with its digest (`?v=`) need not ask again."""
        lasting = request.query_params.get("v") == self.digest
        headers = {
            **SECURITY,
            "ETag": f'"{self.digest}"',
            "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if etag_matches(request.headers.get("if-none-match", ""), f'"{self.digest}"'):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=self.media_type)
        return Response(self.body, headers=headers, media_type=self.media_type)


@cache
def static(name: str) -> Asset:
    """A file of `static/`, or the icon. Raises `FileNotFoundError`."""
    return Asset(name, ICON.encode() if name == "icon.svg" else (STATIC / name).read_bytes())


@cache
def address(name: str) -> str:
    """Where a static file is, with its digest."""
    return f"/docs/static/{name}?v={static(name).digest}"


def static_routes() -> list[Route]:
    """One route per static file: no path that a caller sends is ever looked up in the file system."""

    def route(name: str) -> Route:
        async def serve(request: Request) -> Response:
            return static(name).answer(request)

        return Route(f"/docs/static/{name}", serve)

    return [route(name) for name in ("icon.svg", *sorted(file.name for file in STATIC.iterdir()))]
