"""What the Case API's tests share: the published operations, how a query is sent, how an error looks."""

from typing import Any

import httpx

# As the published article prints them.
RETRIEVE = """query RetrieveUpdatedCases {
  viewer {
    account {
      cases(id: "CASE_ID", serviceId: "SERVICE_ID", lastModifiedMinutes: 1440, customerReference: "CUSTOMER_REFERENCE") {
        id
        subject
        createdDate
        customerReference
        lastModifiedDate # Used by customers to manage update retrieval
        origin
        startOfIncident
        communications {
          message
          type
          timestamp
          sentBy
        }
        site {
          siteId
        }
        service {
          serviceId
        }
        status
        type
      }
    }
  }
}
"""
CREATE = """mutation CreateCase(
    $subject: String!
    $type: String!
    $startOfIncident: String
    $customerReference: String
    $serviceId: String!
    $message: String!
    $sentBy: String
) {
    createCase(
        subject: $subject
        type: $type
        startOfIncident: $startOfIncident
        customerReference: $customerReference
        serviceId: $serviceId
        message: $message
        sentBy: $sentBy
    ) {
        id
    }
}
"""
REPLY = """mutation ReplyToCase($caseId: String!, $message: String!, $sentBy: String) {
    replyToCase(caseId: $caseId, message: $message, sentBy: $sentBy)
}
"""
REFERENCE = """mutation AddCustomerReference($caseId: String!, $customerReference: String!) {
    addCustomerReference(caseId: $caseId, customerReference: $customerReference)
}
"""
CREATE_WITH_END = """mutation ($subject: String!, $type: String!, $serviceId: String!, $message: String!, $start: String, $end: String) {
  createCase(subject: $subject, type: $type, serviceId: $serviceId, message: $message, startOfIncident: $start, endOfIncident: $end) {
    id
    subject
    type
    priority
    status
    origin
    startOfIncident
    endOfIncident
    communications { message type sentBy }
  }
}
"""
GRAPHQL_JSON = "application/graphql-response+json"


def post(client: httpx.Client, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    """Send a query; header names with `_` for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"query": query} if variables is None else {"query": query, "variables": variables}
    return client.post("/graphql", json=body, headers=sent)


def ask(client: httpx.Client, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The data that a query answers; there are no errors."""
    answer = post(client, query, variables)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"data"}, body
    return body["data"]


def only_error(answer: httpx.Response) -> dict[str, Any]:
    """The one error of an answer, which has nothing but what errors have."""
    body = answer.json()
    assert set(body) <= {"errors", "data"}, body
    (error,) = body["errors"]
    assert set(error) <= {"message", "locations", "path", "extensions"}, error
    assert isinstance(error["message"], str)
    assert error["message"]
    found: dict[str, Any] = error
    return found


def code_of(answer: httpx.Response) -> str | None:
    """The code of an answer's one error."""
    code: str | None = only_error(answer).get("extensions", {}).get("code")
    return code


def open_case(client: httpx.Client, service_id: str, **changes: Any) -> str:
    """Open a case by the published mutation; its id."""
    given = {"subject": "ChangeRequest", "type": "NonIncident", "serviceId": service_id, "message": "Hello.", **changes}
    case_id: str = ask(client, CREATE, given)["createCase"]["id"]
    return case_id


def cases(client: httpx.Client, arguments: str, fields: str = "id") -> list[dict[str, Any]]:
    """`viewer { account { cases } }`."""
    given = f"({arguments})" if arguments else ""
    found: list[dict[str, Any]] = ask(client, f"{{ viewer {{ account {{ cases{given} {{ {fields} }} }} }} }}")["viewer"][
        "account"
    ]["cases"]
    return found
