"""`trunkline serve`."""

import asyncio

import typer

from trunkline.cli.show import say
from trunkline.kit.logs import configure_logging
from trunkline.settings import load
from trunkline.supervisor import serve as run

app = typer.Typer()


@app.command()
def serve() -> None:
    """Start everything and serve until SIGTERM or Ctrl-C.

    The first start makes the database, loads the demonstration data and writes credentials.json.
    """
    settings = load()
    configure_logging(settings.log_level)
    asyncio.run(run(settings, say))
