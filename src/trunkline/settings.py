"""Settings: `TRUNKLINE_*` environment variables, and the same names in a `.env` file (the environment wins).

This table is the whole of it; `docs/settings.md` is tested against it.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from trunkline.kit.keyring.keys import read_keys
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError

PREFIX = "TRUNKLINE_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Profile(StrEnum):
    LOCAL = "local"
    PRODUCTION = "production"


def _setting(default: Any, text: str, read: Callable[[str], Any] = str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"text": text, "read": read, "secret": secret})


def _switch(value: str) -> bool:
    words = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}
    if value.lower() not in words:
        raise ValueError("must be on or off")
    return words[value.lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return read


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e9:
        raise ValueError("must be a number above 0")
    return number


def _profile(value: str) -> Profile:
    if value not in list(Profile):
        raise ValueError(f"must be {' or '.join(Profile)}")
    return Profile(value)


def _level(value: str) -> str:
    if value not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return value


def _networks(value: str) -> tuple[str, ...]:
    networks = tuple(part.strip() for part in value.split(",") if part.strip())
    for network in networks:
        ip_network(network, strict=False)
    return networks


def _database(value: str) -> str:
    parts = urlsplit(value)  # may raise ValueError itself
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must be a postgresql:// address")
    if not parts.path.strip("/"):
        raise ValueError("names no database (postgresql://host/NAME)")
    return value


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be an address like https://api.example.com")
    return value.rstrip("/")


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a day like 2026-01-31") from None


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    if any(urlsplit(origin).path for origin in map(_address, origins)):
        raise ValueError("must be origins like https://pages.example.com, without a path")
    return origins


def _host(value: str) -> str:
    if value != "localhost":
        try:
            ip_address(value)
        except ValueError:
            raise ValueError("must be an IP address of this machine, or localhost") from None
    return value


def _keys(value: str) -> str:
    read_keys(value)
    return value


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _path(value: str) -> Path:
    return Path(value).expanduser()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with its default."""

    port: int = _setting(8000, "port of plain HTTP; HTTPS answers at port + 443", _whole(1, 65092))
    host: str = _setting(
        "127.0.0.1", "address to listen on; profile local serves plain HTTP on the loopback address only", _host
    )
    data: Path = _setting(Path("data"), "folder of the embedded PostgreSQL, credentials and certificate", _path)
    database_url: str = _setting("", "an external PostgreSQL 15 or newer instead of the embedded one", _database, secret=True)
    sandbox_database_url: str = _setting(
        "", "the sandbox's database on an external PostgreSQL; default: the same name with _sandbox", _database, secret=True
    )
    sandbox: bool = _setting(True, "whether there is a sandbox environment", _switch)
    profile: Profile = _setting(Profile.LOCAL, "local or production (production answers plain HTTP with 400)", _profile)
    workers: int = _setting(_cores(), "worker processes; default: one per core", _whole(1, 256))
    database_connections: int = _setting(4, "database connections per worker and environment", _whole(1, 64))
    secret_key: str = _setting(
        "",
        "keys that seal secrets in the database, newest first; default: the file secret.key in the data folder",
        _keys,
        secret=True,
    )
    jobs: bool = _setting(True, "whether this server runs jobs, in a worker process beside the listeners", _switch)
    throttle: bool = _setting(True, "every rate rule of every dialect, token endpoints too", _switch)
    demo: bool = _setting(True, "load the demonstration data on first start", _switch)
    trusted_proxies: tuple[str, ...] = _setting(
        (), "addresses or networks whose X-Forwarded-* headers count, separated by commas", _networks
    )
    tls_certificate: Path | None = _setting(
        None, "certificate chain (PEM) for HTTPS; default in profile local: one it makes itself", _path
    )
    tls_key: Path | None = _setting(None, "private key (PEM) of the certificate", _path)
    log_level: str = _setting("info", "debug, info, warning or error", _level)
    access_log: bool = _setting(True, "one log line per request", _switch)
    customer_reads_per_second: float = _setting(3.0, "Customer API: sustained reads per second of a client", _number)
    customer_read_burst: int = _setting(50, "Customer API: reads in a short burst", _whole(1, 1_000_000_000))
    customer_writes_per_minute: int = _setting(30, "Customer API: writes in any 60 seconds", _whole(1, 1_000_000_000))
    customer_total_cap: int = _setting(
        10_000, "Customer API: rows up to which a list says its exact total", _whole(1, 1_000_000)
    )
    customer_scope_required: bool = _setting(True, "Customer API: whether a token request must name its scopes", _switch)
    cases_depth: int = _setting(15, "Case API: levels of a query", _whole(1, 100))
    cases_aliases: int = _setting(100, "Case API: aliases in a query", _whole(0, 10_000))
    cases_tokens: int = _setting(5_000, "Case API: tokens of a query", _whole(100, 100_000))
    cases_cost: int = _setting(10_000, "Case API: values that a query may be estimated to show", _whole(100, 1_000_000_000))
    cases_introspection: bool | None = _setting(
        None, "Case API: whether the schema may be asked for; default: in profile local only", _switch
    )
    cases_deprecated: date = _setting(date(2026, 1, 1), "Case API: since when it is deprecated (the header Deprecation)", _day)
    cases_sunset: date | None = _setting(None, "Case API: when it ends (the header Sunset)", _day)
    public_url: str = _setting(
        "", "Network API and webhooks: what links begin with when a proxy stands in front of the server", _address
    )
    network_reads_per_second: float = _setting(50.0, "Network API: sustained reads per second of a caller", _number)
    network_read_burst: int = _setting(500, "Network API: reads in a short burst", _whole(1, 1_000_000_000))
    network_writes_per_minute: int = _setting(1200, "Network API: writes in any 60 seconds", _whole(1, 1_000_000_000))
    network_token_days: int = _setting(365, "Network API: days that a new API token lives", _whole(1, 3650))
    network_token_grace_seconds: int = _setting(
        0, "Network API: seconds that a refreshed token still works after the new one was used", _whole(0, 86_400)
    )
    network_origins: tuple[str, ...] = _setting(
        (), "Network API: origins whose pages may call with an API key, separated by commas", _origins
    )
    case_closes_after_days: int = _setting(5, "days after which a resolved case closes by itself", _whole(1, 365))
    webhook_networks: tuple[str, ...] = _setting(
        (), "webhooks: networks that deliveries may reach although they are not on the Internet", _networks
    )
    webhook_ca: Path | None = _setting(
        None, "webhooks: certificates (PEM) of authorities that are believed besides the system's", _path
    )
    webhook_payload_days: int = _setting(
        30, "webhooks: days for which what a webhook sent, and what was answered, are kept", _whole(1, 3650)
    )
    webhook_log_days: int = _setting(90, "webhooks: days for which finished deliveries are kept", _whole(1, 3650))
    idempotency_hours: int = _setting(24, "hours for which the answer to an Idempotency-Key is kept", _whole(1, 8760))

    def addresses(self) -> dict[Environment, str]:
        """The addresses of the environments' databases on an external PostgreSQL; empty for the embedded one."""
        if not self.database_url:
            return {}
        addresses = {Environment.PRODUCTION: self.database_url}
        if self.sandbox:
            name, mark, options = self.database_url.partition("?")
            addresses[Environment.SANDBOX] = self.sandbox_database_url or f"{name}_sandbox{mark}{options}"
        return addresses


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> Settings:
    """The settings of this process. Raises `StartupError` that names every variable that cannot be used."""
    values = _from_file(env_file) | dict(os.environ if environment is None else environment)
    read: dict[str, Any] = {}
    faults = []
    for setting in fields(Settings):
        text = values.get(variable(setting.name), "").strip()
        if not text:
            continue
        try:
            read[setting.name] = setting.metadata["read"](text)
        except ValueError as error:
            given = "" if setting.metadata["secret"] else f"={text!r}"
            faults.append(f"{variable(setting.name)}{given}: {error}")
    settings = Settings(**read)
    faults += _contradictions(settings)
    if faults:
        raise StartupError("; ".join(faults), ExitCode.CONFIGURATION)
    return settings


