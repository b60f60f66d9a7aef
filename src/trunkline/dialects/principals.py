"""From what a credential stands for to the caller: made once for each credential that a process remembers."""

from collections.abc import Callable
from typing import Generic, TypeVar

from trunkline.kit.http.request import Request
from trunkline.kit.principal import Principal

C = TypeVar("C")

CAPACITY = 20_000


class Principals(Generic[C]):
    """The callers behind credentials, as `make` reads them."""

    def __init__(self, make: Callable[[Request, C], Principal]) -> None:
        self._make = make
        self._known: dict[int, tuple[C, Principal]] = {}  # by the credential's id(): looking it up by its value would cost more

    def of(self, request: Request, credential: C) -> Principal:
        """The caller behind a credential."""
        known = self._known.get(id(credential))
        if known is not None and known[0] is credential:
            return known[1]
        principal = self._make(request, credential)
        if len(self._known) > CAPACITY:
            self._known.clear()
        self._known[id(credential)] = (credential, principal)
        return principal
