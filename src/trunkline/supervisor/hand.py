"""The worker as the supervisor sees it: started after the listeners, started again whenever it ends by itself."""

import asyncio

import structlog

from trunkline.kit.startup import StartupError
from trunkline.supervisor.parts import Parts

RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 10.0
LONG_ENOUGH_SECONDS = 60.0  # what ran so long did not fail at its start

log = structlog.get_logger(__name__)


async def keep_working(parts: Parts, variables: dict[str, str]) -> None:
    """Have a worker run until cancelled."""
    pause = RESTART_SECONDS
    while True:
        begun = asyncio.get_running_loop().time()
        try:
            worker = await parts.fork("worker", "trunkline-jobs", {}, variables)
            code = await worker.ended()
        except StartupError as error:
            log.error("worker.not_started", error=str(error), next_try_seconds=pause)  # noqa: TRY400 - one line says it all
        else:
            if asyncio.get_running_loop().time() - begun > LONG_ENOUGH_SECONDS:
                pause = RESTART_SECONDS
            log.error("worker.ended", code=code, next_try_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_RESTART_SECONDS)
