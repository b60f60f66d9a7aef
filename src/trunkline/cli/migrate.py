"""`trunkline migrate`."""

import asyncio

import typer

from trunkline.cli.connect import database_addresses
from trunkline.cli.show import say
from trunkline.kit.logs import configure_logging
from trunkline.settings import Settings, load
from trunkline.supervisor.databases import one_line, prepare_all

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the databases to this version's schema, making them when they are missing, then stop."""
    settings = load()
    configure_logging(settings.log_level)
    asyncio.run(_migrate(settings))
    say("the databases are up to date")


async def _migrate(settings: Settings) -> None:
    async with database_addresses(settings, may_create=True) as (addresses, maintenance):
        with one_line("the migration", settings.data):
            await prepare_all(addresses, maintenance)
