"""Cases: what may be opened and changed, and how they live (reference/expereo.md §3.3, §4, §9)."""

import asyncio
import re
from itertools import product
from typing import Any

import asyncpg
import httpx
import pytest

from tests.dialects.customer.wire import (
    SUPPORT_WRITE,
    a_case,
    client_of,
    dsn,
    everything,
    in_a_loop,
    is_problem,
    open_case,
    sql,
)
from tests.serving import Server
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.supervisor.timers import run_once

INCIDENT = ("RfoRequest", "ServiceDegradation", "ServiceIntermittent", "ServiceDown")
REQUEST = (
    "ActivationSupport",
    "ChangeRequest",
    "EngineerDispatch",
    "InformationRequest",
    "Other",
    "SoftwareUpdate",
    "UtilizationReport",
)
DATES: dict[str, Any] = {"startOfIncident": "2026-03-02T06:10:00Z", "endOfIncident": None}


def incident(service_id: str, **changes: Any) -> dict[str, Any]:
    return a_case(service_id, **{"type": "Incident", "subject": "ServiceDown", **DATES, **changes})


def put(server: Server, case_id: str, status: str) -> None:
    """Bring a case into a status that a customer cannot give it, as if an hour ago."""
    sql(
        server,
        """
        UPDATE cases SET status = $2::text, version = version + 1,
                         modified_at = date_trunc('second', modified_at) - interval '1 hour',
                         resolved_at = CASE WHEN $2 = 'resolved' THEN date_trunc('second', now()) END
         WHERE reference = $1
        """,
        case_id,
        status,
    )


# opening ------------------------------------------------------------------------------------------------------------------


def test_opening_a_case(customer: httpx.Client, server: Server, service_id: str) -> None:
    """The reference's round trip: the answer, its address, and the message as the case's first."""
    body = incident(
        service_id, priority="P1", message="Line down since 06:10 UTC.", customerReference="NOC-7781", sentBy="noc@acme.example"
    )
    answer = customer.post("/v2/cases", json=body)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    case = answer.json()["data"]
    address = f"{server.url}/v2/cases/{case['caseId']}"
    assert answer.json()["links"] == {"self": address}
    assert answer.headers["location"] == address
    service = customer.get(f"/v2/services/{service_id}").json()["data"]
    assert list(case) == [
        "caseId",
        "subject",
        "type",
        "priority",
        "status",
        "origin",
        "createdDate",
        "lastModifiedDate",
        "customerReference",
        "startOfIncident",
        "endOfIncident",
        "accountId",
        "siteId",
        "serviceId",
        "resolvedDate",
        "closedDate",
    ]
    assert case == {
        "caseId": case["caseId"],
        "subject": "ServiceDown",
        "type": "Incident",
        "priority": "P1",
        "status": "New",
        "origin": "Api",
        "createdDate": case["createdDate"],
        "lastModifiedDate": case["createdDate"],
        "customerReference": "NOC-7781",
        "startOfIncident": "2026-03-02T06:10:00Z",
        "endOfIncident": None,
        "accountId": service["accountId"],
        "siteId": service["siteId"],
        "serviceId": service_id,
        "resolvedDate": None,
        "closedDate": None,
    }
    assert customer.get(answer.headers["location"]).json() == answer.json()
    messages = customer.get(f"/v2/cases/{case['caseId']}/case-messages").json()["data"]
    assert [(m["message"], m["type"], m["sentBy"], m["timestamp"]) for m in messages] == [
        ("Line down since 06:10 UTC.", "Customer", "noc@acme.example", case["createdDate"])
    ]
    assert customer.get("/v2/cases?page[limit]=1").json()["data"] == [case]


def test_what_is_not_said_has_a_default(customer: httpx.Client, service_id: str) -> None:
    """Without a sender the client's name stands there; what is left out or null is null."""
    nulls = dict.fromkeys(("customerReference", "sentBy", "priority", "startOfIncident", "endOfIncident"))
    for case in (open_case(customer, service_id), open_case(customer, service_id, **nulls)):
        assert (case["customerReference"], case["startOfIncident"], case["endOfIncident"], case["priority"]) == (
            None,
            None,
            None,
            "P4",
        )
        message = customer.get(f"/v2/cases/{case['caseId']}/case-messages").json()["data"][0]
        assert message["sentBy"] == "Demonstration"


