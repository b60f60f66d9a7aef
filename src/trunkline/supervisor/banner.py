"""The one screen that a start prints."""

from trunkline.kit.principal import Environment
from trunkline.settings import Settings
from trunkline.supervisor.databases import Databases
from trunkline.supervisor.first_start import CREDENTIALS
from trunkline.supervisor.servers import Server


def banner(settings: Settings, servers: list[Server], databases: Databases, *, first: bool) -> str:
    """What runs where, where the credentials are, and a call that works when it is pasted."""
    base = servers[0].url
    credentials = settings.data / CREDENTIALS
    where = (
        "embedded PostgreSQL in " + str(settings.data / "postgres")
        if databases.embedded
        else "the PostgreSQL of TRUNKLINE_DATABASE_URL"
    )
    lines = [
        "",
        f"  Trunkline is running{' for the first time; demonstration data is loaded' if first and settings.demo else ''}.",
        "",
        *(f"  {'HTTPS' if s.scheme == 'https' else 'HTTP':<13}{s.url}" for s in servers),
        *([f"  {'Sandbox':<13}http://sb2.localhost:{settings.port}"] if Environment.SANDBOX in databases.addresses else []),
        f"  {'Documentation':<13} {base}/docs",
        f"  {'Database':<13}{where}",
        f"  {'Credentials':<13}{credentials}",
        "",
        "  Try it (paste both lines):",
        "",
        *first_call(settings, base),
        "",
        "  Ctrl-C stops it.",
        "",
    ]
    return "\n".join(lines)


def first_call(settings: Settings, base: str) -> list[str]:
    """A token request and a first call, for a POSIX shell with curl."""
    field = f'python3 -c \'import json;c=json.load(open("{settings.data / CREDENTIALS}"))["customer"];print(c["client_id"]+":"+c["client_secret"])\''
    token = "python3 -c 'import json,sys;print(json.load(sys.stdin)[\"access_token\"])'"
    return [
        f'    TOKEN=$(curl -s -u "$({field})" -d grant_type=client_credentials -d scope=customerapi/basic.read {base}/oauth2/token | {token})',
        f'    curl -s -H "Authorization: Bearer $TOKEN" "{base}/v2/accounts?page%5Blimit%5D=3"',
    ]
