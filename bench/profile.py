"""One figure, again and again, for a profiler that is attached meanwhile (`perf record -p`, `py-spy record -p`)."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.course import Course
from bench.cpu import named, tree
from bench.figures import FIGURES
from bench.imports import bulk_import
from bench.server import Subject

IMPORT = "import"  # what is no figure of many requests
IMPORTED = 10_000


def profile(key: str, seconds: float) -> None:
    """Load a server as for measuring, print the processes to look at, and send the figure's requests for so long.

    Raises `SystemExit` with the keys that there are when there is no such figure.
    """
    keys = [*(figure.key for figure in FIGURES), IMPORT]
    if key not in keys:
        raise SystemExit(f"there is no figure {key!r}; there are: {', '.join(map(repr, keys))}")
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-profile-") as folder,
        Subject(Path(folder) / "data", workers=1) as subject,
    ):
        print("starting a server and loading it", file=sys.stderr)
        subject.load()
        turn = _imports(subject) if key == IMPORT else _requests(subject, key)
        for name, found in processes(subject).items():
            print(f"{name}: {' '.join(map(str, found))}", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            print(turn(), file=sys.stderr)


def processes(subject: Subject) -> dict[str, list[int]]:
    """Process ids: those that answer requests, those that run jobs, those of PostgreSQL."""
    jobs = named(subject.server, "trunkline-jobs")
    return {"worker": tree(subject.application)[1:], "jobs": jobs, "PostgreSQL": tree(subject.postgres)}


def _requests(subject: Subject, key: str) -> Callable[[], str]:
    course = Course(subject, tuple(figure for figure in FIGURES if figure.key == key))

    def turn() -> str:
        course.round()
        return f"{course.measured[key].rounds[-1].total:.3f} ms CPU a request"

    return turn


def _imports(subject: Subject) -> Callable[[], str]:
    done = 0

    def turn() -> str:
        nonlocal done
        imported = bulk_import(subject, IMPORTED, after=done)
        done += IMPORTED
        return f"{imported.seconds:.1f} s, {imported.cpu:.1f} s CPU for {imported.rows:,} rows"

    return turn