@pytest.mark.parametrize("subject", [*INCIDENT, *REQUEST])
@pytest.mark.parametrize("type_", ["Incident", "NonIncident"])
def test_the_matrix(customer: httpx.Client, service_id: str, type_: str, subject: str) -> None:
    """Every type, priority and subject: what the matrix allows is opened, everything else names the wrong fields."""
    subjects, priorities = (INCIDENT, "P1 P2 P3 P4 P5") if type_ == "Incident" else (REQUEST, "P3 P4 P5")
    for priority in ("P1", "P2", "P3", "P4", "P5", "P0", "P6", "p3", "1", ""):
        wrong = [
            name
            for name, bad in (("subject", subject not in subjects), ("priority", priority not in priorities.split()))
            if bad
        ]
        answer = customer.post("/v2/cases", json=incident(service_id, type=type_, subject=subject, priority=priority))
        if wrong:
            is_problem(answer, 422, *wrong)
        else:
            assert answer.status_code == 201
            case = answer.json()["data"]
            assert (case["type"], case["subject"], case["priority"]) == (type_, subject, priority)


@pytest.mark.parametrize(
    ("subject", "priority"),
    [
        ("ServiceDown", "P1"),
        ("ServiceIntermittent", "P2"),
        ("ServiceDegradation", "P3"),
        ("RfoRequest", "P4"),
        *((subject, "P4") for subject in REQUEST),
    ],
)
def test_default_priorities(customer: httpx.Client, service_id: str, subject: str, priority: str) -> None:
    """Without a priority the subject decides."""
    type_ = "Incident" if subject in INCIDENT else "NonIncident"
    assert open_case(customer, service_id, **{**DATES, "type": type_, "subject": subject})["priority"] == priority


def test_the_reference_s_refusal(customer: httpx.Client) -> None:
    """The reference's example of a 422, word for word."""
    answer = customer.post("/v2/cases", json=a_case("SVC-1", priority="P1"))
    body = answer.json()
    assert body | {"traceId": ""} == {
        "type": "https://tools.ietf.org/html/rfc4918#section-11.2",
        "title": "Validation Failure",
        "status": 422,
        "instance": "/v2/cases",
        "errors": {
            "priority": ["P1 is not allowed for type NonIncident; use P3, P4 or P5"],
            "serviceId": ["SVC-1 was not found"],
        },
        "traceId": "",
    }


@pytest.mark.parametrize("alias", ["GeneralRequest", "General Request"])
def test_former_names_of_the_type(customer: httpx.Client, service_id: str, alias: str) -> None:
    """The former names of NonIncident are accepted and shown as NonIncident."""
    assert open_case(customer, service_id, type=alias)["type"] == "NonIncident"


@pytest.mark.parametrize(
    "type_", ["incident", "INCIDENT", "nonincident", "generalrequest", "request", "Request", "", "Incident "]
)
def test_types_are_matched_exactly(customer: httpx.Client, service_id: str, type_: str) -> None:
    """Types are case-sensitive."""
    is_problem(customer.post("/v2/cases", json=a_case(service_id, type=type_)), 422, "type")


@pytest.mark.parametrize("subject", ["servicedown", "other", "", "Other ", "Nonsense", "x" * 10_000])
def test_subjects_are_matched_exactly(customer: httpx.Client, service_id: str, subject: str) -> None:
    """Subjects are case-sensitive; an overlong one is not repeated in full."""
    answer = customer.post("/v2/cases", json=a_case(service_id, subject=subject))
    is_problem(answer, 422, "subject")
    assert len(answer.content) < 1000


S, E = "startOfIncident", "endOfIncident"
START, LATER, EARLIER, FAR = "2026-03-02T06:10:00Z", "2026-03-02T08:00:00Z", "2026-03-02T06:09:59Z", "2199-12-31T00:00:00Z"
NO_DATES = [
    ("yesterday",),
    ("None",),
    ("2026-02-30",),
    ("2026-13-01T00:00:00Z",),
    ("",),
    ("2026-03-02 06:10:00",),
    ("20260302T061000Z",),
    (1772431800,),
]


