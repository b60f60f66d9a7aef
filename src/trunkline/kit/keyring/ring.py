"""The keys of one process: sealing with the newest, unsealing with whichever sealed.

A sealed value is: format (1 byte), the key's id (4), nonce (12), AES-256-GCM ciphertext and tag. The associated data binds it to its
tenant, purpose and row, so that bytes moved to another row, column or tenant do not open.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from trunkline.kit.clock import monotonic
from trunkline.kit.errors import Unavailable
from trunkline.kit.keyring.keys import ID_BYTES, Key, new_key
from trunkline.kit.keyring.source import KeyText, Source
from trunkline.kit.startup import ExitCode, StartupError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger(__name__)

FORMAT = b"\x01"
PREFIX_BYTES = len(FORMAT) + ID_BYTES
NONCE_BYTES = 12
LOOK_SECONDS = 1.0  # how long a process may go on sealing with a key that is no longer the newest


class KeyMissing(Unavailable):
    """Something is sealed with a key that this process has not (yet)."""


class Damaged(Exception):  # noqa: N818 - as the refusals
    """A sealed value was changed, or moved from where it was sealed."""


class Keyring:
    """The keys, newest first. `load` or the first use reads them; `reload` and an unknown key id read them again."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._state: object = None
        self._keys: tuple[Key, ...] = ()
        self._ciphers: dict[bytes, AESGCM] = {}
        self._look_at = 0.0

    @classmethod
    def of_new_key(cls) -> "Keyring":
        """A keyring that nobody else has, for tests and measurements."""
        return cls(KeyText(new_key().spelled))

    def load(self) -> "Keyring":
        """Read the keys now; the keyring. Raises `StartupError` for keys that cannot be used."""
        self._state = self._source.state()
        self._keys = self._source.read()
        self._ciphers = {}
        self._look_at = monotonic() + LOOK_SECONDS
        return self

    def reload(self) -> None:
        """Read the keys again, as far as they can be read: a running process keeps what it has rather than nothing."""
        before = self._keys
        try:
            self.load()
        except StartupError as error:
            self._look_at = monotonic() + LOOK_SECONDS
            log.error("keys.unusable", error=str(error))  # noqa: TRY400 - one line says it all
            return
        if not self._keys and before:
            self._keys = before
            log.error("keys.gone")
        elif before and self._keys != before:
            log.info("keys.reloaded", keys=list(self.ids))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, newest first."""
        return tuple(key.id for key in self._read())

    @property
    def current_id(self) -> str:
        """The id of the key that seals. Raises `StartupError` when there is none."""
        return self._newest().id

    @property
    def prefix(self) -> bytes:
        """What everything begins with that is sealed now."""
        return FORMAT + bytes.fromhex(self._newest().id)

    def of(self, tenant_id: UUID) -> "TenantKeyring":
        """The keyring as one tenant's use cases see it."""
        return TenantKeyring(self, tenant_id)

    def needs_reseal(self, sealed: bytes) -> bool:
        """Whether an older key than the newest sealed this."""
        return sealed[:PREFIX_BYTES] != self.prefix

    def seal(self, bound: bytes, text: bytes) -> bytes:
        """`text` encrypted with the newest key and bound to `bound`."""
        prefix = self.prefix
        nonce = os.urandom(NONCE_BYTES)
        return prefix + nonce + self._cipher(prefix).encrypt(nonce, text, prefix + bound)

    def unseal(self, bound: bytes, sealed: bytes) -> bytes:
        """What was sealed. Raises `KeyMissing`, and `Damaged` when it is not what was sealed there."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        prefix, rest = sealed[:PREFIX_BYTES], sealed[PREFIX_BYTES:]
        if len(rest) < NONCE_BYTES or prefix[:1] != FORMAT:
            raise Damaged("this is nothing that was sealed here")
        try:
            return self._cipher(prefix).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], prefix + bound)
        except InvalidTag:
            raise Damaged("what is sealed was changed, or belongs elsewhere") from None

    def _read(self) -> tuple[Key, ...]:
        if not self._keys:
            self.load()
        elif monotonic() >= self._look_at:
            self._look_at = monotonic() + LOOK_SECONDS
            if self._source.state() != self._state:
                self.reload()
        return self._keys

    def _newest(self) -> Key:
        keys = self._read()
        if not keys:
            raise StartupError("there is no encryption key yet: start the server once (`make run`)", ExitCode.CONFIGURATION)
        return keys[0]

    def _cipher(self, prefix: bytes) -> "AESGCM":
        cipher = self._ciphers.get(prefix)
        if cipher is None:
            cipher = self._ciphers[prefix] = self._make(prefix[len(FORMAT) :].hex())
        return cipher

    def _make(self, key_id: str) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load, not always needed

        for attempt in (1, 2):
            for key in self._read():
                if key.id == key_id:
                    return AESGCM(key.secret)
            if attempt == 1:
                self.reload()
        raise KeyMissing(f"this is sealed with the key {key_id}, which this server does not have")


@dataclass(frozen=True, slots=True)
class TenantKeyring:
    """What use cases seal with. `purpose` names the column (`subscriber.k`), `owner` is the row's id."""

    ring: Keyring
    tenant_id: UUID

    def seal(self, purpose: str, owner: UUID, text: bytes) -> bytes:
        """`text`, readable only with the key and only in this place."""
        return self.ring.seal(self._bound(purpose, owner), text)

    def unseal(self, purpose: str, owner: UUID, sealed: bytes) -> bytes:
        """What `seal` was given. Raises `KeyMissing`, and `Damaged` when it was changed or comes from another place."""
        return self.ring.unseal(self._bound(purpose, owner), sealed)

    def reseal(self, purpose: str, owner: UUID, sealed: bytes) -> bytes:
        """The same under the newest key."""
        bound = self._bound(purpose, owner)
        return self.ring.seal(bound, self.ring.unseal(bound, sealed))

    def needs_reseal(self, sealed: bytes) -> bool:
        """Whether an older key than the newest sealed this."""
        return self.ring.needs_reseal(sealed)

    @property
    def current_id(self) -> str:
        """The id of the key that seals."""
        return self.ring.current_id

    @property
    def prefix(self) -> bytes:
        """What everything begins with that is sealed now."""
        return self.ring.prefix

    def _bound(self, purpose: str, owner: UUID) -> bytes:
        return b"\0".join((self.tenant_id.bytes, purpose.encode(), owner.bytes))
