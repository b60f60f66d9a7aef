"""HAL-FORMS: what the caller may do with a collection or an object, as `_templates` (reference/expeto.md §9).

Only what the caller's rights allow is offered. Methods stand in capitals, targets are plain and absolute, closed lists take one word:
clients differ in what they make of anything else.
"""

import re
from collections.abc import Mapping, Set
from typing import Any

from trunkline.dialects.network.links import VERSION, segment
from trunkline.dialects.network.resource import Association, Property, Resource, Type
from trunkline.dialects.network.roles import CHANGE, CREATE, REMOVE, scope

Template = dict[str, Any]

# Types that a form's field can hold; the others (extensions, lists) are left to JSON Schema and hand-written bodies.
INPUTS = {
    Type.STRING: "text",
    Type.INTEGER: "number",
    Type.NUMBER: "number",
    Type.INSTANT: "text",
}

BOOLEANS: list[Any] = [{"prompt": "true", "value": True}, {"prompt": "false", "value": False}]


def templates_for(
    resource: Resource, scopes: Set[str], base: str, reference: str | None = None, shown: Mapping[str, Any] | None = None
) -> dict[str, Template]:
    """The `_templates` of a collection, or with `reference` of one of its objects.

    `scopes`: the caller's rights in the dialect's words. `base`: scheme and host that links begin with. `shown`: the object's
    document, whose values the form begins with.
    """
    target = f"{base}{VERSION}/{resource.path}"
    uses, path = resource.use_cases, resource.path
    if reference is None:
        if uses.create is None or scope(path, CREATE) not in scopes:
            return {}
        return {"default": _template("POST", target, f"Create a {_words(resource.item)}", _fields(resource, creating=True))}
    target = f"{target}/{segment(reference)}"
    offered = {}
    if uses.change is not None and scope(path, CHANGE) in scopes:
        fields = _fields(resource, creating=False, shown=shown or {})
        offered["default"] = _template("PATCH", target, f"Change the {_words(resource.item)}", fields)
    if uses.remove is not None and scope(path, REMOVE) in scopes:
        offered["delete"] = _template("DELETE", target, f"Delete the {_words(resource.item)}", [])
    return offered


def _template(method: str, target: str, title: str, properties: list[dict[str, Any]]) -> Template:
    return {"method": method, "target": target, "title": title, "contentType": "application/json", "properties": properties}


def _fields(resource: Resource, *, creating: bool, shown: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    fields = []
    if creating and resource.chosen_id:
        fields.append({"name": "id", "prompt": "An id of your own choice", "type": "text"})
    for declared in resource.properties:
        if declared.writable and (declared.type in INPUTS or declared.type is Type.BOOLEAN):
            field = _field(declared, creating=creating)
            fields.append(field if creating or declared.secret else _with_value(field, (shown or {}).get(declared.name)))
    fields += [_link(a, creating=creating) for a in resource.associations if a.writable and not a.many]
    return fields


def _field(declared: Property, *, creating: bool) -> dict[str, Any]:
    field: dict[str, Any] = {"name": declared.name, "prompt": _prompt(declared.description)}
    if creating and declared.required:
        field["required"] = True
    if declared.words is not None or declared.type is Type.BOOLEAN:
        choices = BOOLEANS if declared.words is None else list(declared.words.values())
        field["options"] = {"inline": choices, "maxItems": 1}
        if creating and declared.required:
            field["options"]["minItems"] = 1
        return field
    field["type"] = "password" if declared.write_only else INPUTS[declared.type]
    limits = {
        "regex": anchored(declared.pattern),
        "min": declared.minimum,
        "max": declared.maximum,
        "minLength": declared.min_length,
        "maxLength": declared.max_length,
        "placeholder": None if declared.example is None else str(declared.example),
    }
    return field | {name: limit for name, limit in limits.items() if limit is not None}


def _with_value(field: dict[str, Any], value: Any) -> dict[str, Any]:
    """With the present value. Not as `selectedValues`: some clients send that list itself."""
    return field if value is None else field | {"value": value}


def _link(association: Association, *, creating: bool) -> dict[str, Any]:
    field: dict[str, Any] = {"name": association.name, "prompt": _prompt(association.description), "type": "url"}
    return field | {"required": True} if creating and association.required else field


def anchored(pattern: str | None) -> str | None:
    """A pattern for the whole text, as readers that search would otherwise not take it."""
    return None if pattern is None else f"^(?:{pattern})$"


def _prompt(description: str) -> str:
    """The first part of a description, as a label."""
    return re.split(r"[.;:] ", description.rstrip("."))[0]


def _words(name: str) -> str:
    """`systemProfile` → `system profile`."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name)
