"""`/v1/profile`: what every collection means, as ALPS or JSON Schema, made from its declaration (reference/expeto.md §6.6)."""

from collections.abc import Iterable, Mapping
from typing import Any

from trunkline.dialects.network.answers import base_of, document_answer
from trunkline.dialects.network.forms import anchored
from trunkline.dialects.network.hal import JSON, OFFERED, link
from trunkline.dialects.network.links import VERSION
from trunkline.dialects.network.resource import Association, Projection, Property, Resource, Type
from trunkline.dialects.network.roles import READ, scope
from trunkline.kit.errors import Forbidden, NotFound
from trunkline.kit.http.answer import Answer, json_answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

ALPS = "application/alps+json"
SCHEMA = "application/schema+json"
DRAFT = "http://json-schema.org/draft-04/schema#"

Descriptor = dict[str, Any]

PAGING = (
    ("page", "The page to show; the first is 0."),
    ("size", "How many objects a page has."),
    ("sort", "A property and asc or desc: imsi,desc. Repeat it for more."),
)
PROJECTIONS = {
    Projection.BRIEF: "Names and status.",
    Projection.DETAIL: "The object's own properties; what is shown unless asked otherwise.",
    Projection.DEEP: "The object's own properties and the objects that it is linked to.",
}


def profile_operations(resources: Mapping[str, Resource]) -> Operations:
    """The operations on the profiles of these collections."""
    routes = Operations("Profiles", prefix=f"{VERSION}/profile")

    @routes.get("", scopes=(), produces=OFFERED)
    async def list_profiles(request: Request) -> Answer:
        """The profiles of all collections that the caller may read."""
        address = f"{base_of(request)}{VERSION}/profile"
        links = {"self": link(address)}
        links |= {path: link(f"{address}/{path}") for path in resources if scope(path, READ) in request.principal.scopes}
        return document_answer(request, {"_links": links})

    @routes.get("/{collection}", scopes=(), produces=(ALPS, SCHEMA, JSON), errors=(403, 404))
    async def read_profile(request: Request) -> Answer:
        """What a collection's objects hold and what can be done with them.

        ALPS by default; JSON Schema (draft 4) as `application/schema+json`.

        Raises `NotFound`, or `Forbidden` when the collection is closed to the caller.
        """
        path = request.path_parameters["collection"]
        resource = resources.get(path)
        if resource is None:
            raise NotFound("there is no such collection")
        if scope(path, READ) not in request.principal.scopes:
            raise Forbidden("this collection is closed to the caller")
        if request.accepted == SCHEMA:
            return json_answer(json_schema(resource), media_type=SCHEMA)
        return json_answer(alps(resource, base_of(request)), media_type=request.accepted)

    return routes


# JSON Schema ----------------------------------------------------------------------------------------------------------------


