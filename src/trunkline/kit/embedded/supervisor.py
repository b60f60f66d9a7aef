"""Start the embedded server, wait for it, watch it, stop it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg

from trunkline.kit.embedded import cluster, logs, orphans, sockets, tuning
from trunkline.kit.embedded.binaries import find_binaries, major_version, within_reach
from trunkline.kit.embedded.identity import Identity, choose_identity
from trunkline.kit.embedded.process import Program, spawn
from trunkline.kit.lock import PATIENCE_SECONDS, FolderLock
from trunkline.kit.startup import ExitCode, StartupError

POLL_SECONDS = 0.01
CONNECT_SECONDS = 20.0  # from "ready" in postmaster.pid to the first connection
PRUNE_SECONDS = 60.0


def _say_nothing(_: str) -> None: ...


class EmbeddedPostgres:
    """One embedded PostgreSQL server, for the owner of `folder` alone, over a Unix socket.

    `binaries` is a folder with `bin/postgres` (default: `find_binaries()`); `progress` gets short lines during long waits;
    `connections` is how many it takes at most; `patience` how long, in seconds, a start waits for a folder in use.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Path | None = None,
        progress: Callable[[str], None] = _say_nothing,
        connections: int = 100,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._folder = folder.absolute()
        self._binaries = binaries
        self._progress = progress
        self._connections = connections
        self._patience = patience
        self._lock = FolderLock(self._folder / "supervisor.lock")
        self._identity: Identity | None = None
        self._program: Program | None = None
        self._pruner: asyncio.Task[None] | None = None
        self._began = 0.0

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None when it does not run."""
        return self._program.process.pid if self._program and self._program.process.returncode is None else None

    @property
    def is_new(self) -> bool:
        """Whether the next start has to make the cluster."""
        return not (self._folder / "data" / "PG_VERSION").exists()

    def dsn(self, database: str) -> str:
        """The URL of `database` for asyncpg and psql. It needs no running server, so other processes may ask for it too."""
        folder = self._folder.resolve()
        identity = self._identity or choose_identity(folder / "data")
        password = "" if identity.client else ":" + quote((folder / "password").read_text().strip(), safe="")
        host = quote(str(sockets.socket_folder(folder)), safe="/")
        return f"postgresql://{cluster.ROLE}{password}@/{quote(database, safe='')}?host={host}&port={sockets.PORT}"

    async def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers, however long recovery takes.

        May be called again after `exited()`. Raises `StartupError`: ALREADY_RUNNING for a folder in use, CONFIGURATION,
        CANNOT_WRITE for a full or closed disk, FAILED with the server's last words.
        """
        if self.pid is not None:
            return
        try:
            await self._start()
        except OSError as error:
            await self.stop()
            where = error.filename or self._folder
            raise StartupError(f"cannot write {where}: {error.strerror or error}", ExitCode.CANNOT_WRITE) from error
        except BaseException:
            await self.stop()
            raise

    def disk_trouble(self) -> str | None:
        """What the server has said about a full disk since it was started; `None` when it has not."""
        said = logs.last_failure(logs.recent(self._folder.resolve() / "log", self._began))
        return said if said and logs.FULL.search(said) else None

    async def exited(self) -> int:
        """Wait until the server ends and return its exit code; minus the number of the signal that killed it."""
        if self._program is None:
            raise RuntimeError("exited() before start()")
        return await self._program.process.wait()

    async def stop(self) -> None:
        """Disconnect the clients, write a checkpoint, end the server and give the folder free. Twice is as good as once."""
        if self._pruner:
            self._pruner.cancel()
            self._pruner = None
        if self._program:
            await _end(self._program.process, self._folder / "data")
        if self._identity:
            folder = self._folder.resolve()
            sockets.remove_socket_folder(sockets.socket_folder(folder), folder, self._identity)
            self._identity = None
        self._lock.release()

    async def _start(self) -> None:
        folder = cluster.make_private(self._folder)
        data = folder / "data"
        identity = choose_identity(data)
        await self._lock.acquire(self._patience)
        self._identity = identity
        cluster.claim(folder, identity)
        await cluster.clear_interrupted(folder)
        binaries = within_reach(self._binaries or find_binaries(), folder, identity, self._progress)
        major = await major_version(binaries, identity)
        if new := not cluster.exists(data, major):
            self._progress("making a new database cluster")
            await cluster.create(folder, binaries, major, identity)
        leftovers = orphans.Leftovers(data, identity)
        if not new:  # nobody ever served a new one
            await leftovers.end(self._progress)
        cluster.write_access(data, identity)
        crashed = (data / "postmaster.pid").exists()
        began = self._began = time.time()
        self._program = await self._launch(folder, binaries, identity, leftovers.stranger_in_pid_file())
        await self._until_ready(self._program, data, "recovering after a crash" if crashed else "starting PostgreSQL", began)
        self._pruner = self._pruner or asyncio.create_task(_prune(folder / "log"))

    async def _launch(self, folder: Path, binaries: Path, identity: Identity, stranger: int | None) -> Program:
        place = sockets.socket_folder(folder)
        sockets.open_socket_folder(place, identity)
        # Relative to the data folder, the socket can be bound even below parents that the server's user cannot enter.
        socket = "../socket" if place.parent == folder else str(place)
        chosen = tuning.settings(socket, self._connections)
        settings = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        environment = {} if stranger is None else {"PG_GRANDPARENT_PID": str(stranger)}
        with cluster.passage(folder, identity) as (way, descriptors):
            command = [str(binaries / "bin" / "postgres"), "-D", str(way / "data"), *settings]
            return await spawn(identity, command, descriptors=descriptors, environment=environment)

    async def _until_ready(self, program: Program, data: Path, doing: str, began: float) -> None:
        told = 0
        ready_at: float | None = None
        while True:
            if program.process.returncode is not None:
                raise self._death(program, data, began)
            if ready_at is None and _is_ready(data, program.process.pid):
                ready_at = time.monotonic()
            if ready_at is not None and await self._answers(ready_at):
                program.output.close()  # the log's collector has taken over
                return
            if int(time.time() - began) > told:
                told = int(time.time() - began)
                self._progress(f"{doing}, {told} s")
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self, ready_at: float) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=CONNECT_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError)
            if refused or time.monotonic() - ready_at > CONNECT_SECONDS:
                raise StartupError(f"PostgreSQL in {self._folder} runs but does not let us in: {error}") from error
            return False
        await connection.close()
        return True

    def _death(self, program: Program, data: Path, began: float) -> StartupError:
        text = program.text() + logs.recent(data.parent / "log", began)
        code = program.process.returncode
        return cluster.failure(data.parent, logs.last_failure(text) or f"exit code {code}", "it ended at once")


def _is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def _end(process: asyncio.subprocess.Process, data: Path) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        began = time.monotonic()
        while not orphans.hangs(data, time.monotonic() - began):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await process.wait()
                    return


async def _prune(folder: Path) -> None:
    while True:
        logs.prune(folder)
        await asyncio.sleep(PRUNE_SECONDS)
