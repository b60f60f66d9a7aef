"""Fixtures of the Customer API's tests."""

from collections.abc import Iterator

import httpx
import pytest

from tests.serving import Server


@pytest.fixture(scope="session")
def service_id(customer: httpx.Client) -> str:
    """A service of the demonstration customer that is ready."""
    reference: str = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
    return reference


@pytest.fixture(scope="session")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with its rate limits on; its sandbox's clock may be moved."""
    running = Server(tmp_path_factory.mktemp("throttled") / "data", settings={"TRUNKLINE_THROTTLE": "on"}).start()
    yield running
    assert running.stop() == 0
