"""The four operations of the published article, unchanged (reference/expereo.md §10.2 to §10.5)."""

import httpx
import pytest

from tests.dialects.cases.wire import (
    CREATE,
    CREATE_WITH_END,
    REFERENCE,
    REPLY,
    RETRIEVE,
    ask,
    cases,
    code_of,
    only_error,
    open_case,
    post,
)

FIELDS = RETRIEVE[RETRIEVE.index("        id") : RETRIEVE.index("      }\n    }\n  }")]
START = "2026-03-02T06:10:00Z"


def test_the_published_poll_works_as_it_is_printed(customer: httpx.Client) -> None:
    """RetrieveUpdatedCases with its placeholders finds nothing and is no error."""
    assert ask(customer, RETRIEVE) == {"viewer": {"account": {"cases": []}}}


def test_the_published_operations_work_together(customer: httpx.Client, service_id: str) -> None:
    """A case is opened, answered and given a reference, and the poll shows all of it."""
    given = {
        "subject": "InformationRequest",
        "type": "NonIncident",
        "serviceId": service_id,
        "message": "How much?",
        "sentBy": "noc@acme.example",
    }
    case_id = ask(customer, CREATE, given)["createCase"]["id"]
    assert ask(customer, REPLY, {"caseId": case_id, "message": "And when?"}) == {"replyToCase": True}
    assert ask(customer, REFERENCE, {"caseId": case_id, "customerReference": "NOC-1"}) == {"addCustomerReference": True}
    query = RETRIEVE.replace("CASE_ID", case_id).replace("SERVICE_ID", service_id).replace("CUSTOMER_REFERENCE", "NOC-1")
    (case,) = ask(customer, query)["viewer"]["account"]["cases"]
    assert list(case) == [
        "id", "subject", "createdDate", "customerReference", "lastModifiedDate", "origin", "startOfIncident", "communications",
        "site", "service", "status", "type",
    ]  # fmt: skip
    assert case["id"] == case_id
    assert case["subject"] == "InformationRequest"
    assert case["type"] == "NonIncident"
    assert case["status"] == "New"
    assert case["origin"] == "Api"
    assert case["customerReference"] == "NOC-1"
    assert case["startOfIncident"] is None
    assert case["createdDate"].endswith("Z")
    assert case["service"] == {"serviceId": service_id}
    assert case["site"]["siteId"].startswith("SIT-")
    first, second = case["communications"]
    assert (first["message"], first["type"], first["sentBy"]) == ("How much?", "Customer", "noc@acme.example")
    assert (second["message"], second["type"], second["sentBy"]) == ("And when?", "Customer", "Demonstration")


def test_a_reference_is_overwritten(customer: httpx.Client, service_id: str) -> None:
    """addCustomerReference sets a reference where there is one already, too."""
    case_id = open_case(customer, service_id, customerReference="first")
    ask(customer, REFERENCE, {"caseId": case_id, "customerReference": "second"})
    assert cases(customer, f'id: "{case_id}"', "customerReference") == [{"customerReference": "second"}]


@pytest.mark.parametrize("name", ["caseId", "id"])
def test_a_case_may_be_named_by_either_argument(customer: httpx.Client, service_id: str, name: str) -> None:
    """The article names the case `id` in its text and `caseId` in its sample: both work."""
    case_id = open_case(customer, service_id)
    assert ask(customer, f'mutation {{ replyToCase({name}: "{case_id}", message: "x") }}') == {"replyToCase": True}
    assert ask(customer, f'mutation {{ addCustomerReference({name}: "{case_id}", customerReference: "x") }}') == {
        "addCustomerReference": True
    }


@pytest.mark.parametrize("arguments", ["", 'caseId: "CAS-98000001", id: "CAS-98000001", '])
def test_exactly_one_of_the_two_must_be_passed(customer: httpx.Client, arguments: str) -> None:
    """Neither or both is an error that says so."""
    answer = post(customer, f'mutation {{ replyToCase({arguments}message: "x") }}')
    assert answer.status_code == 200
    assert answer.json()["data"] == {"replyToCase": None}
    assert code_of(answer) == "VALIDATION_FAILED"


@pytest.mark.parametrize("end", [None, START, "2099-01-01T00:00:00Z", "2026-03-02T08:10:00+02:00"])
@pytest.mark.parametrize(("type_", "subject"), [("Incident", "ServiceDown"), ("NonIncident", "Other")])
def test_an_incident_needs_both_dates_and_the_end_may_be_null(
    customer: httpx.Client, service_id: str, type_: str, subject: str, end: str | None
) -> None:
    """A null end, one at the start and one in the far future are all right for both types."""
    given = {"subject": subject, "type": type_, "serviceId": service_id, "message": "x", "start": START, "end": end}
    case = ask(customer, CREATE_WITH_END, given)["createCase"]
    assert case["startOfIncident"] == START
    assert case["endOfIncident"] == (START if end and "+02:00" in end else end)
    assert case["status"] == "New"
    assert case["communications"] == [{"message": "x", "type": "Customer", "sentBy": "Demonstration"}]


HC0011 = [
    pytest.param({"start": START}, id="the end is omitted"),
    pytest.param({"end": None}, id="the start is omitted"),
    pytest.param({"start": None, "end": None}, id="the start is null"),
    pytest.param({"start": None, "end": START}, id="the start is null and the end is not"),
    pytest.param({}, id="both are omitted"),
    pytest.param({"start": "yesterday", "end": None}, id="the start is no date"),
    pytest.param({"start": START, "end": "None"}, id="the end is the text None"),
    pytest.param({"start": START, "end": ""}, id="the end is empty"),
]


