"""The folder in which the listeners' metrics meet: in memory where possible, so that a full disk cannot reach it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is made by us, closed to others


@contextmanager
def metrics_folder(data: Path) -> Iterator[Path]:
    """A new folder, gone at the end. The name goes with the data folder, so that a killed server's is found and removed."""
    place = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    mark = hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:12]
    folder = place / f"trunkline-metrics-{os.geteuid()}-{mark}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except OSError:  # somebody else's file is there
        folder = Path(tempfile.mkdtemp(prefix="trunkline-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
