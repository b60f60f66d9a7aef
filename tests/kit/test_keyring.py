"""The keyring: what is sealed opens only in its place and with its key; keys may change under a running process."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from trunkline.kit.ids import new_id
from trunkline.kit.keyring import PREFIX_BYTES, Damaged, Key, KeyFile, KeyMissing, Keyring, KeyText, new_key
from trunkline.kit.keyring.keys import read_key, read_keys
from trunkline.kit.keyring.ring import LOOK_SECONDS
from trunkline.kit.startup import StartupError

TENANT, OWNER = new_id(), new_id()
K = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc")


def ring(*keys: Key) -> Keyring:
    return Keyring(KeyText(",".join(key.spelled for key in keys)))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    """A file with one key."""
    source = KeyFile(tmp_path / "secret.key")
    source.write([new_key()], new=True)
    return source


# Sealing -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"x", K, os.urandom(5000)], ids=len)
def test_what_is_sealed_is_read_back(text: bytes) -> None:
    """Any bytes come back as they were, and no two sealings of them look alike."""
    sealer = Keyring.of_new_key().of(TENANT)
    sealed, again = (sealer.seal("subscriber.k", OWNER, text) for _ in range(2))
    assert sealed != again
    assert sealer.unseal("subscriber.k", OWNER, sealed) == text
    assert len(text) < 4 or text not in sealed


@pytest.mark.parametrize(
    ("tenant", "purpose", "owner"),
    [(new_id(), "subscriber.k", OWNER), (TENANT, "subscriber.opc", OWNER), (TENANT, "subscriber.k", new_id())],
    ids=["another tenant", "another column", "another row"],
)
def test_it_opens_only_where_it_was_sealed(tenant: UUID, purpose: str, owner: UUID) -> None:
    """Bytes that somebody copied to another row, column or tenant do not open."""
    keys = Keyring.of_new_key()
    sealed = keys.of(TENANT).seal("subscriber.k", OWNER, K)
    with pytest.raises(Damaged):
        keys.of(tenant).unseal(purpose, owner, sealed)


def test_a_changed_bit_is_noticed() -> None:
    """No single bit of what is stored can be changed unnoticed."""
    sealer = Keyring.of_new_key().of(TENANT)
    sealed = sealer.seal("subscriber.k", OWNER, K)
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises((Damaged, KeyMissing)):
            sealer.unseal("subscriber.k", OWNER, bytes(changed))
    for shorter in range(len(sealed)):
        with pytest.raises(Damaged):
            sealer.unseal("subscriber.k", OWNER, sealed[:shorter])


def test_an_older_key_still_opens() -> None:
    """The newest key seals, all open; what an older one sealed is known by its first bytes and can be sealed anew."""
    old, new = new_key(), new_key()
    sealed = ring(old).of(TENANT).seal("subscriber.k", OWNER, K)
    both = ring(new, old).of(TENANT)
    assert both.current_id == new.id
    assert both.unseal("subscriber.k", OWNER, sealed) == K
    assert both.needs_reseal(sealed)
    again = both.reseal("subscriber.k", OWNER, sealed)
    assert not both.needs_reseal(again)
    assert again[:PREFIX_BYTES] == both.prefix
    assert ring(new).of(TENANT).unseal("subscriber.k", OWNER, again) == K


def test_a_missing_key_is_named() -> None:
    """Without the key that sealed something the refusal names the key, and asks to come back."""
    old, new = new_key(), new_key()
    sealed = ring(old).of(TENANT).seal("subscriber.k", OWNER, K)
    with pytest.raises(KeyMissing, match=old.id):
        ring(new).of(TENANT).unseal("subscriber.k", OWNER, sealed)


# Keys ----------------------------------------------------------------------------------------------------------------------


def test_a_key_shows_only_its_id() -> None:
    """No repr of keys, sources or keyrings holds a key."""
    key = new_key()
    source = KeyText(key.spelled)
    for thing in (key, source, Keyring(source).load(), [key]):
        assert key.spelled not in repr(thing)
        assert repr(key.secret)[2:-1] not in repr(thing)
    assert len(key.id) == 8


@pytest.mark.parametrize("text", ["", "abc", "!" * 44, new_key().spelled[:-4], new_key().spelled * 2, "ü" * 44])
def test_what_is_no_key_is_refused(text: str) -> None:
    """A key is 32 bytes in base64; anything else is refused without being repeated."""
    with pytest.raises(ValueError, match="32 bytes") as refused:
        read_key(text)
    assert len(text) < 4 or text not in str(refused.value)


def test_both_alphabets_of_base64_are_read() -> None:
    """`openssl rand -base64 32` and Python's url-safe spelling give the same key."""
    key = Key(b"\xfb\xff" * 16)
    assert "-" in key.spelled
    assert read_key(key.spelled.replace("-", "+").replace("_", "/")) == key
    assert read_keys(f" {key.spelled} , {new_key().spelled},")[0] == key
    with pytest.raises(ValueError, match="twice"):
        read_keys(f"{key.spelled},{key.spelled}")


