"""What a browser finds at `/graphql`: our own query page, and the guide to the Customer API; all files come from here."""

from pathlib import Path

from trunkline.dialects.cases.errors import MEDIA_TYPES
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.assets import AssetFolder, asset_answer
from trunkline.kit.http.failures import MethodNotAllowed
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

FOLDER = AssetFolder(Path(__file__).parent / "static")
HTML = "text/html"
MIGRATION = "/graphql/migration"
FILES = ("text/javascript", "text/css", "image/svg+xml")

routes = Operations("Pages", prefix="/graphql")


def _page(request: Request, name: str) -> Answer:
    return asset_answer(request, FOLDER.page(name, "/graphql/files/"), vary="Accept-Encoding, Accept")


@routes.get("", scopes=None, produces=(*MEDIA_TYPES, HTML), errors=(405,))
async def open_query_page(request: Request) -> Answer:
    """The query page, for browsers.

    Queries are sent by POST: a GET from anybody but a browser, or with a query, is refused (405).
    """
    if request.accepted != HTML or any(name == "query" for name, _ in request.query):
        raise MethodNotAllowed("queries are sent by POST", (("Allow", "POST"),))
    return _page(request, "index.html")


@routes.get("/migration", scopes=None, produces=HTML)
async def read_migration_guide(request: Request) -> Answer:
    """How each query of the Case API is asked in the Customer API's V2."""
    return _page(request, "migration.html")


@routes.get("/files/{edition}/{file}", scopes=None, produces=FILES, errors=(404,))
async def read_query_page_file(request: Request) -> Answer:
    """A file of the pages.

    Raises `NotFound`.
    """
    return FOLDER.file_answer(request)
