"""What the tests of whole servers share: a data folder that has had its first start, and a look at what still runs."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import httpx

from tests.serving import Server

PATIENCE = 30.0


class FirstStarted(Server):
    """A server after its first start. `banner_call`: what came of the call that its screen shows."""

    banner_call: "subprocess.CompletedProcess[str]"


@cache
def first_started() -> FirstStarted:
    """A server that had its first start with demonstration data and was stopped in order; its folder is only to be copied."""
    server = FirstStarted(Path(tempfile.mkdtemp(prefix="trunkline-first-")) / "data")
    server.start()
    wait_for(lambda: "Try it" in server.log.read_text(), "the banner")
    server.banner_call = pasted(next(line for line in server.log.read_text().splitlines() if "curl" in line))
    assert server.stop() == 0
    return server


def pasted(call: str) -> "subprocess.CompletedProcess[str]":
    """What comes of a call with curl that is pasted into a shell; on a machine without curl, of the same request."""
    if shutil.which("curl"):
        return subprocess.run(["sh", "-c", call], cwd="/", capture_output=True, text=True, check=False)
    words = shlex.split(call)
    name, _, value = words[words.index("-H") + 1].partition(": ")
    answer = httpx.get(words[-1], headers={name: value})
    return subprocess.CompletedProcess(words, 0 if answer.is_success else 1, answer.text, answer.text)


def prepared(data: Path, **settings: str) -> Server:
    """A server on a copy of that folder, not started."""
    shutil.copytree(first_started().data, data, symlinks=True)
    return Server(data, dict(settings))


def forget_first_started() -> None:
    """Remove the folder that everybody copies."""
    if first_started.cache_info().currsize:
        shutil.rmtree(first_started().data.parent, ignore_errors=True)
        first_started.cache_clear()


def wait_for(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until `holds()` is true."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}"
        time.sleep(0.02)


def processes_of(data: Path) -> dict[int, str]:
    """Every process that works for a data folder: pid to command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            environment = (entry / "environ").read_bytes().split(b"\0")
            folder = str((entry / "cwd").readlink())
            if f"TRUNKLINE_DATA={data}".encode() in environment or folder.startswith(f"{data}/"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found


def stem_of(server: Server) -> int:
    """The process that the listeners and the worker are forked from; 0 when there is none."""
    assert server.process is not None
    found = [pid for pid in processes_of(server.data) if name(pid) == "trunkline-stem" and parent(pid) == server.process.pid]
    return found[0] if found else 0


def parts_of(server: Server, *names: str) -> list[int]:
    """The processes of these names that are forked from the stem."""
    stem = stem_of(server)
    return [pid for pid in processes_of(server.data) if name(pid) in names and parent(pid) == stem]


def listeners_of(server: Server) -> list[int]:
    """The listeners' processes, without their workers."""
    return parts_of(server, "trunkline-http", "trunkline-https")


def workers_of(server: Server) -> list[int]:
    """The processes that answer requests."""
    listeners = listeners_of(server)
    return [pid for pid in processes_of(server.data) if parent(pid) in listeners]


def postmaster_of(server: Server) -> int:
    """The embedded PostgreSQL's first process."""
    return int((server.data / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])


def name(pid: int) -> str:
    """What a process calls itself; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def parent(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def nothing_runs(server: Server, patience: float = PATIENCE) -> None:
    """Assert that no process works for the server any more, or soon does not."""
    wait_for(lambda: not processes_of(server.data), f"the end of {processes_of(server.data)}", patience)


def end(server: Server) -> None:
    """End a server however it stands, and everything of it."""
    if server.process is not None and server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(30)
    for pid in processes_of(server.data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if server.process is not None:
        server.process.wait(10)


def one_line(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> str:
    """Assert that a command ended with this code and one line that holds the words; the line."""
    lines = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("trunkline: "), done.stderr
    for word in words:
        assert word in lines[0], (word, lines[0])
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]
