"""The Customer API as a dialect: `/v2` and `/oauth2/token`, faithful to reference/expereo.md §1-9."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from trunkline.dialects.customer import errors
from trunkline.dialects.customer.auth import Callers, authorize, token_operations
from trunkline.dialects.customer.document import described
from trunkline.dialects.customer.routes import accounts, api_clients, cases, invoices, services, sites
from trunkline.domains.identity.service import AccessTokens
from trunkline.kit import replay
from trunkline.kit.errors import Refusal
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.idempotency import idempotency_key
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request
from trunkline.kit.principal import Principal
from trunkline.kit.replay import Guarded
from trunkline.kit.throttle import Rule, SlidingWindow, TokenBucket


@dataclass(frozen=True, slots=True)
class Limits:
    """The guide's rate limits (§6), and what the reference leaves to whoever runs the server."""

    reads_per_second: float = 3.0
    read_burst: int = 50
    writes_per_minute: int = 30
    key_life: timedelta = timedelta(hours=24)
    total_cap: int = 10_000  # §5.3
    scope_required: bool = True  # §2.2: whether a token request must name its scopes


class CustomerApi(Dialect):
    """REST with OAuth2 scopes."""

    name = "customer"
    bases = ("/v2", "/oauth2")

    def __init__(self, tokens: AccessTokens, limits: Limits) -> None:
        resources = (
            token_operations,
            api_clients.routes,
            accounts.routes,
            sites.routes,
            services.routes,
            cases.routes,
            invoices.routes,
        )
        self.operations: Sequence[Operation] = described(chain.from_iterable(resources))
        self._callers = Callers(tokens)
        self._reads = TokenBucket("read", limits.read_burst, limits.reads_per_second)
        self._writes = SlidingWindow("write", limits.writes_per_minute, 60)
        self._key_life = limits.key_life
        self.total_cap = limits.total_cap
        self.scope_required = limits.scope_required

    async def authenticate(self, request: Request) -> Principal:
        return await self._callers.authenticate(request)

    def authorize(self, request: Request) -> None:
        authorize(request)

    def rule(self, request: Request) -> Rule:
        return self._writes if request.operation.writes else self._reads

    def rules(self) -> Sequence[Rule]:
        return (self._reads, self._writes)

    def guard(self, request: Request) -> Guarded | None:
        key = idempotency_key(request)
        if key is None:
            return None
        return replay.by_key(
            request.principal.credential_id,
            key,
            request.method,
            request.path,
            request.raw_query,
            request.body,
            self._key_life,
            secret=request.operation.secret,
        )

    def refuse(self, request: Request, refusal: Refusal) -> Answer:
        return errors.refuse(request, refusal)

    def fail(self, request: Request) -> Answer:
        return errors.problem(request, 500, "Something went wrong on our side; the traceId finds it in the log.")
