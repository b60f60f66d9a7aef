"""Operations: a route is declared once, and routing, decoding, the permission check, the document, the audit and the tests follow.

cases = Operations("Cases")

@cases.post("/v2/cases", scopes=("customerapi/support.read-write",), body=CreateCase, returns=CaseDocument, status=201)
async def create_case(request: Request, body: CreateCase) -> Answer: ...
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trunkline.kit.errors import Violation
from trunkline.kit.http.answer import JSON, Answer

if TYPE_CHECKING:
    from trunkline.kit.http.openapi import Description

Handler = Callable[..., Awaitable[Answer]]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header for the document. `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]
    location: str = "query"
    required: bool = False
    example: Any = None
    style: Mapping[str, Any] = field(default_factory=dict)  # OpenAPI's style/explode, where not the default


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method on one path.

    `scopes`: any one of them opens the operation; `None` means that no credential is needed (and none is looked at).
    `body`: the Struct that the body is decoded into, handed to the handler as its second argument.
    `errors`: statuses that the operation itself can refuse with, beside those that the pipeline always can.
    `form`: for the document, the Struct of a form-encoded body that the handler reads by itself.
    `refusals`: for the document, the Structs of errors that are not in the dialect's own shape, by status.
    `description_of_api`: set on the operation that serves a dialect's document (`kit.http.openapi`).
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    description: str
    tag: str
    scopes: tuple[str, ...] | None
    status: int = 200
    body: type | None = None
    consumes: tuple[str, ...] = (JSON,)
    produces: str | tuple[str, ...] = JSON  # several are negotiated; the first is the one for `*/*`
    returns: Any = None
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)  # "request", "response" and error statuses ("422")
    response_headers: Mapping[str, str] = field(default_factory=dict)
    review: Callable[..., Awaitable[list[Violation]]] | None = (
        None  # see `Invalid.readable`: what else is wrong with a faulty body
    )
    secret: bool = False  # whether the answer holds a secret, which is then remembered only sealed
    guarded: bool = True  # whether a write runs in one transaction under the replay guard
    max_body: int = 1024 * 1024
    form: type | None = None
    refusals: Mapping[int, type] = field(default_factory=dict)
    description_of_api: "Description | None" = None

    @property
    def writes(self) -> bool:
        return self.method not in SAFE

    @property
    def media_types(self) -> tuple[str, ...]:
        """What it can answer with, in order of preference."""
        return (self.produces,) if isinstance(self.produces, str) else self.produces

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))

    @property
    def path_parameters(self) -> tuple[str, ...]:
        return tuple(s[1:-1] for s in self.segments if s.startswith("{"))


class Operations:
    """The operations of one resource, in the order of declaration."""

    def __init__(self, tag: str, *, prefix: str = "", **defaults: Any) -> None:
        self.tag = tag
        self.prefix = prefix
        self._defaults = defaults
        self._operations: list[Operation] = []

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def declare(
        self, method: str, path: str, *, scopes: tuple[str, ...] | None, **declared: Any
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated handler as an operation. Its docstring gives summary (first line) and description."""

        def register(handler: Handler) -> Handler:
            summary, _, description = (handler.__doc__ or "").strip().partition("\n")
            self._operations.append(
                Operation(
                    method=method,
                    path=self.prefix + path,
                    handler=handler,
                    name=camel(handler.__name__),
                    summary=summary.rstrip("."),
                    description="\n".join(line.strip() for line in description.strip().splitlines()),
                    tag=self.tag,
                    scopes=scopes,
                    **{**self._defaults, **declared},
                )
            )
            return handler

        return register

    def get(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self.declare("GET", path, scopes=scopes, **declared)

    def post(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self.declare("POST", path, scopes=scopes, **declared)

    def put(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self.declare("PUT", path, scopes=scopes, **declared)

    def patch(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self.declare("PATCH", path, scopes=scopes, **declared)

    def delete(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self.declare("DELETE", path, scopes=scopes, **declared)

    def head(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        """An operation of its own; without one, HEAD is GET without its body."""
        return self.declare("HEAD", path, scopes=scopes, **declared)

    def options(self, path: str, *, scopes: tuple[str, ...] | None, **declared: Any) -> Callable[[Handler], Handler]:
        """An operation of its own; without one, OPTIONS answers 204 with `Allow`."""
        return self.declare("OPTIONS", path, scopes=scopes, **declared)


def camel(name: str) -> str:
    """`list_case_messages` → `listCaseMessages`."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
