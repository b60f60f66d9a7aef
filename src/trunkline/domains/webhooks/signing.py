"""Signatures of deliveries as Standard Webhooks has them (its specification, 1.0.0): `v1` is HMAC-SHA256, `v1a` is Ed25519.

A secret is written `whsec_` and the base64 of its bytes, a public key `whpk_` and the base64 of its 32 bytes.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
PUBLIC_KEY_PREFIX = "whpk_"
NEW_SECRET_BYTES = 32
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64
SEED_BYTES = 32


def new_secret() -> bytes:
    """A random secret."""
    return os.urandom(NEW_SECRET_BYTES)


def read_secret(text: str) -> bytes:
    """The bytes of a secret's text. Raises `ValueError` with words for people that do not repeat the secret."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"must begin with {SECRET_PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError(f"must be base64 after {SECRET_PREFIX}") from None
    if not LEAST_SECRET_BYTES <= len(secret) <= MOST_SECRET_BYTES:
        bounds = f"{LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES}"
        raise ValueError(f"must be the base64 of {bounds} bytes after {SECRET_PREFIX}, not of {len(secret)}")
    return secret


def secret_text(secret: bytes) -> str:
    """How a secret is shown."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def new_signing_key() -> bytes:
    """The 32 bytes that an Ed25519 key pair is made of."""
    return os.urandom(SEED_BYTES)


def public_key_text(seed: bytes) -> str:
    """How the public key of a pair is shown."""
    return PUBLIC_KEY_PREFIX + base64.b64encode(_private_key(seed).public_key().public_bytes_raw()).decode()


@dataclass(frozen=True)
class Keys:
    """What one generation of an endpoint's deliveries is signed with: the secret, and the 32 bytes of the key pair."""

    secret: bytes = field(repr=False)
    signing_key: bytes = field(repr=False)

    @cached_property
    def _private_key(self) -> "Ed25519PrivateKey":
        return _private_key(self.signing_key)

    def signatures(self, signed: bytes) -> tuple[str, str]:
        """The `v1` and the `v1a` signature of some bytes."""
        symmetric = hmac.digest(self.secret, signed, hashlib.sha256)
        asymmetric = self._private_key.sign(signed)
        return f"v1,{base64.b64encode(symmetric).decode()}", f"v1a,{base64.b64encode(asymmetric).decode()}"


def signature(keys: Sequence[Keys], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: both signatures of each generation of keys, separated by spaces.

    `timestamp`: the header `webhook-timestamp`, seconds since 1970.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return " ".join(one for generation in keys for one in generation.signatures(signed))


def _private_key(seed: bytes) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to load, not always needed

    return Ed25519PrivateKey.from_private_bytes(seed)
