"""The table of operations: from a raw path to what may be done there."""

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.operation import Operation


class Resource:
    """A path's operations by method, with the dialect that declared them."""

    __slots__ = ("allow", "dialect", "operations", "parameters")

    def __init__(self, dialect: Dialect, parameters: tuple[str, ...]) -> None:
        self.dialect = dialect
        self.parameters = parameters
        self.operations: dict[str, Operation] = {}
        self.allow = ""

    def add(self, operation: Operation) -> None:
        if operation.method in self.operations:
            raise ValueError(f"{operation.method} {operation.path} is declared twice")
        if operation.path_parameters != self.parameters:
            raise ValueError(f"{operation.path} names its parameters otherwise than its neighbours: {self.parameters}")
        self.operations[operation.method] = operation
        methods = {*self.operations} | ({"HEAD"} if "GET" in self.operations else set())
        self.allow = ", ".join(sorted(methods))


class _Node:
    __slots__ = ("literals", "parameter", "resource")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.resource: Resource | None = None


class Table:
    """A trie over path segments. A literal wins over a parameter; a trailing slash makes no difference."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._root = _Node()
        self.dialects = tuple(dialects)
        for dialect in self.dialects:
            for operation in dialect.operations:
                self._add(dialect, operation)

    def _add(self, dialect: Dialect, operation: Operation) -> None:
        node = self._root
        for segment in operation.segments:
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        if node.resource is None:
            node.resource = Resource(dialect, operation.path_parameters)
        node.resource.add(operation)

    def find(self, raw_path: bytes) -> tuple[Resource, list[str]] | None:
        """The resource at a path and the values of its parameters, or `None`."""
        segments = raw_path.split(b"/")[1:]
        if segments and not segments[-1]:
            segments.pop()
        node, values = self._root, []
        for raw in segments:
            segment = decode_segment(raw)
            if segment is None:
                return None
            following = node.literals.get(segment)
            if following is None:
                following = node.parameter
                if following is None or not segment:
                    return None
                values.append(segment)
            node = following
        return (node.resource, values) if node.resource is not None else None

    def dialect_of(self, path: str) -> Dialect | None:
        """The dialect whose errors are answered below `path`."""
        return next((d for d in self.dialects if any(path == base or path.startswith(base + "/") for base in d.bases)), None)


def decode_segment(raw: bytes) -> str | None:
    """A path segment as text; `None` when it is not UTF-8."""
    try:
        return unquote_to_bytes(raw).decode() if b"%" in raw else raw.decode()
    except UnicodeDecodeError:
        return None
