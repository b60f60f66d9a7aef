"""The change feed over HTTP: pages, long polls, server-sent events, and how they end."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from tests.dialects.customer.wire import BASIC, SUPPORT, everything, is_problem, made_client, open_case, token_form
from tests.serving import Server
from trunkline.dialects.customer.cursors import cursor_of, position_of
from trunkline.dialects.customer.events import EVENT_TYPES, SUBJECTS, event_document
from trunkline.domains.connectivity.subscribers.service import Subscriber, SubscriberStatus, SubscriberType
from trunkline.kit.clock import Clock
from trunkline.kit.events import StoredEvent
from trunkline.kit.ids import new_id


def end_of(client: httpx.Client) -> str:
    """The cursor after everything that is there."""
    page = client.get("/v2/events", params={"after": "now"}).json()
    assert page["data"] == []
    return cursor_in(page["links"]["next"])


def cursor_in(address: str) -> str:
    return httpx.URL(address).params["after"]


def read(client: httpx.Client, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/v2/events", params=parameters)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


# pages -----------------------------------------------------------------------------------------------------------------


def test_a_change_comes_with_the_object_before_and_after(customer: httpx.Client, service_id: str) -> None:
    """Opened: null and the case. Changed: both. As the case's own resource shows them, with actor, request and version."""
    after = end_of(customer)
    mark = f"feed-{uuid4().hex}"
    case = open_case(customer, service_id)
    path = f"/v2/cases/{case['caseId']}"
    changed = customer.patch(path, json={"customerReference": "A"}, headers={"X-Request-Id": mark}).json()["data"]
    page = read(customer, after=after)
    opened, message, change = page["data"]
    assert [event["type"] for event in page["data"]] == ["case.opened", "case_message.added", "case.changed"]
    assert (opened["before"], opened["after"]) == (None, case)
    assert (change["before"], change["after"]) == (case, changed)
    assert message["after"] == customer.get(f"{path}/case-messages").json()["data"][0]
    assert message["subject"]["link"] == f"{customer.base_url}{path}/case-messages"
    assert opened["subject"] == {
        "type": "case", "id": case["caseId"], "version": 1, "link": f"{customer.base_url}{path}",
    }  # fmt: skip
    assert change["subject"]["version"] == 2
    assert change["requestId"] == mark
    assert change["actor"]["type"] == "api_client"
    assert opened["timestamp"] == case["createdDate"]
    assert opened["sequence"] < message["sequence"] < change["sequence"]
    assert list(opened) == [
        "cursor", "sequence", "type", "timestamp", "subject", "actor", "requestId", "before", "after",
    ]  # fmt: skip


def test_a_sim_that_another_dialect_changes_is_told_too(server: Server, customer: httpx.Client) -> None:
    """What happens to a subscriber in the Network API is in the feed, without a trace of its keys."""
    after = end_of(customer)
    key = {"X-API-KEY": server.credentials["network"]["customer_admin_key"]}
    with httpx.Client(base_url=server.url, headers=key) as network:
        sim = network.get("/v1/subs", params={"size": 1}).json()["_embedded"]["subs"][0]
        address, before = sim["_links"]["self"]["href"].partition("{")[0], sim["msisdn"]
        secrets = {"k": "00112233445566778899AABBCCDDEEFF", "opc": "FFEEDDCCBBAA99887766554433221100"}
        for body in ({"msisdn": "15550009999"}, secrets, {"msisdn": before}):
            assert network.patch(address, json=body, headers={"Content-Type": "application/merge-patch+json"}).is_success
    events = read(customer, after=after, types="subscriber.*")["data"]
    assert [event["type"] for event in events] == ["subscriber.changed", "subscriber.keys_changed", "subscriber.changed"]
    assert (events[0]["before"]["msisdn"], events[0]["after"]["msisdn"]) == (before, "15550009999")
    assert list(events[0]["after"]) == [
        "subscriberId", "imsi", "msisdn", "iccid", "status", "type", "createdDate", "lastModifiedDate",
    ]  # fmt: skip
    assert events[0]["subject"]["link"] == address
    assert events[0]["subject"]["id"] == events[0]["after"]["subscriberId"]
    assert not any(secret.lower() in json.dumps(events).lower() for secret in secrets.values())


