"""Independent clients against a real server (reference/expereo.md §12)."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.dialects.customer.wire import (
    BASIC,
    BILLING,
    SUPPORT,
    SUPPORT_WRITE,
    a_case,
    client_of,
    dsn,
    in_a_loop,
    token_form,
    walk,
)
from tests.serving import Server
from trunkline.demo import bulk, loading
from trunkline.domains.identity import service as identity
from trunkline.kit.clock import Clock
from trunkline.kit.ids import new_id
from trunkline.kit.principal import Environment, Reach, system
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work

SCOPE = f"{BASIC} {SUPPORT_WRITE} {BILLING}"


@pytest.fixture(scope="module")
def known(server: Server) -> dict[str, Any]:
    """The demonstration customer's credentials."""
    credentials: dict[str, Any] = server.credentials["customer"]
    return credentials


@pytest.fixture(autouse=True)
def plain_http() -> Iterator[None]:
    """oauthlib refuses plain HTTP unless it is told that this is a test."""
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    yield
    del os.environ["OAUTHLIB_INSECURE_TRANSPORT"]


def use(client: Any, base: str) -> None:
    """A few calls of the guide, by whatever client."""
    accounts = client.get(f"{base}/v2/accounts?page%5Boffset%5D=0&page%5Blimit%5D=25&sort=AccountId%2C-Name")
    assert accounts.status_code == 200
    assert accounts.json()["metadata"]["sort"] == ["AccountId", "-Name"]
    service = client.get(f"{base}/v2/services", params={"filter[Status]": "RFS", "page[limit]": "1"}).json()["data"][0]
    opened = client.post(f"{base}/v2/cases", json=a_case(service["serviceId"]))
    assert opened.status_code == 201
    address = opened.headers["location"]
    assert (
        client.patch(address, json={"customerReference": "by a library"}).json()["data"]["customerReference"] == "by a library"
    )
    assert client.post(f"{address}/case-messages", json={"message": "x"}).status_code == 201
    assert client.get(address).json()["data"]["status"] == "New"
    assert client.get(f"{base}/v2/invoices").status_code == 200


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib(server: Server, known: dict[str, Any], method: str) -> None:
    """authlib gets a token by either method and calls with it."""
    with OAuth2Client(known["client_id"], known["client_secret"], scope=SCOPE, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(f"{server.url}/oauth2/token", grant_type="client_credentials")
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
        use(client, server.url)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_asynchronous(server: Server, known: dict[str, Any], method: str) -> None:
    """authlib's asynchronous client does the same."""
    async with AsyncOAuth2Client(
        known["client_id"], known["client_secret"], scope=SCOPE, token_endpoint_auth_method=method
    ) as client:
        await client.fetch_token(f"{server.url}/oauth2/token", grant_type="client_credentials")
        accounts = (await client.get(f"{server.url}/v2/accounts")).json()
        assert len(accounts["data"]) == 25
        assert accounts["metadata"]["total"] >= 61  # of the demonstration; other tests of the same server may have added some


@pytest.mark.parametrize("by_basic", [True, False])
def test_requests_oauthlib(server: Server, known: dict[str, Any], by_basic: bool) -> None:
    """requests-oauthlib gets a token by Basic and by the form and calls with it."""
    with OAuth2Session(client=BackendApplicationClient(known["client_id"], scope=SCOPE.split())) as session:
        how: dict[str, Any] = {"auth": HTTPBasicAuth(known["client_id"], known["client_secret"])}
        if not by_basic:
            how = {"client_id": known["client_id"], "client_secret": known["client_secret"], "include_client_id": True}
        token = session.fetch_token(f"{server.url}/oauth2/token", **how)
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
        use(session, server.url)


def test_libraries_understand_refusals(server: Server, known: dict[str, Any]) -> None:
    """A wrong secret and a foreign scope become the libraries' own errors."""
    url = f"{server.url}/oauth2/token"
    with OAuth2Session(client=BackendApplicationClient(known["client_id"], scope=[BASIC])) as session:
        with pytest.raises(InvalidClientError):
            session.fetch_token(url, auth=HTTPBasicAuth(known["client_id"], "wrong"))
        with pytest.raises(InvalidClientError):
            session.fetch_token(url, client_id=known["client_id"], client_secret="wrong", include_client_id=True)
    with (
        OAuth2Session(client=BackendApplicationClient(known["client_id"], scope=["nonsense"])) as session,
        pytest.raises(InvalidScopeError),
    ):
        session.fetch_token(url, auth=HTTPBasicAuth(known["client_id"], known["client_secret"]))


def test_plain_httpx(server: Server, known: dict[str, Any]) -> None:
    """The guide's two steps by hand: a token with the credentials in the form, then a call."""
    with httpx.Client() as client:
        token = client.post(f"{server.url}/oauth2/token", data=token_form(known, scope=SCOPE)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        use(client, server.url)


def test_several_hosts_over_https(server: Server, known: dict[str, Any]) -> None:
    """Over HTTPS the same works, with HTTPS in every link."""
    with httpx.Client(verify=False) as client:  # noqa: S501 - the certificate that it made itself
        base = server.https_url
        token = client.post(
            f"{base}/oauth2/token",
            auth=(known["client_id"], known["client_secret"]),
            data={"grant_type": "client_credentials", "scope": SUPPORT},
        ).json()
        answer = client.get(f"{base}/v2/cases?page[limit]=3", headers={"Authorization": f"Bearer {token['access_token']}"})
        assert answer.json()["links"]["next"].startswith(f"{base}/v2/cases?page%5Boffset%5D=3")


# ten thousand rows --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def large_customer(server: Server) -> AsyncIterator[tuple[Any, httpx.Client]]:
    """A customer of its own with 9,999 accounts beneath it, and a client of it."""
    realm = Realm.at(Environment.PRODUCTION, dsn(server), connections=1, throttle=False)
    tenant_id = await realm.tenant(1)
    assert tenant_id is not None
    root = new_id()
    connection = await asyncpg.connect(dsn(server))
    reference = await connection.fetchval("SELECT 'ACC-' || nextval('account_references')")
    await connection.execute(
        """
        INSERT INTO accounts (tenant_id, id, reference, customer_id, path, name, legal_name, currency, created_at, modified_at)
        VALUES ($1, $2, $3, $2, $3 || '/', 'Large', 'Large Ltd', 'EUR', now(), now())
        """,
        tenant_id,
        root,
        reference,
    )
    await bulk.load_accounts(connection, tenant_id, root, f"{reference}/", Clock().now(), count=9_999)
    work = Work(realm.pool, realm.clock, system(tenant_id, Environment.PRODUCTION, "test"), Origin("test", "test"))
    async with Transaction(work) as transaction:
        made, secret = await identity.create_client(work, "Large", (BASIC, SUPPORT), Reach(root, root, ""))
        await transaction.commit(201)
    with client_of(server, {"client_id": made.reference, "client_secret": secret, "scopes": [BASIC]}) as client:
        yield (tenant_id, root, f"{reference}/"), client
    await connection.execute("DELETE FROM api_clients WHERE tenant_id = $1 AND customer_id = $2", tenant_id, root)
    await connection.execute("DELETE FROM accounts WHERE tenant_id = $1 AND customer_id = $2", tenant_id, root)
    await loading.recount(connection, tenant_id, "accounts", Clock().now())
    await connection.close()
    await realm.pool.close()


@pytest.mark.parametrize("sort", ["", "&sort=-Name,Country", "&sort=ParentAccountId,-LastModifiedDate"])
def test_ten_thousand_rows_by_next(large_customer: tuple[Any, httpx.Client], sort: str) -> None:
    """Following next through 10,000 rows gives each exactly once, and every page knows the total."""
    _, client = large_customer
    seen: list[str] = []
    for page in walk(client, f"/v2/accounts?page[limit]=200{sort}"):
        seen += [row["accountId"] for row in page["data"]]
        assert page["metadata"]["total"] == 10_000
        assert page["metadata"]["offset"] == len(seen) - len(page["data"])
    assert len(seen) == len(set(seen)) == 10_000
    if not sort:
        assert seen == sorted(seen)
        deep = client.get("/v2/accounts?page[offset]=9990&page[limit]=200").json()
        assert [row["accountId"] for row in deep["data"]] == seen[9990:]


async def one_more(server: Server, place: Any) -> None:
    connection = await asyncpg.connect(dsn(server))
    await bulk.load_accounts(connection, *place, Clock().now(), count=1)
    await connection.close()


def test_a_total_beyond_ten_thousand_is_null(server: Server, large_customer: tuple[Any, httpx.Client]) -> None:
    """With one row more the total is null, on every page; a filter that finds fewer still counts."""
    place, client = large_customer
    in_a_loop(one_more(server, place))
    for offset in (0, 5000, 9999, 10_001, 20_000):
        body = client.get(f"/v2/accounts?page[offset]={offset}&page[limit]=1").json()
        assert body["metadata"]["total"] is None
        assert body["metadata"]["hasMore"] == (offset < 10_000)
    assert client.get("/v2/accounts?filter[Name]=Large").json()["metadata"]["total"] == 1
