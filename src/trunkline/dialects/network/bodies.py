"""From a JSON object to a draft, with every fault named at once (reference/expeto.md §7).

Read-only and unknown members are ignored, a mask leaves a secret as it is. What is of the wrong type is left out of the draft and told
together with the rules that the domain finds broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from trunkline.dialects.network.links import reference_in
from trunkline.dialects.network.resource import INTEGER_RANGE, MASK, Association, Property, Resource, Type
from trunkline.kit.errors import Violation
from trunkline.kit.http.decode import describe
from trunkline.kit.instants import parse_instant

Body = dict[str, Any]

SEARCH = "search"  # what stands beside ids in a path
MOST_TEXTS = 1000  # extensions of one object; the domain may allow fewer


class Unfit(ValueError):  # noqa: N818 - a fault of the caller, not of ours
    """A value that cannot be read; the message says why."""


class Purpose(Enum):
    """What a body is for."""

    CREATE = "create"
    REPLACE = "replace"  # PUT: what is left out becomes null
    CHANGE = "change"  # PATCH: what is left out stays; extensions merge key by key
    EXACT = "exact"  # the outcome of a JSON patch: what is left out stays; extensions are whole


@dataclass(slots=True)
class Written:
    """A draft's fields under the house's names, and what could not be read."""

    fields: dict[str, Any] = field(default_factory=dict)
    found: list[Violation] = field(default_factory=list)

    def fault(self, name: str, message: str) -> None:
        self.found.append(Violation(name, message))


def read_body(resource: Resource, body: Body, purpose: Purpose, existing: Any = None) -> Written:
    """The fields that a body writes. `existing` is the object to change, for what is merged with it."""
    written = Written()
    for known in resource.properties:
        if known.writable:
            _read_property(known, body, purpose, existing, written)
    for association in resource.associations:
        if association.writable:
            _read_association(association, body, purpose, written)
    if resource.chosen_id and purpose is Purpose.CREATE and body.get("id") is not None:
        _read_id(body["id"], written)
    return written


def _read_property(known: Property, body: Body, purpose: Purpose, existing: Any, written: Written) -> None:
    if known.name not in body:
        if purpose is Purpose.REPLACE and not known.keeps:
            written.fields[known.field] = None
        return
    value = body[known.name]
    if value == MASK and (known.secret or known.write_only):
        if purpose is Purpose.CREATE:
            written.fault(known.field, "is the mask; a new object needs the value itself")
        return
    if value is None:
        written.fields[known.field] = None
        return
    try:
        typed: Any = known.read(value) if known.read is not None else _typed(known, value)
    except Unfit as error:
        written.fault(known.field, str(error))
        return
    if known.type is Type.TEXTS:
        typed = _merged(typed, getattr(existing, known.field) if purpose is Purpose.CHANGE else {})
    written.fields[known.field] = typed


def _read_association(association: Association, body: Body, purpose: Purpose, written: Written) -> None:
    if association.name not in body:
        if purpose is Purpose.REPLACE and not association.keeps:
            written.fields[association.field] = None
        return
    value = body[association.name]
    if value is None:
        written.fields[association.field] = None
        return
    try:
        written.fields[association.field] = (
            references_of(value, association.target) if association.many else reference_of(value, association.target)
        )
    except Unfit as error:
        written.fault(association.field, str(error))


def _read_id(value: Any, written: Written) -> None:
    try:
        written.fields["reference"] = text_of(value)
    except Unfit as error:
        written.fault("reference", str(error))
    if value == SEARCH:
        written.fault("reference", f"must not be {SEARCH}, which is the address of the searches")


def reference_of(value: Any, target: str) -> str:
    """The id that a link in a body names: an address, a bare id, or a linked object as the deep projection shows it."""
    if isinstance(value, Mapping):
        links = value.get("_links")
        self_link = links.get("self") if isinstance(links, Mapping) else None
        value = self_link.get("href") if isinstance(self_link, Mapping) else None
        if value is None:
            raise Unfit("must be the address or the id of an object")
    reference = reference_in(text_of(value), target)
    if reference is None:
        raise Unfit(f"must be the address or the id of one of {target}")
    if "\0" in reference:
        raise Unfit("must not contain the character NUL")
    return reference


def references_of(value: Any, target: str) -> tuple[str, ...]:
    """The ids that a list of links names, each once."""
    if not isinstance(value, list):
        raise Unfit(f"must be a list, not {describe(value)}")
    return tuple(dict.fromkeys(reference_of(item, target) for item in value))


def text_of(value: Any) -> str:
    """A text without the character NUL, which PostgreSQL cannot store. Raises `Unfit`."""
    if not isinstance(value, str):
        raise Unfit(f"must be a string, not {describe(value)}")
    if "\0" in value:
        raise Unfit("must not contain the character NUL")
    return value


def whole_of(value: Any) -> int:
    """A whole number that every JSON reader keeps exactly. Raises `Unfit`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"must be a whole number, not {describe(value)}")
    if abs(value) > INTEGER_RANGE:
        raise Unfit("is out of range")
    return value


def _number_of(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(f"must be a number, not {describe(value)}")
    if abs(value) > INTEGER_RANGE:
        raise Unfit("is out of range")
    return float(value)


def _truth_of(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit(f"must be true or false, not {describe(value)}")
    return value


def _texts_of(value: Any) -> dict[str, str | None]:
    if not isinstance(value, dict):
        raise Unfit(f"must be an object, not {describe(value)}")
    if len(value) > MOST_TEXTS:
        raise Unfit(f"has {len(value)} members; at most {MOST_TEXTS} are possible")
    for key, text in value.items():
        text_of(key)
        if text is not None:
            try:
                text_of(text)
            except Unfit as error:
                raise Unfit(f"{key!r}: {error}") from None
    return value


def _list_of(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unfit(f"must be a list, not {describe(value)}")
    return tuple(text_of(item) for item in value)


def _instant_of(value: Any) -> Any:
    try:
        return parse_instant(text_of(value))
    except ValueError:
        raise Unfit("must be an ISO 8601 date-time") from None


READERS = {
    Type.STRING: text_of,
    Type.INTEGER: whole_of,
    Type.NUMBER: _number_of,
    Type.BOOLEAN: _truth_of,
    Type.INSTANT: _instant_of,
    Type.TEXTS: _texts_of,
    Type.LIST: _list_of,
}


def _typed(known: Property, value: Any) -> Any:
    typed = READERS[known.type](value)
    if known.words is None:
        return typed
    for house, wire in known.words.items():
        if wire.lower() == typed.strip().lower():
            return house
    raise Unfit(f"must be one of {', '.join(dict.fromkeys(known.words.values()))}")


def _merged(texts: dict[str, str | None], stored: Mapping[str, str]) -> dict[str, str]:
    """Texts over those that are stored; null takes one away."""
    merged: dict[str, str | None] = {**stored, **texts}
    return {key: text for key, text in merged.items() if text is not None}
