"""`trunkline worker`."""

import typer
import uvloop

from trunkline.cli.connect import check, database_addresses
from trunkline.kit.logs import configure_logging
from trunkline.settings import Settings, load
from trunkline.supervisor.worker import work

app = typer.Typer()


@app.command()
def worker() -> None:
    """Run jobs and send webhooks until SIGTERM or Ctrl-C, beside the servers that share these databases.

    `trunkline serve` starts a worker by itself, unless TRUNKLINE_JOBS=off.
    """
    settings = load()
    configure_logging(settings.log_level)
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    async with database_addresses(settings) as (addresses, _):
        for environment, address in addresses.items():
            await check(environment, address)
        await work(settings, addresses)