@pytest.mark.parametrize(
    ("dates", "for_incident", "for_request"),
    [
        ({S: START, E: None}, [], []),
        ({S: START, E: START}, [], []),
        ({S: START, E: LATER}, [], []),
        ({S: START, E: FAR}, [], []),
        ({S: START, E: EARLIER}, [E], [E]),
        ({S: START}, [E], []),
        ({}, [S, E], []),
        ({S: None}, [S, E], []),
        ({S: None, E: None}, [S], []),
        ({E: None}, [S], []),
        ({E: LATER}, [S], []),
        ({S: None, E: LATER}, [S], []),
        *(({S: wrong[0], E: None}, [S], [S]) for wrong in NO_DATES),
        *(({S: START, E: wrong[0]}, [E], [E]) for wrong in NO_DATES),
        ({S: "x", E: "y"}, [S, E], [S, E]),
        ({S: "2026-03-02T06:10:00+00:00", E: "2026-03-02T07:10:00+02:00"}, [E], [E]),
    ],
)
def test_incident_dates(
    customer: httpx.Client, service_id: str, dates: dict[str, Any], for_incident: list[str], for_request: list[str]
) -> None:
    """For an incident both dates must be there, the start a date-time, the end null or not before it; else they may be."""
    for type_, subject, wrong in (("Incident", "ServiceDown", for_incident), ("NonIncident", "Other", for_request)):
        answer = customer.post("/v2/cases", json=a_case(service_id, **{"type": type_, "subject": subject, **dates}))
        if wrong:
            errors = is_problem(answer, 422, *wrong)
            assert all(len(texts) == 1 for texts in errors.values()), errors
        else:
            assert answer.status_code == 201, answer.text
            assert [answer.json()["data"][name] for name in (S, E)] == [dates.get(S), dates.get(E)]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-03-02T06:10:00Z", "2026-03-02T06:10:00Z"),
        ("2026-03-02T06:10:00z", "2026-03-02T06:10:00Z"),
        ("2026-03-02t06:10:00Z", "2026-03-02T06:10:00Z"),
        ("2026-03-02T06:10:00", "2026-03-02T06:10:00Z"),
        ("2026-03-02T06:10", "2026-03-02T06:10:00Z"),
        ("2026-03-02", "2026-03-02T00:00:00Z"),
        ("2026-03-02T06:10:00+02:00", "2026-03-02T04:10:00Z"),
        ("2026-03-02T06:10:00-0530", "2026-03-02T11:40:00Z"),
        ("2026-03-02T06:10:00+02", "2026-03-02T04:10:00Z"),
        ("2026-03-02T06:10:00.999Z", "2026-03-02T06:10:00Z"),
        ("2026-03-02T06:10:00.123456789+01:00", "2026-03-02T05:10:00Z"),
        ("2026-03-02T06:10:00,5Z", "2026-03-02T06:10:00Z"),
        ("2028-02-29T23:59:59Z", "2028-02-29T23:59:59Z"),
        ("0001-01-01T00:00:01Z", "0001-01-01T00:00:01Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_dates_in_and_out(customer: httpx.Client, service_id: str, sent: str, shown: str) -> None:
    """Any ISO 8601 date-time comes in; UTC in whole seconds goes out."""
    case = open_case(customer, service_id, startOfIncident=sent)
    assert case["startOfIncident"] == shown
    assert customer.get(f"/v2/cases/{case['caseId']}").json()["data"]["startOfIncident"] == shown


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-29",
        "2026-02-30T00:00:00Z",
        "2026-00-01",
        "2026-01-00",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-06-30T23:59:60Z",
        "0000-01-01",
        "10000-01-01",
        "-2026-01-01",
        "2026-01-01T00:00:00+99:99",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+05:60",
        "2026-01-01T00:00:00 Z",
        "2026-01-01T",
        "2026-1-1",
        "26-01-01",
        "2026-01-01T00:00:00Z ",
        "2026-W01-1",
        "2026-001",
        "٢٠٢٦-01-01",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01",
        "9999-12-31T23:59:59-23:59",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T0:0:0Z",
        "now",
        "0",
        "2026-01-01T00:00:00Z\u0000",
        "2026-01-01T00:00:00.1234567890Z",
    ],
)
def test_dates_that_are_refused(customer: httpx.Client, service_id: str, value: str) -> None:
    """What is no date-time, or names one that does not exist, is refused."""
    is_problem(customer.post("/v2/cases", json=a_case(service_id, startOfIncident=value)), 422, "startOfIncident")


OWNED = ["caseId", "status", "origin", "accountId", "siteId", "createdDate", "lastModifiedDate", "resolvedDate", "closedDate"]


@pytest.mark.parametrize("value", [None, "x", 1, [], {}])
def test_what_the_server_sets_cannot_be_sent(customer: httpx.Client, service_id: str, value: Any) -> None:
    """Keys that the server owns are refused, whatever their value; all of them at once."""
    is_problem(customer.post("/v2/cases", json=a_case(service_id, **dict.fromkeys(OWNED, value))), 422, *OWNED)


def test_unknown_keys_are_ignored(customer: httpx.Client, service_id: str) -> None:
    """Keys that mean nothing change nothing."""
    case = open_case(
        customer, service_id, **{"colour": "red", "CaseId": "x", "": {"a": [1, {}]}, "Message": "no", "note": "a\0b"}
    )
    assert customer.get(f"/v2/cases/{case['caseId']}/case-messages").json()["data"][0]["message"] == "Hello."


