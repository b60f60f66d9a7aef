"""The one screen that a start prints."""

import os
import shlex
import sys
from pathlib import Path

from trunkline.kit.principal import Environment
from trunkline.settings import LOOPBACK, Profile, Settings, variable
from trunkline.supervisor import credentials
from trunkline.supervisor.credentials import base_url
from trunkline.supervisor.databases import FOLDER, Prepared, shown
from trunkline.supervisor.servers import Server

FIRST_CALL = "/v2/accounts?page[limit]=1"


def banner(
    settings: Settings, databases: dict[Environment, Prepared], servers: list[Server], *, first: bool, token: str | None
) -> str:
    """What runs where, where the credentials are, and a call that works when it is pasted.

    `token`: an access token that reads the demonstration, to show it at work.
    """
    greeting = "Trunkline is running"
    if first:
        greeting += "; the demonstration data is loaded" if settings.demo else "; a first tenant is made"
    rows = [(server.scheme.upper(), server.url) for server in servers]
    if Environment.SANDBOX in databases:
        rows.append(("Sandbox", base_url(settings, Environment.SANDBOX)))
    rows += [
        ("Documentation", f"{base_url(settings)}/docs"),
        ("Database", _database(settings, databases[Environment.PRODUCTION])),
        ("Credentials", _credentials(settings)),
    ]
    lines = ["", f"  {greeting}.", "", *(f"    {name:<15}{value}" for name, value in rows), "", *_first_call(settings, token)]
    return "\n".join(lines)


def _database(settings: Settings, prepared: Prepared) -> str:
    if settings.database_url:
        return f"{prepared.server} at {shown(prepared.address)}"
    return f"{prepared.server}, embedded, in {settings.data.absolute() / FOLDER}"


def _credentials(settings: Settings) -> str:
    path = settings.data.absolute() / credentials.FILE
    return str(path) if path.exists() else "none in this data folder; make some: trunkline client create, trunkline user create"


def _first_call(settings: Settings, token: str | None) -> list[str]:
    base = base_url(settings)
    if token is not None:
        return [
            "  Try it:",
            "",
            f"    curl -g -H 'Authorization: Bearer {token}' '{base}{FIRST_CALL}'",
            "",
            f"  The token reads, for an hour; {_command()} token create makes another. Ctrl-C stops the server.",
            "",
        ]
    if settings.profile is Profile.PRODUCTION and settings.tls_certificate is None:
        return [
            f"  Plain HTTP is answered with 400: put a proxy with HTTPS in front and name it in {variable('trusted_proxies')},",
            f"  or set {variable('tls_certificate')} and {variable('tls_key')}.",
            "",
        ]
    if not (settings.data / credentials.FILE).exists():
        return []
    place = shlex.quote(str(settings.data.absolute()))
    trust = "" if settings.host in LOOPBACK and settings.profile is Profile.LOCAL else "-k "
    issued = f"$({variable('data')}={place} {_command(absolute=True)} token create)"
    return ["  Try it:", "", f"    curl {trust}-g -H \"Authorization: Bearer {issued}\" '{base}{FIRST_CALL}'", ""]


def _command(*, absolute: bool = False) -> str:
    """How this very `trunkline` is called."""
    beside = Path(sys.executable).with_name("trunkline")
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m trunkline"
    near = os.path.relpath(beside)
    return shlex.quote(str(beside) if absolute or near.startswith("..") else near)
