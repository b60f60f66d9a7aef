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
    VariableNode,
    parse,
    specified_rules,
    validate,
)

from trunkline.dialects.cases import errors
from trunkline.dialects.cases.limits import (
    DESCRIPTIONS,
    QueryLimits,
    TooComplex,
    check_cost,
    check_description,
    check_document,
    check_text,
    fields_of,
    strings_of,
)

REMEMBERED = 500  # documents
REMEMBERED_LENGTH = 10_000  # characters of a text that is worth remembering
REMEMBERED_IN_ALL = 500_000  # characters of all texts; what is prepared takes a hundred times as much room
MOST_ERRORS = 10
NESTED = "Validation aborted."  # how graphql-core says that fragments lead too deep
ROWS_BY = ("first", "last", "id")  # arguments that say how many rows a list has
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
        self._length = 0  # of all texts that are known

    def prepare(self, text: str) -> Prepared:
        """The query as a document. Raises `NotExecutable` or `TooComplex`."""
        prepared = self._known.get(text)
        if prepared is not None:
            self._known.move_to_end(text)
            return prepared
        prepared = self._prepare(text)
        if len(text) <= REMEMBERED_LENGTH:
            self._known[text] = prepared
            self._length += len(text)
            while len(self._known) > REMEMBERED or self._length > REMEMBERED_IN_ALL:
                forgotten, _ = self._known.popitem(last=False)
                self._length -= len(forgotten)
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
        try:
            check_document(document, self._schema, self._limits)
            found = validate(
                self._schema, document, specified_rules, max_errors=MOST_ERRORS, hide_suggestions=not self._introspection
            )
        except RecursionError:
            raise TooComplex("the query is nested too deeply") from None
        if any(error.message == NESTED for error in found):
            raise TooComplex("the query is nested too deeply")
        if found:
            raise NotExecutable([errors.of_validation(error, document) for error in found])
        operations = {d.name.value if d.name else "": d for d in document.definitions if isinstance(d, OperationDefinitionNode)}
        if any(f.name.value in DESCRIPTIONS for f in fields_of(document)):
            if not self._introspection:
                raise NotExecutable([errors.fault("Introspection is switched off on this server.", errors.NOT_VALID)])
            check_description(document, self._schema)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        variable_pages = any(
            argument.name.value in ROWS_BY and isinstance(argument.value, VariableNode)
            for f in fields_of(document)
            for argument in f.arguments or ()
        )
        return Prepared(document, operations, fragments, variable_pages, None if "@" in text else {})


def about_schema(operation: OperationDefinitionNode) -> bool:
    """Whether an operation asks for nothing but the schema itself."""
    return all(isinstance(s, FieldNode) and s.name.value in META for s in operation.selection_set.selections)
