"""`trunkline credentials`, `client`, `token`, `user`, `tenant`: who may do what."""

import json
import sys
from typing import Annotated, Any

import typer

from trunkline.cli.connect import EnvironmentOption, JsonOption, TenantOption, in_realm, in_work
from trunkline.domains.customers.service import find_reach
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import Role
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.startup import ExitCode, StartupError
from trunkline.kit.work import Work
from trunkline.settings import load
from trunkline.supervisor.first_start import read_credentials

AccountOption = Annotated[str, typer.Option(help="reference of the customer's account (ACC-…); without it the operator's")]


def show(as_json: bool, values: dict[str, Any]) -> None:
    """Print a result for people or for programs."""
    if as_json:
        print(json.dumps(values, indent=2))
    else:
        for name, value in values.items():
            print(f"{name:<16}{' '.join(value) if isinstance(value, list) else value}")


def register(app: typer.Typer) -> None:
    client = typer.Typer(no_args_is_help=True, help="API clients (OAuth2).")
    token = typer.Typer(no_args_is_help=True, help="Access tokens.")
    user = typer.Typer(no_args_is_help=True, help="Users.")
    tenant = typer.Typer(no_args_is_help=True, help="Tenants (providers).")
    for name, group in (("client", client), ("token", token), ("user", user), ("tenant", tenant)):
        app.add_typer(group, name=name)

    @app.command()
    def credentials(as_json: JsonOption = False) -> None:
        """Show the credentials that the first start made."""
        content = read_credentials(load())
        if as_json:
            print(json.dumps(content, indent=2))
            return
        customer = content.get("customer", {})
        show(False, {"base_url": content["base_url"], **{k: v for k, v in customer.items() if not isinstance(v, dict)}})

    @client.command("create")
    def create_client(
        name: Annotated[str, typer.Argument(help="a name, unique in its account")],
        scope: Annotated[list[str], typer.Option(help="a scope; may be given several times")],
        account: AccountOption = "",
        tenant: TenantOption = 1,
        environment: EnvironmentOption = Environment.PRODUCTION,
        as_json: JsonOption = False,
    ) -> None:
        """Make an API client; its secret is shown only now."""

        async def create(work: Work) -> dict[str, Any]:
            reach = await find_reach(work, account) if account else None
            made, secret = await identity.create_client(work, name, scope, reach)
            return {"client_id": made.reference, "client_secret": secret, "name": name, "scopes": list(made.scopes)}

        show(as_json, in_work(environment, tenant, "createClient", create))

    @client.command("revoke")
    def revoke_client(
        client_id: str, tenant: TenantOption = 1, environment: EnvironmentOption = Environment.PRODUCTION
    ) -> None:
        """Revoke an API client and all its tokens, at once."""

        async def revoke(work: Work) -> None:
            await identity.revoke_client(work, client_id)

        in_work(environment, tenant, "revokeClient", revoke)

    @token.command("create")
    def create_token(
        client_id: Annotated[str, typer.Argument(help="the API client that it belongs to")],
        scope: Annotated[list[str], typer.Option(help="a scope that the client holds; may be given several times")],
        environment: EnvironmentOption = Environment.PRODUCTION,
        as_json: JsonOption = False,
    ) -> None:
        """Issue an access token for an API client, without its secret."""

        async def create(realm: Realm) -> dict[str, Any]:
            issued = await identity.issue_token_as_operator(realm, client_id, tuple(scope))
            return {
                "access_token": issued.token,
                "token_type": "Bearer",
                "expires_in": issued.expires_in,
                "scopes": list(issued.scopes),
            }

        show(as_json, in_realm(environment, create))

    @user.command("create")
    def create_user(
        username: str,
        role: Annotated[Role, typer.Option(help="what the user is")] = Role.ADMINISTRATOR,
        password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")] = False,
        account: AccountOption = "",
        tenant: TenantOption = 1,
        environment: EnvironmentOption = Environment.PRODUCTION,
        as_json: JsonOption = False,
    ) -> None:
        """Make a user; without --password-stdin a password is made and shown."""
        from trunkline.kit.secrets import new_password  # noqa: PLC0415 - argon2 is slow to load

        password = sys.stdin.readline().rstrip("\n") if password_stdin else new_password()
        if not password:
            raise StartupError("no password on standard input", ExitCode.USAGE)

        async def create(work: Work) -> dict[str, Any]:
            reach = await find_reach(work, account) if account else None
            made = await identity.create_user(work, username, password, role, reach)
            shown = {} if password_stdin else {"password": password}
            return {"username": made.reference, "role": made.role.value, **shown}

        show(as_json, in_work(environment, tenant, "createUser", create))

    @tenant.command("create")
    def create_tenant(name: str, environment: EnvironmentOption = Environment.PRODUCTION, as_json: JsonOption = False) -> None:
        """Make a tenant."""

        async def create(realm: Realm) -> dict[str, Any]:
            async with realm.pool.connection() as connection:
                tenant_id, number = await identity.create_tenant(connection, name, realm.clock.now())
            return {"number": number, "tenant_id": str(tenant_id), "name": name}

        show(as_json, in_realm(environment, create))
