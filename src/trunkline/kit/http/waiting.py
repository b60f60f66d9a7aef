"""What lasts longer than a moment: waiting inside an operation, and answers that are sent piece by piece.

Both end at once when the client goes, and within a second when the server does: nobody's patience holds up a restart.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from trunkline.kit.http.answer import Stream
from trunkline.kit.http.body import Disconnected

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LAST_SECONDS = 0.5  # for the end of a stream whose reader does not take it


class Draining:
    """Whether this process is finishing: set by SIGTERM and SIGINT, which the ASGI server still gets too."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    @property
    def begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        """Let everything that waits end now."""
        self._begun.set()

    async def wait(self) -> None:
        """Until it begins."""
        await self._begun.wait()

    def watch(self) -> None:
        """Begin at the first signal. Where the process's signals are somebody else's (another thread), only `begin` does it."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def handle(received: int, frame: FrameType | None, before: Any = before) -> None:
                loop.call_soon_threadsafe(self.begin)
                if callable(before):
                    before(received, frame)

            if callable(before):  # by default a signal ends the process at once: there is nothing to finish
                signal.signal(number, handle)
                signal.siginterrupt(number, False)


async def until_gone(receive: Receive) -> None:
    """Returns when the client has gone. What it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Patience:
    """Waiting for something on behalf of a client that may go, in a process that may end."""

    def __init__(self, gone: "asyncio.Task[None]", ending: "asyncio.Task[None]") -> None:
        self._gone, self._ending = gone, ending

    async def wait(self, awaited: "asyncio.Future[None]", seconds: float) -> bool:
        """Wait for a future (which stays as it is), at most so many seconds; false when waiting any longer makes no sense.

        Raises `Disconnected`.
        """
        await asyncio.wait([awaited, self._gone, self._ending], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done():
            raise Disconnected
        return not self._ending.done()


@asynccontextmanager
async def patience(receive: Receive, draining: Draining) -> AsyncIterator[Patience]:
    """For operations that wait."""
    tasks = [asyncio.create_task(until_gone(receive)), asyncio.create_task(draining.wait())]
    try:
        yield Patience(*tasks)
    finally:
        await _end(tasks)


async def send_stream(stream: Stream, receive: Receive, send: Send, draining: Draining) -> None:
    """Send a body piece by piece until it ends, the client goes, or the server drains."""

    async def pump() -> None:
        async for piece in stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    pumping = asyncio.create_task(pump())
    gone = asyncio.create_task(until_gone(receive))
    tasks = [pumping, gone, asyncio.create_task(draining.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        here = not gone.done()
    finally:
        await _end(tasks)
    if here:
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(LAST_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
    if not pumping.cancelled() and (error := pumping.exception()) is not None:
        raise error


async def _end(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
