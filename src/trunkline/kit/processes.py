"""Child processes that do not outlive their parent, even when it is killed."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int | None = None, sent: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `sent` to this process when its parent ends (Linux; elsewhere it does nothing).

    With `parent` the process ends at once when that process is not its parent any more: it died before this call.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sent, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), sent)
