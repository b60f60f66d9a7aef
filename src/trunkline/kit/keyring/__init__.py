"""Encryption at rest: the keys, and what is sealed with them (docs/decisions/0010-keyring.md).

A domain seals with `work.keyring` and stores the bytes; nobody else sees keys:

    sealed = work.keyring.seal("subscriber.k", subscriber_id, k)
    k = work.keyring.unseal("subscriber.k", subscriber_id, sealed)

Every sealed value begins with `keyring.prefix` of the key that sealed it, so that SQL finds what an older key sealed:
`substring(k FROM 1 FOR 5) <> $2` with `$2 = work.keyring.prefix`. A domain with sealed columns offers in its service

    async def reseal_batch(work: Work, limit: int) -> int

which seals up to `limit` such rows anew (`work.keyring.reseal(purpose, owner, sealed)`, written only where the column still holds what
was read), changes nothing else (no version, no event), and returns how many rows it wrote; 0 when none is left.
"""

from trunkline.kit.keyring.keys import Key, new_key
from trunkline.kit.keyring.ring import PREFIX_BYTES, Damaged, KeyMissing, Keyring, TenantKeyring
from trunkline.kit.keyring.source import KeyFile, KeyText

__all__ = ["PREFIX_BYTES", "Damaged", "Key", "KeyFile", "KeyMissing", "KeyText", "Keyring", "TenantKeyring", "new_key"]
