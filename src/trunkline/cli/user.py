"""`trunkline user`: people who log in to the console."""

import sys
from typing import Annotated, Any

import typer

from trunkline.cli.connect import AccountOption, EnvironmentOption, TenantOption, in_work
from trunkline.cli.show import JsonOption, show
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import Feature, Role, UserDraft
from trunkline.kit.principal import Environment
from trunkline.kit.secrets import new_password
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Work

app = typer.Typer(no_args_is_help=True, help="Users.")


@app.callback()
def user() -> None:
    """Users."""


@app.command("create")
def create_user(
    username: Annotated[str, typer.Argument(help="the e-mail address that the user logs in with")],
    role: Annotated[Role, typer.Option(help="what the user is")] = Role.ADMINISTRATOR,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")] = False,
    account: AccountOption = "",
    feature: Annotated[list[Feature] | None, typer.Option(help="a feature to switch on; may be given several times")] = None,
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Make a user; without --password-stdin a password is made and shown."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else new_password()
    if not password:
        raise StartupError("no password on standard input", ExitCode.USAGE)

    async def create(work: Work) -> dict[str, Any]:
        draft = UserDraft(
            username=username, password=password, role=role, account=account or None, features=tuple(feature or ())
        )
        made = await identity.create_user(work, draft)
        shown = {} if password_stdin else {"password": password}
        return {"username": made.username, "id": made.reference, "role": made.role.value, **shown}

    show(as_json, in_work(environment, tenant, "createUser", create))
