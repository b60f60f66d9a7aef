"""What a dialect tells the pipeline: its operations, who is calling, how it refuses, which limits and which replay promise it has."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from trunkline.kit.errors import Refusal
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.operation import Operation
from trunkline.kit.http.request import Request
from trunkline.kit.principal import Principal
from trunkline.kit.replay import Guarded
from trunkline.kit.throttle import Rule


class Dialect(ABC):
    """One published API. The pipeline (`kit.http.pipeline`) calls these in the order in which they stand here."""

    name: str
    bases: tuple[str, ...]  # path prefixes below which even unknown paths are refused in this dialect's shape
    operations: Sequence[Operation]
    total_cap: int = 10_000  # rows up to which a list says an exact total

    async def arrive(self, request: Request) -> Answer | None:
        """First of all, also for paths and methods that do not exist. An answer (a CORS preflight's) ends the request here.

        May add to `request.response_headers` what every answer carries.
        """
        return None

    @abstractmethod
    async def authenticate(self, request: Request) -> Principal:
        """The caller. Raises `Unauthenticated`."""

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Raises `Forbidden` unless the caller may call `request.operation`."""

    @abstractmethod
    def rule(self, request: Request) -> Rule | None:
        """The rate rule that the request counts against."""

    @abstractmethod
    def rules(self) -> Sequence[Rule]:
        """All rate rules of a caller, for the `RateLimit-Policy` header."""

    @abstractmethod
    def guard(self, request: Request) -> Guarded | None:
        """The replay promise that the request is made under, if any."""

    @abstractmethod
    def refuse(self, request: Request, refusal: Refusal) -> Answer:
        """Any refusal in the dialect's own error shape."""

    @abstractmethod
    def fail(self, request: Request) -> Answer:
        """The answer to an unexpected error; it shows nothing of the inside."""
