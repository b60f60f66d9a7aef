"""From declared operations to an OpenAPI 3.1 document, and the operation that serves it.

The operations say what is particular to each of them; `About` says what a dialect's operations have in common, in the dialect's
own words. What the pipeline adds to every operation (headers, errors) is known here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from trunkline.kit.http.answer import JSON, Answer
from trunkline.kit.http.operation import Operation, Parameter
from trunkline.kit.http.request import Request

FORM = "application/x-www-form-urlencoded"
REFERENCE = "#/components/schemas/"
Schema = dict[str, Any]

# Errors that the pipeline itself can give, by the kind of operation; an operation's own stand in `Operation.errors`.
ALWAYS = (400, 406, 500, 503)
FOR_CALLERS = (401, 403, 429)
WITH_A_PATH_PARAMETER = (404,)
WITH_A_BODY = (408, 413, 415)
UNDER_GUARD = (408, 409, 413, 422)

# Headers that an error may come with: what the pipeline says of a caller that it knows, and of an answer that it repeats.
OF_CALLERS = frozenset({400, 404, 408, 409, 412, 413, 415, 422, 429, 500, 503})
REPEATED = frozenset({403, 404, 412, 422})

# Headers that a status never comes without.
HEADERS_OF_ERRORS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A header of answers. `schema` is JSON Schema."""

    description: str
    schema: Mapping[str, Any]
    example: Any


@dataclass(frozen=True, slots=True)
class Error:
    """What a status means in a dialect; `name` is the name of its component, `example` the whole body."""

    name: str
    description: str
    example: Any


@dataclass(frozen=True, slots=True)
class About:
    """What a dialect's document says beside its operations. `description` texts are CommonMark.

    `headers` must word every header that this module mentions; `given` names those of them that a success of an operation
    always carries beyond the pipeline's own (ETag, Location). `parameters` words path parameters and request headers by
    their names.
    """

    title: str
    version: str
    summary: str
    description: str
    tags: Mapping[str, str]
    error_type: str
    error_schema: Mapping[str, Any]
    errors: Mapping[int, Error]
    headers: Mapping[str, Header]
    given: Callable[[Operation], Sequence[str]]
    parameters: Mapping[str, Parameter]
    security_schemes: Mapping[str, Any]
    security: Callable[[Operation], list[dict[str, list[str]]]]
    rename: Callable[[str], str] = str  # a Struct's name → its component's
    more: Mapping[str, Any] = field(default_factory=dict)  # more members of `info`
    types: Sequence[Any] = ()  # Structs that are shown without being what any operation returns


