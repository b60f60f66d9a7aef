"""The stem: loads the application once, and the listeners and the worker are forked from it. Run by the supervisor as `python -m`.

Loading is most of what starting such a process costs, and most of its memory; a fork has both for nothing. For that the stem
stays as a process must be that is forked: one thread, no event loop, no connection.

Orders come on standard input, what became of them goes to standard output, one JSON object a line (`parts.py` is the other end):
`{"part": …, "name": …, "arguments": {…}, "environment": {…}}` is answered by `{"started": PID}`, in the order of the orders; when
a part ends, `{"ended": PID, "code": …}` follows. At the end of its input the stem lets its parts end in order, then ends.
"""

import argparse
import contextlib
import gc
import json
import os
import select
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import trunkline.app  # noqa: F401 - what is forked has it
from trunkline.dialects.cases.schema import schema
from trunkline.kit.processes import end_with_parent, name_process
from trunkline.supervisor import listener

INPUT, OUTPUT = 0, 1

Order = dict[str, Any]
Task = Callable[[], None]


def _work() -> None:
    from trunkline.supervisor.worker import main  # noqa: PLC0415 - only this part needs it, and it can wait

    main()


PARTS: dict[str, Callable[..., None]] = {"listener": listener.listen, "worker": _work}


class Stem:
    """What has been forked and not ended yet."""

    def __init__(self) -> None:
        self._parts: set[int] = set()
        self._unfinished = b""
        self._woken, self._waking = os.pipe()  # readable when a part has ended
        os.set_blocking(self._waking, False)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def obey(self) -> Task | None:
        """Do what is ordered until the end of the input and of every part, then return `None`. In a fork: return what it is to do."""
        ordering = True
        while ordering or self._parts:
            ready, _, _ = select.select([self._woken, INPUT] if ordering else [self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._tell_ended()
            if INPUT in ready:
                given = os.read(INPUT, 65536)
                *lines, self._unfinished = (self._unfinished + given).split(b"\n")
                for line in lines:
                    if (task := self._fork(json.loads(line))) is not None:
                        return task
                if not given:
                    ordering = False
                    for pid in self._parts:
                        os.kill(pid, signal.SIGTERM)
        return None

    def _fork(self, order: Order) -> Task | None:
        stem = os.getpid()
        if pid := os.fork():
            self._parts.add(pid)
            _tell({"started": pid})
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)  # the terminal's one screen is the supervisor's; logs go to standard error
        for descriptor in (INPUT, OUTPUT):
            os.dup2(nothing, descriptor)
        for descriptor in (nothing, self._woken, self._waking):
            os.close(descriptor)
        os.setsid()  # a terminal's Ctrl-C is for the supervisor, which ends everything in order
        end_with_parent(stem)
        name_process(order["name"])
        os.environ.update(order["environment"])
        return partial(PARTS[order["part"]], **order["arguments"])

    def _tell_ended(self) -> None:
        while self._parts:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._parts.discard(pid)
            _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(what: Order) -> None:
    with contextlib.suppress(BrokenPipeError):  # the supervisor was killed; then the input ends too
        os.write(OUTPUT, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Load, then fork what is ordered; in a fork: be that part until its end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    end_with_parent(parser.parse_args().parent)
    name_process("trunkline-stem")
    schema()
    gc.collect()
    gc.freeze()  # what is loaded stays, and its pages stay shared
    if (task := Stem().obey()) is not None:
        task()


if __name__ == "__main__":
    main()
