"""The Case API as a dialect: `/graphql`, the Customer API's older form, faithful to reference/expereo.md §10."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime

from trunkline.dialects.cases import endpoint, errors, explorer
from trunkline.dialects.cases.documents import Documents
from trunkline.dialects.cases.limits import QueryLimits
from trunkline.dialects.cases.schema import schema
from trunkline.dialects.clients import ClientDialect, Limits
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit.errors import Refusal
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request


@dataclass(frozen=True, slots=True)
class CaseLimits:
    """What the settings say of `/graphql` beside the clients' own limits."""

    query: QueryLimits = field(default_factory=QueryLimits)
    introspection: bool = True
    deprecated: date = date(2026, 1, 1)
    sunset: date | None = None


class CaseApi(ClientDialect):
    """GraphQL with the Customer API's clients, scopes, limits and replay promise."""

    name = "cases"
    bases = ("/graphql",)

    def __init__(self, tokens: AccessTokens, limits: Limits, cases: CaseLimits) -> None:
        super().__init__(tokens, limits)
        self.operations: Sequence[Operation] = (*endpoint.routes, *explorer.routes)
        self.schema = schema()
        self.introspection = cases.introspection
        self.documents = Documents(self.schema, cases.query, introspection=cases.introspection)
        self._retirement = list(_retirement(cases))

    async def arrive(self, request: Request) -> Answer | None:
        request.response_headers += self._retirement
        link = f'<{request.base_url}{explorer.MIGRATION}>; rel="deprecation"; type="text/html"'
        request.response_headers.append(("Link", link))
        return None

    def rule(self, request: Request) -> None:
        """None yet: whether a request reads or writes stands in its body, and it is counted there."""
        return

    def refuse(self, request: Request, refusal: Refusal) -> Answer:
        return errors.refuse(request, refusal)

    def fail(self, request: Request) -> Answer:
        return errors.fail(request)


def _retirement(cases: CaseLimits) -> Sequence[tuple[str, str]]:
    """`Deprecation` (RFC 9745) and, where a day is set, `Sunset` (RFC 8594)."""
    headers = [("Deprecation", f"@{int(_midnight(cases.deprecated).timestamp())}")]
    if cases.sunset is not None:
        headers.append(("Sunset", format_datetime(_midnight(cases.sunset), usegmt=True)))
    return headers


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
