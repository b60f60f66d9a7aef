"""`/` and `/docs`: what this server is, and the reference of every API it speaks, without any outside address."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trunkline.kit.http.assets import Asset
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.openapi import Description, descriptions
from trunkline.pages import reference
from trunkline.pages.assets import answer, static_routes
from trunkline.pages.markup import inline, shell

EXPLORER = "/v1/explorer/index.html"


def docs_routes(dialects: Sequence[Dialect]) -> list[Route]:
    """The landing page, the reference of each dialect that describes itself, and their static files."""
    described = {dialect.name: found for dialect in dialects for found in descriptions(dialect.operations)}
    explorer = any(operation.path == EXPLORER for dialect in dialects for operation in dialect.operations)

    @cache
    def reference_of(name: str) -> Asset:
        description = described[name]
        return Asset("docs.html", reference.page(description.document, description.address).encode())

    @cache
    def landing() -> Asset:
        return Asset("index.html", landing_page(described, explorer=explorer).encode())

    @cache
    def overview() -> Asset:
        return Asset("index.html", shell("API reference – Trunkline", f"<h1>API reference</h1>{_cards(described)}").encode())

    routes = [_route("/", landing), *static_routes()]
    if len(described) == 1:
        (only,) = described
        return [*routes, _route("/docs", partial(reference_of, only))]
    return [*routes, _route("/docs", overview), *(_route(f"/docs/{name}", partial(reference_of, name)) for name in described)]


def _route(path: str, made: Callable[[], Asset]) -> Route:
    async def serve(request: Request) -> Response:
        return answer(made(), request)

    return Route(path, serve)


def landing_page(described: dict[str, Description], *, explorer: bool = False) -> str:
    """What this server is and where to go from here. `explorer`: whether there is a HAL explorer."""
    explore = f' <a class="button" href="{EXPLORER}#uri=/v1">Explore the Network API</a>' if explorer else ""
    main = (
        '<section class="hero"><p class="kicker">Operations and billing for service providers</p>'
        '<h1>This is a Trunkline server.</h1><p class="lead">It answers APIs for accounts, sites, services, support cases and '
        "invoices over one model on PostgreSQL: every write is idempotent, audited and announced in the same transaction.</p>"
        f'<p class="actions"><a class="button" href="/docs">Read the API reference</a>{explore}</p></section>'
        f'<section aria-labelledby="apis"><h2 id="apis">APIs</h2>{_cards(described)}</section>'
        '<section aria-labelledby="first"><h2 id="first">First call</h2><p>A server with demonstration data wrote the '
        "credentials of its API clients to <code>credentials.json</code> in its data folder. Get a token, then ask:</p>"
        '<figure class="code"><figcaption>Shell</figcaption><pre tabindex="0" role="region" aria-label="First call"><code>'
        "curl $BASE_URL/oauth2/token -u $CLIENT_ID:$CLIENT_SECRET \\\n"
        "  -d 'grant_type=client_credentials&amp;scope=customerapi/basic.read'\n"
        'curl $BASE_URL/v2/accounts -H "Authorization: Bearer $TOKEN"</code></pre></figure></section>'
        '<section aria-labelledby="operations"><h2 id="operations">For operators</h2><ul>'
        '<li><a href="/healthz">/healthz</a> this process lives</li>'
        '<li><a href="/readyz">/readyz</a> its databases answer and are migrated</li>'
        '<li><a href="/metrics">/metrics</a> for Prometheus</li></ul></section>'
    )
    return shell("Trunkline", main, body_class="landing")


def _cards(described: dict[str, Description]) -> str:
    """One card per API."""
    several = len(described) > 1
    cards = "".join(
        f'<li><h3><a href="/docs{"/" + name if several else ""}">{escape(d.about.title)}</a></h3>'
        f"<p>{inline(d.about.summary)}</p>"
        f'<p><a href="{escape(d.address)}"><code>{escape(d.address)}</code></a> OpenAPI 3.1, {len(d.operations)} operations</p>'
        "</li>"
        for name, d in described.items()
    )
    return f'<ul class="cards">{cards}</ul>'
