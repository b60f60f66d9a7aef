"""Operations that go straight to one thing answer exactly what graphql-core's executor answers (dialects/cases/direct.py).

A directive that changes nothing makes the server take the executor.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.dialects.cases.wire import ask, post

NOTHING = "@include(if: true)"

QUERIES = [
    "{{ viewer {0} {{ account {{ cases {{ id type startOfIncident communications {{ message }} site {{ siteId }} }} }} }} }}",
    "{{ me: viewer {0} {{ mine: account {{ accountId name createdDate open: cases(lastModifiedMinutes: 9999) {{ n: id }} }} }} }}",
    "{{ __typename viewer {0} {{ __typename account {{ __typename services {{ __typename serviceId status }} }} }} }}",
    "{{ viewer {0} {{ account {{ ...lists }} }} }} fragment lists on Account {{ sites {{ name latitude services {{ serviceName }} }} }}",
    "{{ viewer {0} {{ account {{ parent {{ name }} }} }} }}",
    "{{ viewer {0} {{ account {{ invoiceLines {{ quantity unitPrice invoiceDate }} }} }} }}",
    '{{ viewer {0} {{ account {{ cases(id: "CAS-0") {{ id }} }} }} }}',
    "{{ viewer {0} {{ account {{ cases(lastModifiedMinutes: -1) {{ id }} }} }} }}",
    '{{ account(id: "ACC-0") {0} {{ name }} }}',
    '{{ viewer {0} {{ account {{ services(id: "{{service}}") {{ serviceId site {{ name account {{ name }} }} }} }} }} }}',
]


@pytest.mark.parametrize("query", QUERIES)
def test_straight_queries_show_the_same(customer: httpx.Client, service_id: str, query: str) -> None:
    """Data and errors alike, whichever way a query is executed."""
    straight, executed = (
        post(customer, query.format(word).replace("{service}", service_id), {}).json() for word in ("", NOTHING)
    )
    assert without_places(straight) == without_places(executed)


def without_places(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the columns in the query, which the directive moves."""
    errors = [{name: value for name, value in error.items() if name != "locations"} for error in answer.get("errors", ())]
    return {**answer, "errors": errors}


def test_an_object_by_a_variable(customer: httpx.Client, service_id: str) -> None:
    """The arguments are those of the request, though the query was prepared once."""
    query = "query ($id: String!) { service(id: $id) { serviceId site { siteId } } }"
    references = [
        row["serviceId"] for row in ask(customer, "{ services(first: 3) { nodes { serviceId } } }")["services"]["nodes"]
    ]
    for reference in [*references, service_id]:
        assert ask(customer, query, {"id": reference})["service"]["serviceId"] == reference
    assert ask(customer, query, {"id": "SVC-0"})["service"] is None
    assert post(customer, query, {"id": 5}).json()["errors"]
    assert ask(customer, query, {"id": service_id})["service"]["serviceId"] == service_id


def test_faulty_variables_first(customer: httpx.Client, service_id: str) -> None:
    """A query whose first request has variables of the wrong type answers the next one."""
    query = "query First($id: String!) { service(id: $id) { serviceId } }"
    assert post(customer, query, {"id": ["x"]}).json()["errors"]
    assert ask(customer, query, {"id": service_id})["service"] == {"serviceId": service_id}


def test_what_is_not_the_callers_to_see(with_scopes: Callable[..., httpx.Client]) -> None:
    """A link that needs another scope is null with its error, and the rest is shown."""
    client = with_scopes("customerapi/support.read")
    listed = "{{ cases(first: 2) {0} {{ nodes {{ id site {{ name }} }} }} }}"
    straight, executed = (post(client, listed.format(word), {}).json() for word in ("", NOTHING))
    assert without_places(straight) == without_places(executed)
    assert straight["errors"]


MUTATIONS = [
    ('createCase(subject: "Other", type: "{type}", serviceId: "{service}", message: "{message}")', " {{ id }}"),
    ('replyToCase(id: "CAS-0", message: "x")', ""),
    ('replyToCase(message: "x")', ""),
]


@pytest.mark.parametrize(("call", "selection"), MUTATIONS)
@pytest.mark.parametrize(("type_", "message"), [("NonIncident", ""), ("Nothing", "x"), ("Incident", "x")])
def test_straight_mutations_are_refused_the_same(
    customer: httpx.Client, service_id: str, call: str, selection: str, type_: str, message: str
) -> None:
    """The same null, the same errors at the same field."""
    called = call.format(type=type_, service=service_id, message=message)
    straight, executed = (
        post(customer, f"mutation {{ done: {called} {word}{selection.format()} }}", {}) for word in ("", NOTHING)
    )
    assert straight.status_code == executed.status_code
    assert without_places(straight.json()) == without_places(executed.json())
    assert straight.json()["errors"]
    assert straight.json()["data"] == {"done": None}
