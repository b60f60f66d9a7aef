"""Settings: `TRUNKLINE_*` environment variables, and the same names in a `.env` file (the environment wins).

This table is the whole of it; `docs/settings.md` is tested against it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from trunkline.kit.startup import ExitCode, StartupError

PREFIX = "TRUNKLINE_"


class Profile(StrEnum):
    LOCAL = "local"
    PRODUCTION = "production"


def _setting(default: Any, text: str, read: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"text": text, "read": read})


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


def _url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a postgresql:// address")
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with its default."""

    port: int = _setting(8000, "port of plain HTTP; HTTPS answers at port + 443", _whole(1, 65092))
    host: str = _setting("127.0.0.1", "address to listen on; profile local serves plain HTTP on the loopback address only")
    data: Path = _setting(Path("data"), "folder of the embedded PostgreSQL, credentials and certificate", _path)
    database_url: str = _setting("", "an external PostgreSQL 15 or newer instead of the embedded one", _url)
    sandbox_database_url: str = _setting(
        "", "the sandbox's database on an external PostgreSQL; default: the same name with _sandbox", _url
    )
    sandbox: bool = _setting(True, "whether there is a sandbox environment", _switch)
    profile: Profile = _setting(Profile.LOCAL, "local or production (production answers plain HTTP with 400)", _profile)
    workers: int = _setting(os.cpu_count() or 1, "worker processes; default: one per core", _whole(1, 256))
    database_connections: int = _setting(4, "database connections per worker and environment", _whole(1, 64))
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
    idempotency_hours: int = _setting(24, "hours for which the answer to an Idempotency-Key is kept", _whole(1, 8760))


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> Settings:
    """The settings of this process. Raises `StartupError` that names every variable that cannot be used."""
    values: dict[str, str] = {}
    if env_file.is_file():
        values |= {key: value for key, value in dotenv_values(env_file).items() if value is not None}
    values |= os.environ if environment is None else environment
    read: dict[str, Any] = {}
    faults = []
    for setting in fields(Settings):
        text = values.get(variable(setting.name), "").strip()
        if not text:
            continue
        try:
            read[setting.name] = setting.metadata["read"](text)
        except ValueError as error:
            faults.append(f"{variable(setting.name)}={text!r}: {error}")
    if faults:
        raise StartupError("; ".join(faults), ExitCode.CONFIGURATION)
    return Settings(**read)
