"""A course: figures on one server, prepared once, then measured in turns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from bench.server import Cost, Subject

Requests = list[bytes]


@dataclass(frozen=True, slots=True)
class Figure:
    """`limit` is CPU milliseconds per request, of application and PostgreSQL; with `base` it is a multiple of that figure's."""

    key: str
    title: str
    prepare: Callable[[Subject, int], Requests]  # the server, and how many requests a round will send
    count: int  # requests of a round
    limit: float | None = None
    base: str = ""
    status: int = 200
    once: bool = False  # whether a request may be sent only once: each round prepares its own


@dataclass(slots=True)
class Measured:
    """A figure's rounds."""

    figure: Figure
    rounds: list[Cost] = field(default_factory=list)

    def typical(self, value: Callable[[Cost], float] = lambda cost: cost.total) -> float:
        return median(map(value, self.rounds))

    @property
    def least(self) -> float:
        return min(cost.total for cost in self.rounds)


def ratio(measured: Measured, base: Measured) -> float:
    """How many times as much as `base`: the median over rounds, each round of one against the same round of the other."""
    return median(one.total / other.total for one, other in zip(measured.rounds, base.rounds, strict=True))


class Course:
    """The figures on one server: prepared once, then measured in turns, so that a noisy moment falls on all of them."""

    def __init__(self, subject: Subject, figures: tuple[Figure, ...], scale: float = 1.0) -> None:
        self._subject = subject
        self.counts = {figure.key: max(100, int(figure.count * scale)) for figure in figures}
        self.measured = {figure.key: Measured(figure) for figure in figures}
        self.sent = 0
        self._requests: dict[str, Requests] = {}
        for figure in figures:
            self._requests[figure.key] = figure.prepare(subject, self.counts[figure.key])
            self._send(figure, 200 * subject.workers)  # every connection of every worker prepares its statements

    def round(self) -> None:
        """Every figure once."""
        for measured in self.measured.values():
            measured.rounds.append(self._send(measured.figure, self.counts[measured.figure.key]))

    def fill_up(self, key: str, count: int) -> None:
        """Send requests of one figure until the server has answered `count` in all."""
        if count > self.sent:
            self._send(self.measured[key].figure, count - self.sent)

    def _send(self, figure: Figure, count: int) -> Cost:
        requests = self._requests[figure.key]
        if figure.once:
            requests = figure.prepare(self._subject, count)
        self.sent += count
        return self._subject.measure(requests, count, figure.status)
