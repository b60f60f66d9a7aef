"""Where the server's Unix socket lies: in the folder, or in a short place when the folder's path is too long for one."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from trunkline.kit.embedded.identity import Identity
from trunkline.kit.startup import ExitCode, StartupError

PORT = 5432
LONGEST_PATH = 103 if os.uname().sysname == "Darwin" else 107  # sun_path without its closing zero byte


def socket_folder(folder: Path) -> Path:
    """The folder of the socket for the cluster in `folder` (a real path); the same for every process of one user.

    `folder/socket`, unless the path is too long or holds a comma, where every client would split a list of hosts.
    """
    if _fits(inside := folder / "socket"):
        return inside
    name = f"trunkline-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    # Root's own TMPDIR may be closed to the server's user.
    places = [Path("/tmp")] if os.geteuid() == 0 else [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108  # verified below
    return next((place / name for place in places if _fits(place / name)), places[-1] / name)


def open_socket_folder(place: Path, identity: Identity) -> None:
    """Make the folder with mode 0700 for the server's user; refuse one that somebody else put there."""
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    descriptor = -1
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if (owner := os.fstat(descriptor).st_uid) not in {os.geteuid(), identity.uid}:
            raise StartupError(f"{place} belongs to user id {owner}, not to us; remove it", ExitCode.CONFIGURATION)
        os.fchmod(descriptor, 0o700)
        if identity.switch:
            os.fchown(descriptor, identity.uid, identity.gid)
    except NotADirectoryError:
        raise StartupError(f"{place} is not a folder; remove it", ExitCode.CONFIGURATION) from None
    except OSError as error:
        if place.is_symlink():
            raise StartupError(f"{place} is a link; remove it", ExitCode.CONFIGURATION) from None
        raise StartupError(f"cannot use {place}: {error.strerror}", ExitCode.CANNOT_WRITE) from None
    finally:
        if descriptor != -1:
            os.close(descriptor)


def remove_socket_folder(place: Path, folder: Path, identity: Identity) -> None:
    """Remove a socket folder that lies outside `folder`, when it is ours."""
    if place.parent == folder:
        return
    with contextlib.suppress(OSError):
        status = place.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid in {os.geteuid(), identity.uid}:
            shutil.rmtree(place, ignore_errors=True)


def _fits(place: Path) -> bool:
    return len(os.fsencode(place / f".s.PGSQL.{PORT}")) <= LONGEST_PATH and "," not in str(place)
