"""HAL clients that others wrote for Node walk the Network API and write to it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.serving import Server

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("client", sorted(FOLDER.glob("*.test.js")), ids=lambda file: file.name.partition(".")[0])
def test_the_client_finds_its_way(server: Server, client: Path) -> None:
    """From the root to the last page by links alone, then creating, changing and deleting."""
    key = server.credentials["network"]["admin_key"]
    run = subprocess.run(
        ["node", "--test", "--test-reporter=tap", client.name],
        cwd=FOLDER,
        env={**os.environ, "BASE_URL": server.url, "API_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
