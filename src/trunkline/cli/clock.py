"""`trunkline clock advance`."""

from typing import Annotated

import typer

from trunkline.cli.connect import in_realm
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm, advance_clock
from trunkline.kit.startup import ExitCode, StartupError


def register(app: typer.Typer) -> None:
    clock = typer.Typer(no_args_is_help=True, help="The sandbox's clock.")
    app.add_typer(clock, name="clock")

    @clock.command()
    def advance(
        seconds: Annotated[int, typer.Argument(min=1, help="how far, in seconds")],
        environment: Annotated[Environment, typer.Option(help="only the sandbox has a clock of its own")] = Environment.SANDBOX,
    ) -> None:
        """Move the sandbox's clock forward; every process hears of it at once."""
        if environment is not Environment.SANDBOX:
            raise StartupError("production has no clock to move; use --environment sandbox", ExitCode.USAGE)

        async def move(realm: Realm) -> int:
            async with realm.pool.connection() as connection:
                return await advance_clock(connection, environment, seconds)

        offset = in_realm(environment, move)
        print(f"the sandbox's clock is now {offset} seconds ahead")

    @clock.command()
    def show() -> None:
        """Show what time it is in the sandbox."""

        async def read(realm: Realm) -> str:
            return realm.clock.now().isoformat(timespec="seconds")

        print(in_realm(Environment.SANDBOX, read))
