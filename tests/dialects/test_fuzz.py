"""The Customer API under thousands of requests made from its own document: nothing may differ from what the document says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ROOT, Server

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "4")  # per operation, beside the boundary values; `make fuzz` takes more
SECONDS = int(os.environ.get("FUZZ_SECONDS", "450"))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, since what is left behind is thousands of cases that other tests would count.

    Without a worker: webhooks to whatever addresses are made up would really be sent.
    """
    running = Server(tmp_path_factory.mktemp("fuzz") / "data", settings={"TRUNKLINE_JOBS": "off"}).start()
    yield running
    assert running.stop() == 0


def test_nothing_is_found(target: Server, tmp_path: Path) -> None:
    """No request, valid or not, brings about an answer that the document does not describe."""
    customer = target.credentials["customer"]
    others = [client["client_id"] for client in customer.values() if isinstance(client, dict)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUSTOMER_TOKEN": target.token(),
        "MANAGER_TOKEN": target.token("manager"),
        "CLIENT_ID": customer["client_id"],
        "CLIENT_SECRET": customer["client_secret"],
        "OWN_CLIENTS": " ".join((customer["client_id"], *others)),
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/dialects/fuzz.toml"), "run"]
    options = ["--max-examples", EXAMPLES, "--workers", "2", "--no-color"]
    done = subprocess.run(
        [*command, *options, f"{target.url}/v2/openapi.json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-12000:]}\n{done.stderr[-2000:]}"
    assert "Tested: " in done.stdout