def unknown(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> list[str]:
    """Variables with our prefix that nothing reads: probably misspelt."""
    known = {variable(setting.name) for setting in fields(Settings)} | {f"{PREFIX}PG_BIN"}
    values = _from_file(env_file) | dict(os.environ if environment is None else environment)
    return sorted(name for name in values if name.startswith(PREFIX) and name not in known)


def _from_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StartupError(f"{path.absolute()} cannot be read: {reason}", ExitCode.CONFIGURATION) from None


def _contradictions(settings: Settings) -> Iterator[str]:
    """What is wrong between settings that are fine by themselves."""
    if settings.profile is Profile.LOCAL and settings.host not in LOOPBACK:
        yield (
            f"TRUNKLINE_HOST={settings.host}: profile local serves plain HTTP on the loopback address only; "
            "set TRUNKLINE_PROFILE=production"
        )
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        yield "TRUNKLINE_TLS_CERTIFICATE and TRUNKLINE_TLS_KEY go together"
    if settings.cases_sunset is not None and settings.cases_sunset < settings.cases_deprecated:
        yield "TRUNKLINE_CASES_SUNSET is before TRUNKLINE_CASES_DEPRECATED"
    if settings.sandbox_database_url and not settings.database_url:
        yield "TRUNKLINE_SANDBOX_DATABASE_URL goes with TRUNKLINE_DATABASE_URL"
    if settings.database_url and _place(settings.sandbox_database_url) == _place(settings.database_url):
        yield "TRUNKLINE_SANDBOX_DATABASE_URL is the same database as TRUNKLINE_DATABASE_URL; the sandbox needs one of its own"


def _place(address: str) -> tuple[str, str]:
    """Server and name of a database, without who logs in and how."""
    parts = urlsplit(address)
    return parts.netloc.rpartition("@")[2], parts.path
