"""The command line. Every failure that has a reason is one line on standard error and an exit code (`docs/operations.md`)."""

import sys

import typer

from trunkline.cli import clock, credentials, serve
from trunkline.kit.errors import Refusal
from trunkline.kit.startup import ExitCode, StartupError

app = typer.Typer(
    name="trunkline",
    help="The open operations-and-billing platform for service providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serve.register(app)
clock.register(app)
credentials.register(app)


def main() -> None:
    """Run a command; the process's exit code tells how it went."""
    try:
        app()
    except StartupError as error:
        print(f"trunkline: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Refusal as refusal:
        print(f"trunkline: {refusal}", file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.exit(130)