@pytest.mark.parametrize("value", [..., None, 7, True, [], {}, ["x"]])
@pytest.mark.parametrize("field", ["type", "subject", "serviceId", "message"])
def test_mandatory_fields(customer: httpx.Client, service_id: str, field: str, value: Any) -> None:
    """A mandatory field that is missing, null or no text is named, and says so."""
    errors = is_problem(customer.post("/v2/cases", json=a_case(service_id, **{field: value})), 422, field)
    assert errors[field] == ["is required"] or errors[field][0].startswith("must be a string, not ")


@pytest.mark.parametrize(
    ("field", "value"),
    [*product(["priority", "startOfIncident", "endOfIncident", "customerReference", "sentBy"], [7, 1.5, True, [], {}])],
)
def test_optional_fields_of_the_wrong_type(customer: httpx.Client, service_id: str, field: str, value: Any) -> None:
    """An optional field of the wrong type is named too."""
    is_problem(customer.post("/v2/cases", json=a_case(service_id, **{field: value})), 422, field)


@pytest.mark.parametrize(("field", "limit"), [("message", 32_000), ("customerReference", 255), ("sentBy", 255)])
def test_lengths(customer: httpx.Client, service_id: str, field: str, limit: int) -> None:
    """Texts are measured in characters: the longest is kept whole, one more is refused."""
    longest = "é🙂" * (limit // 2) + "x" * (limit % 2)
    case = open_case(customer, service_id, **{field: longest})
    message = customer.get(f"/v2/cases/{case['caseId']}/case-messages").json()["data"][0]
    assert {"message": message["message"], "sentBy": message["sentBy"], "customerReference": case["customerReference"]}[
        field
    ] == longest
    is_problem(customer.post("/v2/cases", json=a_case(service_id, **{field: longest + "x"})), 422, field)
    if field == "message":
        is_problem(customer.post("/v2/cases", json=a_case(service_id, message="")), 422, "message")


@pytest.mark.parametrize(
    "text",
    [
        "  outer blanks \n",
        "line\r\nbreak\ttab",
        "\u202eabc",
        "e\u0301 é",
        "\U0001f1f3\U0001f1f1",
        "<b>&amp;</b>",
        "{status} %s $1",
        "\ufeff\uffff",
        "'; DROP TABLE cases; --",
    ],
)
def test_texts_are_kept_as_they_are(customer: httpx.Client, service_id: str, text: str) -> None:
    """Nothing is trimmed, normalised or escaped."""
    case = open_case(customer, service_id, message=text, customerReference=text, sentBy=text)
    message = customer.get(f"/v2/cases/{case['caseId']}/case-messages").json()["data"][0]
    assert (case["customerReference"], message["message"], message["sentBy"]) == (text, text, text)


@pytest.mark.parametrize("status", ["Ceased", "Cancelled", "In progress", "RFS"])
def test_which_services_take_cases(customer: httpx.Client, status: str) -> None:
    """A case can be opened on every service that is neither ceased nor cancelled."""
    service = customer.get("/v2/services", params={"filter[Status]": status, "page[limit]": "1"}).json()["data"][0]["serviceId"]
    answer = customer.post("/v2/cases", json=a_case(service, subject="ActivationSupport"))
    if status in ("Ceased", "Cancelled"):
        errors = is_problem(answer, 422, "serviceId")
        assert errors["serviceId"] == [f"the service is {status}; no cases can be opened on it"]
    else:
        assert answer.status_code == 201


@pytest.mark.parametrize("id_", ["", "SVC-1", "svc-98000001", "%", "x" * 5000, "a\0b", "00000000-0000-0000-0000-000000000000"])
def test_a_service_that_is_not_there(customer: httpx.Client, id_: str) -> None:
    """A service that does not exist is a fault of its field."""
    answer = customer.post("/v2/cases", json=a_case(id_))
    is_problem(answer, 422, "serviceId")
    assert len(answer.content) < 1000


def test_another_customer_s_service(customer: httpx.Client, other: httpx.Client) -> None:
    """Another customer's service is answered like one that does not exist."""
    theirs = other.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
    errors = is_problem(customer.post("/v2/cases", json=a_case(theirs)), 422, "serviceId")
    assert errors["serviceId"] == [f"{theirs} was not found"]


def test_all_violations_are_told_together(customer: httpx.Client) -> None:
    """Missing fields, wrong types, broken rules, NUL and keys of the server come in one answer."""
    everything_wrong = {
        "type": "NonIncident",
        "subject": "ServiceDown",
        "serviceId": "SVC-1",
        "priority": "P1",
        "startOfIncident": "x",
        "endOfIncident": 5,
        "customerReference": "x" * 256,
        "sentBy": "x" * 256,
        "status": "New",
    }
    fields = [
        "subject",
        "serviceId",
        "priority",
        "startOfIncident",
        "endOfIncident",
        "customerReference",
        "sentBy",
        "status",
        "message",
    ]
    is_problem(customer.post("/v2/cases", json=everything_wrong), 422, *fields)
    nul = {**everything_wrong, "message": "a\0b", "endOfIncident": None, "customerReference": None, "sentBy": None}
    is_problem(
        customer.post("/v2/cases", json=nul), 422, "subject", "serviceId", "priority", "startOfIncident", "message", "status"
    )
    incident_wrong = {"type": "Incident", "subject": "Other", "serviceId": "SVC-1", "priority": "P9", "message": ""}
    is_problem(customer.post("/v2/cases", json=incident_wrong), 422, "subject", "serviceId", "priority", "message", S, E)


# changing -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/merge-patch+json", "application/merge-patch+json; charset=utf-8"]
)
def test_changing_a_case(customer: httpx.Client, server: Server, service_id: str, content_type: str) -> None:
    """A change answers with the whole case as it is now; what is left out stays."""
    case = open_case(customer, service_id, **{"type": "Incident", "subject": "ServiceDown", **DATES})
    path = f"/v2/cases/{case['caseId']}"
    answer = customer.patch(
        path, content=b'{"customerReference": "A-1", "priority": "P5"}', headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200
    assert answer.json()["links"] == {"self": f"{server.url}{path}"}
    after = answer.json()["data"]
    assert after == {**case, "customerReference": "A-1", "priority": "P5", "lastModifiedDate": after["lastModifiedDate"]}
    assert customer.get(path).json() == answer.json()
    assert (
        customer.patch(path, json={"endOfIncident": "2026-03-02T09:00:00+01:00"}).json()["data"]["endOfIncident"]
        == "2026-03-02T08:00:00Z"
    )
    assert customer.patch(path, json={"endOfIncident": None}).json()["data"]["endOfIncident"] is None
    for cleared in (None, ""):
        customer.patch(path, json={"customerReference": "A-2"})
        assert customer.patch(path, json={"customerReference": cleared}).json()["data"]["customerReference"] is None


IMMUTABLE = [
    "type",
    "subject",
    "serviceId",
    "caseId",
    "origin",
    "accountId",
    "siteId",
    "createdDate",
    "lastModifiedDate",
    "resolvedDate",
    "closedDate",
]


def test_changes_that_are_refused(customer: httpx.Client, service_id: str) -> None:
    """What breaks a rule is refused with every fault, and changes nothing."""
    case = open_case(customer, service_id, **{"type": "Incident", "subject": "ServiceDown", **DATES})
    path = f"/v2/cases/{case['caseId']}"
    refused: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["$"]),
        ({"colour": "red"}, ["$"]),
        ({name: case[name] for name in IMMUTABLE}, IMMUTABLE),
        ({"type": "Incident"}, ["type"]),
        ({"priority": None}, ["priority"]),
        ({"priority": "P6"}, ["priority"]),
        ({"priority": ""}, ["priority"]),
        ({"priority": 1}, ["priority"]),
        ({S: None}, [S]),
        ({S: "x"}, [S]),
        ({E: "x"}, [E]),
        ({E: EARLIER}, [E]),
        ({S: LATER, E: START}, [E]),
        ({S: 7}, [S]),
        ({"customerReference": "x" * 256}, ["customerReference"]),
        ({"customerReference": 7}, ["customerReference"]),
        ({"customerReference": "a\0b"}, ["customerReference"]),
        ({"status": None}, ["status"]),
        ({"status": "Nonsense"}, ["status"]),
        ({"status": "closed"}, ["status"]),
        ({"status": "Closed"}, ["status"]),
        ({"status": "Resolved"}, ["status"]),
        ({"status": "PendingCustomer"}, ["status"]),
        (
            {"status": 7, "priority": "P9", S: "x", E: EARLIER, "subject": "x", "customerReference": "x" * 256},
            ["status", "priority", S, E, "subject", "customerReference"],
        ),
        (
            {"status": "Closed", "priority": "P9", "subject": "x", "customerReference": "x" * 256},
            ["status", "priority", "subject", "customerReference"],
        ),
    ]
    for body, fields in refused:
        is_problem(customer.patch(path, json=body), 422, *[name for name in fields if not (name == E and body.get(S) == "x")])
    assert customer.get(path).json()["data"] == case
    is_problem(customer.patch(path, json={"priority": "P9", "type": "x"}, headers={"If-Match": '"1"'}), 422, "priority", "type")
    request = open_case(customer, service_id)
    is_problem(customer.patch(f"/v2/cases/{request['caseId']}", json={"priority": "P2"}), 422, "priority")


