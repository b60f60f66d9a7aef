"""What a browser finds at `/graphql`: our own query page, and the guide to the Customer API; all files come from here."""

import hashlib
from functools import cache
from pathlib import Path

from trunkline.dialects.cases.errors import MEDIA_TYPES
from trunkline.kit.errors import NotFound
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.assets import ICON, Asset
from trunkline.kit.http.failures import MethodNotAllowed
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

STATIC = Path(__file__).parent / "static"
HTML = "text/html"
MIGRATION = "/graphql/migration"
FILES = ("text/javascript", "text/css", "image/svg+xml")

routes = Operations("Pages", prefix="/graphql")


@cache
def files() -> dict[str, Asset]:
    """Every file of the pages but the pages themselves: nothing that a caller names is looked up in the file system."""
    found = {file.name: Asset(file.name, file.read_bytes()) for file in STATIC.iterdir() if file.suffix in (".js", ".css")}
    return {**found, "icon.svg": Asset("icon.svg", ICON.encode())}


@cache
def edition() -> str:
    """A name for these very files together: below it, a browser may keep them for ever, and modules find each other."""
    digests = "".join(f"{name}{asset.digest}" for name, asset in sorted(files().items()))
    return hashlib.sha256(digests.encode()).hexdigest()[:16]


@cache
def page(name: str) -> Asset:
    """A page, leading to the files of this edition."""
    text = (STATIC / name).read_text().replace('"files/', f'"/graphql/files/{edition()}/')
    return Asset(name, text.encode())


def _answer(request: Request, asset: Asset, *, lasting: bool) -> Answer:
    body, encoding = asset.encoded(request.header("accept-encoding") or "")
    headers = asset.headers(lasting=lasting) | encoding
    return Answer(200, body, asset.media_type, [*(headers | {"Vary": f"{headers['Vary']}, Accept"}).items()])


@routes.get("", scopes=None, produces=(*MEDIA_TYPES, HTML), errors=(405,))
async def open_query_page(request: Request) -> Answer:
    """The query page, for browsers.

    Queries are sent by POST: a GET from anybody but a browser, or with a query, is refused (405).
    """
    if request.accepted != HTML or any(name == "query" for name, _ in request.query):
        raise MethodNotAllowed("queries are sent by POST", (("Allow", "POST"),))
    return _answer(request, page("index.html"), lasting=False)


@routes.get("/migration", scopes=None, produces=HTML)
async def read_migration_guide(request: Request) -> Answer:
    """How each query of the Case API is asked in the Customer API's V2."""
    return _answer(request, page("migration.html"), lasting=False)


@routes.get("/files/{edition}/{file}", scopes=None, produces=FILES, errors=(404,))
async def read_query_page_file(request: Request) -> Answer:
    """A file of the pages.

    Raises `NotFound`.
    """
    asset = files().get(request.path_parameters["file"])
    if asset is None:
        raise NotFound("there is no such file")
    return _answer(request, asset, lasting=request.path_parameters["edition"] == edition())
