"""`$TRUNKLINE_DATA/credentials.json` (mode 0600): what the first start made, for people and scripts.

A section is drafted in a file of its own before its transaction commits, and joined to the others after. Whoever is killed in
between leaves either a draft without a tenant, which is thrown away, or a tenant with its draft, which the next start joins.
"""

import json
import os
from pathlib import Path
from typing import Any

from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.settings import Profile, Settings

FILE = "credentials.json"
SANDBOX_HOST = "sb2.localhost"
HTTPS_OFFSET = 443

Section = dict[str, Any]


def base_url(settings: Settings, environment: Environment = Environment.PRODUCTION) -> str:
    """Where an environment answers, as seen from this machine."""
    here = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = SANDBOX_HOST if environment is Environment.SANDBOX else {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(here, here)  # noqa: S104
    if settings.profile is Profile.PRODUCTION and settings.tls_certificate is not None:
        return f"https://{host}:{settings.port + HTTPS_OFFSET}"
    return f"http://{host}:{settings.port}"


def draft(settings: Settings, environment: Environment, section: Section) -> None:
    """Keep a section that is about to come true."""
    _write(_draft(settings, environment), section)


def drafted(settings: Settings, environment: Environment) -> Section | None:
    """The draft that a start left behind."""
    try:
        content: Section = json.loads(_draft(settings, environment).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content


def complete(settings: Settings, sections: dict[Environment, Section]) -> None:
    """Join new sections to the file, and bring its addresses up to date; writes only what changes."""
    path = settings.data / FILE
    before = _read(path)
    if before is None and not sections:
        return
    content: Section = {"base_url": base_url(settings), **(before or {})}
    content |= sections.get(Environment.PRODUCTION, {})
    if Environment.SANDBOX in sections:
        content["sandbox"] = {"host": SANDBOX_HOST, **sections[Environment.SANDBOX]}
    content["base_url"] = base_url(settings)
    _readdress(content, base_url(settings))
    _readdress(content.get("sandbox", {}), base_url(settings, Environment.SANDBOX))
    if content != before:
        _write(path, content)
    for environment in Environment:
        _draft(settings, environment).unlink(missing_ok=True)


def read(settings: Settings) -> Section:
    """The file's content. Raises `StartupError` when there is none."""
    path = settings.data / FILE
    content = _read(path)
    if content is None:
        raise StartupError(f"there is no {path.absolute()}: start the server once (`make run`)", ExitCode.CONFIGURATION)
    return content


def _readdress(section: Section, base: str) -> None:
    """A server may be started on another port than the first time."""
    for dialect in section.values():
        if isinstance(dialect, dict) and "token_url" in dialect:
            dialect["token_url"] = base + "/" + dialect["token_url"].split("/", 3)[3]


def _draft(settings: Settings, environment: Environment) -> Path:
    return settings.data / f".credentials-{environment}.json"


def _read(path: Path) -> Section | None:
    try:
        content: Section = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartupError(f"{path.absolute()} cannot be read: {reason(error)}", ExitCode.CONFIGURATION) from None
    return content


def _write(path: Path, content: Section) -> None:
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
