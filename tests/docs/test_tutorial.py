"""What the documents tell people to type is typed here."""

import shutil
from pathlib import Path

import pytest

from tests.docs.shell import blocks_of, missing, run
from tests.serving import ROOT, Server

RUN = ("README.md", "docs/tutorial.md", "docs/customer-api.md", "docs/webhooks.md", "docs/case-api.md", "docs/network-api.md")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the documents' commands use curl")
@pytest.mark.parametrize("name", RUN)
def test_every_command_shows_what_the_document_says(name: str, server: Server, tmp_path: Path) -> None:
    """A reader who types the document's commands in order sees what the document shows."""
    document = ROOT / name
    outputs = run(document, server, tmp_path / "checkout")
    blocks = blocks_of(document)
    assert len(outputs) == len(blocks) > 0
    wrong = [
        f"{name}:{block.line}: nothing like {line!r} in:\n{output}"
        for block, output in zip(blocks, outputs, strict=True)
        if (line := missing(block, output)) is not None
    ]
    assert not wrong, "\n".join(wrong)


def test_every_promised_output_belongs_to_a_command() -> None:
    """Each document that is run has commands, and most of them show what comes of it."""
    for name in RUN:
        blocks = blocks_of(ROOT / name)
        assert sum(bool(block.expected) for block in blocks) * 2 > len(blocks), name
