"""An endpoint's keys as they stand in its row: sealed (kit.keyring), the present ones and those before."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from trunkline.domains.webhooks.signing import Keys
from trunkline.kit.keyring import TenantKeyring

SECRET = "webhook_endpoint.secret"  # noqa: S105 - the name of a column
SIGNING_KEY = "webhook_endpoint.signing_key"
PREVIOUS_SECRET = "webhook_endpoint.previous_secret"  # noqa: S105 - the name of a column
PREVIOUS_SIGNING_KEY = "webhook_endpoint.previous_signing_key"


class SealedKeys(NamedTuple):
    """The sealed columns of an endpoint. The previous ones are null together with `previous_until`."""

    secret: bytes
    signing_key: bytes
    previous_secret: bytes | None = None
    previous_signing_key: bytes | None = None
    previous_until: datetime | None = None


def seal_keys(ring: TenantKeyring, endpoint_id: UUID, keys: Keys) -> SealedKeys:
    """The keys of a new endpoint, or those of one whose previous keys end at once."""
    return SealedKeys(ring.seal(SECRET, endpoint_id, keys.secret), ring.seal(SIGNING_KEY, endpoint_id, keys.signing_key))


def rotate_keys(ring: TenantKeyring, endpoint_id: UUID, sealed: SealedKeys, keys: Keys, until: datetime) -> SealedKeys:
    """New keys; the present ones become the previous ones and sign until `until`."""
    present = open_present(ring, endpoint_id, sealed)
    return seal_keys(ring, endpoint_id, keys)._replace(
        previous_secret=ring.seal(PREVIOUS_SECRET, endpoint_id, present.secret),
        previous_signing_key=ring.seal(PREVIOUS_SIGNING_KEY, endpoint_id, present.signing_key),
        previous_until=until,
    )


def open_present(ring: TenantKeyring, endpoint_id: UUID, sealed: SealedKeys) -> Keys:
    """The present keys. Raises as `TenantKeyring.unseal`."""
    return Keys(ring.unseal(SECRET, endpoint_id, sealed.secret), ring.unseal(SIGNING_KEY, endpoint_id, sealed.signing_key))


def open_keys(ring: TenantKeyring, endpoint_id: UUID, sealed: SealedKeys, now: datetime) -> list[Keys]:
    """Every generation of keys that signs at an instant, the present one first. Raises as `TenantKeyring.unseal`."""
    keys = [open_present(ring, endpoint_id, sealed)]
    secret, signing_key, until = sealed.previous_secret, sealed.previous_signing_key, sealed.previous_until
    if secret is not None and signing_key is not None and until is not None and now < until:
        keys.append(
            Keys(ring.unseal(PREVIOUS_SECRET, endpoint_id, secret), ring.unseal(PREVIOUS_SIGNING_KEY, endpoint_id, signing_key))
        )
    return keys


def reseal_keys(ring: TenantKeyring, endpoint_id: UUID, sealed: SealedKeys) -> SealedKeys:
    """The same keys under the keyring's newest key."""

    def again(purpose: str, text: bytes) -> bytes:
        return ring.reseal(purpose, endpoint_id, text)

    return SealedKeys(
        again(SECRET, sealed.secret),
        again(SIGNING_KEY, sealed.signing_key),
        sealed.previous_secret and again(PREVIOUS_SECRET, sealed.previous_secret),
        sealed.previous_signing_key and again(PREVIOUS_SIGNING_KEY, sealed.previous_signing_key),
        sealed.previous_until,
    )
