"""From JSON to a typed command, with every fault named.

msgspec decodes in one fast pass and stops at the first fault. Only then a second, slow pass walks the same types and collects all.
Of a long list it looks at the first `MOST_ITEMS` items one by one: a body of a megabyte holds half a million.
"""

import json
import re
from collections.abc import Hashable, Iterator
from enum import Enum
from functools import cache
from itertools import accumulate, islice
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec

from trunkline.kit.errors import Invalid, Malformed, Violation

T = TypeVar("T")

MOST_ITEMS = 100  # of a list that are walked, and texts with NUL that are told
SHOWN = 80  # characters of a value that are repeated
DEEPEST = 100  # objects and lists in one another; Python's own limit is another in every version

TEXTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)  # the last one may lack its end
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@cache
def _decoder(type_: Hashable) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(cast("Any", type_))


def decode(raw: bytes, type_: type[T]) -> T:
    """`raw` as a `type_`. Raises `Malformed` when it is no JSON object, `Invalid` with all faults when fields are missing or wrong."""
    _check_depth(raw)
    try:
        value: T = _decoder(cast("Hashable", type_)).decode(raw)
        if not raw.isascii():
            raw.decode()  # what is skipped must be UTF-8 too
    except msgspec.ValidationError:
        raw_object = parse_object(raw)
        if not (faults := _faults(raw_object, type_)):  # a number beyond all types, where anything may stand
            raise Malformed([Violation("$", "holds a number that is out of range")]) from None
        raise Invalid(faults, readable=_readable(raw_object, type_)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parse_object(raw)  # raises Malformed with the reason
        raise Malformed([Violation("$", "cannot be read")]) from None
    if b"\\u0000" in raw and (broken := list(islice(_nul(value), MOST_ITEMS))):
        named = {re.split(r"[.\[]", violation.field)[0] for violation in broken}
        fields = {
            field.name: msgspec.UNSET if field.encode_name in named else getattr(value, field.name)
            for field in msgspec.structs.fields(cast("Any", type_))
        }
        raise Invalid(broken, readable=type_(**fields))
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """`raw` as a JSON object. Raises `Malformed` (field `$`)."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Malformed([Violation("$", f"must be a JSON object, not {describe(value)}")])
    return value


def parse_json(raw: bytes) -> Any:
    """`raw` as whatever JSON it is. Raises `Malformed` (field `$`)."""
    _check_depth(raw)
    try:
        value = msgspec.json.decode(raw)
        if not raw.isascii():
            raw.decode()
    except msgspec.ValidationError:  # it is JSON, but holds a number beyond all types: whichever field has it is told
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise Malformed([Violation("$", "holds a number that is too long")]) from None
    except RecursionError:
        raise Malformed([Violation("$", "is nested too deeply")]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = "must be a JSON object, but there is no body" if not raw else f"is not valid JSON: {error}"
        raise Malformed([Violation("$", message)]) from None
    return value


def _check_depth(raw: bytes) -> None:
    """Raise `Malformed` for a body that is nested too deeply to be walked, whether or not it is JSON."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return
    brackets = TEXTS.sub(b"", raw).translate(None, NO_BRACKETS)
    steps = (1 if bracket in b"[{" else -1 for bracket in brackets)
    if any(depth > DEEPEST for depth in accumulate(steps)):
        raise Malformed([Violation("$", "is nested too deeply")])


def _faults(value: dict[str, Any], type_: Any) -> list[Violation]:
    found: list[Violation] = []
    _walk(value, type_, "", found)
    return found


def _readable(value: dict[str, Any], type_: Any) -> Any:
    """A `type_` with every field of `value` that can be read, the others `UNSET`."""
    fields = {}
    for field in msgspec.structs.fields(type_):
        found: list[Violation] = []
        if field.encode_name in value:
            _walk(value[field.encode_name], field.type, "", found)
        missing = field.encode_name not in value
        fields[field.name] = msgspec.UNSET if missing or found else msgspec.convert(value[field.encode_name], field.type)
    return type_(**fields)


def _walk(value: Any, type_: Any, path: str, found: list[Violation]) -> None:
    struct = _struct_in(type_)
    if struct is not None and isinstance(value, dict):
        for field in msgspec.structs.fields(struct):
            name = f"{path}.{field.encode_name}" if path else field.encode_name
            if field.encode_name in value:
                _walk(value[field.encode_name], field.type, name, found)
            elif field.required:
                found.append(Violation(name, "is required"))
        return
    item = _item_of(type_)
    if item is not None and isinstance(value, list):
        before = len(found)
        for index, element in enumerate(value[:MOST_ITEMS]):
            _walk(element, item, f"{path}[{index}]", found)
        if len(found) > before:
            return
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        if item is not None and (further := re.match(r"\[([0-9]+)\]", where)):  # beyond the items that were walked
            _walk(value[int(further[1])], item, path + further[0], found)
            return
        found.append(Violation(path + where.rstrip("`"), _plain(message, value, type_)))


def _candidates(type_: Any) -> Iterator[Any]:
    """The members of a union (or the type itself), without their annotations."""
    if get_origin(type_) is Annotated:
        yield from _candidates(get_args(type_)[0])
    elif get_origin(type_) in (Union, UnionType):
        for member in get_args(type_):
            yield from _candidates(member)
    else:
        yield type_


def _struct_in(type_: Any) -> type[msgspec.Struct] | None:
    for candidate in _candidates(type_):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _item_of(type_: Any) -> Any:
    for candidate in _candidates(type_):
        if get_origin(candidate) in (list, tuple):
            return get_args(candidate)[0]
    return None


WORDS = {"str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list", "object": "an object",
         "null": "null", "Decimal": "a number"}  # fmt: skip


def describe(value: Any) -> str:
    """What kind of JSON a value is, for people."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def _plain(message: str, value: Any, type_: Any) -> str:
    """msgspec's sentence in the words of someone who writes JSON."""
    if bounds := re.fullmatch(r"Expected `(\w+)` of length (>=|<=) (\d+)", message):
        unit = "characters" if bounds[1] == "str" else "items"
        return f"must have at {'least' if bounds[2] == '>=' else 'most'} {bounds[3]} {unit}"
    if bounds := re.fullmatch(r"Expected `\w+` (>=|<=|>|<) (\S+)", message):
        return f"must be {bounds[1]} {bounds[2]}"
    if expected := re.match(r"Expected `([^`]+)`", message):
        names = [WORDS.get(name.strip(), name.strip()) for name in expected[1].split("|")]
        return f"must be {' or '.join(names)}, not {describe(value)}"
    if message.startswith("Invalid enum value"):
        shown = repr(value)
        return f"{shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'} is not one of {', '.join(_words(type_))}"
    return message[:1].lower() + message[1:]


def _words(type_: Any) -> Iterator[str]:
    """The texts that a type allows, where it is a closed list."""
    for candidate in _candidates(type_):
        if get_origin(candidate) is Literal:
            yield from map(repr, get_args(candidate))
        elif isinstance(candidate, type) and issubclass(candidate, Enum):
            yield from (repr(member.value) for member in candidate)


def _nul(value: Any) -> Iterator[Violation]:
    """Every text of a decoded body that holds the character NUL, which PostgreSQL cannot store."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:  # not by recursion: what is nested may be nested deeply
        path, found = todo.pop()
        match found:
            case str() if "\0" in found:
                yield Violation(path, "must not contain the character NUL")
            case msgspec.Struct():
                items = [(field.encode_name, getattr(found, field.name)) for field in msgspec.structs.fields(found)]
                todo += reversed([(f"{path}.{name}".lstrip("."), item) for name, item in items])
            case dict():
                todo += reversed([(f"{path}.{key}".replace("\0", ""), item) for key, item in found.items()])
                todo += [(path, key) for key in found]
            case list() | tuple():
                todo += reversed([(f"{path}[{index}]", item) for index, item in enumerate(found)])
