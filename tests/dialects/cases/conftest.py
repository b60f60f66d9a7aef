"""Fixtures of the Case API's tests."""

import json
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.serving import Server


@pytest.fixture(scope="session")
def service_id(customer: httpx.Client) -> str:
    """A service of the demonstration customer that is ready."""
    reference: str = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
    return reference


@pytest.fixture(scope="session")
def with_scopes(server: Server, customer: httpx.Client) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of the demonstration customer that hold these scopes only."""
    accounts = customer.get("/v2/accounts?page[limit]=200").json()["data"]
    root = next(account["accountId"] for account in accounts if account["parentAccountId"] is None)
    made: dict[tuple[str, ...], httpx.Client] = {}

    def make(*scopes: str) -> httpx.Client:
        if scopes not in made:
            options = [part for scope in scopes for part in ("--scope", scope)]
            done = server.run("client", "create", f"cases {uuid.uuid4()}", *options, "--account", root, "--json")
            client = json.loads(done.stdout)
            form = {"grant_type": "client_credentials", "client_id": client["client_id"], "scope": " ".join(scopes)}
            token = httpx.post(f"{server.url}/oauth2/token", data={**form, "client_secret": client["client_secret"]}).json()
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            made[scopes] = httpx.Client(base_url=server.url, headers=headers, timeout=30)
        return made[scopes]

    yield make
    for client in made.values():
        client.close()
