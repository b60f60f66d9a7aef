"""Queries, parsed and checked. The same text comes again and again: what was prepared once is kept for a while."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

from trunkline.dialects.cases import errors
from trunkline.dialects.cases.limits import (
    QueryLimits,
    TooComplex,
    check_cost,
    check_document,
    check_text,
    fields_of,
    strings_of,
)

REMEMBERED = 500  # documents
REMEMBERED_LENGTH = 10_000  # characters of a text that is worth remembering
MOST_ERRORS = 10
META = frozenset({"__schema", "__type", "__typename"})


class NotExecutable(Exception):  # noqa: N818 - an answer, not an error of ours
    """The query cannot be executed; `errors` say why, as they are answered."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__()
        self.errors = errors


@dataclass(slots=True)
class Prepared:
    """A document that fits the schema and the limits.

    `described` keeps the answer of a query about the schema alone; `plans` how its lists are rendered (`execution.Plan`), which is the
    same every time unless directives make it depend on variables: then it is `None`.
    """

    document: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    variable_pages: bool  # whether variables can change what it costs
    plans: dict[Any, Any] | None
    described: dict[str, bytes] = field(default_factory=dict)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation with this name; without one, the only one. Raises `NotExecutable`."""
        if name:
            if name in self.operations:
                return self.operations[name]
            raise NotExecutable([errors.fault(f"There is no operation {name[:80]!r} in the query.", errors.NOT_VALID)])
        if len(self.operations) == 1:
            return next(iter(self.operations.values()))
        text = (
            "The query has no operation." if not self.operations else "operationName must say which of the operations is meant."
        )
        raise NotExecutable([errors.fault(text, errors.NOT_VALID)])


class Documents:
    """Prepares queries for one schema."""

    def __init__(self, schema: GraphQLSchema, limits: QueryLimits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._known: OrderedDict[str, Prepared] = OrderedDict()

    def prepare(self, text: str) -> Prepared:
        """The query as a document. Raises `NotExecutable` or `TooComplex`."""
        prepared = self._known.get(text)
        if prepared is not None:
            self._known.move_to_end(text)
            return prepared
        prepared = self._prepare(text)
        if len(text) <= REMEMBERED_LENGTH:
            self._known[text] = prepared
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return prepared

    def check(self, prepared: Prepared, operation: OperationDefinitionNode, variables: dict[str, Any]) -> None:
        """What only variables decide. Raises `TooComplex`."""
        if prepared.variable_pages:
            check_cost(prepared.document, operation, self._schema, variables, self._limits)

    def _prepare(self, text: str) -> Prepared:
        check_text(text, self._limits)
        try:
            document = parse(text, max_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            raise NotExecutable([errors.formatted(error, error.message, {"code": errors.SYNTAX})]) from None
        except RecursionError:
            raise TooComplex("the query is nested too deeply") from None
        if "\\u" in text and any("\0" in found for found in strings_of(document)):
            raise NotExecutable([errors.fault("The query must not contain the character NUL.", errors.NOT_VALID)])
        check_document(document, self._schema, self._limits)
        try:
            found = validate(
                self._schema, document, specified_rules, max_errors=MOST_ERRORS, hide_suggestions=not self._introspection
            )
        except RecursionError:
            raise TooComplex("the query is nested too deeply") from None
        if found:
            raise NotExecutable([errors.of_validation(error, document) for error in found])
        operations = {d.name.value if d.name else "": d for d in document.definitions if isinstance(d, OperationDefinitionNode)}
        if not self._introspection and any(f.name.value in ("__schema", "__type") for f in fields_of(document)):
            raise NotExecutable([errors.fault("Introspection is switched off on this server.", errors.NOT_VALID)])
        pages = any(argument.name.value in ("first", "last") for f in fields_of(document) for argument in f.arguments or ())
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        variable_pages = pages and any(operation.variable_definitions for operation in operations.values())
        return Prepared(document, operations, fragments, variable_pages, None if "@" in text else {})


def about_schema(operation: OperationDefinitionNode) -> bool:
    """Whether an operation asks for nothing but the schema itself."""
    return all(isinstance(s, FieldNode) and s.name.value in META for s in operation.selection_set.selections)
