"""The result as Markdown: on the screen, and between the markers of bench/README.md."""

import platform
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import cpu
from bench.course import Measured, ratio
from bench.feed import FeedDelay
from bench.imports import Imported
from bench.server import cores
from bench.totals import AfterWrites
from bench.webhooks import Deliveries
from trunkline.kit.clock import wall_clock

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
MEMORY_LIMIT = 120.0
TOTALS_LIMIT = 1.5  # a page right after a write, of one after a page: a count of 100,000 rows would be twenty of them
IMPORT_LIMIT = 30.0 / 100_000  # seconds for a row
FEED_LIMIT = 100.0  # milliseconds, 99 of 100
WEBHOOK_LIMIT = 500.0  # deliveries a second, at least

HEAD = (
    "| figure | CPU ms: median | minimum | × bare | application | PostgreSQL | limit | | req/s | p50 ms | p99 ms |\n"
    "|---|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|"
)


@dataclass(slots=True)
class Result:
    """All that was measured. `bare`: what the bare way of a row cost in each round with one worker. `limits`: (name, median, minimum)."""

    command: str
    postgres: str
    one: dict[str, Measured]
    two: dict[str, Measured]
    bare: list[float]
    memory: float
    requests: int
    limits: list[tuple[str, float, float]] = field(default_factory=list)
    totals: AfterWrites | None = None
    imported: Imported | None = None
    feed: FeedDelay | None = None
    webhooks: Deliveries | None = None

    def missed(self, tolerance: float = 0.0) -> list[str]:
        """The figures above their limit by more than `tolerance` (0.1 is a tenth)."""
        found = []
        for measured in self.one.values():
            value, limit = _value(measured, self.one), measured.figure.limit
            if limit is not None and value > limit * (1 + tolerance):
                found.append(f"{measured.figure.title}: {value:.3g}, limit {limit:g}")
        if self.memory > MEMORY_LIMIT * (1 + tolerance):
            found.append(f"resident memory: {self.memory:.0f} MB, limit {MEMORY_LIMIT:.0f} MB")
        if self.totals and self.totals.ratio > TOTALS_LIMIT * (1 + tolerance):
            found.append(f"page with total after a write: {self.totals.ratio:.2f} × one after a page, limit {TOTALS_LIMIT:g}")
        if self.imported and self.imported.seconds > (limit := _import_limit(self.imported)) * (1 + tolerance):
            found.append(f"import of {self.imported.rows:,} subscribers: {self.imported.seconds:.1f} s, limit {limit:g} s")
        if self.feed and self.feed.p99 > FEED_LIMIT * (1 + tolerance):
            found.append(f"an event at its reader: p99 {self.feed.p99:.0f} ms, limit {FEED_LIMIT:g} ms")
        if self.webhooks and self.webhooks.per_second < WEBHOOK_LIMIT / (1 + tolerance):
            found.append(f"webhooks: {self.webhooks.per_second:.0f} deliveries/s, at least {WEBHOOK_LIMIT:g}")
        return found

    def markdown(self) -> str:
        """Machine, tables."""
        lines = [
            f"`{self.command}` on {wall_clock():%Y-%m-%d}, commit {_commit()}:",
            f"{cores()} cores of {cpu.model()}, Python {platform.python_version()}, PostgreSQL {self.postgres};",
            f"{_rounds(self.one)} rounds in turns, 32 connections.",
            "",
            "One worker:",
            "",
            HEAD,
            *(_row(measured, self.one, self.bare) for measured in self.one.values()),
            _memory_row(self.memory, self.requests),
        ]
        if self.two:
            lines += [
                "",
                "Two workers, for information:",
                "",
                HEAD,
                *(_row(measured, {}, []) for measured in self.two.values()),
            ]
        lines += [*_beside(self.totals, self.imported)]
        lines += _feed_rows(self.feed) if self.feed else []
        lines += _webhook_rows(self.webhooks) if self.webhooks else []
        lines += ["", "The physical limits:", "", "| | CPU ms: median | minimum |", "|---|---:|---:|"]
        lines += [f"| {name} | {middle:.3f} | {least:.3f} |" for name, middle, least in self.limits]
        return "\n".join(lines)

    def write(self) -> None:
        """Put the tables between the markers of the README."""
        text = README.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        README.write_text(f"{before}{BEGIN}\n\n{self.markdown()}\n\n{END}{after}")


def _value(measured: Measured, others: dict[str, Measured]) -> float:
    """What the limit is about: milliseconds, or the multiple of the base."""
    base = others.get(measured.figure.base)
    return ratio(measured, base) if base else measured.typical()


