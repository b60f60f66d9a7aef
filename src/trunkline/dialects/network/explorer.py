"""`/v1/explorer`: our own HAL explorer, one page whose files all come from here (reference/expeto.md §10)."""

import hashlib
from functools import cache
from pathlib import Path

from trunkline.kit.errors import NotFound
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.assets import ICON, Asset
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

STATIC = Path(__file__).parent / "static"
PAGE = "/v1/explorer/index.html"
START = f"{PAGE}#uri=/v1"
ANYTHING = ("text/html", "application/hal+json", "application/json")
FILES = ("text/javascript", "text/css", "image/svg+xml")

routes = Operations("Explorer", prefix="/v1/explorer")


@cache
def files() -> dict[str, Asset]:
    """Every file of the page but the page itself: nothing that a caller names is looked up in the file system."""
    found = {file.name: Asset(file.name, file.read_bytes()) for file in STATIC.iterdir() if file.suffix in (".js", ".css")}
    return {**found, "icon.svg": Asset("icon.svg", ICON.encode())}


@cache
def edition() -> str:
    """A name for these very files together: below it, a browser may keep them for ever, and modules find each other."""
    digests = "".join(f"{name}{asset.digest}" for name, asset in sorted(files().items()))
    return hashlib.sha256(digests.encode()).hexdigest()[:16]


@cache
def page() -> Asset:
    """The page, leading to the files of this edition."""
    text = (STATIC / "index.html").read_text().replace('"files/', f'"files/{edition()}/')
    return Asset("index.html", text.encode(), form_action="'self'")


def _answer(request: Request, asset: Asset, *, lasting: bool) -> Answer:
    body, encoding = asset.encoded(request.header("accept-encoding") or "")
    return Answer(200, body, asset.media_type, [*(asset.headers(lasting=lasting) | encoding).items()])


@routes.get("", scopes=None, status=302, produces=ANYTHING, response_headers={"Location": "The explorer's page."})
async def open_explorer(_: Request) -> Answer:
    """To the HAL explorer, at the root of the API."""
    return Answer(302, headers=[("Location", START)])


@routes.get("/index.html", scopes=None, produces="text/html")
async def read_explorer(request: Request) -> Answer:
    """The HAL explorer.

    A page for browsers: it follows links, fills templates and sends every method, with the cookie session or an API key.
    """
    return _answer(request, page(), lasting=False)


@routes.get("/files/{edition}/{file}", scopes=None, produces=FILES, errors=(404,))
async def read_explorer_file(request: Request) -> Answer:
    """A file of the HAL explorer.

    Raises `NotFound`.
    """
    asset = files().get(request.path_parameters["file"])
    if asset is None:
        raise NotFound("there is no such file")
    return _answer(request, asset, lasting=request.path_parameters["edition"] == edition())
