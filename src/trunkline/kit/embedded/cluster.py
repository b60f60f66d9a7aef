"""The data folder: made whole or not at all, of our version, open to its owner alone."""

import asyncio
import contextlib
import ctypes
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from trunkline.kit.embedded import logs
from trunkline.kit.embedded.identity import Identity
from trunkline.kit.embedded.process import run
from trunkline.kit.startup import ExitCode, StartupError

ROLE = "trunkline"
BUILTIN_LOCALE_SINCE = 17
IN_CRASH_RECOVERY = 4  # DBState in PostgreSQL's catalog/pg_control.h


def make_private(folder: Path) -> Path:
    """Make `folder` and its missing parents, all 0700, leaving parents that exist alone; the real path of it."""
    for missing in reversed([folder, *folder.parents]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(mode=0o700)
    return folder.resolve(strict=True)


def claim(folder: Path, identity: Identity) -> None:
    """Close the folder and what we keep in it to everybody but the server's user; to be called with the lock held."""
    identity.own(folder)
    folder.chmod(0o700)
    for name in ("supervisor.lock", "password"):
        with contextlib.suppress(FileNotFoundError):
            identity.own(folder / name)
    log = folder / "log"
    log.mkdir(mode=0o700, exist_ok=True)
    identity.own_tree(log)


async def clear_interrupted(folder: Path) -> None:
    """Remove what an interrupted initdb left. Its last process may still write there, for moments: then once more.

    What cannot be removed is left to the next start; nothing ever trusts it.
    """
    for _ in range(50):
        if _interrupted_removed(folder):
            return
        await asyncio.sleep(0.02)


def _interrupted_removed(folder: Path) -> bool:
    for leftover in folder.glob("data.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return not any(folder.glob("data.new-*"))


def exists(data: Path, major: int) -> bool:
    """Whether a cluster lies in `data`. Raises `StartupError` (CONFIGURATION) for another version's or foreign files."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if data.exists() and any(data.iterdir()):
            raise StartupError(
                f"{data} holds files but no PostgreSQL cluster; move them away", ExitCode.CONFIGURATION
            ) from None
        return False
    if version != str(major):
        raise StartupError(
            f"{data} is of PostgreSQL {version}, but the programs are PostgreSQL {major}: dump it with {version}'s pg_dump, "
            f"move the folder away and restore, or set TRUNKLINE_PG_BIN to PostgreSQL {version}",
            ExitCode.CONFIGURATION,
        )
    return True


async def create(folder: Path, binaries: Path, major: int, identity: Identity) -> None:
    """Make the cluster in `folder/data`: initialised and synced under another name, then renamed, so it is whole or absent."""
    workshop = Path(tempfile.mkdtemp(prefix="data.new-", dir=folder))
    try:
        _furnish(workshop, _password(folder, identity), identity)
        with passage(workshop, identity) as (way, descriptors):
            paths = ["-D", str(way / "data"), "--pwfile", str(way / "password")]
            command = [str(binaries / "bin" / "initdb"), *paths, *_options(major)]
            code, text = await run(identity, command, initdb=True, descriptors=descriptors)
        if code != 0:
            said = logs.last_failure(text) or (text.strip().splitlines() or [f"exit code {code}"])[-1]
            raise failure(folder, said, "initdb failed")
        await _to_its_end(asyncio.to_thread(_publish, workshop / "data", folder / "data", identity))
    finally:
        identity.own(folder)
        shutil.rmtree(workshop, ignore_errors=True)


def _furnish(workshop: Path, password: str, identity: Identity) -> None:
    """Prepare what initdb needs in a folder of its own: the password beside the empty data folder, both for its user."""
    (new := workshop / "data").mkdir(mode=0o700)
    (secret := workshop / "password").touch(mode=0o600)
    secret.write_text(password)
    if identity.switch:
        # The folder too, until initdb is done: the programs may have been copied into it.
        for path in (secret, new, workshop, workshop.parent):
            os.lchown(path, identity.initdb_uid, identity.gid)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` even when cancelled meanwhile: a thread cannot be stopped, and its files must not be removed under it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _publish(new: Path, data: Path, identity: Identity) -> None:
    identity.own_tree(new)
    _sync(new)
    new.rename(data)
    _sync_folder(data.parent)


@contextlib.contextmanager
def passage(folder: Path, identity: Identity) -> Iterator[tuple[Path, list[int]]]:
    """How a program of the server's user names `folder`, and the descriptors that it must inherit for that.

    Root's parent folders may be closed to that user. A path through an open descriptor does not pass them, so neither they
    need be opened nor the server be given a capability that would let it read every file of the machine.
    """
    if not identity.switch:
        yield folder, []
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield Path(f"/proc/self/fd/{descriptor}"), [descriptor]
    finally:
        os.close(descriptor)


def write_access(data: Path, identity: Identity) -> None:
    """Who may log in: our own user as `trunkline`, known by the kernel's word (`peer`); by password when it has no name."""
    method = "peer map=trunkline" if identity.client else "scram-sha-256"
    identity_map = f'trunkline "{identity.client}" {ROLE}\n' if identity.client else ""
    rules = f"local all {ROLE} {method}\nlocal replication {ROLE} {method}\n"
    # Root writes here in a folder of another user: only into the folder itself, and never through a link.
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        identity.own_tree(data)  # root may have put a copy there
        os.fchmod(folder, 0o700)
        for name, text in (("pg_hba.conf", rules), ("pg_ident.conf", identity_map)):
            _replace(name, text, folder, identity)
    finally:
        os.close(folder)


def is_recovering(data: Path) -> bool:
    """Whether the server in `data` replays its log after a crash, so that ending it at once can lose nothing."""
    try:
        with (data / "global" / "pg_control").open("rb") as file:
            state = int.from_bytes(file.read(20)[16:], sys.byteorder)
    except OSError:
        return False
    return state == IN_CRASH_RECOVERY


def failure(folder: Path, said: str, what: str) -> StartupError:
    """The error for a program that ended with `said`: one line, and CANNOT_WRITE when the disk is to blame."""
    space = os.statvfs(folder)
    if logs.FULL.search(said) or space.f_bavail * space.f_frsize < 64 * 1024:
        return StartupError(f"PostgreSQL cannot write in {folder}, make room there: {said}", ExitCode.CANNOT_WRITE)
    return StartupError(f"PostgreSQL did not start in {folder}, {what}: {said}", ExitCode.FAILED)


def _options(major: int) -> list[str]:
    libc_locale = "C.UTF-8" if _knows_locale("C.UTF-8") else "C"
    options = ["--username", ROLE, "--encoding=UTF8", f"--locale={libc_locale}", "--lc-messages=C", "--data-checksums"]
    # The builtin provider sorts the same on every machine and after every upgrade of the C library.
    if major >= BUILTIN_LOCALE_SINCE:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*options, "--auth-local=scram-sha-256", "--auth-host=reject", "--no-sync", "--no-instructions"]


def _knows_locale(name: str) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    return bool(libc.newlocale(1, name.encode(), None))  # 1 is LC_CTYPE_MASK


def _password(folder: Path, identity: Identity) -> str:
    """The role's password, made once; kept even where `peer` needs none, so that a user without a name can take over."""
    path = folder / "password"
    with contextlib.suppress(FileNotFoundError):
        if text := path.read_text().strip():
            return text
    text = secrets.token_urlsafe(32)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _replace("password", text + "\n", descriptor, identity)
    finally:
        os.close(descriptor)
    return text


def _replace(name: str, text: str, folder: int, identity: Identity) -> None:
    new = f".{name}.{secrets.token_hex(4)}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
        if identity.switch:
            os.fchown(descriptor, identity.uid, identity.gid)
        os.fsync(descriptor)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(new, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)


def _sync(root: Path) -> None:
    # One syncfs instead of a thousand fsyncs (what initdb would do).
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if sys.platform != "linux":
            os.sync()
        elif ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(root))
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
