"""One server per data folder, and what commands beside it need to know.

`$TRUNKLINE_DATA/server.lock` is held while a server runs, starts or stops; `running.json` (mode 0600) says where its databases
are, from when they are ready until they are stopped.
"""

import json
import os
from enum import Enum
from pathlib import Path

from trunkline.kit.lock import FolderLock
from trunkline.kit.principal import Environment
from trunkline.kit.startup import ExitCode, StartupError, reason
from trunkline.settings import Settings

LOCK = "server.lock"
FILE = "running.json"


def make_data_folder(folder: Path) -> None:
    """The data folder, 0700 when it is made here. Raises `StartupError` when it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise StartupError(f"TRUNKLINE_DATA={folder} cannot be written: {reason(error)}", ExitCode.CANNOT_WRITE) from error


class State(Enum):
    """What the data folder's server is doing."""

    STOPPED = "stopped"
    CHANGING = "starting or stopping"
    RUNNING = "running"


class Running:
    """This process as the one server of its data folder."""

    def __init__(self, settings: Settings) -> None:
        self._lock = FolderLock(settings.data.absolute() / LOCK)
        self._path = settings.data.absolute() / FILE

    async def claim(self) -> bool:
        """Take the folder; whether the server before was killed. Raises `StartupError` when another one runs."""
        await self._lock.acquire()
        crashed = self._path.exists()
        self._path.unlink(missing_ok=True)
        return crashed

    def announce(self, databases: dict[Environment, str]) -> None:
        """Say where the databases are."""
        content = {"pid": os.getpid(), "databases": {name.value: address for name, address in databases.items()}}
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)

    def withdraw(self) -> None:
        """They are about to go."""
        self._path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the folder free."""
        self._lock.release()


def look(settings: Settings) -> tuple[State, dict[Environment, str]]:
    """What the data folder's server is doing and, while it runs, where its databases are."""
    folder = settings.data.absolute()
    if not FolderLock(folder / LOCK).is_held():
        return State.STOPPED, {}
    try:
        content = json.loads((folder / FILE).read_text())
        return State.RUNNING, {Environment(name): address for name, address in content["databases"].items()}
    except (OSError, ValueError, KeyError):
        return State.CHANGING, {}
