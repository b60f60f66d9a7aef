"""Where keys come from: a text (`TRUNKLINE_SECRET_KEY`), or a file for its owner alone (`$TRUNKLINE_DATA/secret.key`)."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from trunkline.kit.keyring.keys import Key, read_key, read_keys
from trunkline.kit.startup import ExitCode, StartupError, reason

OTHERS = 0o077
LARGEST = 64 * 1024
HEAD = """\
# Trunkline's encryption keys, newest first; `trunkline keys` manages them. Without this file what is sealed in the database cannot
# be read by anybody: keep a copy, apart from the database's backups. Whoever has both reads everything.
"""


class Source(Protocol):
    """Keys that may change while the process runs."""

    def read(self) -> tuple[Key, ...]:
        """The keys, newest first; none when there are none yet. Raises `StartupError`."""

    def state(self) -> object:
        """Something that differs whenever the keys may have changed; cheap."""


@dataclass(frozen=True, slots=True)
class KeyText:
    """Keys of an environment variable: they change with a restart only."""

    text: str = field(repr=False)
    variable: str = "TRUNKLINE_SECRET_KEY"

    def read(self) -> tuple[Key, ...]:
        """The keys. Raises `StartupError`."""
        try:
            keys = read_keys(self.text)
        except ValueError as error:
            raise StartupError(f"{self.variable}: {error}", ExitCode.CONFIGURATION) from None
        if not keys:
            raise StartupError(f"{self.variable} holds no key", ExitCode.CONFIGURATION)
        return keys

    def state(self) -> object:
        """Always the same."""
        return None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys of a file, mode 0600, one per line."""

    path: Path

    def read(self) -> tuple[Key, ...]:
        """The keys; none when there is no such file. Raises `StartupError` for a file that cannot be trusted or understood."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(f"cannot be read: {reason(error)}") from None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise self._unusable("is not a plain file")
            if status.st_mode & OTHERS:
                mode = stat.S_IMODE(status.st_mode)
                raise self._unusable(
                    f"may be used by others (mode {mode:04o}); the keys count as leaked: chmod 600, then rotate them"
                )
            content = file.read(LARGEST)
        return self._understood(content)

    def _understood(self, content: bytes) -> tuple[Key, ...]:
        keys: list[Key] = []
        for number, line in enumerate(content.decode("ascii", "replace").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                keys.append(read_key(line))
            except ValueError as error:
                raise self._unusable(f"is damaged: line {number}: {error}; put back a copy of it") from None
        if not keys:
            raise self._unusable("is damaged: it holds no key; put back a copy of it")
        if len({key.id for key in keys}) != len(keys):
            raise self._unusable("is damaged: it holds the same key twice")
        return tuple(keys)

    def _unusable(self, why: str) -> StartupError:
        return StartupError(f"{self.path} {why}", ExitCode.CONFIGURATION)

    def state(self) -> object:
        """What the file system knows of the file."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size  # ctime: its mode counts too

    def write(self, keys: Sequence[Key], *, new: bool = False) -> None:
        """Make these the file's keys, at once and for good. `new`: raises `FileExistsError` when there is a file already.

        Raises `StartupError` when it cannot be written.
        """
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(HEAD + "".join(f"{key.spelled}\n" for key in keys))
                file.flush()
                os.fsync(file.fileno())
            try:
                if new:
                    os.link(temporary, self.path)
                else:
                    temporary.replace(self.path)
            finally:
                temporary.unlink(missing_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            raise
        except OSError as error:
            raise StartupError(f"{self.path} cannot be written: {reason(error)}", ExitCode.CANNOT_WRITE) from None
