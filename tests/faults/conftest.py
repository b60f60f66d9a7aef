"""Fixtures: servers of a test's own, of which nothing may be left."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import stage
from tests.serving import Server

MakeServer = Callable[..., Server]


@pytest.fixture(scope="session", autouse=True)
def _folder_to_copy() -> Iterator[None]:
    yield
    stage.forget_first_started()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes servers on empty data folders, not started."""
    made: list[Server] = []

    def make(name: str = "data", **settings: str) -> Server:
        made.append(Server(tmp_path / name, dict(settings)))
        return made[-1]

    yield make
    for server in made:
        stage.end(server)


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes servers on data folders that have had their first start, not started."""
    made: list[Server] = []

    def make(name: str = "data", **settings: str) -> Server:
        made.append(stage.prepared(tmp_path / name, **settings))
        return made[-1]

    yield make
    for server in made:
        stage.end(server)
