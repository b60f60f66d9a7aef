"""Who runs the server. PostgreSQL refuses root, so root hands it to a user id of its own."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from trunkline.kit.startup import ExitCode, StartupError

# Free by systemd's table of user ids (60578-61183 "unused") and inside the 65536 ids of a rootless container. An id of its
# own, and not `postgres` or `nobody`: those run other daemons too, which could then read our data and signal our server.
# Only initdb needs a user with a name; the server does not.
SERVER_IDS = range(60600, 60700)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and group of the server, and what tells the server that we are its owner.

    `client` is our own user name, which `peer` authentication sees; None when our user id has no name.
    `initdb_uid` is the user that may run initdb; `initdb_alias` a named id to stand in for ours when we have no name.
    """

    uid: int
    gid: int
    switch: bool
    client: str | None
    initdb_uid: int
    initdb_alias: int | None = None

    def own(self, path: Path) -> None:
        """Give `path` itself (never what a link there points to) to the server's user, when that is not ours."""
        if self.switch and path.lstat().st_uid != self.uid:
            os.lchown(path, self.uid, self.gid)

    def own_tree(self, root: Path) -> None:
        """Give a whole folder to the server's user without following links, unless its top is: that comes last."""
        if not self.switch or root.lstat().st_uid == self.uid:
            return
        for _, folders, files, parent in os.fwalk(root):
            for name in folders + files:
                os.chown(name, self.uid, self.gid, dir_fd=parent, follow_symlinks=False)
        os.lchown(root, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether the server's user may enter every folder above `path` and read `path` (by mode bits; links resolved)."""
        if not self.switch:
            return True
        real = path.resolve()
        return all(self._has(folder, 0o1) for folder in real.parents) and self._has(real, 0o5 if real.is_dir() else 0o4)

    def _has(self, path: Path, wanted: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & wanted == wanted


def choose_identity(data: Path) -> Identity:
    """The identity for the cluster in `data` (which need not exist yet).

    Root keeps the user that owns an existing cluster, so that one start with sudo does not take it from its owner.
    """
    uid = os.geteuid()
    client = _name(uid)
    if uid != 0:
        return Identity(
            uid, os.getegid(), switch=False, client=client, initdb_uid=uid, initdb_alias=None if client else _named()
        )
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        server, group = owner.st_uid, owner.st_gid or owner.st_uid
    else:
        server = group = next(number for number in SERVER_IDS if _name(number) is None and not _group_exists(number))
    named = server if _name(server) else _named()
    if named is None:
        raise StartupError(
            "initdb needs a user other than root in /etc/passwd, such as nobody; add one", ExitCode.CONFIGURATION
        )
    return Identity(server, group, switch=True, client=client, initdb_uid=named)


def _named() -> int | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), None)


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _group_exists(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True
