"""What a request may ask for: depth, aliases, tokens, estimated cost; looked at before anything is validated or read."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    value_from_ast_untyped,
    visit,
)

TOKEN = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][0-9.eE+-]*|\.\.\.|[^\s,\ufeff]'
)
LONGEST_TEXT = 100_000  # characters; long texts belong into variables
MOST_PAIRS = 1_000  # of fields under one name, or of fragments, at one place: validation compares them with each other
MOST_STEPS = 20_000  # through fragments, until all such pairs are found
MOST_REPEATS = 1_000  # of one name in a text that is worth parsing
MOST_OPERATIONS = 50  # in one query, of which one is run
MOST_FRAGMENTS = 100  # in one query
MOST_MUTATIONS = 10  # in one request; each counts as a write
MOST_DESCRIBED = 600_000  # estimated values of the schema's own description: three times what tools ask for

# How many rows a list without pages is taken to have; one whose id is given has one.
ROWS = {
    ("Account", "cases"): 50,
    ("Account", "services"): 50,
    ("Account", "sites"): 50,
    ("Account", "invoiceLines"): 100,
    ("Site", "services"): 5,
    ("Case", "communications"): 5,
    ("Invoice", "lines"): 10,
}
DESCRIPTIONS = {"__schema": "__Schema", "__type": "__Type"}
DESCRIBED_ROWS = {
    ("__Schema", "types"): 100,
    ("__Schema", "directives"): 5,
    ("__Type", "fields"): 10,
    ("__Type", "inputFields"): 10,
    ("__Type", "enumValues"): 10,
    ("__Field", "args"): 3,
    ("__Directive", "args"): 3,
}
PAGE = 25  # rows of a connection when neither first nor last is given
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The settings (§10.1)."""

    depth: int = 15
    aliases: int = 100
    tokens: int = 5_000
    cost: int = 10_000


class TooComplex(Exception):  # noqa: N818 - an answer, not an error of ours
    """A limit is exceeded; the text says which."""


def check_text(text: str, limits: QueryLimits) -> None:
    """Raises `TooComplex` when the text is too long to be parsed."""
    if len(text) > LONGEST_TEXT:
        raise TooComplex(f"the query has {len(text)} characters; at most {LONGEST_TEXT} are read. Send long texts as variables")
    if len(text) > limits.tokens:  # fewer characters cannot have more tokens
        tokens: Counter[str] = Counter()
        for number, found in enumerate(found for found in TOKEN.finditer(text) if found[0][0] != "#"):
            if number >= limits.tokens:
                raise TooComplex(f"the query has more than {limits.tokens} tokens")
            tokens[found[0]] += 1
        if tokens["fragment"] > MOST_FRAGMENTS:
            raise TooComplex(f"the query has more than {MOST_FRAGMENTS} fragments")
        if any(count > MOST_REPEATS and word.isidentifier() for word, count in tokens.items()):
            raise TooComplex("the query repeats the same fields too often")


def check_document(document: DocumentNode, schema: GraphQLSchema, limits: QueryLimits) -> None:
    """Raises `TooComplex` for what no variable can change: number of operations and aliases, depth, cost, what must be compared."""
    walker = _Walker(document, schema)
    aliases = sum(field.alias is not None for field in fields_of(document))
    if aliases > limits.aliases:
        raise TooComplex(f"the query has {aliases} aliases; at most {limits.aliases} are answered")
    if len(walker.operations) > MOST_OPERATIONS:
        raise TooComplex(f"the query has {len(walker.operations)} operations; at most {MOST_OPERATIONS} are read")
    for operation in walker.operations:
        depth, cost = walker.measure(operation)
        if depth > limits.depth:
            raise TooComplex(f"the query is {depth} levels deep; at most {limits.depth} are answered")
        _check_cost(cost, limits)
    _Comparisons(document).check()


def check_description(document: DocumentNode, schema: GraphQLSchema) -> None:
    """Raises `TooComplex` when a valid query asks for too much of the schema itself."""
    walker = _Walker(document, schema)
    for operation in walker.operations:
        walker.measure(operation)
    if walker.described > MOST_DESCRIBED:
        raise TooComplex("the query asks for too much of the schema at once")


def check_cost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    limits: QueryLimits,
) -> None:
    """Raises `TooComplex` when the pages that the variables ask for make the operation cost too much."""
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    _, cost = _Walker(document, schema, {**defaults, **variables}).measure(operation)
    _check_cost(cost, limits)


def _check_cost(cost: int, limits: QueryLimits) -> None:
    if cost > limits.cost:
        raise TooComplex(
            f"the query is estimated to show {cost} values; at most {limits.cost} are answered. Ask for smaller pages"
        )


