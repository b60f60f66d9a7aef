"""The keys of the demonstration's cards and connections: random in every installation, sealed, known to nobody."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from trunkline.kit.keyring import TenantKeyring

KEY_BYTES = 16  # K, OP and OPc have 128 bits (3GPP TS 35.205)

# Table → column → what the keyring calls it.
PURPOSES: dict[str, dict[str, str]] = {
    "subscribers": {"k": "subscriber.k", "opc": "subscriber.opc"},
    "keysets": {"op": "keyset.op", "transport_key": "keyset.transport_key"},
    "sftp_connections": {"password": "sftp.password"},
}
_MAKERS: dict[str, Callable[[], bytes]] = {"password": lambda: secrets.token_urlsafe(18).encode()}


def sealed_columns(table: str) -> tuple[str, ...]:
    """The columns of a table that hold sealed values; none of most tables."""
    return tuple(PURPOSES.get(table, ()))


def with_sealed(keyring: TenantKeyring, table: str, columns: Sequence[str], things: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Each thing's attributes, then a fresh sealed value for each sealed column that it names among its `secrets`, else null."""
    plain = attrgetter("id", "secrets", *columns)
    purposes = PURPOSES[table]
    for thing in things:
        owner, has, *values = plain(thing)
        yield (
            *values,
            *(
                keyring.seal(purpose, owner, _MAKERS.get(column, _key)()) if column in has else None
                for column, purpose in purposes.items()
            ),
        )


def _key() -> bytes:
    return os.urandom(KEY_BYTES)
