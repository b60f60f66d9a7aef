"""The Customer API as a dialect: `/v2` and `/oauth2/token`, faithful to reference/expereo.md §1-9."""

from collections.abc import Sequence
from itertools import chain

from trunkline.dialects.clients import ClientDialect, Limits
from trunkline.dialects.customer import errors
from trunkline.dialects.customer.auth import token_operations
from trunkline.dialects.customer.document import described
from trunkline.dialects.customer.routes import (
    accounts,
    api_clients,
    cases,
    deliveries,
    events,
    invoices,
    services,
    sites,
    webhooks,
)
from trunkline.dialects.customer.webhooks import CustomerPresenter
from trunkline.domains.events.service import Feeds
from trunkline.domains.identity.service import AccessTokens
from trunkline.domains.webhooks.service import UrlPolicy
from trunkline.kit.errors import Refusal
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request
from trunkline.kit.outbound.addresses import Allowed

__all__ = ["CustomerApi", "Limits"]


class CustomerApi(ClientDialect):
    """REST with OAuth2 scopes."""

    name = "customer"
    bases = ("/v2", "/oauth2")

    def __init__(
        self, tokens: AccessTokens, limits: Limits, feeds: Feeds | None = None, webhook_policy: UrlPolicy | None = None
    ) -> None:
        super().__init__(tokens, limits)
        self.feeds = feeds if feeds is not None else Feeds({})
        self.webhook_policy = webhook_policy or UrlPolicy(https_only=True, allowed=Allowed())
        self.presenter = CustomerPresenter("")
        resources = (
            token_operations,
            api_clients.routes,
            accounts.routes,
            sites.routes,
            services.routes,
            cases.routes,
            invoices.routes,
            events.routes,
            webhooks.routes,
            deliveries.routes,
        )
        self.operations: Sequence[Operation] = described(chain.from_iterable(resources))
        self.scope_required = limits.scope_required

    def refuse(self, request: Request, refusal: Refusal) -> Answer:
        return errors.refuse(request, refusal)

    def fail(self, request: Request) -> Answer:
        return errors.problem(request, 500, "Something went wrong on our side; the traceId finds it in the log.")
