"""`POST /graphql`: one query or one mutation in, its data and errors out (reference/expereo.md §10.1)."""

from collections.abc import Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

import msgspec
import structlog
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
)
from graphql.execution.values import VariableValues, get_variable_values

from trunkline.dialects.cases import errors
from trunkline.dialects.cases.direct import Line, line_of
from trunkline.dialects.cases.documents import NotExecutable, Prepared, about_schema
from trunkline.dialects.cases.errors import GRAPHQL_JSON
from trunkline.dialects.cases.execution import PlanningExecutor
from trunkline.dialects.cases.limits import MOST_MUTATIONS, TooComplex
from trunkline.dialects.cases.resolvers import Context
from trunkline.kit import db
from trunkline.kit.errors import InProgress, Refusal, Throttled, Unauthenticated, Unavailable
from trunkline.kit.http.answer import JSON, Answer, encoder
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request
from trunkline.kit.http.stages import spend, write
from trunkline.kit.record import Origin
from trunkline.kit.telemetry import FAILURES

if TYPE_CHECKING:
    from trunkline.dialects.cases.app import CaseApi

# Refusals that concern all of a request, not one field.
OF_THE_REQUEST = (Unavailable, InProgress, Throttled, Unauthenticated)

EXPECTED = (Refusal, GraphQLError, type(None))  # what an error of a field comes from, unless something went wrong on our side

log = structlog.get_logger(__name__)

routes = Operations("GraphQL")


