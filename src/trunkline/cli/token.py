"""`trunkline token`: access tokens."""

from typing import Annotated, Any

import typer

from trunkline.cli.connect import EnvironmentOption, in_realm
from trunkline.cli.show import JsonOption
from trunkline.cli.show import show as show_values
from trunkline.domains.identity import service as identity
from trunkline.kit import secrets
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Environment, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Work
from trunkline.settings import load
from trunkline.supervisor.credentials import read

app = typer.Typer(no_args_is_help=True, help="Access tokens.")


@app.callback()
def token() -> None:
    """Access tokens."""


@app.command("create")
def create_token(
    client_id: Annotated[str, typer.Argument(help="the API client; default: the first one of credentials.json")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="a scope that the client holds; may be given several times; default: all")
    ] = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Issue an access token for an API client, without its secret, and print it."""
    client = client_id or _first_client(environment)

    async def create(realm: Realm) -> dict[str, Any]:
        issued = await identity.issue_token_as_operator(realm, client, tuple(scope or await _held(realm, client)))
        return {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scopes": list(issued.scopes),
        }

    made = in_realm(environment, create)
    if as_json:
        show_values(True, made)
    else:
        print(made["access_token"])  # alone, for $(trunkline token create)


def _first_client(environment: Environment) -> str:
    content = read(load())
    section = content.get("sandbox", {}) if environment is Environment.SANDBOX else content
    if "customer" not in section:
        raise StartupError(f"credentials.json has no client of {environment}; name one", ExitCode.USAGE)
    client_id: str = section["customer"]["client_id"]
    return client_id


async def _held(realm: Realm, client_id: str) -> tuple[str, ...]:
    """All scopes that a client holds. Raises `NotFound`."""
    number = secrets.tenant_of_client_id(client_id)
    tenant_id = await realm.tenant(number) if number is not None else None
    if tenant_id is None:
        raise StartupError(f"there is no API client {client_id} in {realm.environment}", ExitCode.USAGE)
    principal = system(tenant_id, realm.environment, "command line")
    work = Work(realm.pool, realm.clock, principal, Origin("cli.createToken", new_id().hex))
    return (await identity.find_client(work, client_id)).scopes
