"""JSON Patch (RFC 6902) on the writable members of an object."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

from trunkline.kit.errors import Conflict, Malformed, Violation

MOST_OPERATIONS = 500
MOST_VALUES = 5000  # of the document: a few copies of what was copied before would fill the memory
DEEPEST = 32  # levels of the document

Container = dict[str, Any] | list[Any]


def apply(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    """A copy of `document` after all operations. Raises `Malformed` where the patch cannot be applied, `Conflict` when a test fails."""
    if not isinstance(patch, list):
        raise _unusable("$", "must be a list of operations")
    if len(patch) > MOST_OPERATIONS:
        raise _unusable("$", f"has {len(patch)} operations; at most {MOST_OPERATIONS} are possible")
    result = {"": copy.deepcopy(document)}  # the whole document is a member too: operations may name it by the empty path
    for index, operation in enumerate(patch):
        _apply(result, operation, f"[{index}]")
    whole = result[""]
    if not isinstance(whole, dict):
        raise _unusable("$", "does not leave an object")
    _check_size(whole, "$")
    return whole


def _apply(root: dict[str, Any], operation: Any, where: str) -> None:
    if not isinstance(operation, dict):
        raise _unusable(where, "must be an object")
    name = operation.get("op")
    handler = OPERATIONS.get(name) if isinstance(name, str) else None
    if handler is None:
        raise _unusable(where, f"op must be one of {', '.join(OPERATIONS)}")
    path = _pointer(operation.get("path"), where, "path")
    source = _pointer(operation.get("from"), where, "from") if name in ("move", "copy") else []
    if name in ("add", "replace", "test") and "value" not in operation:
        raise _unusable(where, "value is required")
    _check_size(operation.get("value"), where)
    handler(root, path, source, operation.get("value"), where)


def _unusable(where: str, message: str) -> Malformed:
    return Malformed([Violation("$" if where == "$" else f"${where}", message)])


def _pointer(text: Any, where: str, name: str) -> list[str]:
    """The tokens of a JSON Pointer (RFC 6901), the document itself in front."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _unusable(where, f"{name} must be a JSON Pointer")
    return ["", *(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])]


def _check_size(document: Any, where: str) -> None:
    """Raise `Malformed` when a document, or a value for one, is larger or deeper than any object."""
    level, count = [document], 0
    for _ in range(DEEPEST):
        level = [member for value in level if isinstance(value, dict | list) for member in _members(value)]
        count += len(level)
        if count > MOST_VALUES:
            raise _unusable(where, f"holds more than {MOST_VALUES} values")
        if not level:
            return
    raise _unusable(where, f"holds more than {DEEPEST} levels")


def _members(container: Container) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _parent(root: dict[str, Any], path: list[str], where: str) -> Container:
    found: Any = root
    for token in path[:-1]:
        found = _member(found, token, where)
    if not isinstance(found, dict | list):
        raise _unusable(where, f"/{'/'.join(path[1:])} leads into a plain value")
    return found


def _member(container: Any, token: str, where: str) -> Any:
    if isinstance(container, dict) and token in container:
        return container[token]
    if isinstance(container, list):
        return container[_index(token, len(container) - 1, where)]
    raise _unusable(where, f"there is nothing at {token!r}")


def _index(token: str, last: int, where: str) -> int:
    if not token.isascii() or not token.isdecimal() or (len(token) > 1 and token[0] == "0") or len(token) > 9:
        raise _unusable(where, f"{token!r} is not an index")
    if int(token) > last:
        raise _unusable(where, f"there is nothing at index {token}")
    return int(token)


def _add(root: dict[str, Any], path: list[str], _: list[str], value: Any, where: str) -> None:
    container, last = _parent(root, path, where), path[-1]
    if isinstance(container, list):
        container.insert(len(container) if last == "-" else _index(last, len(container), where), value)
    else:
        container[last] = value


def _remove(root: dict[str, Any], path: list[str], _: list[str], __: Any, where: str) -> None:
    container, last = _parent(root, path, where), path[-1]
    _member(container, last, where)
    if isinstance(container, list):
        container.pop(int(last))
    else:
        del container[last]
        if path == [""]:
            container[""] = None


def _replace(root: dict[str, Any], path: list[str], _: list[str], value: Any, where: str) -> None:
    container, last = _parent(root, path, where), path[-1]
    _member(container, last, where)
    if isinstance(container, list):
        container[int(last)] = value
    else:
        container[last] = value


def _copy(root: dict[str, Any], path: list[str], source: list[str], _: Any, where: str) -> None:
    value = _member(_parent(root, source, where), source[-1], where)
    _check_size(value, where)
    _add(root, path, [], copy.deepcopy(value), where)
    _check_size(root, where)


def _move(root: dict[str, Any], path: list[str], source: list[str], _: Any, where: str) -> None:
    if path[: len(source)] == source and path != source:
        raise _unusable(where, "nothing can be moved into itself")
    value = _member(_parent(root, source, where), source[-1], where)
    if path != source:
        _remove(root, source, [], None, where)
        _add(root, path, [], value, where)


def _test(root: dict[str, Any], path: list[str], _: list[str], value: Any, where: str) -> None:
    found = _member(_parent(root, path, where), path[-1], where)
    if not _equal(found, value):
        raise Conflict(f"${where}: the test at {'/'.join(path) or 'the whole'} did not hold")


def _equal(one: Any, other: Any) -> bool:
    """Equality of JSON: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


OPERATIONS: dict[str, Callable[[dict[str, Any], list[str], list[str], Any, str], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
