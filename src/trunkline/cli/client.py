"""`trunkline client`: API clients."""

from typing import Annotated, Any

import typer

from trunkline.cli.connect import AccountOption, EnvironmentOption, TenantOption, in_work
from trunkline.cli.show import JsonOption, say, show
from trunkline.dialects.customer.auth import GRANTS
from trunkline.domains.customers.service import find_reach
from trunkline.domains.identity import service as identity
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Work

app = typer.Typer(no_args_is_help=True, help="API clients (OAuth2).")


@app.command("create")
def create_client(
    name: Annotated[str, typer.Argument(help="a name, unique in its account")],
    scope: Annotated[list[str], typer.Option(help="a scope; may be given several times")],
    account: AccountOption = "",
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Make an API client; its secret is shown only now."""
    if unknown := [one for one in scope if one not in GRANTS]:
        raise StartupError(f"there is no scope {', '.join(unknown)}; there are {', '.join(GRANTS)}", ExitCode.USAGE)

    async def create(work: Work) -> dict[str, Any]:
        reach = await find_reach(work, account) if account else None
        made, secret = await identity.create_client(work, name, list(dict.fromkeys(scope)), reach)
        return {"client_id": made.reference, "client_secret": secret, "name": name, "scopes": list(made.scopes)}

    show(as_json, in_work(environment, tenant, "createClient", create))


@app.command("revoke")
def revoke_client(
    client_id: Annotated[str, typer.Argument(help="its client id")],
    tenant: TenantOption = 1,
    environment: EnvironmentOption = Environment.PRODUCTION,
) -> None:
    """Revoke an API client and all its tokens, at once."""

    async def revoke(work: Work) -> None:
        await identity.revoke_client(work, client_id)

    in_work(environment, tenant, "revokeClient", revoke)
    say(f"{client_id} is revoked")