def _row(measured: Measured, others: dict[str, Measured], bare: list[float]) -> str:
    figure = measured.figure
    times = f"{median(cost.total / base for cost, base in zip(measured.rounds, bare, strict=True)):.1f}" if bare else ""
    value, limit = _value(measured, others), figure.limit if others else None
    shown = "" if limit is None else f"≤ {limit:g} × the first" if figure.base else f"≤ {limit:g}"
    verdict = "" if limit is None else _verdict(value, limit)
    if figure.base in others:
        verdict = f"{value:.2f} × {verdict}".strip()
    numbers = [
        f"**{measured.typical():.3f}**",
        f"{measured.least:.3f}",
        times,
        f"{measured.typical(lambda cost: cost.application):.3f}",
        f"{measured.typical(lambda cost: cost.database):.3f}",
        shown,
        verdict,
        f"{measured.typical(lambda cost: cost.outcome.per_second):,.0f}",
        f"{measured.typical(lambda cost: cost.outcome.p50):.1f}",
        f"{measured.typical(lambda cost: cost.outcome.p99):.1f}",
    ]
    return f"| {figure.title} | {' | '.join(numbers)} |"


def _memory_row(megabytes: float, requests: int) -> str:
    name = f"resident memory of the worker after {requests:,} requests"
    return f"| {name} | {megabytes:.0f} MB | | | | | < {MEMORY_LIMIT:.0f} MB | {_verdict(megabytes, MEMORY_LIMIT)} | | | |"


def _beside(totals: AfterWrites | None, imported: Imported | None) -> list[str]:
    """What is no request among many."""
    lines = ["", "One at a time:", "", "| | | limit | |", "|---|---:|---:|---|"] if totals or imported else []
    if totals:
        value = f"{totals.after_write:.2f} ms CPU, {totals.ratio:.2f} × one after another page ({totals.after_page:.2f} ms)"
        verdict = _verdict(totals.ratio, TOTALS_LIMIT)
        lines.append(
            f"| page of 20 subscribers with its exact total, right after a write | {value} | ≤ {TOTALS_LIMIT:g} × | {verdict} |"
        )
    if imported:
        limit = _import_limit(imported)
        value = f"{imported.seconds:.1f} s ({imported.cpu:.1f} s CPU, {imported.rows / imported.seconds:,.0f} rows/s)"
        name = f"bulkImport of {imported.rows:,} subscribers, from the POST until `COMPLETED`"
        lines.append(f"| {name} | {value} | ≤ {limit:g} s | {_verdict(imported.seconds, limit)} |")
    return lines


def _feed_rows(feed: FeedDelay) -> list[str]:
    """A table of its own: it is about time, not about processors."""
    written = f"{feed.per_second:,.0f} events/s written, {feed.events:,} in all"
    delays = f"{feed.p50:.0f} | **{feed.p99:.0f}** | {feed.longest:.0f} | ≤ {FEED_LIMIT:g} | {_verdict(feed.p99, FEED_LIMIT)}"
    return [
        "",
        "From the commit to a reader of the change feed:",
        "",
        "| | p50 ms | p99 ms | longest | limit of p99 | | cores, server and PostgreSQL |",
        "|---|---:|---:|---:|---:|---|---:|",
        f"| {written} | {delays} | {feed.cpu:.2f} |",
    ]


def _webhook_rows(webhooks: Deliveries) -> list[str]:
    """A table of its own: here more is better."""
    kept = "kept" if webhooks.per_second >= WEBHOOK_LIMIT else "**missed**"
    costs = f"{webhooks.worker + webhooks.database:.3f} | {webhooks.worker:.3f} | {webhooks.database:.3f}"
    return [
        "",
        "Webhooks from one worker to a receiver on this machine:",
        "",
        "| | deliveries/s | limit | | CPU ms each | worker | PostgreSQL |",
        "|---|---:|---:|---|---:|---:|---:|",
        f"| {webhooks.count:,} committed events | **{webhooks.per_second:,.0f}** | ≥ {WEBHOOK_LIMIT:g} | {kept} | {costs} |",
    ]


def _import_limit(imported: Imported) -> float:
    return IMPORT_LIMIT * imported.rows


def _verdict(value: float, limit: float) -> str:
    return "kept" if value <= limit else "**missed**"


def _rounds(measured: dict[str, Measured]) -> int:
    return max(len(m.rounds) for m in measured.values())


def _commit() -> str:
    def git(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=README.parent, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "../src")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with uncommitted changes" if changed else "")