def test_next_goes_on_for_ever(customer: httpx.Client, service_id: str) -> None:
    """`links.next` is never null: it goes on after the page's last event, with the same limit and types; each event comes once."""
    after = end_of(customer)
    for _ in range(3):
        open_case(customer, service_id)
    whole = [event["cursor"] for event in read(customer, after=after)["data"]]
    assert len(whole) == 6
    seen: list[str] = []
    page = read(customer, after=after, limit=4)
    for more in (True, False, False):
        assert page["metadata"] == {"limit": 4, "hasMore": more}
        seen += [event["cursor"] for event in page["data"]]
        following = page["links"]["next"]
        assert httpx.URL(following).params["limit"] == "4"
        page = customer.get(following).json()
    assert seen == whole
    assert cursor_in(page["links"]["next"]) == whole[-1]
    assert customer.get(page["links"]["self"]).json() == page


def test_the_feed_begins_with_what_is_kept(customer: httpx.Client) -> None:
    """Without `after` the oldest event comes first."""
    first = read(customer, limit=1)
    assert first["data"][0] == read(customer, after="v1.0", limit=1)["data"][0]
    assert cursor_in(first["links"]["self"]) == "v1.0"


def test_types_choose(customer: httpx.Client, service_id: str) -> None:
    """`types` takes types and all of a thing's; the cursor moves over what was not chosen."""
    after = end_of(customer)
    open_case(customer, service_id)
    assert [e["type"] for e in read(customer, after=after, types="case.*")["data"]] == ["case.opened"]
    assert [e["type"] for e in read(customer, after=after, types="case_message.added,invoice.*")["data"]] == [
        "case_message.added"
    ]
    none = read(customer, after=after, types="site.*")
    assert none["data"] == []
    assert cursor_in(none["links"]["next"]) == end_of(customer)
    assert len(customer.get(f"/v2/events?after={after}&types=case.opened&types=case_message.*").json()["data"]) == 2


def test_every_fault_is_named(customer: httpx.Client) -> None:
    """Everything that is wrong with the query is said at once, in a problem document."""
    answer = customer.get("/v2/events?after=yesterday&limit=0&wait=31&types=case.,nothing")
    errors = is_problem(answer, 400, "after", "limit", "wait", "types")
    assert len(errors["types"]) == 2
    is_problem(customer.get("/v2/events?after=now&after=now"), 400, "after")
    is_problem(customer.get("/v2/events?types="), 400, "types")
    is_problem(customer.get(f"/v2/events?after={cursor_of(10**17)}"), 400, "after")
    is_problem(customer.get(f"/v2/events/stream?after={cursor_of(10**17)}"), 400, "after")
    for beyond in ("17", cursor_of(10**17)):
        is_problem(customer.get("/v2/events/stream", headers={"Last-Event-ID": beyond}), 400, "Last-Event-ID")


# long polls --------------------------------------------------------------------------------------------------------------


def test_a_long_poll_answers_as_soon_as_there_is_something(customer: httpx.Client, server: Server, service_id: str) -> None:
    """It waits while there is nothing, and answers when the change is committed."""
    after = end_of(customer)
    with ThreadPoolExecutor(1) as thread, server.client() as waiting:
        answer = thread.submit(waiting.get, "/v2/events", params={"after": after, "wait": 20})
        time.sleep(0.5)
        assert not answer.done()
        case = open_case(customer, service_id)
        done = time.monotonic()
        page = answer.result().json()
        assert time.monotonic() - done < 0.5
    assert [event["type"] for event in page["data"]] == ["case.opened", "case_message.added"]
    assert page["data"][0]["after"] == case
    assert httpx.URL(page["links"]["next"]).params["wait"] == "20"


def test_a_long_poll_ends_empty(customer: httpx.Client, server: Server) -> None:
    """After its time it answers with nothing; what others do does not end it, and the cursor has moved over that."""
    after = end_of(customer)
    with ThreadPoolExecutor(1) as thread, server.client("other") as other:
        begun = time.monotonic()
        answer = thread.submit(customer.get, "/v2/events", params={"after": after, "wait": 2})
        time.sleep(0.3)
        service = other.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        open_case(other, service)
        page = answer.result().json()
    assert 1.9 < time.monotonic() - begun < 4
    assert page["data"] == []
    assert position_of(cursor_in(page["links"]["next"])) > position_of(after)  # type: ignore[operator]


