"""The static files of these pages and how they, and whole pages, are answered."""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trunkline.kit.http.answer import etag_matches
from trunkline.kit.http.assets import ICON, Asset

STATIC = Path(__file__).parent / "static"


def answer(asset: Asset, request: Request) -> Response:
    """The asset; whoever asks for it with its digest (`?v=`) need not ask again."""
    headers = asset.headers(lasting=request.query_params.get("v") == asset.digest)
    if etag_matches(request.headers.get("if-none-match", ""), asset.etag):
        return Response(status_code=304, headers=headers)
    body, encoding = asset.encoded(request.headers.get("accept-encoding", ""))
    return Response(body, headers=headers | encoding, media_type=asset.media_type)


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
            return answer(static(name), request)

        return Route(f"/docs/static/{name}", serve)

    return [route(name) for name in ("icon.svg", *sorted(file.name for file in STATIC.iterdir()))]
