"""Where a running server's databases are, for commands beside it: `$TRUNKLINE_DATA/running.json`, mode 0600, gone when it stops."""

import json
import os
from pathlib import Path

from trunkline.kit.principal import Environment
from trunkline.settings import Settings

FILE = "running.json"


def write_running(settings: Settings, addresses: dict[Environment, str]) -> Path:
    """Say that this process serves, and where its databases are."""
    path = settings.data / FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"pid": os.getpid(), "databases": {e.value: address for e, address in addresses.items()}}, file)
    return path


def running_addresses(settings: Settings) -> dict[Environment, str] | None:
    """The databases of the server that runs on this data folder; `None` when none does."""
    try:
        content = json.loads((settings.data / FILE).read_text())
        os.kill(content["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return {Environment(name): address for name, address in content["databases"].items()}
