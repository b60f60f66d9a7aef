"""What a process asks of the system: to end with its parent, even when that is killed, and to open many files."""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15


def end_with_parent(parent: int, sent: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `sent` to this process when its parent ends (Linux; elsewhere it does nothing).

    It is sent at once when `parent` is not the parent any more: that one died before this call.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sent, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), sent)


def allow_many_files() -> None:
    """Raise this process's limit of open files and sockets to the highest that it may set itself."""
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))


def name_process(name: str) -> None:
    """Have `ps -o comm` and `top` show this name, of at most 15 characters (Linux; elsewhere it does nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
