"""What a killed supervisor or a stopped container left behind: servers to end, pid files that name strangers.

A process is proven to be a server of this very cluster by /proc alone: its program is called postgres and its working folder
*is* the data folder (same device and inode), which only its own user can enter. The start time in postmaster.pid would add
nothing (whatever passes is a server of this cluster) and would fail after the clock was stepped. Nobody else is ever signalled.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from trunkline.kit.embedded.cluster import is_recovering
from trunkline.kit.embedded.identity import Identity
from trunkline.kit.startup import ExitCode, StartupError

FAST_SHUTDOWN_SECONDS = 30.0
IMMEDIATE_SHUTDOWN_SECONDS = 5.0
RECOVERING_SHUTDOWN_SECONDS = 2.0
PROC = Path("/proc")


class Leftovers:
    """The processes that serve the cluster in `data`; to be used with the folder's lock held."""

    def __init__(self, data: Path, identity: Identity) -> None:
        self._data = data
        self._identity = identity
        self._key = _key(data)

    async def end(self, progress: Callable[[str], None]) -> None:
        """End every server process of the cluster.

        First a fast shutdown of the postmaster; then immediate shutdown of what remains: children that outlived a killed
        postmaster keep its shared memory, and PostgreSQL would refuse to start. Without /proc nothing is proven and nothing
        signalled: PostgreSQL itself then refuses while an old server lives.
        """
        postmaster = _pid_in_file(self._data) or 0
        found = self._servers()
        if -postmaster in found:
            raise StartupError(
                f"a single-user PostgreSQL (pid {-postmaster}) works on {self._data}; end it first", ExitCode.ALREADY_RUNNING
            )
        if postmaster in found:
            progress("stopping the PostgreSQL that a killed supervisor left")
            await self._end([postmaster], signal.SIGINT, FAST_SHUTDOWN_SECONDS, progress)
        for number in (signal.SIGQUIT, signal.SIGKILL):
            if remaining := self._servers():
                await self._end(remaining, number, IMMEDIATE_SHUTDOWN_SECONDS, progress)
        if remaining := self._servers():
            raise StartupError(
                f"an old PostgreSQL process (pid {remaining[0]}) on {self._data} does not end", ExitCode.ALREADY_RUNNING
            )

    def stranger_in_pid_file(self) -> int | None:
        """The pid in a stale postmaster.pid when a live process has it that is proven not to serve this cluster.

        PostgreSQL refuses to start while such a process belongs to its own user. Told that the pid is its grandparent's
        (PG_GRANDPARENT_PID, which pg_ctl uses for the same purpose), it ignores the process, checks the shared memory that
        the file names and replaces the file itself: the interlock stays whole, and we remove nothing.
        """
        pid = _pid_in_file(self._data)
        if pid is None or pid <= 0:
            return None
        with _eyes_of(self._identity):
            try:
                (PROC / str(pid) / "exe").readlink()
                (PROC / str(pid) / "cwd").stat()
            except FileNotFoundError:  # it is dead or dying, perhaps not yet reaped: PostgreSQL takes a zombie for alive
                return pid
            except OSError:
                return None
        return None if self._serves(pid) else pid

    def _servers(self) -> list[int]:
        try:
            pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
        except OSError:
            return []
        return [pid for pid in pids if self._serves(pid)]

    def _serves(self, pid: int) -> bool:
        with _eyes_of(self._identity), contextlib.suppress(OSError):
            # Upgrading the binaries under a running server makes the kernel add " (deleted)".
            program = (PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
            return program == "postgres" and _key(PROC / str(pid) / "cwd") == self._key
        return False

    async def _end(self, pids: list[int], number: signal.Signals, patience: float, progress: Callable[[str], None]) -> None:
        for pid in pids:
            self._signal(pid, number)
        loop = asyncio.get_running_loop()
        began = loop.time()
        told = 0
        while any(self._serves(pid) for pid in pids) and not hangs(self._data, loop.time() - began, patience):
            await asyncio.sleep(0.02)
            if int(loop.time() - began) > told:
                told += 1
                progress(f"waiting for the old PostgreSQL to end, {told} s")

    def _signal(self, pid: int, number: signal.Signals) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:  # a kernel or sandbox without pidfd: the check right before must do
            with contextlib.suppress(ProcessLookupError):
                if self._serves(pid):
                    os.kill(pid, number)
            return
        try:  # checked while the descriptor pins the process: its number cannot pass to another in between
            if self._serves(pid):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _eyes_of(identity: Identity) -> Iterator[None]:
    """Look at /proc as the server's user: root in a container has no CAP_SYS_PTRACE and may not see others' cwd and exe.

    Linux keeps the file-system user per thread; nothing may be awaited inside.
    """
    if not identity.switch or sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    group, user = libc.setfsgid(identity.gid), libc.setfsuid(identity.uid)
    try:
        yield
    finally:
        libc.setfsuid(user)
        libc.setfsgid(group)


def hangs(data: Path, waited: float, patience: float = FAST_SHUTDOWN_SECONDS) -> bool:
    """Whether a shutdown will not end any more. During crash recovery it takes a moment or for ever (seen in 18.6)."""
    return waited > (RECOVERING_SHUTDOWN_SECONDS if is_recovering(data) else patience)


def _key(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _pid_in_file(data: Path) -> int | None:
    """The pid on the first line of postmaster.pid; negative for a single-user server, None without a usable file."""
    try:
        return int((data / "postmaster.pid").read_text(errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
