"""A case is one and the same in both dialects, message by message."""

from typing import Any

import httpx

from tests.dialects.cases.wire import ask, cases, open_case
from tests.dialects.customer import wire as rest

FIELDS = """
    id subject type priority status origin createdDate lastModifiedDate customerReference startOfIncident endOfIncident resolvedDate
    closedDate account { accountId } site { siteId } service { serviceId } communications { message type timestamp sentBy }
"""


def by_query(client: httpx.Client, case_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the case as V2 spells it, its messages) from the Case API."""
    (case,) = cases(client, f'id: "{case_id}"', FIELDS)
    messages = case.pop("communications")
    flat = {"caseId": case.pop("id"), "accountId": case.pop("account")["accountId"], "siteId": case.pop("site")["siteId"]}
    return {**case, **flat, "serviceId": case.pop("service")["serviceId"]} | {}, messages


def by_rest(client: httpx.Client, case_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same from the Customer API."""
    case = client.get(f"/v2/cases/{case_id}").json()["data"]
    rows = client.get(f"/v2/cases/{case_id}/case-messages?page[limit]=200").json()["data"]
    return case, [{name: row[name] for name in ("message", "type", "timestamp", "sentBy")} for row in rows]


def same(client: httpx.Client, case_id: str) -> list[dict[str, Any]]:
    """Assert that both dialects show the same; the messages."""
    one, other = by_query(client, case_id), by_rest(client, case_id)
    one[0].pop("service", None)
    assert one == other
    return one[1]


def test_a_case_that_is_opened_by_query_is_the_same_in_v2(customer: httpx.Client, service_id: str) -> None:
    """Opened and answered in the Case API, answered again and changed in V2: both show the same after every step."""
    case_id = open_case(customer, service_id, message="first", sentBy="noc@acme.example", customerReference="R-1")
    same(customer, case_id)
    ask(customer, f'mutation {{ replyToCase(id: "{case_id}", message: "second") }}')
    same(customer, case_id)
    assert customer.post(f"/v2/cases/{case_id}/case-messages", json={"message": "third"}).status_code == 201
    assert customer.patch(f"/v2/cases/{case_id}", json={"priority": "P5"}).status_code == 200
    ask(customer, f'mutation {{ addCustomerReference(id: "{case_id}", customerReference: "R-2") }}')
    messages = same(customer, case_id)
    assert [message["message"] for message in messages] == ["first", "second", "third"]
    assert by_rest(customer, case_id)[0]["customerReference"] == "R-2"


def test_a_case_that_is_opened_in_v2_is_the_same_by_query(customer: httpx.Client, service_id: str) -> None:
    """An incident with dates, answered in both."""
    dates = {"startOfIncident": "2026-03-02T06:10:00Z", "endOfIncident": None}
    case_id = rest.open_case(customer, service_id, type="Incident", subject="ServiceDown", **dates)["caseId"]
    same(customer, case_id)
    assert customer.post(f"/v2/cases/{case_id}/case-messages", json={"message": "Still.", "sentBy": "Ann"}).status_code == 201
    ask(customer, f'mutation {{ replyToCase(caseId: "{case_id}", message: "Gone now.", sentBy: "Ben") }}')
    assert [(m["message"], m["sentBy"]) for m in same(customer, case_id)] == [
        ("Hello.", "Demonstration"), ("Still.", "Ann"), ("Gone now.", "Ben"),
    ]  # fmt: skip


def test_a_resolved_case_is_taken_up_again_by_an_answer(customer: httpx.Client) -> None:
    """The state rules are the Customer API's."""
    resolved = customer.get("/v2/cases?filter[Status]=Resolved&page[limit]=1").json()["data"][0]["caseId"]
    ask(customer, f'mutation {{ replyToCase(id: "{resolved}", message: "It is back.") }}')
    assert by_rest(customer, resolved)[0]["status"] == "InProgress"
    same(customer, resolved)


def test_every_demonstration_case_is_the_same(customer: httpx.Client) -> None:
    """All of them, in every status and from every origin."""
    rows = {row["caseId"]: row for row in rest.everything(customer, "/v2/cases")}
    found = cases(customer, "", "id subject type priority status origin lastModifiedDate customerReference")
    assert len(found) == len(rows)
    for case in found:
        row = rows[case["id"]]
        assert {name: row[name] for name in case if name != "id"} == {name: case[name] for name in case if name != "id"}
