"""`/v1`: the links that a caller may follow (reference/expeto.md §6.5)."""

from collections.abc import Mapping

from trunkline.dialects.network.answers import base_of, document_answer, profile_link
from trunkline.dialects.network.hal import FORMS, HAL, JSON, OFFERED, Document, link
from trunkline.dialects.network.links import PAGED, VERSION
from trunkline.dialects.network.resource import Resource
from trunkline.dialects.network.roles import READ, scope
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.negotiation import negotiate
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

HTML = "text/html"
EXPLORER = f"{VERSION}/explorer/index.html#uri={VERSION}"


def root_operations(resources: Mapping[str, Resource]) -> Operations:
    """The operations of the root of these collections."""
    routes = Operations("Root")

    @routes.get(VERSION, scopes=(), produces=OFFERED)
    async def get_root(request: Request) -> Answer:
        """What the caller may see: a link to every collection that is open to its role."""
        return document_answer(request, _document(request, resources))

    @routes.head(VERSION, scopes=(), produces=OFFERED, status=204)
    async def head_root(request: Request) -> Answer:
        """Where the profiles are."""
        return Answer(204, headers=[profile_link(request)])

    @routes.options(VERSION, scopes=(), produces=OFFERED)
    async def options_root(request: Request) -> Answer:
        """What can be done with the root."""
        return Answer(200, headers=[("Allow", "GET, HEAD, OPTIONS"), profile_link(request)])

    return routes


def _document(request: Request, resources: Mapping[str, Resource]) -> Document:
    base = f"{base_of(request)}{VERSION}"
    links = {"self": link(base)}
    for path in resources:
        if scope(path, READ) in request.principal.scopes:
            links[path] = link(f"{base}/{path}{PAGED}", templated=True)
    links["profile"] = link(f"{base}/profile")
    document: Document = {"_links": links}
    if request.accepted == FORMS:
        document["_templates"] = {}
    return document


def browser_redirect(request: Request) -> Answer | None:
    """A browser is led from the root to the explorer, but only where it prefers pages to documents (§17)."""
    if request.method != "GET" or request.path.rstrip("/") != VERSION:
        return None
    accept = request.header("accept") or ""
    if HTML in accept.lower() and negotiate(accept, (HAL, FORMS, JSON, HTML)) == HTML:
        return Answer(302, headers=[("Location", EXPLORER), ("Vary", "Accept")])
    return None
