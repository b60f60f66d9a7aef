"""Failed logins of one user name from one address, whether or not there is such a user."""

import math

import structlog

from trunkline.domains.identity.sessions import store
from trunkline.domains.identity.sessions.rules import FAILURE_WINDOW, FAILURES, LOCKED_FOR, USERNAME_LENGTH
from trunkline.kit.errors import Throttled
from trunkline.kit.ids import NIL
from trunkline.kit.realm import Realm

log = structlog.get_logger(__name__)


class Attempt:
    """One login's place among the attempts of its user name and address. All of them stand under the nil tenant."""

    def __init__(self, realm: Realm, username: str, address: str) -> None:
        self._realm = realm
        self._key = (username.strip()[: USERNAME_LENGTH + 1].replace("\0", ""), address)

    async def claim(self) -> None:
        """Count the attempt as failed until it succeeds. Raises `Throttled` when there were too many."""
        now = self._realm.clock.now()
        rows = await self._realm.pool.fetch(store.CLAIM_ATTEMPT, NIL, *self._key, now, now - FAILURE_WINDOW, FAILURES)
        if not rows:
            locked = await self._realm.pool.fetch(store.READ_LOCK, NIL, *self._key)
            until = (locked[0][0] if locked else None) or now.timestamp()
            raise Throttled("too many failed logins", max(1, math.ceil(until - now.timestamp())))
        if rows[0][0] > FAILURES:  # that many at once, and none has ended yet
            raise Throttled("too many logins at once")

    async def failed(self) -> None:
        """The password was wrong: the last attempt of a row of failures locks."""
        until = self._realm.clock.now() + LOCKED_FOR
        if await self._realm.pool.fetch(store.LOCK_OUT, NIL, *self._key, until, FAILURES):
            log.warning("login.locked", environment=self._realm.environment, username=self._key[0], address=self._key[1])

    async def succeeded(self) -> None:
        """The password was right: earlier failures are forgotten."""
        await self._realm.pool.fetch(store.FORGET_FAILURES, NIL, *self._key)