class GraphQLRequest(msgspec.Struct, rename="camel", kw_only=True):
    """A GraphQL request: one operation of `query`, with its variables."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


@routes.post("/graphql", scopes=(), body=GraphQLRequest, produces=errors.MEDIA_TYPES, guarded=False)
async def run_query(request: Request, body: GraphQLRequest) -> Answer:  # noqa: PLR0911 - one for each way to end
    """Run a query or a mutation.

    Which scopes are needed depends on the fields: accounts, sites, services and subscribers `customerapi/basic.read`, cases
    `customerapi/support.read` or `customerapi/support.read-write`, mutations `customerapi/support.read-write`, invoices and their
    lines `customerapi/billing.read`.
    """
    api = cast("CaseApi", request.dialect)
    accept = (request.header("accept") or "").lower()
    if GRAPHQL_JSON in accept:
        request.accepted = GRAPHQL_JSON
    old_statuses = (
        request.accepted == JSON and JSON in accept
    )  # whoever names the old type gets 200 for whatever is well formed
    variables = body.variables or {}
    try:
        prepared = api.documents.prepare(body.query)
        operation = prepared.operation(body.operation_name)
        api.documents.check(prepared, operation, variables)
    except TooComplex as refusal:
        await spend(request, api.reads, api.rules())
        return errors.refuse_complex(request, refusal)
    except NotExecutable as refusal:
        await spend(request, api.reads, api.rules())
        return errors.answer(request, 200 if old_statuses else 400, refusal.errors)
    call = _Call(request, api, prepared, operation, variables, refused_status=200 if old_statuses else 400)
    if operation.operation is not OperationType.MUTATION:
        await spend(request, api.reads, api.rules())
        return await call.read()
    mutations = _mutations(prepared, operation)
    if len(mutations) > MOST_MUTATIONS:
        await spend(request, api.reads, api.rules())
        return errors.refuse_complex(
            request, TooComplex(f"a request may hold at most {MOST_MUTATIONS} mutations, each counts as a write")
        )
    await spend(request, api.writes, api.rules(), hits=max(len(mutations), 1))
    request.work.origin = Origin(
        f"{api.name}.{'+'.join(dict.fromkeys(mutations))}", request.request_id, request.client_address or None
    )
    try:
        return await write(request, api, lambda: call.change(several=len(mutations) > 1))
    except errors.Undone as undone:
        return undone.answer
    except errors.Failed as failed:
        return failed.answer


class _Call:
    """One execution of one operation."""

    def __init__(
        self, request: Request, api: "CaseApi", prepared: Prepared, operation: OperationDefinitionNode, variables: dict[str, Any],
        *, refused_status: int,
    ) -> None:  # fmt: skip
        self._request = request
        self._api = api
        self._prepared = prepared
        self._operation = operation
        self._variables = variables
        self._refused_status = refused_status

    async def read(self) -> Answer:
        """Answer a query."""
        name = self._operation.name.value if self._operation.name else ""
        remembered = about_schema(self._operation) and not self._variables
        if remembered and name in self._prepared.described:
            return Answer(200, self._prepared.described[name], self._request.accepted)
        result = await self._execute(several=False)
        answer = self._answer(result)
        if remembered and not result.errors:
            self._prepared.described[name] = answer.body
        return answer

    async def change(self, *, several: bool) -> Answer:
        """Answer a mutation. Raises `Undone` or `Failed` when it is the only one and came to nothing.

        It may have taken effect though something that its caller asked of the result is refused: then it stays, as the answer says.
        """
        result = await self._execute(several=several)
        if several or not result.errors:
            return self._answer(result)
        if any(not isinstance(error.original_error, EXPECTED) for error in result.errors):
            raise errors.Failed(self._answer(ExecutionResult(_without_effects(result.data), result.errors)))
        if result.data == _without_effects(result.data):
            raise errors.Undone(self._answer(result))
        return self._answer(result)

    async def _execute(self, *, several: bool) -> ExecutionResult:
        """Run the operation: straight where it is a line (`direct`), else by graphql-core's executor."""
        try:
            line = self._line()
            variables = self._coerced() if line is not None else None
            if line is None or not isinstance(variables, VariableValues):
                return await self._execute_ordinarily(several=several)
            try:
                return ExecutionResult(
                    await line.run(None, self._context(several=several), variables, self._prepared.fragments), None
                )
            except Exception as failure:
                if _is_of_the_request(failure):
                    raise
                if self._operation.operation is OperationType.MUTATION:
                    return ExecutionResult(*line.failed(failure))
            return await self._execute_ordinarily(several=several)  # it says at which field
        except RecursionError:
            error = GraphQLError("The variables are nested too deeply.", extensions={"code": errors.TOO_COMPLEX})
            return ExecutionResult(None, [error])

    def _coerced(self) -> VariableValues | list[GraphQLError]:
        definitions = self._operation.variable_definitions or ()
        return get_variable_values(
            self._api.schema, definitions, self._variables, max_errors=5, hide_suggestions=not self._api.introspection
        )

    def _line(self) -> Line | None:
        """The operation as a line, made once for each document; `None` when it is none."""
        plans = self._prepared.plans
        if plans is None:
            return None
        key = id(self._operation)  # lives as long as the plans
        if key not in plans:
            executor = self._executor(several=False)
            if not isinstance(executor, PlanningExecutor):  # these variables do not fit
                return None
            plans[key] = line_of(executor)
        line: Line | None = plans[key]
        return line

    async def _execute_ordinarily(self, *, several: bool) -> ExecutionResult:
        executor = self._executor(several=several)
        if not isinstance(executor, PlanningExecutor):
            return ExecutionResult(None, executor)
        result = executor.execute_operation()
        found = await result if isawaitable(result) else result
        return cast("ExecutionResult", found)  # never an incremental one: the schema has no @defer and no @stream

    def _executor(self, *, several: bool) -> PlanningExecutor | list[GraphQLError]:
        return cast(
            "PlanningExecutor | list[GraphQLError]",
            PlanningExecutor.build(
                self._api.schema,
                self._prepared.document,
                context_value=self._context(several=several),
                raw_variable_values=self._variables,
                operation_name=self._operation.name.value if self._operation.name else None,
                max_coercion_errors=5,
                hide_suggestions=not self._api.introspection,
            ),
        )

    def _context(self, *, several: bool) -> Context:
        return Context(self._request.work, self._api.total_cap, several, self._prepared.plans)

    def _answer(self, result: ExecutionResult) -> Answer:
        if not result.errors:
            return Answer(200, encoder.encode({"data": result.data}), self._request.accepted)
        self._look_at(result.errors)
        found = [errors.of_field(error) for error in result.errors]
        if result.data is None and all(error.path is None for error in result.errors):  # it never began
            return errors.answer(self._request, self._refused_status, found)
        return Answer(200, encoder.encode({"errors": found, "data": result.data}), self._request.accepted)

    def _look_at(self, found: Sequence[GraphQLError]) -> None:
        """Raise what concerns the whole request; log what nobody expected."""
        for error in found:
            original = error.original_error
            if original is not None and _is_of_the_request(original):
                raise original
            if not isinstance(original, EXPECTED):
                log.error(
                    "field.failed",
                    request_id=self._request.request_id,
                    trace_id=self._request.trace_id,
                    path=".".join(str(part) for part in error.path or ()),
                    exc_info=original,
                )
                FAILURES.labels(self._api.name, self._request.operation.name).inc()


def _is_of_the_request(error: Exception) -> bool:
    """Whether an error at one field concerns all of the request; so do troubles of the database that another try may not have."""
    return isinstance(error, OF_THE_REQUEST) or db.passing(error) is not None


def _mutations(prepared: Prepared, operation: OperationDefinitionNode) -> list[str]:
    """An operation's mutations in their order, each once for each name that it has in the answer; those of fragments too."""
    named: dict[str, str] = {}
    todo: list[SelectionNode] = [*reversed(operation.selection_set.selections)]
    while todo:
        match todo.pop():
            case FieldNode() as selected:
                if selected.name.value != "__typename":
                    named.setdefault((selected.alias or selected.name).value, selected.name.value)
            case FragmentSpreadNode() as spread:
                todo += reversed(prepared.fragments[spread.name.value].selection_set.selections)
            case InlineFragmentNode() as inline:
                todo += reversed(inline.selection_set.selections)
    return list(named.values())


def _without_effects(data: dict[str, Any] | None) -> dict[str, Any] | None:
    """A mutation's data as if it had come to nothing: null but for `__typename`, the only text at the root."""
    return data and {name: value if isinstance(value, str) else None for name, value in data.items()}
