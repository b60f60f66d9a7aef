"""Mutations under the Customer API's own promises: replay guard, transaction, events, audit, limits."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.dialects.cases.wire import CREATE, ask, cases, code_of, open_case, post
from tests.dialects.customer.wire import a_case, dsn, everything, in_a_loop, sql
from tests.serving import Server


def total(client: httpx.Client) -> int:
    """How many cases the caller has."""
    count: int = ask(client, "{ cases(first: 1) { totalCount } }")["cases"]["totalCount"]
    return count


def given(service_id: str, **changes: Any) -> dict[str, Any]:
    return {"subject": "Other", "type": "NonIncident", "serviceId": service_id, "message": "once", **changes}


def test_a_mutation_that_is_sent_twice_takes_effect_once(customer: httpx.Client, service_id: str) -> None:
    """With an Idempotency-Key the second copy gets the first one's answer."""
    key, before = str(uuid4()), total(customer)
    first = post(customer, CREATE, given(service_id), Idempotency_Key=key)
    again = post(customer, CREATE, given(service_id), Idempotency_Key=key)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert total(customer) == before + 1
    other = post(customer, CREATE, given(service_id, message="another"), Idempotency_Key=key)
    assert other.status_code == 422
    assert "errors" in other.json()
    assert total(customer) == before + 1


