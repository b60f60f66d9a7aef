"""`trunkline clock`: the sandbox's clock."""

from typing import Annotated, Any

import typer

from trunkline.cli.connect import in_realm
from trunkline.cli.show import JsonOption, show
from trunkline.kit.principal import Environment
from trunkline.kit.realm import FARTHEST, Realm, advance_clock
from trunkline.kit.startup import ExitCode, StartupError

app = typer.Typer(no_args_is_help=True, help="The sandbox's clock.")

SandboxOption = Annotated[Environment, typer.Option(help="only the sandbox has a clock of its own")]


@app.command("advance")
def advance(
    seconds: Annotated[int, typer.Argument(min=1, max=FARTHEST, help="how far, in seconds")],
    environment: SandboxOption = Environment.SANDBOX,
    as_json: JsonOption = False,
) -> None:
    """Move the sandbox's clock forward; every process hears of it at once."""
    if environment is not Environment.SANDBOX:
        raise StartupError("production has no clock to move; use --environment sandbox", ExitCode.USAGE)

    async def move(realm: Realm) -> dict[str, Any]:
        async with realm.pool.connection() as connection:
            realm.clock.offset_seconds = await advance_clock(connection, environment, seconds)
        return _told(realm)

    show(as_json, in_realm(environment, move))


@app.command("show")
def show_clock(environment: SandboxOption = Environment.SANDBOX, as_json: JsonOption = False) -> None:
    """Show what time it is in the sandbox."""

    async def read(realm: Realm) -> dict[str, Any]:
        return _told(realm)

    show(as_json, in_realm(environment, read))


def _told(realm: Realm) -> dict[str, Any]:
    return {"now": realm.clock.now().isoformat(timespec="seconds"), "seconds_ahead": realm.clock.offset_seconds}
