"""Runs the shell blocks of a document as a reader would, and compares what it shows with what came.

A fenced `sh` block is run; the `text` block that follows it lists, line by line, what must appear in the block's output in that
order (`…` stands for anything). `console` blocks are for reading only. All blocks of a document share one shell.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.serving import Server

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of block {} ---"
PUBLISHED = "127.0.0.1:8000", "sb2.localhost:8000"
SECONDS = 120


@dataclass
class Block:
    """A command block: where it stands, what it runs, what it must show."""

    line: int
    script: str
    expected: list[str] = field(default_factory=list)


def blocks_of(document: Path) -> list[Block]:
    """The blocks to run, in order, each with the lines that it must show."""
    text = document.read_text()
    blocks: list[Block] = []
    previous = ""
    for fence in FENCE.finditer(text):
        language, content = fence.groups()
        if language == "sh":
            blocks.append(Block(text.count("\n", 0, fence.start()) + 1, content))
        elif language == "text" and previous == "sh":
            blocks[-1].expected = [line.strip() for line in content.splitlines() if line.strip()]
        previous = language
    return blocks


def run(document: Path, server: Server, folder: Path) -> list[str]:
    """Run a document's blocks against `server`, in a `folder` that is made to look like a checkout; the output of each."""
    _furnish(folder, server)
    blocks = blocks_of(document)
    script = "set -eu\n" + "".join(f"{block.script}\necho\necho '{MARK.format(n)}'\n" for n, block in enumerate(blocks))
    for published in PUBLISHED:
        script = script.replace(published, published.replace("8000", str(server.port)))
    done = subprocess.run(
        [shutil.which("bash") or "sh", "-c", script],
        check=False, cwd=folder, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    outputs = re.split(r"^" + MARK.format(r"\d+") + "$", done.stdout, flags=re.MULTILINE)
    assert done.returncode == 0, f"{document.name}:{blocks[len(outputs) - 1].line} ended with {done.returncode}:\n{done.stderr}"
    return [output.replace(str(server.port), "8000") for output in outputs[:-1]]


def missing(block: Block, output: str) -> str | None:
    """The first promised line that `output` does not show, or `None`."""
    position = 0
    for line in block.expected:
        found = re.compile(".*?".join(map(re.escape, line.split("…"))), re.DOTALL).search(output, position)
        if found is None:
            return line
        position = found.end()
    return None


def _furnish(folder: Path, server: Server) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "data").symlink_to(server.data)
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    settings = {name: value for name, value in server.environment.items() if name.startswith(("TRUNKLINE_", "PYTHONPATH"))}
    exports = "".join(f"export {name}='{value}'\n" for name, value in settings.items())
    launcher = binaries / "trunkline"
    launcher.write_text(f'#!/bin/sh\n{exports}exec "{sys.executable}" -m trunkline "$@"\n')
    launcher.chmod(0o755)
    (binaries / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (binaries / "python").chmod(0o755)
