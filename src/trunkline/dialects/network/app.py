"""The Network API as a dialect: `/v1`, `/login` and `/logout`, faithful to reference/expeto.md."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from trunkline.dialects.bases import Bases
from trunkline.dialects.network import bulk, errors, explorer, hal, sessions, suspension, tokens
from trunkline.dialects.network.associations import Linked
from trunkline.dialects.network.auth import Callers, authorize
from trunkline.dialects.network.collection import Collection
from trunkline.dialects.network.collections import BY_PATH
from trunkline.dialects.network.cors import Origins
from trunkline.dialects.network.profile import profile_operations
from trunkline.dialects.network.root import browser_redirect, root_operations
from trunkline.domains.identity.service import NetworkCredentials
from trunkline.kit.errors import Refusal
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.idempotency import guarded_by_key
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request
from trunkline.kit.principal import Principal
from trunkline.kit.replay import Guarded
from trunkline.kit.throttle import Rule, SlidingWindow, TokenBucket


@dataclass(frozen=True, slots=True)
class Limits:
    """What the reference leaves to whoever runs the server."""

    reads_per_second: float = 50.0
    read_burst: int = 500
    writes_per_minute: int = 1200
    key_life: timedelta = timedelta(hours=24)
    token_life: timedelta = timedelta(days=365)  # §2.3
    origins: tuple[str, ...] = ()  # §10: off by default
    bases: Bases = field(default_factory=Bases)


class NetworkApi(Dialect):
    """HAL hypermedia with API keys and sessions."""

    name = "network"
    bases = ("/v1", "/login", "/logout")
    total_cap = 2**53

    def __init__(self, credentials: NetworkCredentials, limits: Limits) -> None:
        hal.represent(BY_PATH)
        self.operations: Sequence[Operation] = tuple(_operations())
        self.token_life = limits.token_life
        self._callers = Callers(credentials)
        self._links = limits.bases
        self._origins = Origins(limits.origins)
        self._reads = TokenBucket("read", limits.read_burst, limits.reads_per_second)
        self._writes = SlidingWindow("write", limits.writes_per_minute, 60)
        self._key_life = limits.key_life

    async def arrive(self, request: Request) -> Answer | None:
        request.__dict__["base"] = self._links.of(request)
        answer = self._origins.arrive(request)
        if answer is None:
            await self._callers.arrive(request)
            answer = browser_redirect(request)
        return answer

    async def authenticate(self, request: Request) -> Principal:
        return await self._callers.authenticate(request)

    def authorize(self, request: Request) -> None:
        authorize(request)

    def rule(self, request: Request) -> Rule:
        return self._writes if request.operation.writes else self._reads

    def rules(self) -> Sequence[Rule]:
        return (self._reads, self._writes)

    def guard(self, request: Request) -> Guarded | None:
        return guarded_by_key(request, self._key_life)

    def refuse(self, request: Request, refusal: Refusal) -> Answer:
        return errors.refuse(request, refusal)

    def fail(self, request: Request) -> Answer:
        return errors.fail(request)


def _operations() -> Iterator[Operation]:
    """Every operation: those of the root, of each collection as it is declared, the commands, the documents, the sessions."""
    yield from root_operations(BY_PATH)
    collections = {path: Collection(resource) for path, resource in BY_PATH.items()}
    for collection in collections.values():
        yield from collection.operations()
        for association in collection.resource.associations:
            yield from Linked(collection, association, collections[association.target]).operations()
    yield from tokens.routes
    yield from bulk.routes
    yield from suspension.routes
    yield from profile_operations(BY_PATH)
    yield from explorer.routes
    yield from sessions.routes
