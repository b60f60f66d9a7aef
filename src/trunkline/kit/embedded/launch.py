"""Become the server's user and turn into the given program; run as a script by `process.py`, never imported.

`python -I -S launch.py UID GID PARENT ALIAS -- PROGRAM ARGUMENT...`; -1 leaves a thing as it is. A script of its own, because
`preexec_fn` is not safe in a process with threads, and `setpriv` is not on every machine.
- PARENT: the supervisor's pid; when it dies, the program gets SIGINT (PostgreSQL's fast shutdown). The kernel ties this to
  the thread that forked, so the supervisor asks for it from its main thread only.
- ALIAS: a user id with a name that stands for ours in a private user namespace (initdb insists on a name for its user).
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x10000000
CANNOT_LAUNCH = 71


def launch(uid: int, gid: int, parent: int, alias: int, program: list[str]) -> None:
    os.umask(0o077)
    # Not SIGXFSZ, which Python ignores: a file-size limit then is a write error with a message, and no sudden death.
    for number in (
        signal.SIGINT,
        signal.SIGPIPE,
        signal.SIGCHLD,
        signal.SIGTERM,
        signal.SIGQUIT,
        signal.SIGHUP,
    ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if uid != -1:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if alias != -1:
            _take_alias(libc, alias)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if parent != -1:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != parent:
                sys.exit(CANNOT_LAUNCH)
    os.execv(program[0], program)  # noqa: S606  # no shell is wanted: the arguments are the supervisor's own


def _take_alias(libc: ctypes.CDLL, alias: int) -> None:
    uid = os.geteuid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), f"user id {uid} has no name in /etc/passwd and user namespaces are not allowed")
    with contextlib.suppress(OSError):  # only needed before gid_map, which initdb does not look at
        _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{alias} {uid} 1")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    try:
        launch(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[6:])
    except OSError as error:
        sys.stderr.write(f"FATAL:  cannot launch {sys.argv[6]}: {error.strerror}\n")
        sys.exit(CANNOT_LAUNCH)
