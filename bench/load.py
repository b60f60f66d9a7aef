"""The load: ready-made HTTP/1.1 requests over kept connections, one at a time on each, as fast as the answers come.

Runs as a process of its own (`python -m bench.load`): the plan comes on standard input, the outcome goes to standard output.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import cast

import msgspec
import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


class Plan(msgspec.Struct):
    """What to send: `count` requests in all, taken from `requests` in turn, over `connections` connections."""

    port: int
    connections: int
    count: int
    status: int
    requests: list[bytes]


class Outcome(msgspec.Struct):
    """How it went. Latencies are milliseconds in a closed loop: they show queueing, not the time of one idle request."""

    seconds: float
    count: int
    p50: float
    p99: float
    wrong: int  # answers with another status
    sample: str  # the first of those

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class _Run:
    """What the connections share: the next request, the latencies, the end."""

    def __init__(self, plan: Plan, done: "asyncio.Future[None]") -> None:
        self.plan, self.done = plan, done
        self.expected = f"HTTP/1.1 {plan.status} ".encode()
        self.sent = self.wrong = 0
        self.sample = ""
        self.latencies: list[float] = []

    def next(self) -> bytes | None:
        if self.sent == self.plan.count:
            return None
        self.sent += 1
        return self.plan.requests[(self.sent - 1) % len(self.plan.requests)]

    def answered(self, answer: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        if not answer.startswith(self.expected):
            self.wrong += 1
            self.sample = self.sample or answer.decode(errors="replace")
        if len(self.latencies) == self.plan.count and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """Sends a request, collects its answer, sends the next."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._answer = b""
        self._missing = -1  # bytes until the answer is whole; -1 while its head is not
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def send(self) -> None:
        request = self._run.next()
        if request is not None:
            self._answer, self._missing, self._begun = b"", -1, perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        if self._missing < 0:
            end = self._answer.find(HEAD_END)
            if end < 0:
                return
            start = self._answer.find(LENGTH, 0, end)
            length = int(self._answer[start + len(LENGTH) : self._answer.index(b"\r", start)]) if start > 0 else 0
            self._missing = end + len(HEAD_END) + length
        if len(self._answer) >= self._missing:
            self._run.answered(self._answer, perf_counter() - self._begun)
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(ConnectionError(f"the server closed a connection: {error}"))


async def run(plan: Plan) -> Outcome:
    """Carry the plan out."""
    loop = asyncio.get_running_loop()
    state = _Run(plan, loop.create_future())
    made = [await loop.create_connection(lambda: _Connection(state), "127.0.0.1", plan.port) for _ in range(plan.connections)]
    begun = perf_counter()
    for _, connection in made:
        connection.send()
    await state.done
    seconds = perf_counter() - begun
    ordered = sorted(state.latencies)
    p50, p99 = (1000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return Outcome(seconds, plan.count, p50, p99, state.wrong, state.sample[:2000])


def drive(port: int, requests: Sequence[bytes], count: int, *, status: int = 200, connections: int = 32) -> Outcome:
    """Send the load from a process of its own. Raises `RuntimeError` when an answer has another status."""
    plan = Plan(port, connections, count, status, list(requests))
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=msgspec.json.encode(plan), stdout=subprocess.PIPE, check=True)
    outcome = msgspec.json.decode(done.stdout, type=Outcome)
    if outcome.wrong:
        raise RuntimeError(f"{outcome.wrong} of {count} answers were not {status}; the first:\n{outcome.sample}")
    return outcome


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))))
