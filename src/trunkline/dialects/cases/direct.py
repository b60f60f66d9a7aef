"""Operations that go straight to one thing run without graphql-core's executor: the published queries and mutations all do.

`viewer { account { cases(…) { … } } }` has one field at each step that must be resolved, and beside it nothing but attributes. Such an
operation is a line of steps, made once for each document and ended by a plan (`execution`). The executor would hold a path, an info
object and a coroutine for every step, and all of them in cycles that only the garbage collector finds. Whatever is no such line, or
goes wrong on the way, is the executor's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationType,
    get_argument_values,
    located_error,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor import to_nodes
from graphql.execution.values import VariableValues

from trunkline.dialects.cases.execution import Plan, PlanningExecutor, constant, rendered
from trunkline.dialects.cases.resolvers import Context
from trunkline.dialects.cases.types import PLAIN, Getter, Info


class OffTheLine(Exception):  # noqa: N818 - not an error: the executor does it
    """The operation turned out to need the executor."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a resolver is told of its field: the part of graphql-core's info that ours look at."""

    context: Context
    field_nodes: list[FieldNode]
    fragments: Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Step:
    """A field that must be resolved. `arguments` is `None` where variables decide them; what follows shows the value.

    Without anything that follows, the value is a plain one.
    """

    field: GraphQLField
    nodes: list[FieldNode]
    arguments: Mapping[str, Any] | None
    many: bool
    follows: "Plan | Line | None"

    async def take(self, source: Any, context: Context, variables: VariableValues, fragments: Any) -> Any:
        """What the answer shows of the field's value. Raises what resolving raises."""
        assert self.field.resolve is not None, "every field of ours has a resolver"
        arguments = self.arguments
        if arguments is None:
            arguments = get_argument_values(self.field, self.nodes[0], variables)
        value = self.field.resolve(source, cast("Info", Place(context, self.nodes, fragments)), **arguments)
        if isawaitable(value):
            value = await value
        if value is None:
            if isinstance(self.field.type, GraphQLNonNull):
                raise OffTheLine
            return None
        if isinstance(self.follows, Plan):
            shown = await rendered(self.follows, value if self.many else [value], context.loaders)
            return shown if self.many else shown[0]
        return value if self.follows is None else await self.follows.run(value, context, variables, fragments)


@dataclass(frozen=True, slots=True)
class Line:
    """The fields of one object: attributes, and the one that leads on (its getter is `None`)."""

    names: tuple[tuple[str, Getter | None], ...]
    step: Step

    async def run(self, source: Any, context: Context, variables: VariableValues, fragments: Any) -> dict[str, Any]:
        """What the answer shows of `source`. Raises `OffTheLine` and what resolving raises."""
        value = await self.step.take(source, context, variables, fragments)
        return {name: value if getter is None else getter(source) for name, getter in self.names}

    @property
    def leading(self) -> str:
        """The name, in the answer, of the field that leads on."""
        return next(name for name, getter in self.names if getter is None)

    def failed(self, error: Exception) -> tuple[dict[str, Any], list[GraphQLError]]:
        """Data and errors of a mutation that was refused or went wrong."""
        data = {name: None if getter is None else getter(None) for name, getter in self.names}
        return data, [located_error(error, self.step.nodes, [self.leading])]


def line_of(executor: PlanningExecutor) -> Line | None:
    """The line that an operation is, or `None`. It must not have directives, which could make it another one with other variables."""
    operation = executor.operation
    root = executor.schema.get_root_type(operation.operation)
    if root is None:
        return None
    fields = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, operation, executor.hide_suggestions
    ).grouped_field_set
    line = _line(executor, root, fields)
    if line is None or operation.operation is OperationType.QUERY:
        return line
    follows, type_ = line.step.follows, line.step.field.type
    # What a mutation has done cannot be done again by the executor: nothing may go wrong after it.
    simple = follows is None or (isinstance(follows, Plan) and not (follows.linked or follows.needs))
    return line if simple and not isinstance(type_, GraphQLNonNull) else None


def _line(executor: PlanningExecutor, type_: GraphQLObjectType, fields: Mapping[str, Any]) -> Line | None:
    plain = PLAIN.get(type_.name, {})
    names: list[tuple[str, Getter | None]] = []
    step: Step | None = None
    for response_name, details in fields.items():
        name = details[0].node.name.value
        if name == "__typename":
            names.append((response_name, constant(type_.name)))
        elif name in plain:
            names.append((response_name, plain[name]))
        elif step is None and (step := _step(executor, type_, name, details)) is not None:
            names.append((response_name, None))
        else:
            return None
    return None if step is None else Line(tuple(names), step)


def _step(executor: PlanningExecutor, parent: GraphQLObjectType, name: str, details: Any) -> Step | None:
    field = executor.schema.get_field(parent, name)
    if field is None or field.resolve is None or name.startswith("__"):
        return None
    type_, many = _named(field.type)
    follows: Plan | Line | None = None
    if isinstance(type_, GraphQLObjectType):
        follows = executor.plan(type_, details)
        if follows is None and not many:
            follows = _line(executor, type_, executor.collect_subfields(type_, details).grouped_field_set)
        if follows is None:
            return None
    elif not isinstance(type_, GraphQLScalarType) or type_.name != "Boolean" or many:
        return None
    nodes = to_nodes(details)
    varies = bool(executor.operation.variable_definitions)
    arguments = None if varies else get_argument_values(field, nodes[0], executor.variable_values)
    return Step(field, nodes, arguments, many, follows)


def _named(type_: Any) -> tuple[Any, bool]:
    """A type without its wrapping, and whether it was a list."""
    many = False
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        many = many or isinstance(type_, GraphQLList)
        type_ = type_.of_type
    return type_, many