def test_a_refused_mutation_is_remembered_too(customer: httpx.Client, service_id: str) -> None:
    """Its key gives the same refusal again."""
    key = str(uuid4())
    answers = [post(customer, CREATE, given(service_id, subject="None"), Idempotency_Key=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert code_of(answers[1]) == "VALIDATION_FAILED"
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_what_a_mutation_did_stays_when_part_of_its_result_is_refused(
    with_scopes: Callable[..., httpx.Client], customer: httpx.Client, service_id: str
) -> None:
    """The case whose id is shown is there, though its service is not for the caller; the key gives the same answer again."""
    client, key = with_scopes("customerapi/support.read-write"), str(uuid4())
    query = CREATE.replace("        id\n", "        id service { serviceName }\n")
    answers = [post(client, query, given(service_id), Idempotency_Key=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert code_of(answers[0]) == "AUTH_NOT_AUTHORIZED"
    created = answers[0].json()["data"]["createCase"]
    assert created["service"] is None
    assert cases(customer, f'id: "{created["id"]}"', "communications { message }") == [
        {"communications": [{"message": "once"}]}
    ]


@pytest.mark.parametrize("several", [False, True])
def test_a_mutation_shows_whatever_its_result_leads_to(customer: httpx.Client, service_id: str, several: bool) -> None:
    """Everything around the case at once, read in the transaction that opens it."""
    call = f'createCase(subject: "Other", type: "NonIncident", serviceId: "{service_id}", message: "x")'
    fields = """{ id communications { message } account { name parent { name } sites { name } services { serviceName } }
        service { serviceName site { name } } site { name services { serviceId account { name } } } }"""
    shown = ask(customer, f"mutation {{ a: {call} {fields} {f'b: {call} {fields}' if several else ''} }}")
    for created in shown.values():
        assert created == ask(customer, f'{{ case(id: "{created["id"]}") {fields} }}')["case"]
        assert created["service"]["site"]["name"] == created["site"]["name"]


@pytest.mark.parametrize("several", [False, True])
def test_a_case_that_is_locked_for_long_asks_for_another_try(
    server: Server, customer: httpx.Client, service_id: str, several: bool
) -> None:
    """503 with Retry-After for the whole request, of which nothing stays, rather than an error on our side at one field."""
    free, locked = open_case(customer, service_id), open_case(customer, service_id)
    calls = f'b: replyToCase(id: "{locked}", message: "x")'
    if several:
        calls = f'a: replyToCase(id: "{free}", message: "x") {calls}'

    async def wait() -> httpx.Response:
        connection = await asyncpg.connect(dsn(server))
        try:
            async with connection.transaction():
                await connection.execute("SELECT FROM cases WHERE reference = $1 FOR UPDATE", locked)
                return await asyncio.to_thread(post, customer, f"mutation {{ {calls} }}")
        finally:
            await connection.close()

    answer = in_a_loop(wait())
    assert (answer.status_code, code_of(answer)) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    for case_id in (free, locked):
        (case,) = cases(customer, f'id: "{case_id}"', "communications { message }")
        assert [message["message"] for message in case["communications"]] == ["Hello."]


def test_a_key_is_one_over_both_dialects(customer: httpx.Client, service_id: str) -> None:
    """A key that V2 has seen cannot be used for another request here."""
    key = str(uuid4())
    assert customer.post("/v2/cases", json=a_case(service_id), headers={"Idempotency-Key": key}).status_code == 201
    assert post(customer, CREATE, given(service_id), Idempotency_Key=key).status_code == 422


@pytest.mark.parametrize("key", ["", "with blank", "x" * 256])
def test_a_key_that_cannot_be_used_is_refused(customer: httpx.Client, service_id: str, key: str) -> None:
    """400, and nothing is stored."""
    before = total(customer)
    assert post(customer, CREATE, given(service_id), Idempotency_Key=key).status_code == 400
    assert total(customer) == before


def test_queries_take_no_key(customer: httpx.Client) -> None:
    """A query under a key is a query: nothing is remembered."""
    key = str(uuid4())
    for query in ("{ a: __typename }", "{ b: __typename }"):
        answer = post(customer, query, Idempotency_Key=key)
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers


def test_several_mutations_run_in_order_and_each_stands_for_itself(customer: httpx.Client, service_id: str) -> None:
    """One that is refused leaves nothing behind, in no case and no event; the others take effect."""
    case_id, before = open_case(customer, service_id), total(customer)
    closed = customer.get("/v2/cases?filter[Status]=Closed&page[limit]=1").json()["data"][0]["caseId"]
    answer = post(
        customer,
        f"""mutation {{
          a: replyToCase(id: "{case_id}", message: "first")
          b: createCase(subject: "Other", type: "NonIncident", serviceId: "SVC-1", message: "x") {{ id }}
          c: replyToCase(id: "{closed}", message: "x")
          d: createCase(subject: "Other", type: "NonIncident", serviceId: "{service_id}", message: "x") {{ id status }}
          e: replyToCase(id: "{case_id}", message: "second")
        }}""",
    )
    body = answer.json()
    assert (body["data"]["a"], body["data"]["b"], body["data"]["c"], body["data"]["e"]) == (True, None, None, True)
    assert body["data"]["d"]["status"] == "New"
    assert {(tuple(e["path"]), e["extensions"]["code"]) for e in body["errors"]} == {
        (("b",), "NOT_FOUND"),
        (("c",), "VALIDATION_FAILED"),
    }
    assert total(customer) == before + 1
    (case,) = cases(customer, f'id: "{case_id}"', "communications { message }")
    assert [message["message"] for message in case["communications"]] == ["Hello.", "first", "second"]


def test_changes_are_announced_and_audited_as_in_v2(server: Server, customer: httpx.Client, service_id: str) -> None:
    """The same events with the same subject and actor; the audit names the mutation."""
    here = open_case(customer, service_id)
    there = customer.post("/v2/cases", json=a_case(service_id)).json()["data"]["caseId"]
    columns = "type, subject_type, subject_version, actor_type, actor_id, before IS NULL, after IS NULL"

    def events(case_id: str) -> list[tuple[Any, ...]]:
        found = f"SELECT {columns} FROM events WHERE subject_reference = $1 OR after->>'case_reference' = $1 ORDER BY sequence"
        return [tuple(row) for row in sql(server, found, case_id)]

    assert len(events(here)) == 2
    assert events(here) == events(there)
    operation = "SELECT operation FROM audit_entries WHERE subject_reference = $1"
    assert [row[0] for row in sql(server, operation, here)] == ["cases.createCase"]
    assert [row[0] for row in sql(server, operation, there)] == ["customer.createCase"]


def test_the_audit_names_the_mutations_in_their_order(server: Server, customer: httpx.Client, service_id: str) -> None:
    """Each name once, and nothing but mutations."""
    case_id = open_case(customer, service_id)
    calls = f"""
        __typename
        a: addCustomerReference(id: "{case_id}", customerReference: "A")
        ... {{ b: replyToCase(id: "{case_id}", message: "B") }}
        c: addCustomerReference(id: "{case_id}", customerReference: "C")
    """
    ask(customer, f"mutation {{ {calls} }}")
    found = sql(server, "SELECT DISTINCT operation FROM audit_entries WHERE subject_reference = $1", case_id)
    assert {row[0] for row in found} == {"cases.createCase", "cases.addCustomerReference+replyToCase"}


def test_texts_come_back_as_they_were_sent(customer: httpx.Client, service_id: str) -> None:
    """Markup, other scripts, emoji, line breaks, quotes: by variable and by literal."""
    text = 'Grüße – „Störung“ <b>\n\t"line" 通信断 🚨 \\ \u2028 end'
    case_id = open_case(customer, service_id, message=text)
    literal = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    ask(customer, f'mutation {{ replyToCase(id: "{case_id}", message: "{literal}") }}')
    (case,) = cases(customer, f'id: "{case_id}"', "communications { message }")
    assert [message["message"] for message in case["communications"]] == [text, text]


def test_limits_are_the_clients_and_shared_by_both_dialects(tmp_path: Any) -> None:
    """Queries count as reads and each mutation as a write; what V2 spent is gone here, too."""
    settings = {
        "TRUNKLINE_THROTTLE": "on",
        "TRUNKLINE_CUSTOMER_READ_BURST": "12",
        "TRUNKLINE_CUSTOMER_READS_PER_SECOND": "0.01",
        "TRUNKLINE_CUSTOMER_WRITES_PER_MINUTE": "5",
        "TRUNKLINE_SANDBOX": "off",
        "TRUNKLINE_WORKERS": "1",
    }
    server = Server(tmp_path / "data", settings=settings).start()
    try:
        with server.client() as client:
            service_id = client.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
            answer = post(client, "{ __typename }")
            assert answer.headers["ratelimit-policy"] == '"read";q=12;w=1200, "write";q=5;w=60'
            assert answer.headers["ratelimit"].startswith('"read";r=10;')
            assert post(client, "{ nothing }").headers["ratelimit"].startswith('"read";r=9;')
            assert client.post("/v2/cases", json=a_case(service_id)).headers["ratelimit"].startswith('"write";r=4;')
            reply = 'replyToCase(id: "CAS-1", message: "x")'  # a name twice in the answer is one mutation, `__typename` is none
            two = f"mutation {{ __typename a: {reply} ...B }} fragment B on Mutation {{ a: {reply} b: {reply} }}"
            assert post(client, two).headers["ratelimit"].startswith('"write";r=2;')
            assert post(client, two).headers["ratelimit"].startswith('"write";r=0;')
            refused = post(client, CREATE, given(service_id))
            assert refused.status_code == 429
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert "errors" in refused.json()
            while (answer := post(client, "{ __typename }")).status_code == 200:
                assert answer.headers["ratelimit"].startswith('"read";')
            assert answer.status_code == 429
            assert client.get("/v2/services").status_code == 429
    finally:
        assert server.stop() == 0


def test_the_sandbox_is_a_world_of_its_own(server: Server, customer: httpx.Client) -> None:
    """Its host, its credentials, its cases."""
    with server.client(environment="sandbox") as sandbox:
        found = ask(sandbox, "{ viewer { account { cases { id } } } }")["viewer"]["account"]["cases"]
        assert found
        assert post(customer, "{ __typename }", Host=f"sb2.localhost:{server.port}").status_code == 401
        assert {case["id"] for case in found} == {row["caseId"] for row in everything(sandbox, "/v2/cases")}
