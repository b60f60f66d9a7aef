"""A part of the server as a child process: started with its standard input open, told where the databases are, ended in order."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

STOP_SECONDS = 25.0  # longer than listener.DRAIN_SECONDS and runner.DRAIN_SECONDS


async def start(module: str, arguments: dict[str, object], environment: dict[str, str]) -> Process:
    """Start `python -m module` in a group of its own; it waits for `tell`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *(str(part) for argument in ({"--parent": os.getpid()} | arguments).items() for part in argument),
        env=environment,
        stdin=PIPE,
        stdout=DEVNULL,  # the terminal's one screen is the supervisor's; logs go to standard error
        start_new_session=True,  # a terminal's Ctrl-C is for the supervisor, which ends it in order
    )


async def tell(process: Process, variables: dict[str, str]) -> None:
    """Let it go on, with these environment variables."""
    if (pipe := process.stdin) is None:
        raise RuntimeError("it has no standard input")
    with contextlib.suppress(ConnectionError):  # it has ended: whoever waits for it says so
        pipe.write(json.dumps(variables).encode() + b"\n")
        await pipe.drain()
        pipe.close()


async def end(process: Process | None) -> None:
    """Let it finish what it is doing, then end it and what it has started."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
