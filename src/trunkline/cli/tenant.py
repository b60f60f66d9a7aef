"""`trunkline tenant`: providers that share one installation."""

from typing import Annotated, Any

import typer

from trunkline.cli.connect import EnvironmentOption, in_realm
from trunkline.cli.show import JsonOption, show
from trunkline.domains.identity import service as identity
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm

app = typer.Typer(no_args_is_help=True, help="Tenants (providers).")


@app.callback()
def tenant() -> None:
    """Tenants (providers)."""


@app.command("create")
def create_tenant(
    name: Annotated[str, typer.Argument(help="the provider's name")],
    environment: EnvironmentOption = Environment.PRODUCTION,
    as_json: JsonOption = False,
) -> None:
    """Make a tenant; `trunkline client create --tenant NUMBER` then makes its first API client."""

    async def create(realm: Realm) -> dict[str, Any]:
        async with realm.pool.connection() as connection:
            tenant_id, number = await identity.create_tenant(connection, name, realm.clock.now())
        return {"number": number, "tenant_id": str(tenant_id), "name": name}

    show(as_json, in_realm(environment, create))
