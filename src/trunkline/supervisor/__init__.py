"""`trunkline serve`: one process that starts everything in order, watches it, and ends it in order.

    data folder → ports → stem loads │ PostgreSQL (embedded) → databases made and migrated → first start → listeners open
    … serving, timers, jobs (a worker process) …
    listeners and worker drained → PostgreSQL

The supervisor answers no requests. When a part ends by itself it is started again; when the supervisor is killed, the kernel
ends its parts (kit.processes), and the next start recovers.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

from trunkline.settings import Settings, variable
from trunkline.supervisor.hand import keep_working
from trunkline.supervisor.metrics import metrics_folder
from trunkline.supervisor.parts import Parts
from trunkline.supervisor.running import Running, make_data_folder
from trunkline.supervisor.servers import LEFTOVER_SECONDS, keep, servers_of
from trunkline.supervisor.together import together, unless

Say = Callable[[str], None]


async def serve(settings: Settings, say: Say) -> None:
    """Run a whole server until SIGTERM or SIGINT, also when that comes while it starts.

    `say` gets lines for the person at the terminal. Raises `StartupError`.
    """
    stopping = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(sent) is not signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(sent, stopping.set)
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await unless(stopping, _serve(settings, say, first, second))
        say("trunkline: stopping")
    say("trunkline: stopped")


async def _serve(settings: Settings, say: Say, backstage_stack: AsyncExitStack, parts_stack: AsyncExitStack) -> None:
    """Start everything, then watch it until cancelled. The stacks end what was started: the parts before the rest."""
    make_data_folder(settings.data)
    running = Running(settings)
    crashed = await running.claim()
    backstage_stack.callback(running.release)
    servers = servers_of(settings)
    for server in servers:
        await server.claim_port(LEFTOVER_SECONDS if crashed else 0.0)
    metrics = backstage_stack.enter_context(metrics_folder(settings.data))
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics), variable("workers"): str(settings.workers)}
    parts = Parts(environment)
    parts_stack.push_async_callback(parts.stop)
    await parts.load()

    # Only now what takes long to load: the stem loads at the same time.
    from trunkline.supervisor.backstage import Backstage  # noqa: PLC0415
    from trunkline.supervisor.banner import banner  # noqa: PLC0415

    backstage = Backstage(settings, say)
    backstage_stack.push_async_callback(backstage.stop)
    await backstage.start()
    backstage_stack.callback(running.withdraw)
    running.announce(backstage.addresses)
    addresses = backstage.variables
    for server in reversed(servers):  # plain HTTP last: whoever sees it answer may use HTTPS too
        await server.start(parts, addresses)
        await server.ready()
    say(banner(settings, backstage.databases, servers, first=backstage.first, token=await backstage.demonstration_token()))
    kept = [backstage.watch(), *(keep(server, parts, addresses) for server in servers)]
    if settings.jobs:
        kept.append(keep_working(parts, addresses))
    await together(*kept)