def test_a_change_that_changes_nothing(customer: httpx.Client, service_id: str) -> None:
    """Sending what is already so is fine and leaves the case untouched."""
    case = open_case(customer, service_id, customerReference="A")
    path = f"/v2/cases/{case['caseId']}"
    answer = customer.patch(path, json={"customerReference": "A", "priority": case["priority"], "status": "New"})
    assert (answer.status_code, answer.json()["data"]) == (200, case)


def test_changing_what_is_not_there(customer: httpx.Client, other: httpx.Client) -> None:
    """A case that does not exist, or is another customer's, can be neither changed nor answered, whatever is sent."""
    theirs = other.get("/v2/cases?page[limit]=1").json()["data"][0]["caseId"]
    for id_ in (theirs, "CAS-1", "%00"):
        for body in ({"priority": "P3"}, {"priority": 7}, {}):
            assert customer.patch(f"/v2/cases/{id_}", json=body).status_code == 404
        for body in ({"message": "x"}, {"message": 7}, {}):
            assert customer.post(f"/v2/cases/{id_}/case-messages", json=body).status_code == 404


# life cycle ---------------------------------------------------------------------------------------------------------------

OPEN = ("new", "in_progress", "pending_customer", "pending_supplier")
WORDS = {
    "new": "New",
    "in_progress": "InProgress",
    "pending_customer": "PendingCustomer",
    "pending_supplier": "PendingSupplier",
    "resolved": "Resolved",
    "closed": "Closed",
    "cancelled": "Cancelled",
}


