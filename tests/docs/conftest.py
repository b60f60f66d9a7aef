"""The documents' commands run on a server of their own: they show what the demonstration looks like when nobody has changed it."""

from collections.abc import Iterator

import pytest

from tests.serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(
        tmp_path_factory.mktemp("documents") / "data", settings={"TRUNKLINE_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    ).start()
    yield running
    running.stop()
