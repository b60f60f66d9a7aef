"""Fixtures of the Network API's tests: one caller of each role."""

from collections.abc import Iterator

import httpx
import pytest

from tests.dialects.network.wire import Caller, caller
from tests.serving import Server


@pytest.fixture(scope="session")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def admin(server: Server, http: httpx.Client) -> Caller:
    """ADMIN of the demonstration customer."""
    return caller(server, http, "admin_key")


@pytest.fixture(scope="session")
def customer_admin(server: Server, http: httpx.Client) -> Caller:
    """CUSTOMER_ADMIN of the demonstration customer."""
    return caller(server, http, "customer_admin_key")


@pytest.fixture(scope="session")
def reader(server: Server, http: httpx.Client) -> Caller:
    """READ_ONLY of the demonstration customer."""
    return caller(server, http, "read_only_key")


@pytest.fixture(scope="session")
def site(server: Server, http: httpx.Client) -> Caller:
    """A site token."""
    return caller(server, http, "site_key")


@pytest.fixture(scope="session")
def nobody(server: Server, http: httpx.Client) -> Caller:
    """A caller without a credential."""
    return caller(server, http, None)


@pytest.fixture(scope="session")
def stranger(server: Server, http: httpx.Client) -> Caller:
    """ADMIN of another customer."""
    return Caller(http, server.credentials["network"]["other"]["admin_key"])
