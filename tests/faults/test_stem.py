"""The stem, which the listeners and the worker are forked from: what it is, and what happens when it or its supervisor is killed."""

import os
import signal
import time
from pathlib import Path

import httpx

from tests.faults import stage
from tests.faults.conftest import MakeServer
from tests.serving import Server

NAMES = ("trunkline-http", "trunkline-https", "trunkline-jobs")


def ready(server: Server) -> bool:
    """Whether both listeners answer."""
    try:
        return all(httpx.get(f"{url}/readyz", verify=False, timeout=5).is_success for url in (server.url, server.https_url))  # noqa: S501
    except httpx.TransportError:
        return False


def whole(server: Server) -> bool:
    """Whether every part runs once, under one stem."""
    return len(stage.parts_of(server, *NAMES)) == len(NAMES)


def small(make: MakeServer) -> Server:
    """A server without demonstration data that has started."""
    server = make(TRUNKLINE_DEMO="off", TRUNKLINE_SANDBOX="off", TRUNKLINE_WORKERS="1").start()
    stage.wait_for(lambda: whole(server), "every part")
    return server


def test_the_stem_can_be_forked(new: MakeServer) -> None:
    """The stem has one thread and no connection to anything; each part leads a session of its own and has nothing of the stem's pipes."""
    server = small(new)
    stem = stage.stem_of(server)
    assert len(list(Path(f"/proc/{stem}/task").iterdir())) == 1
    held = descriptors(stem)
    assert not [number for number, target in held.items() if target.startswith("socket:") and number > 2]
    for pid in stage.parts_of(server, *NAMES):
        assert os.getsid(pid) == pid
        assert not {held[0], held[1]} & set(descriptors(pid).values())
    assert server.stop() == 0
    assert not stage.processes_of(server.data)


def descriptors(pid: int) -> dict[int, str]:
    """What a process has open."""
    return {int(entry.name): str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}


def test_a_killed_stem_is_replaced(new: MakeServer) -> None:
    """When the stem is killed its parts end, and another stem with new parts serves; a stop then leaves nothing."""
    server = small(new)
    stem, before = stage.stem_of(server), stage.parts_of(server, *NAMES)
    os.kill(stem, signal.SIGKILL)
    stage.wait_for(lambda: stage.stem_of(server) not in (0, stem) and whole(server), "another stem and its parts")
    stage.wait_for(lambda: ready(server), "answers")
    stage.wait_for(lambda: not set(before) & set(stage.processes_of(server.data)), "the end of the old parts")
    assert server.stop() == 0
    assert not stage.processes_of(server.data)


def test_a_part_is_replaced_from_what_is_loaded(new: MakeServer) -> None:
    """A listener that is killed is forked anew from the same stem."""
    server = small(new)
    stem = stage.stem_of(server)
    (before,) = stage.parts_of(server, "trunkline-http")
    os.kill(before, signal.SIGKILL)
    stage.wait_for(lambda: before not in stage.parts_of(server, "trunkline-http") and whole(server), "another listener")
    stage.wait_for(lambda: ready(server), "answers")
    assert stage.stem_of(server) == stem
    assert server.stop() == 0


def test_a_stop_while_the_stem_loads(new: MakeServer) -> None:
    """SIGTERM while the application is being loaded ends everything at once."""
    server = new(TRUNKLINE_DEMO="off", TRUNKLINE_WORKERS="1")
    server.start(wait=False)
    stage.wait_for(lambda: stage.processes_of(server.data) and stage.stem_of(server), "the stem")
    began = time.monotonic()
    assert server.stop() == 0, server.log.read_text()[-2000:]
    assert time.monotonic() - began < 10
    assert not stage.processes_of(server.data)
    assert "Traceback" not in server.log.read_text()
