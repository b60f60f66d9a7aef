"""`python -m bench`: measure, print, and (unless it is the quick run) rewrite the tables in bench/README.md.

With `--profile KEY` nothing is measured: the requests of one figure are sent for a while, so that a profiler can look.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import limits
from bench.course import Course
from bench.feed import feed_delay
from bench.figures import FIGURES
from bench.imports import bulk_import
from bench.profile import profile
from bench.report import Result
from bench.server import Subject
from bench.totals import after_writes
from bench.webhooks import webhooks


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    rounds: int  # at most
    seconds: float  # no new round after so long, except up to the third
    scale: float  # of the requests of a round
    requests: int  # answered in all before the memory is read
    two_rounds: int  # with two workers
    limit_rounds: int
    writes: int  # after each of which a total is read
    imported: int  # rows at once
    feed_seconds: float
    delivered: int  # webhooks


FULL = Extent(
    rounds=9,
    seconds=240,
    scale=1.0,
    requests=100_000,
    two_rounds=3,
    limit_rounds=5,
    writes=200,
    imported=100_000,
    feed_seconds=20,
    delivered=10_000,
)
QUICK = Extent(
    rounds=3,
    seconds=40,
    scale=0.3,
    requests=10_000,
    two_rounds=0,
    limit_rounds=2,
    writes=40,
    imported=10_000,
    feed_seconds=5,
    delivered=3_000,
)
LEAST_ROUNDS = 3
BARE_REQUESTS = 2000  # of a round


def measure(extent: Extent, command: str) -> Result:
    """Everything, from an empty folder."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as folder:
        data = Path(folder) / "data"
        say("starting a server and loading 100,000 accounts and as many subscribers")
        with Subject(data, workers=1) as subject:
            subject.load()
            say("walking to the deep pages")
            course = Course(subject, FIGURES, extent.scale)
            with limits.bare(subject, BARE_REQUESTS) as bare:
                bare_rounds = _in_turns(course, bare, extent, say)
            course.fill_up("account", extent.requests)
            megabytes = subject.worker_megabytes()
            result = Result(command, subject.version(), course.measured, {}, bare_rounds, megabytes, course.sent)
            say("totals after writes")
            result.totals = after_writes(subject, extent.writes)
            say(f"importing {extent.imported:,} subscribers")
            result.imported = bulk_import(subject, extent.imported)
            say("a reader of the feed")
            result.feed = feed_delay(subject, extent.feed_seconds)
            say(f"delivering {extent.delivered:,} webhooks")
            result.webhooks = webhooks(subject, extent.delivered)
            say("pgbench -S")
            by_key = limits.select_by_key(subject, extent.limit_rounds, seconds=3)
            result.limits.append(("PostgreSQL: `pgbench -S -M prepared`", *by_key))
            name = "granian, our pool and one query: an account without caller, limits, metrics and log"
            result.limits.append((name, median(bare_rounds), min(bare_rounds)))
        if extent.two_rounds:
            say("the same with two workers")
            with Subject(data, workers=2) as subject:
                course = Course(subject, tuple(f for f in FIGURES if f.limit and not f.base), extent.scale / 2)
                for _ in range(extent.two_rounds):
                    course.round()
                result.two = course.measured
    say("the bare HTTP server")
    result.limits.append(("granian: an ASGI application that knows one answer", *limits.hello(extent.limit_rounds, 10_000)))
    return result


def _in_turns(course: Course, bare: limits.Bare, extent: Extent, say: Callable[[str], None]) -> list[float]:
    """Measure round after round; what the bare way of a row cost in each."""
    began, costs = time.monotonic(), list[float]()
    for number in range(extent.rounds):
        if number >= LEAST_ROUNDS and time.monotonic() - began > extent.seconds:
            break
        say(f"round {number + 1} of {extent.rounds}")
        course.round()
        costs.append(bare.measure())
    return costs


def main() -> int:
    """Exit code: 0, or 1 when `--check` finds a limit exceeded."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds; prints, but leaves the README alone")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a figure is above its limit")
    parser.add_argument(
        "--profile", metavar="KEY", help="only send the requests of this figure, and print the processes to look at"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="with --profile: for how long")
    parser.add_argument("--tolerance", type=float, default=0.0, help="with --check: how far above is let pass (0.1 is a tenth)")
    arguments = parser.parse_args()
    if arguments.profile:
        profile(arguments.profile, arguments.seconds)
        return 0
    result = measure(QUICK if arguments.quick else FULL, "python -m bench --quick" if arguments.quick else "python -m bench")
    print(result.markdown())
    if not arguments.quick:
        result.write()
    missed = result.missed(arguments.tolerance)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
