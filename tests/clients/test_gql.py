"""The Case API with the public client `gql`, over httpx and unchanged published operations (reference/expereo.md §10, §12)."""

import httpx
import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport

from tests.dialects.cases.wire import CREATE, CREATE_WITH_END, REFERENCE, REPLY, RETRIEVE
from tests.serving import Server


@pytest.fixture(scope="module")
def service_id(customer: httpx.Client) -> str:
    reference: str = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
    return reference


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    """A client that fetches the schema and checks queries against it before it sends them."""
    transport = HTTPXTransport(url=f"{server.url}/graphql", headers={"Authorization": f"Bearer {server.token()}"}, timeout=30)
    return Client(transport=transport, fetch_schema_from_transport=True)


def test_the_published_operations_work(client: Client, service_id: str) -> None:
    """All four, one after the other, checked against the schema that the server gives."""
    given = {"subject": "Other", "type": "NonIncident", "serviceId": service_id, "message": "Hello."}
    with client as session:
        case_id = session.execute(GraphQLRequest(CREATE, variable_values=given))["createCase"]["id"]
        assert session.execute(GraphQLRequest(REPLY, variable_values={"caseId": case_id, "message": "More."})) == {
            "replyToCase": True
        }
        wanted = {"caseId": case_id, "customerReference": "GQL-1"}
        assert session.execute(GraphQLRequest(REFERENCE, variable_values=wanted)) == {"addCustomerReference": True}
        query = RETRIEVE.replace("CASE_ID", case_id).replace("SERVICE_ID", service_id).replace("CUSTOMER_REFERENCE", "GQL-1")
        (case,) = session.execute(gql(query))["viewer"]["account"]["cases"]
    assert [message["message"] for message in case["communications"]] == ["Hello.", "More."]


def test_the_published_error_reaches_the_client(client: Client, service_id: str) -> None:
    """The client raises it with its message, code and path."""
    given = {
        "subject": "ServiceDown",
        "type": "Incident",
        "serviceId": service_id,
        "message": "x",
        "start": "2026-03-02T06:10:00Z",
    }
    with client as session, pytest.raises(TransportQueryError) as raised:
        session.execute(GraphQLRequest(CREATE_WITH_END, variable_values=given))
    (error,) = raised.value.errors or []
    assert (error["message"], error["extensions"]["code"], error["path"]) == ("An error has occurred", "HC0011", ["createCase"])


def test_a_query_that_is_not_executed_reaches_the_client(server: Server) -> None:
    """A client that does not check queries first gets the errors of a 400, not just the status."""
    transport = HTTPXTransport(url=f"{server.url}/graphql", headers={"Authorization": f"Bearer {server.token()}"}, timeout=30)
    with Client(transport=transport) as session, pytest.raises(TransportQueryError) as raised:
        session.execute(gql("{ nothing }"))
    (error,) = raised.value.errors or []
    assert error["extensions"]["code"] == "HC0016"


async def test_the_asynchronous_client_pages_through_a_collection(server: Server) -> None:
    """By `pageInfo`, as Relay clients do."""
    transport = HTTPXAsyncTransport(
        url=f"{server.url}/graphql", headers={"Authorization": f"Bearer {server.token()}"}, timeout=30
    )
    fields = "totalCount nodes { siteId } pageInfo { hasNextPage endCursor }"
    query = f"query ($after: String) {{ sites(first: 20, after: $after) {{ {fields} }} }}"
    seen: list[str] = []
    async with Client(transport=transport) as session:
        after, more, total = None, True, 0
        while more:
            page = (await session.execute(GraphQLRequest(query, variable_values={"after": after})))["sites"]
            seen += [node["siteId"] for node in page["nodes"]]
            after, more, total = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"], page["totalCount"]
    assert len(seen) == len(set(seen)) == total