@pytest.mark.parametrize("path", ["/v2/events?after=now&wait=30", "/v2/events/stream"])
def test_a_client_that_goes_is_not_waited_for(path: str, server: Server) -> None:
    """Who waits and goes frees its place at once: the fiftieth and more of one credential are still taken."""
    token = server.token()
    for _ in range(130):
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            time.sleep(0.01)
    answer = httpx.get(
        f"{server.url}/v2/events?after=now&wait=1", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


# server-sent events --------------------------------------------------------------------------------------------------------


class Stream:
    """An open stream of server-sent events, read as a browser reads it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self._lines = answer.iter_lines()

    def blocks(self) -> Iterator[dict[str, str]]:
        """Each block's fields; comments stand under an empty name."""
        block: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(":")
                block[name] = value.removeprefix(" ")
                continue
            self.last_id = block.get("id", self.last_id)
            yield block
            block = {}

    def events(self, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for block in self.blocks():
            if "data" in block:
                event = json.loads(block["data"])
                assert event["cursor"] == self.last_id
                found.append(event)
            if len(found) == number:
                break
        return found


@contextmanager
def stream(client: httpx.Client, after: str = "", timeout: float = 20, **headers: str) -> Iterator[Stream]:
    query = {"after": after} if after else {}
    with client.stream("GET", "/v2/events/stream", params=query, headers=headers, timeout=timeout) as answer:
        assert answer.status_code == 200
        opened = Stream(answer)
        assert next(opened.blocks())["retry"] == "2000"
        yield opened


def test_a_stream_tells_what_happens(customer: httpx.Client, server: Server, service_id: str) -> None:
    """The same events as the pages have, while they happen, each with its cursor as `id`."""
    after = end_of(customer)
    with server.client() as client, stream(client, "now") as live:
        assert live.answer.headers["content-type"] == "text/event-stream"
        assert live.answer.headers["cache-control"] == "no-store"
        open_case(customer, service_id)
        events = live.events(2)
    assert events == read(customer, after=after)["data"]


def test_a_stream_goes_on_after_the_last_event(customer: httpx.Client, server: Server, service_id: str) -> None:
    """`Last-Event-ID` wins over `after`: a client that connects again misses nothing and gets nothing twice."""
    after = end_of(customer)
    for _ in range(3):
        open_case(customer, service_id)
    expected = [event["cursor"] for event in read(customer, after=after)["data"]]
    with server.client() as client:
        with stream(client, after) as first:
            seen = [event["cursor"] for event in first.events(2)]
            last = first.last_id
        assert last == seen[-1]
        with stream(client, "now", **{"Last-Event-ID": last}) as second:
            seen += [event["cursor"] for event in second.events(4)]
    assert seen == expected


def test_a_stream_says_that_it_lives(customer: httpx.Client, server: Server) -> None:
    """When nothing happens for 15 seconds a comment comes; with a cursor, when something happened that is not for this reader."""
    with server.client("read_only") as client, stream(client, "now") as live:
        service = customer.get("/v2/services?filter[Status]=RFS&page[limit]=1").json()["data"][0]["serviceId"]
        open_case(customer, service)
        begun = time.monotonic()
        beat = next(live.blocks())
        assert 10 < time.monotonic() - begun < 17
        assert beat[""] == "heartbeat"
        assert "data" not in beat
        assert live.last_id == end_of(customer)


def test_a_stream_ends_with_its_token(server: Server, manager: httpx.Client) -> None:
    """When the client is deleted its streams end within moments, in order."""
    made = made_client(server, manager, f"stream {uuid4()}", BASIC, SUPPORT)
    token = httpx.post(f"{server.url}/oauth2/token", data=token_form(made)).json()["access_token"]
    with (
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}) as client,
        stream(client, "now") as live,
    ):
        threading.Timer(0.3, lambda: manager.delete(f"/v2/api-clients/{made['client_id']}")).start()
        begun = time.monotonic()
        rest = list(live.blocks())  # to the stream's end
        assert time.monotonic() - begun < 4
    assert not [block for block in rest if "data" in block and json.loads(block["data"])["type"] == "api_client.revoked"]


