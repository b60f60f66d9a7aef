"""`trunkline serve` and `trunkline migrate`."""

import asyncio
import sys
from contextlib import AsyncExitStack

import typer

from trunkline.kit.telemetry import configure_logging
from trunkline.settings import load


def register(app: typer.Typer) -> None:
    @app.command()
    def serve() -> None:
        """Start everything and serve until SIGTERM or Ctrl-C."""
        from trunkline.supervisor import serve as run  # noqa: PLC0415 - other commands need not load it

        settings = load()
        configure_logging(settings.log_level)
        asyncio.run(run(settings, say))

    @app.command()
    def migrate() -> None:
        """Bring the databases to this version's schema, then stop."""
        from trunkline.supervisor import open_databases  # noqa: PLC0415

        async def run() -> None:
            async with AsyncExitStack() as stack:
                await open_databases(load(), say, stack)

        configure_logging(load().log_level)
        asyncio.run(run())
        say("trunkline: the databases are up to date")


def say(line: str) -> None:
    """A line for the person at the terminal."""
    print(line, file=sys.stdout, flush=True)
