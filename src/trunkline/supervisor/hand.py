"""The worker's process as the supervisor sees it: started after the listeners, started again whenever it ends by itself."""

import asyncio
from asyncio.subprocess import Process

import structlog

from trunkline.supervisor import child

RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 10.0
LONG_ENOUGH_SECONDS = 60.0  # what ran so long did not fail at its start

log = structlog.get_logger(__name__)


class Hand:
    """One worker process. `keep` runs it, `stop` ends it."""

    def __init__(self) -> None:
        self._started: Process | None = None

    async def keep(self, environment: dict[str, str], variables: dict[str, str]) -> None:
        """Have a worker run until cancelled."""
        pause = RESTART_SECONDS
        while True:
            begun = asyncio.get_running_loop().time()
            self._started = await child.start("trunkline.supervisor.worker", {}, environment)
            await child.tell(self._started, variables)
            code = await self._started.wait()
            if asyncio.get_running_loop().time() - begun > LONG_ENOUGH_SECONDS:
                pause = RESTART_SECONDS
            log.error("worker.ended", code=code, next_try_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RESTART_SECONDS)

    async def stop(self) -> None:
        """Let it finish the jobs that it runs, then end it."""
        await child.end(self._started)