@pytest.mark.parametrize("status", [*OPEN, "resolved"])
def test_the_customer_s_moves(customer: httpx.Client, server: Server, service_id: str, status: str) -> None:
    """An open case can be cancelled, a resolved one closed or taken up again; nothing else."""
    allowed = {"Closed", "InProgress"} if status == "resolved" else {"Cancelled"}
    for wanted in WORDS.values():
        case = open_case(customer, service_id)
        path = f"/v2/cases/{case['caseId']}"
        put(server, case["caseId"], status)
        before = customer.get(path).json()["data"]
        answer = customer.patch(path, json={"status": wanted})
        if wanted == WORDS[status]:
            assert (answer.status_code, answer.json()["data"]) == (200, before)
        elif wanted in allowed:
            after = answer.json()["data"]
            assert after["status"] == wanted
            assert after["lastModifiedDate"] > before["lastModifiedDate"]
            assert (after["closedDate"] is not None) == (wanted == "Closed")
            assert (after["resolvedDate"] is not None) == (wanted == "Closed")
        else:
            errors = is_problem(answer, 422, "status")
            assert errors["status"] == [f"cannot go from {WORDS[status]} to {wanted}"]
            assert customer.get(path).json()["data"] == before


@pytest.mark.parametrize("status", [*OPEN, "resolved"])
def test_a_message_moves_the_case(customer: httpx.Client, server: Server, service_id: str, status: str) -> None:
    """A message takes up a case that waits for the customer or is resolved, and moves lastModifiedDate in any case."""
    case = open_case(customer, service_id)
    path = f"/v2/cases/{case['caseId']}"
    put(server, case["caseId"], status)
    before = customer.get(path).json()["data"]
    answer = customer.post(f"{path}/case-messages", json={"message": "Power is fine on our side."})
    assert answer.status_code == 201
    assert answer.headers["location"] == answer.json()["links"]["self"] == f"{server.url}{path}/case-messages"
    message = answer.json()["data"]
    assert list(message) == ["messageId", "caseId", "message", "type", "timestamp", "sentBy"]
    assert (message["caseId"], message["type"], message["sentBy"]) == (case["caseId"], "Customer", "Demonstration")
    after = customer.get(path).json()["data"]
    taken_up = status in ("pending_customer", "resolved")
    assert after["status"] == ("InProgress" if taken_up else WORDS[status])
    assert after["resolvedDate"] is None
    assert after["lastModifiedDate"] == message["timestamp"] > before["lastModifiedDate"]
    assert customer.get(f"{path}/case-messages").json()["data"][-1] == message


