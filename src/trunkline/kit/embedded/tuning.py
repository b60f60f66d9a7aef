"""The server's settings, given on its command line so that no file of the cluster has to be edited or can drift."""

import os
import sys
from pathlib import Path

MB = 1024 * 1024


def settings(socket: str, connections: int) -> dict[str, str]:
    """Every setting that differs from PostgreSQL's default or that we rely on; `socket` is the socket's folder."""
    memory = _memory()
    chosen = {
        "cluster_name": "trunkline",  # shows in ps
        "listen_addresses": "",  # no TCP: the wheel has no TLS, and nobody but this machine's user may connect
        "unix_socket_directories": '"' + socket.replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "max_connections": str(connections),
        # Resident memory grows only as pages are used, so a laptop with a small database does not pay for the upper bound.
        "shared_buffers": _megabytes(memory // 16, 128, 1024),
        "effective_cache_size": _megabytes(memory // 2, 256, 65536),
        "maintenance_work_mem": _megabytes(memory // 64, 64, 256),
        "work_mem": _megabytes(memory // 1024, 4, 16),  # times all connections it must still fit
        "huge_pages": "try",
        "jit": "off",  # compiling costs more than our short queries
        "random_page_cost": "1.1",  # flash
        "wal_compression": "off",  # pglz, the only method every build has, costs a third of a small write's time
        "max_wal_size": "1GB",
        "checkpoint_timeout": "5min",  # bounds crash recovery to some seconds
        # What is acknowledged is on disk: never traded for speed.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # A transaction left open keeps locks and stops vacuum; ours last milliseconds.
        "idle_in_transaction_session_timeout": "60s",
        # The collector writes on when we are killed, and rotates by size and age; `logs.py` deletes the oldest files.
        "logging_collector": "on",
        "log_directory": "../log",
        "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
        "log_file_mode": "0600",
        "log_rotation_age": "1d",
        "log_rotation_size": "10MB",
        "log_line_prefix": "%m [%p] %q%d ",
        # Without DETAIL: "Failing row contains (...)" would put customers' data and secrets into the log.
        "log_error_verbosity": "terse",
    }
    if sys.platform == "linux":
        chosen["client_connection_check_interval"] = "10s"  # end the long queries of a client that died
        if _shared_memory_is_small():
            chosen["dynamic_shared_memory_type"] = "sysv"  # Docker's /dev/shm of 64 MB is too small for parallel queries
    return chosen


def _memory() -> int:
    """Bytes of memory that we may use: the machine's, or the container's limit when that is lower."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            sizes.append(int(Path(limit).read_text()))
        except (OSError, ValueError):  # not in a container, or "max"
            continue
    return min(sizes)


def _megabytes(size: int, least: int, most: int) -> str:
    return f"{min(max(size // MB, least), most)}MB"


def _shared_memory_is_small() -> bool:
    try:
        status = os.statvfs("/dev/shm")  # noqa: S108  # only looked at
    except OSError:
        return False
    return status.f_blocks * status.f_frsize < 256 * MB