def fields_of(document: DocumentNode) -> Iterator[FieldNode]:
    """Every field that is written in a document, wherever it stands."""
    todo = [
        definition.selection_set
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while todo:
        for selection in todo.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set is not None:
                todo.append(selection.selection_set)


class _Comparisons:
    """What validation compares: every two fields under one name and every two fragments that come together at one place."""

    def __init__(self, document: DocumentNode) -> None:
        self._roots = [d for d in document.definitions if isinstance(d, OperationDefinitionNode | FragmentDefinitionNode)]
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._pairs = 0
        self._steps = 0

    def check(self) -> None:
        """Raises `TooComplex` when they are too many."""
        for root in self._roots:
            self._compare([root.selection_set])

    def _compare(self, selection_sets: Sequence[SelectionSetNode]) -> None:
        fields: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        todo = list(selection_sets)
        while todo:
            for selection in todo.pop().selections:
                self._steps += 1
                if isinstance(selection, FieldNode):
                    fields.setdefault((selection.alias or selection.name).value, []).append(selection)
                elif isinstance(selection, InlineFragmentNode):
                    todo.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                    spread.add(selection.name.value)
                    if selection.name.value in self._fragments:
                        todo.append(self._fragments[selection.name.value].selection_set)
        self._pairs += sum(_pairs(len(same)) for same in fields.values()) + _pairs(len(spread))
        if self._pairs > MOST_PAIRS or self._steps > MOST_STEPS:
            raise TooComplex("the query repeats the same fields or fragments too often")
        for same in fields.values():
            if below := [field.selection_set for field in same if field.selection_set is not None]:
                self._compare(below)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


class _Walker:
    """Measures selections; a fragment is measured once for each type and a circle only to where it closes.

    Without `variables` they are not known yet: a page is then taken to be an ordinary one and an id to be given.
    """

    def __init__(self, document: DocumentNode, schema: GraphQLSchema, variables: Mapping[str, Any] | None = None) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        self.described = 0  # estimated values of the schema itself
        self._measured: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()

    def measure(self, operation: OperationDefinitionNode) -> tuple[int, int]:
        """(depth, cost)."""
        return self._selections(operation.selection_set, self._schema.get_root_type(operation.operation))

    def _selections(self, selections: SelectionSetNode | None, type_: Any) -> tuple[int, int]:
        deepest = total = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FieldNode):
                depth, cost = self._field(selection, type_)
            elif isinstance(selection, FragmentSpreadNode):
                depth, cost = self._fragment(selection.name.value)
            else:
                assert isinstance(selection, InlineFragmentNode)
                depth, cost = self._selections(selection.selection_set, type_)
            deepest, total = max(deepest, depth), min(total + cost, 10**12)
        return deepest, total

    def _fragment(self, name: str) -> tuple[int, int]:
        fragment = self._fragments.get(name)
        if fragment is None or name in self._open:
            return 0, 0
        if name not in self._measured:
            self._open.add(name)
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._selections(fragment.selection_set, type_)
            self._open.discard(name)
        return self._measured[name]

    def _field(self, field: FieldNode, type_: Any) -> tuple[int, int]:
        name = field.name.value
        known = type_.fields.get(name) if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) else None
        if name in DESCRIPTIONS:
            depth, cost = self._selections(field.selection_set, self._schema.get_type(DESCRIPTIONS[name]))
            self.described += cost
            return depth + 1, 1  # it has a limit of its own, and how deep lists may go there is a rule of validation
        below = get_named_type(known.type) if known else None
        depth, cost = self._selections(field.selection_set, below)
        return depth + 1, 1 + cost * self._rows(field, type_, name)

    def _rows(self, field: FieldNode, type_: Any, name: str) -> int:
        given = {argument.name.value: argument.value for argument in field.arguments or ()}
        sizes = [self._size(given[argument]) for argument in ("first", "last") if argument in given]
        if sizes:
            return max(sizes)
        type_name = type_.name if type_ is not None else ""
        if (type_name, name) in ROWS:
            return 1 if self._is_given(given.get("id")) else ROWS[type_name, name]
        if (type_name, name) in DESCRIBED_ROWS:
            return DESCRIBED_ROWS[type_name, name]
        known = type_.fields.get(name) if isinstance(type_, GraphQLObjectType) else None
        return PAGE if known is not None and "first" in known.args else 1

    def _size(self, node: Any) -> int:
        value: Any = None
        if isinstance(node, IntValueNode) and len(node.value) < 10:
            value = int(node.value)
        elif isinstance(node, VariableNode) and self._variables is not None:
            value = self._variables.get(node.name.value)
        if isinstance(value, float) and value.is_integer():  # JSON's 200.0 is a whole number to GraphQL
            value = int(value)
        return min(max(value, 1), LARGEST_PAGE) if type(value) is int else PAGE

    def _is_given(self, node: Any) -> bool:
        if isinstance(node, VariableNode):
            return self._variables is None or self._variables.get(node.name.value) is not None
        return node is not None and not isinstance(node, NullValueNode)


def strings_of(document: DocumentNode) -> Iterator[str]:
    """Every text that is written in a document as an argument's value."""
    found: list[str] = []

    class Strings(Visitor):
        def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
            found.append(node.value)

    visit(document, Strings())
    return iter(found)