@pytest.mark.parametrize("move", ["Cancelled", "Closed"])
def test_closed_and_cancelled_are_final(customer: httpx.Client, server: Server, service_id: str, move: str) -> None:
    """Nothing of a closed or cancelled case can be changed, and it takes no messages."""
    case = open_case(customer, service_id)
    path = f"/v2/cases/{case['caseId']}"
    if move == "Closed":
        put(server, case["caseId"], "resolved")
    final = customer.patch(path, json={"status": move}).json()["data"]
    assert final["status"] == move
    for wanted in WORDS.values():
        is_problem(customer.patch(path, json={"status": wanted}), 422, "status")
    is_problem(customer.patch(path, json={"customerReference": "x"}), 422, "status")
    is_problem(
        customer.patch(path, json={"customerReference": 7, "priority": "P1"}), 422, "status", "customerReference", "priority"
    )
    is_problem(customer.post(f"{path}/case-messages", json={"message": "x"}), 422, "message")
    is_problem(customer.post(f"{path}/case-messages", json={"message": "x", "sentBy": 7}), 422, "message", "sentBy")
    assert customer.get(path).json()["data"] == final


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["message"]),
        ({"message": ""}, ["message"]),
        ({"message": None}, ["message"]),
        ({"message": 7}, ["message"]),
        ({"message": "x" * 32_001}, ["message"]),
        ({"message": "x", "sentBy": "y" * 256}, ["sentBy"]),
        ({"message": "a\0b"}, ["message"]),
        ({"sentBy": 7, "type": "Support"}, ["message", "sentBy", "type"]),
        (
            {"message": "x", "messageId": 1, "caseId": 1, "type": "System", "timestamp": None},
            ["messageId", "caseId", "type", "timestamp"],
        ),
    ],
)
def test_messages_that_are_refused(customer: httpx.Client, service_id: str, body: dict[str, Any], fields: list[str]) -> None:
    """A message needs a text of 1 to 32,000 characters, and may not say what the server sets."""
    case = open_case(customer, service_id)
    path = f"/v2/cases/{case['caseId']}"
    is_problem(customer.post(f"{path}/case-messages", json=body), 422, *fields)
    assert customer.get(path).json()["data"] == case
    assert len(customer.get(f"{path}/case-messages").json()["data"]) == 1


def test_every_change_moves_the_modified_date(customer: httpx.Client, server: Server, service_id: str) -> None:
    """Change, reference edit and message each move lastModifiedDate, by which clients poll; createdDate stays."""
    case = open_case(customer, service_id, **{"type": "Incident", "subject": "ServiceDown", **DATES})
    path = f"/v2/cases/{case['caseId']}"
    for change in ({"customerReference": "x"}, {"priority": "P5"}, {S: EARLIER}, {E: LATER}, None, {"status": "Cancelled"}):
        put(server, case["caseId"], "new")
        before = customer.get(path).json()["data"]
        answer = customer.patch(path, json=change) if change else customer.post(f"{path}/case-messages", json={"message": "x"})
        assert answer.status_code in (200, 201)
        after = customer.get(path).json()["data"]
        assert after["lastModifiedDate"] > before["lastModifiedDate"]
        assert after["createdDate"] == case["createdDate"]


async def timers(server: Server) -> None:
    """The house's timers in the sandbox, once."""
    realm = Realm.at(Environment.SANDBOX, dsn(server, "sandbox"), connections=1, throttle=False)
    await realm.read_clock()
    await run_once(realm)
    await realm.pool.close()


async def resolve(server: Server, case_id: str) -> None:
    connection = await asyncpg.connect(dsn(server, "sandbox"))
    await connection.execute("UPDATE cases SET status = 'resolved', resolved_at = modified_at WHERE reference = $1", case_id)
    await connection.close()


def test_a_resolved_case_closes_after_five_days(throttled: Server) -> None:
    """Five days after it was resolved a case that nobody touched is closed by the house, with a message that says so."""
    with throttled.client(environment="sandbox") as client:
        service = client.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        case = open_case(client, service)
    path = f"/v2/cases/{case['caseId']}"
    in_a_loop(resolve(throttled, case["caseId"]))
    for seconds, status in ((5 * 86400 - 60, "Resolved"), (120, "Closed")):
        throttled.run("clock", "advance", str(seconds))
        in_a_loop(timers(throttled))
        with throttled.client(environment="sandbox") as client:
            closed = client.get(path).json()["data"]
            last = client.get(f"{path}/case-messages").json()["data"][-1]
            refused = client.patch(path, json={"status": "Cancelled"})
        assert closed["status"] == status
        is_problem(refused, 422, "status")
    assert closed["closedDate"] == closed["lastModifiedDate"] > case["lastModifiedDate"]
    assert closed["resolvedDate"] == case["lastModifiedDate"]
    assert (last["type"], last["sentBy"], last["timestamp"]) == ("System", "Trunkline", closed["closedDate"])


# concurrency --------------------------------------------------------------------------------------------------------------