class Description:
    """A dialect's document: as a dict, and as bytes with their entity tag. Both are made once, when first asked for."""

    def __init__(self, about: About, address: str) -> None:
        self.about = about
        self.address = address
        self.operations: tuple[Operation, ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        return _Writer(self.operations, self.about).document()

    @cached_property
    def body(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def published(operations: Iterable[Operation], about: About, address: str, tag: str) -> tuple[Operation, ...]:
    """The operations, and one more (the document covers it too): a public GET at `address` that answers with their document."""

    async def handler(_: Request) -> Answer:
        headers = [("ETag", description.etag), ("Cache-Control", "no-cache")]
        return Answer(200, description.body, headers=headers)

    description = Description(about, address)
    serving = Operation(
        method="GET",
        path=address,
        handler=handler,
        name="getOpenapiDocument",
        summary="Retrieve this document",
        description="The whole API as an OpenAPI 3.1 document, for generators of clients and for tests. It needs no token.",
        tag=tag,
        scopes=None,
        returns={
            "type": "object",
            "description": "An OpenAPI 3.1 document.",
            "additionalProperties": True,
            "required": ["openapi", "info", "paths", "components"],
            "properties": {
                "openapi": {"type": "string", "description": "The version of OpenAPI.", "pattern": r"^3\.1\.\d+$"},
                "info": {"type": "object", "description": "Title, version and what clients need to know."},
                "paths": {"type": "object", "description": "The operations by path and method."},
                "components": {"type": "object", "description": "Schemas, errors, headers and security schemes."},
            },
        },
        examples={
            "response": {
                "openapi": "3.1.1",
                "info": {"title": about.title, "version": about.version},
                "paths": {},
                "components": {},
            }
        },
        response_headers={"ETag": "The document's entity tag."},
        description_of_api=description,
    )
    description.operations = (*operations, serving)
    return description.operations


def descriptions(operations: Iterable[Operation]) -> list[Description]:
    """The documents that some of these operations serve."""
    return [operation.description_of_api for operation in operations if operation.description_of_api is not None]


def error_statuses(operation: Operation) -> list[int]:
    """Every error status that an operation can answer with."""
    statuses = {*ALWAYS, *operation.errors}
    if operation.scopes is not None:
        statuses.update(FOR_CALLERS)
    if operation.path_parameters:
        statuses.update(WITH_A_PATH_PARAMETER)
    if operation.body is not None:
        statuses.update(WITH_A_BODY)
    if operation.writes:
        statuses.update(UNDER_GUARD if operation.guarded else (408, 413))
    return sorted(statuses)


class _Writer:
    """Writes one document."""

    def __init__(self, operations: Sequence[Operation], about: About) -> None:
        self.operations = operations
        self.about = about
        self.schemas = self._schemas()
        self.references: dict[Any, Schema] = {}

    def document(self) -> dict[str, Any]:
        about = self.about
        paths: dict[str, dict[str, Any]] = {}
        for operation in self.operations:
            paths.setdefault(operation.path, {})[operation.method.lower()] = self._operation(operation)
        used = {status for operation in self.operations for status in error_statuses(operation)}
        return {
            "openapi": "3.1.1",
            "info": {
                "title": about.title,
                "summary": about.summary,
                "description": about.description,
                "version": about.version,
                **about.more,
            },
            "servers": [{"url": "/", "description": "The server that this document came from."}],
            "tags": [{"name": tag, "description": about.tags[tag]} for tag in dict.fromkeys(o.tag for o in self.operations)],
            "paths": paths,
            "components": {
                "schemas": self.schemas,
                "responses": {about.errors[status].name: self._error(status) for status in sorted(used)},
                "headers": {name: self._header(header) for name, header in about.headers.items()},
                "securitySchemes": dict(about.security_schemes),
            },
        }

    # operations ----------------------------------------------------------------------------------------------------------

    def _operation(self, operation: Operation) -> dict[str, Any]:
        written: dict[str, Any] = {"operationId": operation.name, "tags": [operation.tag], "summary": operation.summary}
        if operation.description:
            written["description"] = operation.description
        written["parameters"] = [self._parameter(parameter) for parameter in self._parameters(operation)]
        if operation.body is not None or operation.form is not None:
            written["requestBody"] = self._request_body(operation)
        written["responses"] = self._responses(operation)
        written["security"] = self.about.security(operation)
        return written

    def _parameters(self, operation: Operation) -> list[Parameter]:
        words = self.about.parameters
        found = [words[name] for name in operation.path_parameters]
        found += operation.parameters
        if operation.writes and operation.guarded:
            found.append(words["Idempotency-Key"])
        if operation.method == "GET" and "ETag" in self._given(operation):
            found.append(words["If-None-Match"])
        if 412 in operation.errors:
            found.append(words["If-Match"])
        found.append(words["X-Request-Id"])
        return found

    @staticmethod
    def _parameter(parameter: Parameter) -> dict[str, Any]:
        written: dict[str, Any] = {"name": parameter.name, "in": parameter.location, "description": parameter.description}
        if parameter.required:
            written["required"] = True
        written |= parameter.style
        written["schema"] = dict(parameter.schema)
        if parameter.example is not None:
            written["example"] = parameter.example
        return written

    def _request_body(self, operation: Operation) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": self._schema(operation.body or operation.form)}
        if "request" in operation.examples:
            content["example"] = operation.examples["request"]
        return {"required": True, "content": dict.fromkeys(operation.consumes, content)}

    def _responses(self, operation: Operation) -> dict[str, Any]:
        responses: dict[str, Any] = {str(operation.status): self._success(operation)}
        if operation.method == "GET" and "ETag" in self._given(operation):
            responses["304"] = {
                "description": "It has not changed since the version that `If-None-Match` names.",
                "headers": {"ETag": {"$ref": "#/components/headers/ETag"}, **self._pipeline_headers(operation)},
            }
        for status in error_statuses(operation):
            responses[str(status)] = self._refusal(operation, status)
        return dict(sorted(responses.items()))

    def _given(self, operation: Operation) -> list[str]:
        return list(dict.fromkeys((*self.about.given(operation), *operation.response_headers)))

    def _pipeline_headers(self, operation: Operation) -> dict[str, Any]:
        names = ["X-Request-Id"]
        if operation.scopes is not None:
            names += ["RateLimit", "RateLimit-Policy"]
        if operation.writes and operation.guarded:
            names.append("Idempotency-Replayed")
        return {name: {"$ref": f"#/components/headers/{name}"} for name in names}

    def _success(self, operation: Operation) -> dict[str, Any]:
        headers: dict[str, Any] = {}
        for name in self._given(operation):
            text = operation.response_headers.get(name)
            headers[name] = self._header(self.about.headers[name], text, required=True)
        described: dict[str, Any] = {
            "description": {201: "Created.", 204: "Done; there is nothing to say."}.get(operation.status, "The answer."),
            "headers": headers | self._pipeline_headers(operation),
        }
        if operation.returns is not None:
            content: dict[str, Any] = {"schema": self._schema(operation.returns)}
            if "response" in operation.examples:
                content["example"] = operation.examples["response"]
            described["content"] = dict.fromkeys(operation.media_types, content)
        return described

    def _refusal(self, operation: Operation, status: int) -> dict[str, Any]:
        """A reference to the status's component, unless the operation has an example or a shape of its own."""
        own = operation.refusals.get(status)
        example = operation.examples.get(str(status))
        if own is None and example is None:
            return {"$ref": f"#/components/responses/{self.about.errors[status].name}"}
        described = self._error(status)
        if own is None:
            described["content"][self.about.error_type]["example"] = example
        else:
            shape = {JSON: {"schema": self._schema(own), "example": example}}
            described["content"] = shape | (described["content"] if status in ALWAYS else {})
        return described

    def _error(self, status: int) -> dict[str, Any]:
        error = self.about.errors[status]
        names = HEADERS_OF_ERRORS.get(status, ())
        headers = {name: self._header(self.about.headers[name], required=True) for name in names}
        possible = ["X-Request-Id"]
        possible += ["RateLimit", "RateLimit-Policy"] if status in OF_CALLERS else []
        possible += ["Idempotency-Replayed"] if status in REPEATED else []
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in possible}
        content = {"schema": {"$ref": f"{REFERENCE}Problem"}, "example": error.example}
        return {"description": error.description, "headers": headers, "content": {self.about.error_type: content}}

    @staticmethod
    def _header(header: Header, description: str | None = None, required: bool = False) -> dict[str, Any]:
        written: dict[str, Any] = {"description": description or header.description}
        if required:
            written["required"] = True
        return written | {"schema": dict(header.schema), "example": header.example}

    # schemas -------------------------------------------------------------------------------------------------------------

    def _types(self) -> list[Any]:
        types: dict[Any, None] = {}
        for operation in self.operations:
            for type_ in (operation.body, operation.form, operation.returns, *operation.refusals.values()):
                if type_ is not None and not isinstance(type_, Mapping):
                    types[type_] = None
        return [*types, *self.about.types]

    def _schemas(self) -> dict[str, Schema]:
        """Every component, by its published name."""
        types = self._types()
        references, components = msgspec.json.schema_components(types, ref_template=REFERENCE + "{name}")
        self._references = {type_: self._tidy(reference) for type_, reference in zip(types, references, strict=True)}
        named = {self.about.rename(name): self._component(schema) for name, schema in components.items()}
        return {**dict(sorted(named.items())), "Problem": dict(self.about.error_schema)}

    def _schema(self, type_: Any) -> Schema:
        return dict(type_) if isinstance(type_, Mapping) else self._references[type_]

    def _component(self, schema: Schema) -> Schema:
        schema = {key: value for key, value in schema.items() if key != "title"}
        return dict(self._tidy(schema))

    def _tidy(self, node: Any) -> Any:
        """A schema as it is on the wire (decimals are numbers) and as people write it (`X | null` is one type)."""
        if isinstance(node, list):
            return [self._tidy(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = str(node["$ref"]).removeprefix(REFERENCE)
            return {**node, "$ref": REFERENCE + self.about.rename(name)}
        tidied = {
            key: value if key in ("example", "examples", "enum", "default") else self._tidy(value)
            for key, value in node.items()
        }
        if tidied.get("format") == "decimal" and tidied.get("type") == "string":
            tidied["type"] = "number"
            del tidied["format"]
        choice = tidied.get("anyOf")
        if isinstance(choice, list) and len(choice) == 2 and {"type": "null"} in choice:
            (other,) = (option for option in choice if option != {"type": "null"})
            if isinstance(other.get("type"), str):
                del tidied["anyOf"]
                tidied = {**other, **tidied, "type": [other["type"], "null"]}
                if "enum" in tidied:
                    tidied["enum"] = [*tidied["enum"], None]
        return tidied
