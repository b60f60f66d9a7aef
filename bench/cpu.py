"""CPU time and memory of process trees, from /proc (Linux). What a request costs is read here and nowhere else."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # nanoseconds


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU nanoseconds (user + system) of a tree so far: of every thread, by (process, thread), and of children that ended."""

    threads: dict[tuple[int, int], int] = field(default_factory=dict)
    ended: int = 0


def usage(root: int) -> Usage:
    """What the tree below `root`, itself included, has used until now."""
    threads: dict[tuple[int, int], int] = {}
    ended = 0
    for pid in tree(root):
        for task in _entries(Path(f"/proc/{pid}/task")):
            try:
                threads[pid, int(task.name)] = int((task / "schedstat").read_text().split()[0])
            except (OSError, IndexError):  # it ended just now
                continue
        ended += _ended_children(pid)
    return Usage(threads, ended)


def spent(before: Usage, after: Usage) -> int:
    """CPU nanoseconds between two looks at one tree.

    A thread that began in between counts whole, and so does a process that ended in between (to a clock tick).
    A thread that ended while its process lives on is missed; the threads that answer requests do not end.
    """
    lasting = sum(now - before.threads.get(thread, 0) for thread, now in after.threads.items())
    living = {pid for pid, _ in after.threads}
    counted = sum(then for (pid, _), then in before.threads.items() if pid not in living)
    return lasting + max(0, after.ended - before.ended - counted)


def tree(root: int) -> list[int]:
    """Process ids: `root`, its children, their children."""
    found = [root]
    for pid in found:
        for task in _entries(Path(f"/proc/{pid}/task")):
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                continue
    return found


def place(root: int, cores: set[int]) -> None:
    """Let every thread of the tree below `root`, itself included, run on these cores only; what it starts later too."""
    for pid in tree(root):
        for task in _entries(Path(f"/proc/{pid}/task")):
            with contextlib.suppress(OSError):  # it ended just now
                os.sched_setaffinity(int(task.name), cores)


def named(root: int, name: str) -> list[int]:
    """The processes of that name (`ps -o comm`) in the tree below `root`, parents first."""
    return [pid for pid in tree(root) if _name(pid) == name]


def resident_megabytes(pid: int) -> float:
    """Resident memory of one process (VmRSS), in MB of a million bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def model() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name (which may hold blanks): state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _ended_children(pid: int) -> int:
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) * TICK if fields else 0