def test_if_match(customer: httpx.Client, service_id: str) -> None:
    """A change with the tag of an older version is refused; with the current one, a list with it, or `*`, it happens."""
    case = open_case(customer, service_id)
    path = f"/v2/cases/{case['caseId']}"
    etag = customer.get(path).headers["etag"]
    first = customer.patch(path, json={"customerReference": "1"}, headers={"If-Match": etag})
    assert first.status_code == 200
    for stale in (etag, '"x"', "x", ""):
        is_problem(customer.patch(path, json={"customerReference": "2"}, headers={"If-Match": stale}), 412)
    assert customer.get(path).json()["data"]["customerReference"] == "1"
    for fits in (first.headers["etag"], "*"):
        answer = customer.patch(path, json={"customerReference": f"by {fits}"}, headers={"If-Match": fits})
        assert answer.status_code == 200
        first = answer
    assert (
        customer.patch(path, json={"priority": "P5"}, headers={"If-Match": f'"x", {first.headers["etag"]}'}).status_code == 200
    )
    is_problem(customer.patch("/v2/cases/CAS-1", json={"priority": "P5"}, headers={"If-Match": "*"}), 404)


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


def test_a_repeated_request_takes_effect_once(customer: httpx.Client, service_id: str) -> None:
    """The same request under the same key answers the same again, byte for byte, and opens no second case."""
    first = customer.post("/v2/cases", json=a_case(service_id), headers=key("once"))
    count = customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"]
    for _ in range(3):
        again = customer.post("/v2/cases", json=a_case(service_id), headers=key("once"))
        assert (again.status_code, again.content, again.headers["location"]) == (201, first.content, first.headers["location"])
        assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"] == count
    path = f"/v2/cases/{first.json()['data']['caseId']}/case-messages"
    answers = [customer.post(path, json={"message": "x"}, headers=key("message")) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert len(everything(customer, path)) == 2


def test_a_key_with_another_request(customer: httpx.Client, service_id: str) -> None:
    """A key that comes back with another body, path or method is refused and nothing happens."""
    case = customer.post("/v2/cases", json=a_case(service_id), headers=key("other"))
    path = f"/v2/cases/{case.json()['data']['caseId']}"
    for answer in (
        customer.post("/v2/cases", json=a_case(service_id, message="Another."), headers=key("other")),
        customer.post("/v2/cases?x=1", json=a_case(service_id), headers=key("other")),
        customer.post(f"{path}/case-messages", json=a_case(service_id), headers=key("other")),
        customer.patch(path, json=a_case(service_id), headers=key("other")),
    ):
        assert answer.status_code == 422
        if "errors" in answer.json() and "Idempotency-Key" not in answer.json()["errors"]:
            continue  # it was refused for its body before its key was looked at
        is_problem(answer, 422, "Idempotency-Key")
    assert len(everything(customer, f"{path}/case-messages")) == 1


@pytest.mark.parametrize("name", ["refused", "';DROP/**/TABLE/**/request_guard;--", "%00", "{0}", "x" * 255, '"', "\\"])
def test_a_refusal_is_repeated_too(customer: httpx.Client, service_id: str, name: str) -> None:
    """A refusal by a rule is an answer like any other: under its key it comes again."""
    answers = [customer.post("/v2/cases", json=a_case(service_id, priority="P1"), headers=key(name)) for _ in range(2)]
    for answer in answers:
        is_problem(answer, 422, "priority")
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_keys_belong_to_their_client(customer: httpx.Client, server: Server, service_id: str) -> None:
    """Another client with the same key is another request."""
    first = customer.post("/v2/cases", json=a_case(service_id), headers=key("mine"))
    other = server.credentials["customer"]["other"]
    with client_of(server, {**other, "scopes": [*other["scopes"], SUPPORT_WRITE]}) as stranger:
        theirs = stranger.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        answer = stranger.post("/v2/cases", json=a_case(theirs), headers=key("mine"))
    assert (first.status_code, answer.status_code) == (201, 201)
    assert answer.json()["data"]["caseId"] != first.json()["data"]["caseId"]


@pytest.mark.parametrize("value", ["", "a b", "é", "x" * 256])
def test_keys_that_are_refused(customer: httpx.Client, service_id: str, value: str) -> None:
    """A key has 1 to 255 visible ASCII characters; another is refused before anything happens."""
    count = customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"]
    headers = [*customer.headers.raw, (b"Idempotency-Key", value.encode("latin-1"))]
    answer = customer.post("/v2/cases", json=a_case(service_id), headers=headers)
    is_problem(answer, 400, "Idempotency-Key")
    assert answer.json()["detail"] == "The header Idempotency-Key cannot be used."
    assert customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"] == count


async def test_many_copies_at_once(server: Server, customer: httpx.Client, service_id: str) -> None:
    """Twenty copies of a request at the same time open one case and get one answer."""
    headers = {"Authorization": customer.headers["Authorization"], **key("at-once")}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        answers = await asyncio.gather(*(client.post("/v2/cases", json=a_case(service_id)) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert re.fullmatch(r"CAS-\d+", answers[0].json()["data"]["caseId"])
