"""Start a program of the server's user and hear how it ended."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trunkline.kit.embedded.identity import Identity

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Program:
    """A running program; `output` collects what it wrote to stdout and stderr."""

    process: asyncio.subprocess.Process
    output: BinaryIO

    def text(self) -> str:
        """All that it wrote; may be read once."""
        with self.output:
            self.output.seek(0)
            return self.output.read().decode(errors="replace")


async def spawn(
    identity: Identity,
    command: list[str],
    *,
    initdb: bool = False,
    descriptors: Sequence[int] = (),
    environment: dict[str, str] | None = None,
) -> Program:
    """Start `command` as the server's user (or, with `initdb`, as the user that may run initdb); it inherits `descriptors`.

    It stands in a session of its own, so the terminal's Ctrl-C reaches us and not it, and it dies when we are killed.
    """
    uid = identity.initdb_uid if initdb else identity.uid
    parent = os.getpid() if threading.current_thread() is threading.main_thread() else -1
    alias = identity.initdb_alias if initdb and identity.initdb_alias is not None else -1
    numbers = [uid, identity.gid, parent, alias] if identity.switch else [-1, -1, parent, alias]
    output = _memory_file()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        *(str(number) for number in numbers),
        "--",
        *command,
        cwd="/",  # PostgreSQL 15 leaves its working folder and must be able to come back
        pass_fds=descriptors,
        env=_environment() | (environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    return Program(process, output)


async def run(
    identity: Identity, command: list[str], *, initdb: bool = False, descriptors: Sequence[int] = ()
) -> tuple[int, str]:
    """Run `command` to its end: exit code and what it wrote. Cancelled, it ends the program and its children first."""
    program = await spawn(identity, command, initdb=initdb, descriptors=descriptors)
    try:
        code = await program.process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)  # it leads a session of its own
        await program.process.wait()
        program.output.close()
        raise
    return code, program.text()


def _memory_file() -> BinaryIO:
    # Memory and not a file, so that "no space left on device" still arrives; and not a pipe, which a forgotten child could
    # hold open or a dead reader could break.
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("output"), "w+b")
    return tempfile.TemporaryFile()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"} | kept
