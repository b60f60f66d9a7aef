"""The server's log files: why it died, and no more of them than needed."""

import contextlib
import os
import re
from pathlib import Path

KEPT_FILES = 10
TAIL = 64 * 1024
LOG_FILE = re.compile(r"postgresql-.*\.log")
FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large|Read-only file system|Input/output error")
FAILURE = re.compile(r"\b(?:FATAL|PANIC|error|fatal):\s+(?P<said>.+)")
# Said to clients while the server comes or goes; never the reason.
PASSING = re.compile(r"the database system is|terminating connection|terminating background worker")


def last_failure(text: str) -> str | None:
    """What the last meaningful FATAL or PANIC (of initdb: error) line of a log says; one about a full disk goes first."""
    said = [found["said"].strip() for line in text.splitlines() if (found := FAILURE.search(line))]
    said = [line for line in said if not PASSING.search(line)]
    full = [line for line in said if FULL.search(line)]
    return next(reversed(full or said), None)


def recent(folder: Path, since: float) -> str:
    """The end of what the server logged in `folder` since the time `since` (seconds since 1970)."""
    newest: list[Path] = sorted(folder.glob("postgresql-*.log"))[-2:]
    text = ""
    for file in newest:
        with contextlib.suppress(OSError):
            if file.stat().st_mtime >= since - 1:
                with file.open("rb") as stream:
                    stream.seek(max(0, file.stat().st_size - TAIL))
                    text += stream.read().decode(errors="replace")
    return text


def prune(folder: Path) -> None:
    """Delete all but the newest log files. The folder is opened first and never through a link, as root may do this."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            files = sorted(name for name in os.listdir(descriptor) if LOG_FILE.fullmatch(name))  # noqa: PTH208  # by descriptor
            for name in files[:-KEPT_FILES]:
                os.unlink(name, dir_fd=descriptor)
        finally:
            os.close(descriptor)
