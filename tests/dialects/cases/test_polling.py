"""`viewer { account { cases } }` as clients poll it (reference/expereo.md §10.3)."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from tests.dialects.cases.wire import ask, cases, code_of, only_error, open_case, post
from tests.dialects.customer.wire import dsn, everything, in_a_loop
from tests.serving import Server

POLLED = "id lastModifiedDate communications { message timestamp }"


async def _age(address: str, case_id: str, minutes: int) -> None:
    """Make a case, and all that was said in it, older."""
    connection = await asyncpg.connect(address)
    try:
        back = timedelta(minutes=minutes)
        await connection.execute(
            "UPDATE cases SET modified_at = modified_at - $2::interval WHERE reference = $1", case_id, back
        )
        await connection.execute(
            "UPDATE case_messages SET created_at = created_at - $2::interval WHERE case_id = (SELECT id FROM cases WHERE reference = $1)",
            case_id,
            back,
        )
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def old_case(server: Server, customer: httpx.Client, service_id: str) -> str:
    """A case that was opened three hours ago and answered just now."""
    case_id = open_case(customer, service_id, message="three hours ago")
    in_a_loop(_age(dsn(server), case_id, 180))
    ask(customer, f'mutation {{ replyToCase(id: "{case_id}", message: "just now") }}')
    return case_id


@pytest.fixture(scope="module")
def quiet_case(server: Server, customer: httpx.Client, service_id: str) -> str:
    """A case of which nothing was heard for three hours."""
    case_id = open_case(customer, service_id, message="quiet")
    in_a_loop(_age(dsn(server), case_id, 180))
    return case_id


@pytest.mark.parametrize(
    "arguments", ["", "lastModifiedMinutes: 0", "lastModifiedMinutes: null", "lastModifiedMinutes: 2147483647"]
)
def test_without_a_period_every_case_is_listed(customer: httpx.Client, arguments: str) -> None:
    """The last changed first; all that the Customer API lists, too."""
    found = cases(customer, arguments, "id lastModifiedDate")
    changed = [case["lastModifiedDate"] for case in found]
    assert changed == sorted(changed, reverse=True)
    assert {case["id"] for case in found} == {case["caseId"] for case in everything(customer, "/v2/cases")}


def test_a_period_lists_what_changed_and_what_was_said_in_it(customer: httpx.Client, old_case: str, quiet_case: str) -> None:
    """A case that changed within it, with the messages of the period only; a quiet one is not listed."""
    found = {case["id"]: case for case in cases(customer, "lastModifiedMinutes: 60", POLLED)}
    assert quiet_case not in found
    assert [message["message"] for message in found[old_case]["communications"]] == ["just now"]
    since = datetime.now(UTC) - timedelta(minutes=61)
    assert all(datetime.fromisoformat(case["lastModifiedDate"]) >= since for case in found.values())


def test_an_id_shows_the_whole_history(customer: httpx.Client, old_case: str, quiet_case: str) -> None:
    """With a period too; but the period still decides whether the case is listed."""
    (case,) = cases(customer, f'id: "{old_case}", lastModifiedMinutes: 60', POLLED)
    assert [message["message"] for message in case["communications"]] == ["three hours ago", "just now"]
    assert cases(customer, f'id: "{quiet_case}", lastModifiedMinutes: 60', POLLED) == []
    assert len(cases(customer, f'id: "{quiet_case}"', POLLED)) == 1


def test_nothing_in_the_period_is_an_empty_list(customer: httpx.Client, quiet_case: str) -> None:
    """Not an error; an unknown id neither."""
    assert cases(customer, f'id: "{quiet_case}", lastModifiedMinutes: 1') == []
    assert cases(customer, 'id: "CAS-1"') == []
    assert cases(customer, 'serviceId: "SVC-1"') == []


def test_all_arguments_must_hold(customer: httpx.Client, service_id: str) -> None:
    """Id, service, reference and period narrow the list down together."""
    case_id = open_case(customer, service_id, customerReference="together")
    right = f'id: "{case_id}", serviceId: "{service_id}", customerReference: "together", lastModifiedMinutes: 5'
    assert cases(customer, right) == [{"id": case_id}]
    assert cases(customer, right.replace("together", "apart")) == []
    assert cases(customer, right.replace(service_id, "SVC-1")) == []
    assert {"id": case_id} in cases(customer, f'serviceId: "{service_id}"')


def test_a_negative_period_is_an_error(customer: httpx.Client) -> None:
    """It says so."""
    answer = post(customer, "{ viewer { account { cases(lastModifiedMinutes: -1) { id } } } }")
    assert answer.json()["data"] == {"viewer": {"account": None}}
    assert only_error(answer)["extensions"]["code"] == "VALIDATION_FAILED"


def test_services_and_references_are_compared_exactly(customer: httpx.Client, service_id: str) -> None:
    """Neither another case nor blanks around fit, for these are the customer's own words."""
    case_id = open_case(customer, service_id, customerReference="Exactly-1")
    assert cases(customer, 'customerReference: "Exactly-1"') == [{"id": case_id}]
    for reference in ("exactly-1", "EXACTLY-1", " Exactly-1", "Exactly-", ""):
        assert cases(customer, f'customerReference: "{reference}"') == []
    assert {"id": case_id} in cases(customer, f'serviceId: "{service_id}"')
    for reference in (service_id.lower(), f"{service_id} ", service_id[:-1]):
        assert cases(customer, f'serviceId: "{reference}"') == []
        found = ask(customer, f'{{ viewer {{ account {{ services(id: "{reference}") {{ serviceId }} }} }} }}')
        assert found["viewer"]["account"]["services"] == []


