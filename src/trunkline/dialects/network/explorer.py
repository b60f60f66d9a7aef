"""`/v1/explorer`: our own HAL explorer, one page whose files all come from here (reference/expeto.md §10)."""

from pathlib import Path

from trunkline.kit.http.answer import Answer
from trunkline.kit.http.assets import AssetFolder, asset_answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

FOLDER = AssetFolder(Path(__file__).parent / "static")
PAGE = "/v1/explorer/index.html"
START = f"{PAGE}#uri=/v1"
ANYTHING = ("text/html", "application/hal+json", "application/json")
FILES = ("text/javascript", "text/css", "image/svg+xml")

routes = Operations("Explorer", prefix="/v1/explorer")


@routes.get("", scopes=None, status=302, produces=ANYTHING, response_headers={"Location": "The explorer's page."})
async def open_explorer(_: Request) -> Answer:
    """To the HAL explorer, at the root of the API."""
    return Answer(302, headers=[("Location", START)])


@routes.get("/index.html", scopes=None, produces="text/html")
async def read_explorer(request: Request) -> Answer:
    """The HAL explorer.

    A page for browsers: it follows links, fills templates and sends every method, with the cookie session or an API key.
    """
    return asset_answer(request, FOLDER.page("index.html", "files/", form_action="'self'"))


@routes.get("/files/{edition}/{file}", scopes=None, produces=FILES, errors=(404,))
async def read_explorer_file(request: Request) -> Answer:
    """A file of the HAL explorer.

    Raises `NotFound`.
    """
    return FOLDER.file_answer(request)
