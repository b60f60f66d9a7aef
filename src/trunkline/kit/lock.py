"""One owner per folder, by a lock that the kernel drops when its holder dies."""

import asyncio
import contextlib
import fcntl
import os
import stat
import weakref
from pathlib import Path

from trunkline.kit.startup import ExitCode, StartupError

# A killed process's last fork may hold the lock until it has run its first instructions.
PATIENCE_SECONDS = 0.5
POLL_SECONDS = 0.02


class FolderLock:
    """An flock on `path`, held from `acquire` to `release`. Neither programs we start nor processes we fork keep it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    async def acquire(self, patience: float = PATIENCE_SECONDS) -> None:
        """Take the lock within `patience` seconds.

        Raises `StartupError` (ALREADY_RUNNING) that names the process holding it.
        """
        if self._descriptor is not None:
            return
        for _ in range(int(patience / POLL_SECONDS)):
            with contextlib.suppress(BlockingIOError):
                self._open()
                return
            await asyncio.sleep(POLL_SECONDS)
        holder = self._path.read_text(errors="replace").strip() or "unknown"
        raise StartupError(
            f"{self._path.parent} is in use by another Trunkline process (pid {holder}); stop that one first",
            ExitCode.ALREADY_RUNNING,
        )

    def is_held(self) -> bool:
        """Whether some process holds the lock now. Nothing is made or changed."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _open(self) -> None:
        # Not inheritable (Python's default), so PostgreSQL does not get it. NOFOLLOW and the checks: root writes here in a
        # folder that the server's user owns.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._take(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)

    def _take(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise StartupError(f"{self._path} is not a plain file; remove it", ExitCode.CONFIGURATION)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Drop the lock; nothing happens when it is not held. The file stays: removing it would let two hold "the" lock."""
        if self._descriptor is not None:
            _held.discard(self)
            os.close(self._descriptor)
            self._descriptor = None


_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


def _forget_after_fork() -> None:
    # A forked worker shares the open file and with it the lock; closing its copy leaves the lock to the supervisor alone.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_forget_after_fork)