def json_schema(resource: Resource) -> dict[str, Any]:
    """The collection's objects in JSON Schema, draft 4. Associations are addresses."""
    properties: dict[str, Any] = {}
    if all(declared.name != "id" for declared in resource.properties):
        chosen = "An id of the creator's own choice." if resource.chosen_id else "The object's id."
        properties["id"] = {"title": chosen, "readOnly": not resource.chosen_id, "type": "string"}
    properties |= {declared.name: _schema(declared, resource) for declared in resource.properties}
    properties |= {association.name: _link_schema(association, resource) for association in resource.associations}
    members: tuple[Property | Association, ...] = (*resource.properties, *resource.associations) if resource.writable else ()
    required = [member.name for member in members if member.required and member.writable]
    return {
        "$schema": DRAFT,
        "title": resource.title,
        "description": resource.description,
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _schema(declared: Property, resource: Resource) -> dict[str, Any]:
    found = {
        "title": declared.description,
        "readOnly": declared.read_only or not resource.writable,
        "type": declared.type.json,
        "format": declared.type.format,
        "enum": None if declared.words is None else list(declared.words.values()),
        "pattern": anchored(declared.pattern),
        "minimum": declared.minimum,
        "maximum": declared.maximum,
        "minLength": declared.min_length,
        "maxLength": declared.max_length,
        "default": declared.default,
        "additionalProperties": {"type": "string"} if declared.type is Type.TEXTS else None,
        "items": {"type": "string"}
        if declared.type is Type.LIST
        else {"type": "object"}
        if declared.type is Type.STEPS
        else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _link_schema(association: Association, resource: Resource) -> dict[str, Any]:
    address = {"type": "string", "format": "uri"}
    about = {"title": association.description, "readOnly": association.read_only or not resource.writable}
    return about | ({"type": "array", "items": address} if association.many else address)


# ALPS -----------------------------------------------------------------------------------------------------------------------


def alps(resource: Resource, base: str) -> dict[str, Any]:
    """The collection's objects and transitions as ALPS."""
    descriptors = [
        _representation(resource, base),
        *_collection(resource),
        *_item(resource),
        *(_search(resource, search.name, search.by, single=search.single) for search in resource.searches),
    ]
    return {"alps": {"version": "1.0", "doc": _doc(resource.description), "descriptors": descriptors}}


def _doc(text: str) -> dict[str, str]:
    return {"format": "TEXT", "value": text}


def _semantic(name: str, text: str) -> Descriptor:
    return {"name": name, "type": "SEMANTIC", "doc": _doc(text)}


def _representation(resource: Resource, base: str) -> Descriptor:
    profiles = f"{base}{VERSION}/profile"
    members = [_semantic(declared.name, declared.description) for declared in resource.properties]
    members += [
        {
            "name": association.name,
            "type": "SAFE",
            "doc": _doc(association.description),
            "rt": f"{profiles}/{association.target}",
        }
        for association in resource.associations
    ]
    return {"id": f"{resource.item}-representation", "href": f"{profiles}/{resource.path}", "descriptors": members}


def _projection(resource: Resource) -> Descriptor:
    """The parameter, with what each of its values shows."""

    def shown(projection: Projection) -> list[Descriptor]:
        names = [declared.name for declared in resource.shown(projection)]
        if projection is Projection.DEEP:
            names += [a.name for a in resource.associations if not a.many or a.members]
        return [{"name": name, "type": "SEMANTIC"} for name in names]

    about = _semantic("projection", "How much of an object is shown.")
    choices = [{**_semantic(name, text), "descriptors": shown(name)} for name, text in PROJECTIONS.items()]
    return about | {"descriptors": choices}


def _transition(name: str, of: str, kind: str, resource: Resource, descriptors: Iterable[Descriptor] = ()) -> Descriptor:
    return {
        "id": f"{name}-{of}",
        "name": of,
        "type": kind,
        "descriptors": list(descriptors),
        "rt": f"#{resource.item}-representation",
    }


def _collection(resource: Resource) -> Iterable[Descriptor]:
    paging = [_semantic(name, text) for name, text in PAGING]
    yield _transition("get", resource.path, "SAFE", resource, [*paging, _projection(resource)])
    if resource.use_cases.create is not None:
        yield _transition("create", resource.path, "UNSAFE", resource)


def _item(resource: Resource) -> Iterable[Descriptor]:
    yield _transition("get", resource.item, "SAFE", resource, [_projection(resource)])
    if resource.use_cases.change is not None:
        yield _transition("update", resource.item, "IDEMPOTENT", resource)
        yield _transition("patch", resource.item, "UNSAFE", resource)
    if resource.use_cases.remove is not None:
        yield _transition("delete", resource.item, "IDEMPOTENT", resource)


def _search(resource: Resource, name: str, by: str, *, single: bool) -> Descriptor:
    parameters = [_semantic(by, "What to look for.")]
    parameters += [] if single else [_semantic(paged, text) for paged, text in PAGING]
    return {
        "name": name,
        "type": "SAFE",
        "descriptors": [*parameters, _projection(resource)],
        "rt": f"#{resource.item}-representation",
    }
