"""One figure, again and again, for a profiler that is attached meanwhile (`perf record -p`, `py-spy record -p`)."""

import sys
import tempfile
import time
from pathlib import Path

from bench.course import Course
from bench.cpu import tree
from bench.figures import FIGURES
from bench.server import Subject


def profile(key: str, seconds: float) -> None:
    """Load a server as for measuring, say which processes to look at, and send the figure's requests for so long.

    Raises `SystemExit` with the keys that there are when there is no such figure.
    """
    figure = next((figure for figure in FIGURES if figure.key == key), None)
    if figure is None:
        raise SystemExit(f"there is no figure {key!r}; there are: " + ", ".join(repr(figure.key) for figure in FIGURES))
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-profile-") as folder,
        Subject(Path(folder) / "data", workers=1) as subject,
    ):
        print("starting a server and loading it", file=sys.stderr)
        subject.load()
        course = Course(subject, (figure,))
        workers = tree(subject.application)[1:]
        print(f"worker: {' '.join(map(str, workers))}")
        print(f"PostgreSQL: {' '.join(map(str, tree(subject.postgres)))}")
        print(f"{figure.title}: {seconds:g} s", file=sys.stderr, flush=True)
        sys.stdout.flush()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            course.round()
        measured = course.measured[key]
        print(f"{measured.typical():.3f} ms CPU a request, {len(measured.rounds)} rounds", file=sys.stderr)
