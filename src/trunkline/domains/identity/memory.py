"""What live credentials stand for, as one process remembers it; revocation empties every process's memory at once."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from trunkline.kit.clock import monotonic
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm

REVOKED_CHANNEL = "trunkline_revoked"

REMEMBER_SECONDS = 30.0  # the net under the revocation signal
CAPACITY = 20_000


class Ending(Protocol):
    """Every credential ends at some time, in seconds since 1970 on the environment's clock."""

    @property
    def expires_at(self) -> float: ...


C = TypeVar("C", bound=Ending)


class Memory(ABC, Generic[C]):
    """The credentials of one kind of all environments, as one process knows them."""

    def __init__(self, realms: Mapping[Environment, Realm]) -> None:
        self._known: dict[Environment, OrderedDict[str, tuple[C, float, float]]] = {}
        self._generation = 0
        for environment, realm in realms.items():
            self._known[environment] = OrderedDict()
            realm.signals.subscribe(REVOKED_CHANNEL, self._revoked, self.forget)

    @abstractmethod
    async def find(self, realm: Realm, text: str) -> C:
        """What the database says that a credential's text stands for. Raises `Unauthenticated`."""

    def good_until(self, credential: C) -> float:
        """When the database must be asked again at the latest, on the environment's clock."""
        return credential.expires_at

    def _revoked(self, _payload: str) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything: the next use of each credential asks the database."""
        self._generation += 1
        for known in self._known.values():
            known.clear()

    def recall(self, realm: Realm, text: str) -> C | None:
        """What a credential that was seen a moment ago stands for; `None` when the database must be asked."""
        found = self._known[realm.environment].get(text)
        if found is None or found[1] < monotonic() or not realm.signals.healthy or found[2] <= realm.clock.timestamp():
            return None
        return found[0]

    async def resolve(self, realm: Realm, text: str) -> C:
        """What a credential stands for. Raises `Unauthenticated` when it is unknown, expired or revoked."""
        if (remembered := self.recall(realm, text)) is not None:
            return remembered
        generation = self._generation
        credential = await self.find(realm, text)
        if generation == self._generation:  # nothing was revoked while the database was asked
            known = self._known[realm.environment]
            known[text] = (credential, monotonic() + REMEMBER_SECONDS, self.good_until(credential))
            if len(known) > CAPACITY:
                known.popitem(last=False)
        return credential
