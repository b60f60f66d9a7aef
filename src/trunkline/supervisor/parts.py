"""The parts of the server that are forked from the stem: started, waited for, ended."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque

from trunkline.kit.startup import ExitCode, StartupError

STOP_SECONDS = 25.0  # longer than listener.DRAIN_SECONDS and runner.DRAIN_SECONDS


class Part:
    """One part: the leader of a session of its own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.code.done()

    async def ended(self) -> int:
        """Wait for its end; its exit code, or minus the number of the signal that ended it."""
        return await asyncio.shield(self.code)


class Parts:
    """The stem and what is forked from it. When the stem ends so do its parts; the next `fork` starts another one.

    `environment`: the environment variables of all of them.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._stem: Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._asked: deque[asyncio.Future[Part]] = deque()
        self._running: dict[int, Part] = {}
        self._one = asyncio.Lock()

    async def load(self) -> None:
        """Start the stem, if there is none; it loads while others do something else."""
        async with self._one:
            if self._stem is not None and self._stem.returncode is None:
                return
            if self._hearing is not None:
                await self._hearing
            self._stem = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "trunkline.supervisor.stem", "--parent", str(os.getpid())),
                env=self._environment,
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for the supervisor, which ends it in order
            )
            self._hearing = asyncio.create_task(self._hear(self._stem))

    async def fork(self, part: str, name: str, arguments: dict[str, object], variables: dict[str, str]) -> Part:
        """Start a part (`stem.PARTS`) with these arguments and environment variables. `name`: what `ps -o comm` calls it.

        Raises `StartupError` when the stem ends first.
        """
        await self.load()
        if self._stem is None or self._stem.stdin is None:
            raise RuntimeError("the stem has no standard input")
        answer: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        order = {"part": part, "name": name, "arguments": arguments, "environment": variables}
        with contextlib.suppress(ConnectionError):  # it has ended: `_hear` says so
            self._stem.stdin.write(json.dumps(order).encode() + b"\n")
            await self._stem.stdin.drain()
        return await answer

    async def _hear(self, stem: Process) -> None:
        """Take in what the stem tells, until it ends."""
        if stem.stdout is None:
            raise RuntimeError("the stem has no standard output")
        async for line in stem.stdout:
            told = json.loads(line)
            if pid := told.get("started"):
                self._running[pid] = Part(pid)
                if not (answer := self._asked.popleft()).done():
                    answer.set_result(self._running[pid])
            else:
                self._running.pop(told["ended"]).code.set_result(told["code"])
        code = await stem.wait()
        while self._running:  # the kernel ends them with it
            self._running.popitem()[1].code.set_result(code)
        while self._asked:
            if not (answer := self._asked.popleft()).done():
                answer.set_exception(
                    StartupError(f"the application's process ended with {code}; the log above says why", ExitCode.INTERNAL)
                )

    async def stop(self) -> None:
        """Let every part finish what it is doing, then end them all."""
        if self._stem is None or self._stem.stdin is None or self._hearing is None:
            return
        if self._running or self._asked:
            self._stem.stdin.close()
        elif self._stem.returncode is None:
            self._stem.terminate()  # it may still be loading
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.shield(self._hearing)
        except TimeoutError:
            for pid in [*self._running, self._stem.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            await self._hearing
