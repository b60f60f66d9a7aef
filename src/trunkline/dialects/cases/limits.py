"""What a request may ask for: depth, aliases, tokens, estimated cost; looked at before anything is validated or read."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
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
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)

TOKEN = re.compile(
    r'"""(?:\\"""|[^"]|"(?!""))*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|[_A-Za-z][_0-9A-Za-z]*|-?[0-9][0-9.eE+-]*|\.\.\.|[^\s,\ufeff]'
)
LONGEST_TEXT = 100_000  # characters; long texts belong into variables
MOST_PAIRS = 10_000  # of fields under one name, which validation compares with each other
MOST_REPEATS = 1_000  # of one name in a text that is worth parsing
MOST_MUTATIONS = 10  # in one request; each counts as a write

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
        if any(count > MOST_REPEATS and word.isidentifier() for word, count in tokens.items()):
            raise TooComplex("the query repeats the same fields too often")


def check_document(document: DocumentNode, schema: GraphQLSchema, limits: QueryLimits) -> None:
    """Raises `TooComplex` for what no variable can change: depth, aliases, names that are repeated too often, number of mutations."""
    walker = _Walker(document, schema, {})
    names: Counter[str] = Counter()
    aliases = 0
    for field in fields_of(document):
        names[field.alias.value if field.alias else field.name.value] += 1
        aliases += field.alias is not None
    if aliases > limits.aliases:
        raise TooComplex(f"the query has {aliases} aliases; at most {limits.aliases} are answered")
    if sum(count * (count - 1) // 2 for count in names.values()) > MOST_PAIRS:
        raise TooComplex("the query repeats the same fields too often")
    for operation in walker.operations:
        depth, cost = walker.measure(operation)
        if depth > limits.depth:
            raise TooComplex(f"the query is {depth} levels deep; at most {limits.depth} are answered")
        if cost > limits.cost:
            raise TooComplex(
                f"the query is estimated to show {cost} values; at most {limits.cost} are answered. Ask for smaller pages"
            )


def check_cost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    limits: QueryLimits,
) -> None:
    """Raises `TooComplex` when the pages that the variables ask for make the operation cost too much."""
    _, cost = _Walker(document, schema, variables).measure(operation)
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


class _Walker:
    """Measures selections; a fragment is measured once for each type and a circle only to where it closes."""

    def __init__(self, document: DocumentNode, schema: GraphQLSchema, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
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
        if name in ("__schema", "__type"):
            depth, _ = self._selections(field.selection_set, None)
            return depth + 1, 1  # how deep lists may go there is a rule of validation
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
            return 1 if "id" in given else ROWS[type_name, name]
        known = type_.fields.get(name) if isinstance(type_, GraphQLObjectType) else None
        return PAGE if known is not None and "first" in known.args else 1

    def _size(self, node: Any) -> int:
        value: Any = None
        if isinstance(node, IntValueNode) and len(node.value) < 10:
            value = int(node.value)
        elif isinstance(node, VariableNode):
            value = self._variables.get(node.name.value)
        return min(max(value, 1), LARGEST_PAGE) if type(value) is int else PAGE


def strings_of(document: DocumentNode) -> Iterator[str]:
    """Every text that is written in a document as an argument's value."""
    found: list[str] = []

    class Strings(Visitor):
        def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
            found.append(node.value)

    visit(document, Strings())
    return iter(found)
