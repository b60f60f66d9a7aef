"""The kit's examples are code."""

import subprocess
import sys

from tests.docs.shell import FENCE
from tests.serving import ROOT

README = ROOT / "src" / "trunkline" / "kit" / "README.md"


def test_the_examples_of_the_kit_are_valid() -> None:
    """Every Python example in the kit's README runs as it stands."""
    examples = [content for language, content in FENCE.findall(README.read_text()) if language == "python"]
    assert len(examples) >= 3
    for example in examples:  # each in a process of its own: what is declared is known to the whole process
        source = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n{example}"
        done = subprocess.run([sys.executable, "-c", source], check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{example}\n{done.stderr}"