def test_a_reader_that_does_not_read_holds_nobody_up(customer: httpx.Client, server: Server, service_id: str) -> None:
    """A stream that is never read costs the server nothing, and others hear at once."""
    token = server.token()
    lazy = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
    for line in lazy:
        line.sendall(
            b"GET /v2/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
    with server.client() as client, stream(client, "now") as live:
        for _ in range(5):
            begun = time.monotonic()
            open_case(customer, service_id)
            assert len(live.events(2)) == 2
            assert time.monotonic() - begun < 1
    for line in lazy:
        line.close()


# what is shown -------------------------------------------------------------------------------------------------------------


def test_every_type_has_a_subject() -> None:
    """What `types` can name is shown, and every kind of thing that is shown can be named or has no events yet."""
    named = {type_.partition(".")[0] for type_ in EVENT_TYPES}
    assert named <= set(SUBJECTS)
    assert set(SUBJECTS) - named <= {"service"}  # services change with their own issue


def test_what_the_house_stores_can_be_shown(customer: httpx.Client) -> None:
    """Everything in the feed so far was readable: no event has neither before nor after."""
    following = "/v2/events?limit=200"
    while True:
        page = customer.get(following).json()
        assert all(event["before"] or event["after"] for event in page["data"])
        assert {event["type"] for event in page["data"]} <= set(EVENT_TYPES)
        if not page["metadata"]["hasMore"]:
            break
        following = page["links"]["next"]


def test_an_object_of_an_older_version_is_left_out() -> None:
    """An event whose object is not readable any more is still told, without it; one of an unknown subject is not."""
    event = StoredEvent(
        7,
        Clock().now(),
        "case.opened",
        "case",
        new_id(),
        "CAS-1",
        1,
        None,
        None,
        None,
        "system",
        "timer",
        "r",
        None,
        '{"id": 1}',
    )
    document = event_document(event, "https://api.example")
    assert document is not None
    assert (document.after, document.subject.link) == (None, "https://api.example/v2/cases/CAS-1")
    assert event_document(msgspec.structs.replace(event, subject_type="keyset"), "") is None


def test_what_an_object_was_at_another_customer_is_not_shown() -> None:
    """Whoever gets an object out of somebody else's hands sees what it is from then on, not what it was before."""
    now, theirs, ours = Clock().now(), new_id(), new_id()
    old = Subscriber(
        new_id(), "700001", 1, theirs, theirs, None, None, None, None, None, None, None, "001010000000001", "+15550000001", None,
        False, False, SubscriberStatus.INACTIVE, SubscriberType.PRODUCTION, {}, False, now, now,
    )  # fmt: skip
    new = msgspec.structs.replace(old, version=2, account_id=ours, customer_id=ours, msisdn="+15550000002")
    stored = [msgspec.json.encode(one).decode() for one in (old, new)]
    event = StoredEvent(
        8, now, "subscriber.changed", "subscriber", old.id, old.reference, 2, ours, ours, None, "user", "operator", "r", *stored
    )
    document = event_document(event, "https://api.example")
    assert document is not None
    assert (document.before, document.after.msisdn) == (None, "+15550000002")
    stayed = event_document(msgspec.structs.replace(event, customer_id=theirs), "https://api.example")
    assert stayed is not None
    assert stayed.before.msisdn == "+15550000001"


@pytest.mark.parametrize("text", ["", "v1.", "v2.1", "v1.-1", "v1.1.1", "v1.١", "1", "now", f"v1.{10**18}"])
def test_what_is_no_cursor(text: str) -> None:
    """Only cursors that were given are read."""
    assert position_of(text) is None
    assert position_of(cursor_of(17)) == 17


def test_the_feed_and_the_lists_agree(customer: httpx.Client, service_id: str) -> None:
    """The last that the feed tells of an object is what the lists show of it."""
    after = end_of(customer)
    cases = [open_case(customer, service_id)["caseId"] for _ in range(3)]
    for number, case in enumerate(cases):
        customer.patch(f"/v2/cases/{case}", json={"customerReference": f"{number}"})
    customer.post(f"/v2/cases/{cases[0]}/case-messages", json={"message": "And?"})
    customer.patch(f"/v2/cases/{cases[1]}", json={"status": "Cancelled"})
    last = {event["subject"]["id"]: event["after"] for event in read(customer, after=after, types="case.*")["data"]}
    rows = {row["caseId"]: row for row in everything(customer, "/v2/cases")}
    assert {case: rows[case] for case in cases} == {case: last[case] for case in cases}
