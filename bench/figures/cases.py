"""The Case API's figures: polling 50,000 cases of which ten changed, and opening a case."""

import asyncio
import json
from itertools import count
from typing import Any

import asyncpg

from bench.course import Figure, Requests
from bench.server import Headers, Subject, request
from trunkline.demo import bulk
from trunkline.kit.clock import wall_clock
from trunkline.kit.statements import Statement

CASES = 50_000
CHANGED = 10
MESSAGES = 2  # in each of these

POLL = """query RetrieveUpdatedCases {
  viewer {
    account {
      cases(lastModifiedMinutes: 1440) {
        id subject createdDate customerReference lastModifiedDate origin startOfIncident
        communications { message type timestamp sentBy }
        site { siteId }
        service { serviceId }
        status type
      }
    }
  }
}"""
OPEN = """mutation CreateCase($subject: String!, $type: String!, $startOfIncident: String, $endOfIncident: String,
  $customerReference: String, $serviceId: String!, $message: String!, $sentBy: String) {
  createCase(subject: $subject, type: $type, startOfIncident: $startOfIncident, endOfIncident: $endOfIncident,
    customerReference: $customerReference, serviceId: $serviceId, message: $message, sentBy: $sentBy) { id }
}"""
REPLY = 'mutation {{ replyToCase(id: "{}", message: "{}") }}'
PATH = "/graphql"

ACCOUNT_OF = Statement("SELECT tenant_id, id, customer_id FROM accounts WHERE reference = $1", scope="directory")
GROW_OLD = Statement(
    "UPDATE cases SET modified_at = modified_at - interval '60 days' WHERE tenant_id = $1 AND customer_id = $2"
)
MESSAGES_TOO = Statement(
    "UPDATE case_messages SET created_at = created_at - interval '60 days' WHERE tenant_id = $1 AND customer_id = $2"
)

_numbers = count(1)


def poll(subject: Subject, _: int) -> Requests:
    """The published poll of a customer of whom no other figure changes anything, always with the same ten cases."""
    bearer = subject.bearer_of("other")
    account = ask(subject, bearer, "{ viewer { account { accountId } } }")["viewer"]["account"]["accountId"]
    asyncio.run(_load(subject.database_url, account))
    page = ask(subject, bearer, f'{{ cases(first: {CHANGED}, filter: {{status: {{eq: "New"}}}}) {{ nodes {{ id }} }} }}')
    for case in page["cases"]["nodes"]:
        for number in range(MESSAGES):
            ask(
                subject, bearer, REPLY.format(case["id"], f"No change on our side, {number}; please call the site before noon.")
            )
    found = ask(subject, bearer, POLL)["viewer"]["account"]["cases"]
    if len(found) != CHANGED or any(len(case["communications"]) != MESSAGES for case in found):
        raise RuntimeError(f"the poll shows {len(found)} cases")
    return [request("POST", PATH, bearer, json.dumps({"query": POLL}).encode())]


async def _load(address: str, account: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        (found,) = await connection.fetch(ACCOUNT_OF, account)
        tenant_id, account_id, customer_id = found
        await bulk.load_cases(connection, tenant_id, account_id, wall_clock(), count=CASES)
        await connection.execute(GROW_OLD, tenant_id, customer_id)
        await connection.execute(MESSAGES_TOO, tenant_id, customer_id)
        await connection.execute("VACUUM ANALYZE cases")
        await connection.execute("VACUUM ANALYZE case_messages")
    finally:
        await connection.close()


def open_cases(subject: Subject, wanted: int) -> Requests:
    """Incidents on the customer's services, by the published mutation with its end."""
    ready = ask(subject, subject.bearer, '{ services(first: 50, filter: {status: {eq: "RFS"}}) { nodes { serviceId } } }')
    services = [node["serviceId"] for node in ready["services"]["nodes"]]

    def post() -> bytes:
        number = next(_numbers)
        variables = {
            "subject": "ServiceDown",
            "type": "Incident",
            "serviceId": services[number % len(services)],
            "message": f"No traffic since this morning; the router answers. Ticket {number} of our own desk.",
            "startOfIncident": "2026-03-02T06:10:00Z",
            "endOfIncident": None,
            "customerReference": f"DESK-{number}",
        }
        return request("POST", PATH, subject.bearer, json.dumps({"query": OPEN, "variables": variables}).encode())

    return [post() for _ in range(wanted)]


def ask(subject: Subject, bearer: Headers, query: str) -> Any:
    """The data that a query answers."""
    body = json.dumps({"query": query}).encode()
    answer = subject.post(PATH, {**bearer, "Content-Type": "application/json"}, body, expected=200).json()
    if "errors" in answer:
        raise RuntimeError(f"{query}: {answer['errors']}")
    return answer["data"]


FIGURES = (
    Figure("poll", "RetrieveUpdatedCases, 10 of 50,000 changed", poll, 1500, limit=1.5),
    Figure("createCase", "createCase", open_cases, 800, limit=1.5, once=True),
)
