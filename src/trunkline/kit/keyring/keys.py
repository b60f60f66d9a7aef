"""A key: 32 random bytes, spelled in url-safe base64, known by a few bytes of its hash."""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field

KEY_BYTES = 32
ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Only `id` may be shown, stored or logged."""

    secret: bytes = field(repr=False)
    id: str = field(init=False)  # eight hexadecimal digits

    def __post_init__(self) -> None:
        named = hashlib.sha256(b"trunkline key id\0" + self.secret).hexdigest()[: 2 * ID_BYTES]
        object.__setattr__(self, "id", named)

    @property
    def spelled(self) -> str:
        """The key as it stands in a file or variable."""
        return base64.urlsafe_b64encode(self.secret).decode()


def new_key() -> Key:
    """A key that nobody has yet."""
    return Key(os.urandom(KEY_BYTES))


def read_key(text: str) -> Key:
    """The key that `text` spells, in either base64 alphabet. Raises `ValueError` that does not repeat the text."""
    try:
        secret = base64.b64decode(text.strip().translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes in url-safe base64, {len(base64.b64encode(bytes(KEY_BYTES)))} characters")
    return Key(secret)


def read_keys(text: str) -> tuple[Key, ...]:
    """Keys separated by commas, newest first. Raises `ValueError`."""
    keys = tuple(read_key(part) for part in text.split(",") if part.strip())
    if len({key.id for key in keys}) != len(keys):
        raise ValueError("the same key stands there twice")
    return keys
