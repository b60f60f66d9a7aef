"""Fixtures: one real PostgreSQL for the whole run, and one really started server. Nothing of ours is ever faked."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests.serving import Server
from trunkline import migrations
from trunkline.kit.embedded import EmbeddedPostgres
from trunkline.kit.ids import new_id

MakeDatabase = Callable[[], Awaitable[str]]

# How fast the machine is today says nothing about the product.
settings.register_profile("trunkline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trunkline")


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    """An embedded PostgreSQL of the test run's own."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("cluster") / "postgres", progress=lambda _: None)
    await postgres.start()
    yield postgres
    await postgres.stop()


@pytest.fixture(scope="session")
async def make_database(cluster: EmbeddedPostgres) -> MakeDatabase:
    """Makes migrated, empty databases, one per call; the first migration serves as the template of the others."""
    template: list[str] = []

    async def make() -> str:
        administration = await asyncpg.connect(cluster.dsn("postgres"))
        try:
            if not template:
                await administration.execute("CREATE DATABASE migrated_template")
                await migrations.migrate(cluster.dsn("migrated_template"))
                template.append("migrated_template")
            name = f"test_{new_id().hex}"
            await administration.execute(f"CREATE DATABASE {name} TEMPLATE migrated_template")
        finally:
            await administration.close()
        return cluster.dsn(name)

    return make


@pytest.fixture(scope="session")
async def database_url(make_database: MakeDatabase) -> str:
    """A migrated database without tenants, shared by tests that bring tenants of their own and commit no tenant number 1."""
    return await make_database()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with demonstration data, two workers and no rate limits, shared by every test that does not need its own."""
    running = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    code = running.stop()
    assert code == 0, f"the server ended with {code}"


@pytest.fixture(scope="session")
def customer(server: Server) -> Iterator[httpx.Client]:
    """The demonstration customer's client with all scopes that customers have."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def other(server: Server) -> Iterator[httpx.Client]:
    """Another customer's client with all scopes that customers have."""
    with server.client("other") as client:
        yield client


@pytest.fixture(scope="session")
def manager(server: Server) -> Iterator[httpx.Client]:
    """The client that may manage the demonstration customer's API clients."""
    with server.client("manager") as client:
        yield client


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder for a server of the test's own."""
    return tmp_path / "data"