@pytest.mark.parametrize("dates", HC0011)
def test_an_incident_without_its_dates_gives_the_published_error(
    customer: httpx.Client, service_id: str, dates: dict[str, str | None]
) -> None:
    """`An error has occurred` with code HC0011 and a null case, and nothing is stored."""
    before = customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"]
    given = {"subject": "ServiceDown", "type": "Incident", "serviceId": service_id, "message": "x", **dates}
    answer = post(customer, CREATE_WITH_END, given)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "errors": [
            {
                "message": "An error has occurred",
                "locations": [{"line": 2, "column": 3}],
                "path": ["createCase"],
                "extensions": {"code": "HC0011"},
            }
        ],
        "data": {"createCase": None},
    }
    assert customer.get("/v2/cases?page[limit]=1").json()["metadata"]["total"] == before


def test_the_published_sample_fails_for_an_incident(customer: httpx.Client, service_id: str) -> None:
    """CreateCase as printed has no endOfIncident: it works for a request (above) and fails for an incident."""
    given = {"subject": "ServiceDown", "type": "Incident", "serviceId": service_id, "message": "x", "startOfIncident": START}
    assert code_of(post(customer, CREATE, given)) == "HC0011"


@pytest.mark.parametrize("dates", [{"start": "soon"}, {"start": START, "end": "later"}])
def test_dates_that_are_none_are_the_same_error_for_requests(
    customer: httpx.Client, service_id: str, dates: dict[str, str]
) -> None:
    """A date that is not ISO 8601 is HC0011 for any type."""
    given = {"subject": "Other", "type": "NonIncident", "serviceId": service_id, "message": "x", **dates}
    assert code_of(post(customer, CREATE_WITH_END, given)) == "HC0011"


@pytest.mark.parametrize(("type_", "subject"), [("Incident", "ServiceDown"), ("NonIncident", "Other")])
def test_an_end_before_the_start_is_refused(customer: httpx.Client, service_id: str, type_: str, subject: str) -> None:
    """The error says what is wrong."""
    given = {
        "subject": subject,
        "type": type_,
        "serviceId": service_id,
        "message": "x",
        "start": START,
        "end": "2026-03-01T00:00:00Z",
    }
    error = only_error(post(customer, CREATE_WITH_END, given))
    assert error["extensions"] == {
        "code": "VALIDATION_FAILED",
        "errors": {"endOfIncident": ["must not be before the start of the incident"]},
    }


@pytest.mark.parametrize("argument", ["startOfIncident", "endOfIncident"])
def test_a_none_in_the_text_gives_the_published_error(customer: httpx.Client, service_id: str, argument: str) -> None:
    """Python's None is no literal of GraphQL: the query is not executed."""
    other = {"startOfIncident": "endOfIncident", "endOfIncident": "startOfIncident"}[argument]
    query = (
        f'mutation {{ createCase(subject: "ServiceDown", type: "Incident", serviceId: "{service_id}", message: "x", '
        f'{other}: "{START}", {argument}: None) {{ id }} }}'
    )
    error = only_error(post(customer, query))
    assert (error["message"], error["extensions"]) == ("An error has occurred", {"code": "HC0011"})


BROKEN = [
    ({"subject": "ServiceDown"}, {"subject"}),
    ({"type": "Complaint"}, {"type"}),
    ({"message": ""}, {"message"}),
    ({"message": "x" * 32_001}, {"message"}),
    ({"customerReference": "x" * 256, "sentBy": "x" * 256}, {"customerReference", "sentBy"}),
    ({"subject": "ServiceDown", "message": ""}, {"subject", "message"}),
]


@pytest.mark.parametrize(("changes", "fields"), BROKEN)
def test_broken_rules_are_told_together(
    customer: httpx.Client, service_id: str, changes: dict[str, str], fields: set[str]
) -> None:
    """Every fault is named, in clear text and by field."""
    given = {"subject": "Other", "type": "NonIncident", "serviceId": service_id, "message": "x", **changes}
    answer = post(customer, CREATE, given)
    error = only_error(answer)
    assert answer.json()["data"] == {"createCase": None}
    assert error["extensions"]["code"] == "VALIDATION_FAILED"
    assert set(error["extensions"]["errors"]) == fields
    assert all(field in error["message"] for field in fields)


def test_what_does_not_exist_is_not_found(customer: httpx.Client) -> None:
    """An unknown service and an unknown case."""
    given = {"subject": "Other", "type": "NonIncident", "serviceId": "SVC-1", "message": "x"}
    assert code_of(post(customer, CREATE, given)) == "NOT_FOUND"
    assert code_of(post(customer, REPLY, {"caseId": "CAS-1", "message": "x"})) == "NOT_FOUND"
    assert code_of(post(customer, REFERENCE, {"caseId": "CAS-1", "customerReference": "x"})) == "NOT_FOUND"


def test_a_closed_case_takes_nothing_more(customer: httpx.Client) -> None:
    """Neither a message nor a reference."""
    closed = customer.get("/v2/cases?filter[Status]=Closed&page[limit]=1").json()["data"][0]["caseId"]
    assert code_of(post(customer, REPLY, {"caseId": closed, "message": "x"})) == "VALIDATION_FAILED"
    assert code_of(post(customer, REFERENCE, {"caseId": closed, "customerReference": "x"})) == "VALIDATION_FAILED"


@pytest.mark.parametrize("type_", ["GeneralRequest", "General Request"])
def test_the_general_request_may_be_called_by_its_older_names(customer: httpx.Client, service_id: str, type_: str) -> None:
    """It is shown as NonIncident."""
    case_id = open_case(customer, service_id, type=type_)
    assert cases(customer, f'id: "{case_id}"', "type") == [{"type": "NonIncident"}]
