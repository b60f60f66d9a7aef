"""Credentials: made here, shown once, stored as SHA-256, recognised by prefix and checksum before any look-up.

Every credential carries its tenant's number, so that looking it up is a statement of one tenant like any other.
Passwords, which people choose, go through argon2id instead.
"""

import hashlib
import os
import secrets
import zlib

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LOWER = "0123456789abcdefghijklmnopqrstuvwxyz"
MIXED = LOWER + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# Recognisable prefixes, for scanners of leaked secrets.
ACCESS_TOKEN = "tlat_"  # noqa: S105
API_TOKEN = "xk_"  # noqa: S105
SESSION = "xs_"

_passwords = PasswordHasher()


def _spell(number: int, width: int, alphabet: str) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(reversed(digits))


def _random(length: int, alphabet: str) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _checksum(text: str) -> str:
    return _spell(zlib.crc32(text.encode()), 6, MIXED)


def new_client_id(tenant_number: int) -> str:
    """26 characters of [0-9a-z]: the tenant's number in five, then 108 random bits."""
    return _spell(tenant_number, 5, LOWER) + _random(21, LOWER)


def tenant_of_client_id(client_id: str) -> int | None:
    """The tenant's number inside a client id; `None` when it has not the form of one."""
    if len(client_id) != 26 or not client_id.isascii() or not client_id.isalnum() or client_id != client_id.lower():
        return None
    return int(client_id[:5], 36)


def new_client_secret() -> str:
    """51 characters of [0-9A-Za-z]: 267 random bits and a checksum. No other characters, since clients differ in how they encode them."""
    secret = _random(45, MIXED)
    return secret + _checksum(secret)


def new_token(prefix: str, tenant_number: int) -> str:
    """A prefix, the tenant's number, 238 random bits and a checksum."""
    body = prefix + _spell(tenant_number, 5, LOWER) + _random(40, MIXED)
    return body + _checksum(body)


def tenant_of_token(prefix: str, token: str) -> int | None:
    """The tenant's number inside a token; `None` when prefix, length or checksum are wrong, that is, when it was never one of ours."""
    if (
        len(token) != len(prefix) + 51
        or not token.startswith(prefix)
        or not token.isascii()
        or _checksum(token[:-6]) != token[-6:]
    ):
        return None
    try:
        return int(token[len(prefix) : len(prefix) + 5], 36)
    except ValueError:
        return None


def digest(secret: str) -> bytes:
    """What is stored of a random secret. No salt and no stretching: it has more entropy than its digest could lose."""
    return hashlib.sha256(secret.encode()).digest()


def same(digest_: bytes, secret: str) -> bool:
    """Whether `secret` has this digest, in constant time."""
    return secrets.compare_digest(digest_, digest(secret))


def new_password() -> str:
    """A password for a first user: 20 characters that satisfy usual rules (a letter of each case, a digit, a special character)."""
    return f"{_random(6, MIXED)}-{_random(6, MIXED)}-{_random(3, LOWER[10:])}{_random(2, LOWER[:10])}{_random(1, MIXED[36:])}"


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters and salt. Costs about 50 ms and 64 MiB: call it in a thread."""
    return _passwords.hash(password)


def password_matches(hash_: str, password: str) -> bool:
    """Whether `password` is the one that was hashed. Costs as much as hashing."""
    try:
        return _passwords.verify(hash_, password)
    except (VerificationError, InvalidHashError):
        return False


def seal(text: bytes, key: bytes) -> bytes:
    """`text` encrypted and authenticated (AES-256-GCM, a fresh nonce in front) under a key of 32 bytes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load, rarely needed

    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, text, None)


def unseal(sealed: bytes, key: bytes) -> bytes:
    """What `seal` was given. Raises `cryptography.exceptions.InvalidTag` when the key is another."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
