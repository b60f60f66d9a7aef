"""Documents on their way out: media type, entity tag, templates."""

from typing import Any

from trunkline.dialects.network import forms
from trunkline.dialects.network.hal import FORMS, HAL, JSON, Document, Representation, encoder, http_date
from trunkline.dialects.network.links import VERSION
from trunkline.dialects.network.resource import Projection, Resource
from trunkline.kit.http.answer import Answer, Headers, etag_of
from trunkline.kit.http.negotiation import quality
from trunkline.kit.http.request import Request

# Answers differ from caller to caller and by Accept, and age with every change: only the caller keeps them, and asks again each time.
FOR_THE_CALLER = (("Cache-Control", "private, no-cache"), ("Vary", "Accept"))


def base_of(request: Request) -> str:
    """What links begin with; the dialect sets it when the request arrives."""
    base: str = request.__dict__["base"]
    return base


def media_type(request: Request) -> str:
    """HAL unless the caller prefers forms, or plain JSON to both (reference/expeto.md §1)."""
    if request.accepted == JSON and _as_gladly_hal(request.header("accept") or ""):
        return HAL
    return request.accepted


def _as_gladly_hal(accept: str) -> bool:
    """Whether who gets JSON takes HAL as gladly."""
    return quality(accept.lower(), HAL)[0] == quality(accept.lower(), JSON)[0]


def document_answer(request: Request, document: Document, status: int = 200, headers: Headers | None = None) -> Answer:
    """A document that is not an object of a collection. A `Cache-Control` of its own stands for the one of all documents."""
    told = headers or []
    if all(name != "Cache-Control" for name, _ in told):
        told = [*told, *FOR_THE_CALLER]
    return Answer(status, encoder.encode(document), media_type(request), told)


def page_answer(request: Request, resource: Resource, document: Document) -> Answer:
    """A page; with `_templates` where the caller prefers forms."""
    if request.accepted == FORMS:
        document["_templates"] = forms.templates_for(resource, request.principal.scopes, base_of(request))
    return Answer(200, encoder.encode(document), media_type(request), [*FOR_THE_CALLER])


def item_answer(
    request: Request,
    representation: Representation,
    item: Any,
    projection: Projection,
    status: int = 200,
) -> Answer:
    """One object (a deep model) with its entity tag; a new one with its address."""
    told = [*validators(representation.resource, item), *FOR_THE_CALLER]
    if status == 201:
        told.append(("Location", representation.href(base_of(request), item)))
    return Answer(status, _item(request, representation, item, projection), media_type(request), told)


def linked_answer(request: Request, representation: Representation, item: Any, projection: Projection) -> Answer:
    """The object behind a link, with its address.

    Another one may stand there tomorrow, with the same version: an entity tag would let the two be mistaken for each other, and
    `If-Match` at this address is about the object that has the link.
    """
    told = [("Content-Location", representation.href(base_of(request), item)), *FOR_THE_CALLER]
    return Answer(200, _item(request, representation, item, projection), media_type(request), told)


def _item(request: Request, representation: Representation, item: Any, projection: Projection) -> bytes:
    resource, base, scopes = representation.resource, base_of(request), request.principal.scopes
    document = representation.of(base, scopes, projection, item)
    if request.accepted == FORMS:
        document["_templates"] = forms.templates_for(resource, scopes, base, str(getattr(item, resource.key)), document)
    return encoder.encode(document)


def validators(resource: Resource, item: Any) -> Headers:
    """`ETag` and `Last-Modified` of an object that has a version."""
    told: Headers = []
    version = getattr(item, "version", None)
    if version is not None:
        told.append(("ETag", etag_of(version)))
    modified = getattr(item, resource.modified) if resource.modified else None
    if modified is not None:
        told.append(("Last-Modified", http_date(modified)))
    return told


def profile_link(request: Request, path: str = "") -> tuple[str, str]:
    """The `Link` header that leads to a collection's profile. It stands alone: clients split it at commas."""
    address = f"{base_of(request)}{VERSION}/profile"
    return "Link", f'<{address}/{path}>;rel="profile"' if path else f'<{address}>;rel="profile"'