# The file ------------------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(file: KeyFile) -> None:
    """The file is made once, with mode 0600, and leaves nothing beside it."""
    assert file.path.stat().st_mode & 0o777 == 0o600
    before = file.read()
    with pytest.raises(FileExistsError):
        file.write([new_key()], new=True)
    assert file.read() == before
    assert [path.name for path in file.path.parent.iterdir()] == ["secret.key"]


def test_no_file_is_no_key(tmp_path: Path) -> None:
    """Before the first start there are no keys: nothing can be sealed, and the refusal says what to do."""
    source = KeyFile(tmp_path / "secret.key")
    assert source.read() == ()
    with pytest.raises(StartupError, match="start the server once"):
        Keyring(source).of(TENANT).seal("subscriber.k", OWNER, K)


def test_a_running_process_takes_a_new_key(file: KeyFile) -> None:
    """After a rotation a process reads what others sealed with the new key at once, and within a second seals with it itself."""
    here, elsewhere = Keyring(file), Keyring(file)
    old = here.of(TENANT).seal("subscriber.k", OWNER, K)
    added = new_key()
    file.write([added, *file.read()])
    sealed = elsewhere.of(TENANT).seal("subscriber.k", OWNER, K)
    assert here.of(TENANT).unseal("subscriber.k", OWNER, sealed) == K
    assert here.current_id == elsewhere.current_id == added.id
    assert here.of(TENANT).unseal("subscriber.k", OWNER, old) == K
    latest = new_key()
    file.write([latest, *file.read()])
    assert here.current_id == added.id
    time.sleep(LOOK_SECONDS + 0.05)
    assert here.current_id == latest.id


def remove(file: KeyFile) -> None:
    file.path.unlink()


def spoil(file: KeyFile) -> None:
    file.path.write_text("spoilt")


def open_up(file: KeyFile) -> None:
    file.path.chmod(0o644)


@pytest.mark.parametrize("harm", [remove, spoil, open_up])
def test_a_running_process_keeps_the_keys_it_has(file: KeyFile, harm: Callable[[KeyFile], None]) -> None:
    """When the file goes or is spoilt under a running server, the server goes on with what it has."""
    keys = Keyring(file).load()
    sealed = keys.of(TENANT).seal("subscriber.k", OWNER, K)
    harm(file)
    keys.reload()
    assert keys.of(TENANT).unseal("subscriber.k", OWNER, sealed) == K


def test_a_running_process_takes_a_new_key_once_its_file_is_the_owners_alone(file: KeyFile) -> None:
    """Keys that others may read are not taken; when that is mended, with nothing else, they are."""
    keys = Keyring(file).load()
    before = keys.current_id
    file.write([new_key(), *file.read()])
    file.path.chmod(0o644)
    time.sleep(LOOK_SECONDS + 0.05)
    assert keys.current_id == before
    file.path.chmod(0o600)
    time.sleep(LOOK_SECONDS + 0.05)
    assert keys.current_id == file.read()[0].id != before