def test_one_query_names_one_case(customer: httpx.Client, old_case: str, quiet_case: str) -> None:
    """Two ids under aliases are refused, the same id twice is not; a list of ids does not fit the schema."""
    query = '{{ viewer {{ account {{ a: cases(id: "{}") {{ id }} b: cases(id: "{}") {{ id }} }} }} }}'
    assert code_of(post(customer, query.format(old_case, quiet_case))) == "VALIDATION_FAILED"
    data = ask(customer, query.format(old_case, old_case))
    assert data["viewer"]["account"] == {"a": [{"id": old_case}], "b": [{"id": old_case}]}
    assert code_of(post(customer, f'{{ viewer {{ account {{ cases(id: ["{old_case}"]) {{ id }} }} }} }}')) == "HC0016"


def test_the_other_lists_of_the_account(customer: httpx.Client, service_id: str) -> None:
    """Services by id, sites by name without case, and the lines of all invoices, newest first."""
    fields = "accountId name services { serviceId } sites { siteId name } invoiceLines { invoiceLineId invoiceDate }"
    query = f"{{ viewer {{ account {{ {fields} }} }} }}"
    account = ask(customer, query)["viewer"]["account"]
    assert account["accountId"] == next(
        row["accountId"] for row in everything(customer, "/v2/accounts") if row["parentAccountId"] is None
    )
    assert {s["serviceId"] for s in account["services"]} == {s["serviceId"] for s in everything(customer, "/v2/services")}
    assert {s["siteId"] for s in account["sites"]} == {s["siteId"] for s in everything(customer, "/v2/sites")}
    dates = [line["invoiceDate"] for line in account["invoiceLines"]]
    assert dates
    assert dates == sorted(dates, reverse=True)
    name = account["sites"][0]["name"]
    found = ask(
        customer, "query ($name: String) { viewer { account { sites(name: $name) { name } } } }", {"name": name.upper()}
    )
    assert {site["name"] for site in found["viewer"]["account"]["sites"]} == {name}
    found = ask(customer, f'{{ viewer {{ account {{ services(id: "{service_id}") {{ serviceId }} }} }} }}')
    assert found["viewer"]["account"]["services"] == [{"serviceId": service_id}]


def test_pollers_at_once_see_the_same(server: Server, old_case: str) -> None:
    """Loaders belong to one request: requests at the same time do not mix."""

    async def poll() -> set[str]:
        headers = {"Authorization": f"Bearer {server.token()}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
            query = f'{{ viewer {{ account {{ cases(id: "{old_case}") {{ id communications {{ message }} }} }} }} }}'
            answers = await asyncio.gather(*(client.post("/graphql", json={"query": query}) for _ in range(20)))
            return {answer.text for answer in answers}

    (text,) = in_a_loop(poll())
    assert old_case in text
