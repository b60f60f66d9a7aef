"""The command line. Every failure that has a reason is one line on standard error and an exit code (`docs/operations.md`).

Each command is a module with a typer application of its own, loaded only when it is called.
"""

import logging
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from trunkline.kit.errors import Refusal
from trunkline.kit.startup import ExitCode, StartupError

COMMANDS = (
    "serve", "worker", "migrate", "doctor", "credentials", "client", "token", "user", "tenant", "clock", "keys", "jobs", "webhook",
)  # fmt: skip
INTERRUPTED = 130


class Commands(TyperGroup):
    """The commands, in the order of the help text."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(f"trunkline.cli.{cmd_name}").app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    name="trunkline",
    help="The open operations-and-billing platform for service providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def trunkline() -> None:
    """The open operations-and-billing platform for service providers."""


def main() -> None:
    """Run a command; the process's exit code tells how it went."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app(prog_name="trunkline")
    except StartupError as error:
        _fail(error, error.exit_code)
    except Refusal as refusal:
        _fail(refusal, ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _fail(why: Any, code: int) -> None:
    # What was under way side by side when it failed (a second connection, say) is of no interest beside the reason.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    print(f"trunkline: {why}", file=sys.stderr)
    sys.exit(code)
