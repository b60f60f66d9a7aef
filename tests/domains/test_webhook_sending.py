"""Sending webhooks: fan-out, order, retries, pauses, disabling and replays, to a real receiver, with PostgreSQL's own rows to look at."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook

from tests.conftest import MakeDatabase
from tests.domains.receiver import OK, Answer, Received, Receiver
from tests.domains.webhook_post import POLICY, Post, build, leave
from trunkline.domains.webhooks import service
from trunkline.domains.webhooks.sending import courier, outbox
from trunkline.domains.webhooks.sending.model import Target
from trunkline.kit.clock import wall_clock
from trunkline.kit.realm import advance_clock


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that come often: the tests wait for them."""
    monkeypatch.setattr(courier, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(courier, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(courier, "ASK_SECONDS", 0.1)
    monkeypatch.setattr(courier, "RECONNECT_SECONDS", 0.05)


@pytest.fixture(scope="module")
async def dsn(make_database: MakeDatabase) -> str:
    """A database for these tests, each of which has a tenant of its own."""
    return await make_database()


@pytest.fixture
async def post(dsn: str) -> AsyncIterator[Post]:
    made = await build(dsn)
    yield made
    await leave(made)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


def versions(received: list[Received], subject: str) -> list[int]:
    """The versions of a thing that arrived, first arrivals only, in order."""
    seen = [request.message["data"]["version"] for request in received if request.message["data"]["subject"] == subject]
    return list(dict.fromkeys(seen))


async def test_an_event_arrives(post: Post, receiver: Receiver) -> None:
    """What is committed after an endpoint was made reaches it once, in the form of Standard Webhooks; what was before does not."""
    await post.change("before")
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("after")
        (request,) = await receiver.wait(1)
        await post.settled("delivered", 1)
    row = await post.one(endpoint)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "Trunkline-Webhooks/1"
    assert request.id == f"msg_{row['id'].hex}"
    assert request.message["type"] == "thing.changed"
    assert request.message["data"] == {"sequence": row["sequence"], "subject": "after", "version": 1}
    assert row["payload"] == request.body.decode()
    assert (row["attempts"], row["response_status"], row["failure"]) == (1, 204, None)


# exactly one row for each event and endpoint -----------------------------------------------------------------------------


async def test_nothing_that_commits_late_is_skipped(post: Post, receiver: Receiver) -> None:
    """An event whose number was drawn early and whose commit came late is delivered all the same."""
    await post.endpoint(receiver)
    commit = asyncio.Event()
    async with post.courier():
        slow = asyncio.create_task(post.change_slowly("late", commit))
        await asyncio.sleep(0.1)
        for _ in range(5):
            await post.change("early")
        await asyncio.sleep(0.3)
        commit.set()
        await slow
        await post.settled("delivered", 6)
    assert len(receiver.received) == 6
    assert versions(receiver.received, "late") == [1]


async def test_rows_and_position_are_written_together(post: Post, receiver: Receiver) -> None:
    """However often the fan-out is cut off, and by however many couriers it is done, each event becomes one delivery."""
    endpoint, _ = await post.endpoint(receiver)
    writing = True

    async def write() -> None:
        for number in range(60):
            await post.change(f"{number % 7}", f"{number % 5}")
        nonlocal writing
        writing = False

    async def cut_off() -> None:
        while writing:
            await asyncio.sleep(0.05)
            await post.sql(
                "SELECT pg_terminate_backend(pid), $1::uuid FROM pg_stat_activity"
                " WHERE datname = current_database() AND (application_name = 'trunkline webhooks' OR query LIKE '%WITH moved%')"
                " AND pid <> pg_backend_pid()"
            )

    async with post.courier(), post.courier():
        await asyncio.gather(write(), cut_off())
        await post.settled("delivered", 120, seconds=30)
    events = await post.sql("SELECT sequence FROM events WHERE tenant_id = $1 AND subject_type = 'thing'")
    assert sorted(row["sequence"] for row in await post.deliveries(endpoint)) == sorted(row[0] for row in events)
    for subject, version in post.versions.items():
        assert versions(receiver.received, subject) == list(range(1, version + 1))


async def test_an_endpoint_hears_what_it_asked_for(post: Post, receiver: Receiver) -> None:
    """Event types, and the permissions of whoever chose them, decide; the rest leaves no rows."""
    await post.endpoint(receiver, "part.changed")
    hears, _ = await post.endpoint(receiver, "thing.changed")
    no_right, _ = await post.endpoint(receiver)
    await post.sql("UPDATE webhook_endpoints SET permissions = '{parts.read}' WHERE tenant_id = $1 AND id = $2", no_right.id)
    async with post.courier():
        await post.change("one")
        await post.settled("delivered", 1)
        await asyncio.sleep(0.2)
    assert [row["endpoint_id"] for row in await post.deliveries()] == [hears.id]


async def test_many_tenants(dsn: str, receiver: Receiver) -> None:
    """One courier serves every tenant of its environment; none hears of another's events."""
    posts = [await build(dsn) for _ in range(3)]
    for number, post in enumerate(posts):
        await post.endpoint(receiver, path=f"/{number}")
    async with posts[0].courier():
        for number, post in enumerate(posts):
            await post.change(f"thing {number}")
        await receiver.wait(3)
        await asyncio.sleep(0.2)
    assert sorted((request.path, request.message["data"]["subject"]) for request in receiver.received) == [
        (f"/hook/{number}", f"thing {number}") for number in range(3)
    ]
    for post in posts:
        await leave(post)


# order ---------------------------------------------------------------------------------------------------------------------


async def test_order_within_a_subject_and_none_between_them(post: Post, receiver: Receiver) -> None:
    """The versions of one object arrive one after the other, those of different objects at the same time, ten requests at most."""
    busy: dict[str, int] = {}

    async def rule(request: Received) -> Answer:
        subject = request.message["data"]["subject"]
        busy[subject] = busy.get(subject, 0) + 1
        assert busy[subject] == 1
        await asyncio.sleep(0.01)
        busy[subject] -= 1
        return OK

    receiver.rule = rule
    await post.endpoint(receiver)
    for number in range(30):
        await post.change(*(f"{subject}" for subject in range(number % 3, 25)))
    async with post.courier():
        await post.settled("delivered", sum(post.versions.values()), seconds=20)
    for subject, version in post.versions.items():
        assert versions(receiver.received, subject) == list(range(1, version + 1))
    assert receiver.most_at_once == 10
    assert len(receiver.received) == sum(post.versions.values())


async def test_a_failing_subject_blocks_no_other(post: Post, receiver: Receiver) -> None:
    """While one object's event is refused, its later ones wait behind it and those of others go out; then they follow in order."""
    refused = True
    receiver.rule = lambda r: Answer(400) if refused and r.message["data"]["subject"] == "bad" else OK
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("bad", "good", "bad", "good")
        await post.settled("delivered", 2)
        await post.change("bad", "good")
        await post.settled("delivered", 3)
        assert versions(receiver.received, "good") == [1, 2, 3]
        assert versions(receiver.received, "bad") == [1]
        waiting = [row for row in await post.deliveries(endpoint) if row["status"] == "pending"]
        assert [row["attempts"] for row in waiting] == [1, 0, 0]
        assert waiting[0]["next_at"] == waiting[1]["next_at"] == waiting[2]["next_at"]
        refused = False
        post.advance(7)
        await post.settled("delivered", 6)
    assert versions(receiver.received, "bad") == [1, 2, 3]


async def test_a_slow_or_dead_receiver_delays_no_other(post: Post, receiver: Receiver) -> None:
    """One endpoint never answers, another one does not exist: the third gets everything at once."""
    hanging = asyncio.Event()

    async def hang(_: Received) -> Answer:
        await hanging.wait()
        return OK

    async with Receiver(hang) as slow:
        await post.endpoint(slow)
        dead = Receiver()
        async with dead:
            await post.endpoint(dead)
        fast, _ = await post.endpoint(receiver)
        async with post.courier():
            for _ in range(20):
                await post.change(*(f"{number}" for number in range(20)))
            begun = asyncio.get_running_loop().time()
            await post.settled("delivered", 400, fast, seconds=20)
            assert asyncio.get_running_loop().time() - begun < 4  # the slow one still holds its first ten
            assert slow.at_once == 10
            hanging.set()


# when it is tried again ------------------------------------------------------------------------------------------------------


async def test_ten_tries_over_three_days(post: Post, receiver: Receiver) -> None:
    """A delivery is tried ten times over about three days of the environment's clock, with the same id and body, and then has failed."""
    receiver.rule = lambda _: Answer(500, {"X-Reason": "broken"}, b"no \0 idea \xff")
    endpoint, _ = await post.endpoint(receiver)
    begun = post.realm.clock.now()
    async with post.courier():
        await post.change("one")
        for tries in range(1, 10):
            await post.tried(endpoint, tries)
            row = await post.one(endpoint)
            assert (row["status"], row["tries"]) == ("pending", tries)
            await asyncio.sleep(0.15)
            assert len(receiver.received) == tries  # nothing comes before its time
            post.advance((row["next_at"] - post.realm.clock.now()).total_seconds() + 1)
        await post.settled("failed", 1)
    assert len(receiver.received) == 10
    assert len({(request.id, request.body) for request in receiver.received}) == 1
    assert timedelta(days=2.6) < post.realm.clock.now() - begun < timedelta(days=3.4)
    row = await post.one(endpoint)
    assert (row["failure"], row["response_status"]) == ("the answer was 500", 500)
    attempts = await post.sql("SELECT * FROM webhook_attempts WHERE tenant_id = $1 ORDER BY number")
    assert [attempt["number"] for attempt in attempts] == list(range(1, 11))
    assert attempts[0]["response_body"] == "no \ufffd idea \ufffd"
    assert '"x-reason": "broken"' in attempts[0]["response_headers"]
    assert "webhook-signature" not in attempts[0]["request_headers"]
    assert attempts[0]["url"] == receiver.url
    assert attempts[0]["address"] == "127.0.0.1"
    assert (await post.stored(endpoint))["failing_since"] is not None


async def test_redirects_are_not_followed(post: Post, receiver: Receiver) -> None:
    """An answer that points elsewhere is a failure like another."""
    receiver.rule = lambda _: Answer(307, {"Location": receiver.url + "/elsewhere"})
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
    assert [request.path for request in receiver.received] == ["/hook"]
    assert (await post.one(endpoint))["failure"] == "the answer was 307: redirects are not followed"


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_holds_the_whole_endpoint(post: Post, receiver: Receiver, status: int) -> None:
    """A receiver that asks for ten minutes gets them: nothing is sent to it meanwhile, but tests."""
    receiver.rule = lambda _: Answer(status, {"Retry-After": "600"})
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
        receiver.rule = lambda _: OK
        await post.change("two", "three")
        post.advance(500)
        await asyncio.sleep(0.3)
        assert len(receiver.received) == 1
        await post.do(service.test_endpoint, endpoint.reference)
        assert (await receiver.wait(2))[1].message["type"] == "webhook.test"
        post.advance(102)
        await post.settled("delivered", 4)
    stored = await post.stored(endpoint)
    assert stored["failing_since"] is None


async def test_retry_after_as_a_date(post: Post, receiver: Receiver) -> None:
    """A date in Retry-After is one on the real clock, wherever the sandbox's stands."""
    post.advance(86_400 * 100)
    receiver.rule = lambda _: Answer(503, {"Retry-After": format_datetime(wall_clock() + timedelta(hours=2), usegmt=True)})
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
    held = (await post.stored(endpoint))["held_until"] - post.realm.clock.now()
    assert timedelta(minutes=118) < held < timedelta(minutes=121)
    assert (await post.one(endpoint))["next_at"] >= (await post.stored(endpoint))["held_until"]


async def test_a_retry_after_that_is_none_is_a_try_like_another(post: Post, receiver: Receiver) -> None:
    """However absurd the date is that a receiver asks for, the try counts and the next one comes at its usual time."""
    receiver.rule = lambda _: Answer(503, {"Retry-After": "Sun, 22 Nov 99999999999999999999 12:30:00 GMT"})
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
        post.advance(6)
        await post.tried(endpoint, 2)
    assert (await post.stored(endpoint))["held_until"] is None


async def test_the_sandbox_clock_wakes_what_waits(post: Post, receiver: Receiver) -> None:
    """`trunkline clock advance` makes what has waited for its next try due at once."""
    await post.realm.open()
    async with post.realm.pool.connection() as connection:
        await connection.execute("INSERT INTO environments (name, created_at) VALUES ('sandbox', $1)", post.realm.clock.now())
    receiver.rule = lambda _: Answer(500)
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
        receiver.rule = lambda _: OK
        async with post.realm.pool.connection() as connection:
            await advance_clock(connection, post.realm.environment, 60)
        await post.settled("delivered", 1, seconds=3)
    await post.realm.close()


# what the house does to endpoints ----------------------------------------------------------------------------------------------


async def test_gone_disables_at_once(post: Post, receiver: Receiver) -> None:
    """410: the endpoint is disabled with an event, everything that waits has failed, and what comes later is written down as failed."""
    receiver.rule = lambda _: Answer(410)
    async with Receiver() as others:
        await post.endpoint(others, "webhook_endpoint.disabled")
        endpoint, _ = await post.endpoint(receiver)
        for _ in range(3):
            await post.change(*(f"{number}" for number in range(15)))
        async with post.courier():
            await post.settled("failed", 45, endpoint)
            (told,) = await others.wait(1)
            await post.change("later")
            await post.settled("failed", 46, endpoint)
    assert told.message["type"] == "webhook_endpoint.disabled"
    stored = await post.stored(endpoint)
    assert (stored["status"], stored["disabled_reason"], stored["version"]) == ("disabled", "gone", 2)
    rows = await post.deliveries(endpoint)
    assert {row["failure"] for row in rows} == {"the answer was 410: the endpoint is gone for good", "the endpoint is disabled"}
    assert rows[-1]["failure"] == "the endpoint is disabled"
    assert 1 <= len(receiver.received) <= 10  # those that were in flight together


async def test_five_days_of_failure_disable(post: Post, receiver: Receiver) -> None:
    """After five days without a success, on the environment's clock, the next failing try disables the endpoint."""
    receiver.rule = lambda _: Answer(500)
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
        post.advance(4.9 * 86_400)
        await post.tried(endpoint, 2)
        assert (await post.stored(endpoint))["status"] == "active"
        post.advance(0.2 * 86_400)
        await post.settled("failed", 1, endpoint)

        async def is_disabled() -> bool:
            return bool((await post.stored(endpoint))["status"] == "disabled")

        await post.until(is_disabled)
    assert (await post.stored(endpoint))["disabled_reason"] == "failing"
    events = await post.sql("SELECT type FROM events WHERE tenant_id = $1 AND type LIKE '%.disabled'")
    assert len(events) == 1


async def test_one_success_ends_the_failing(post: Post, receiver: Receiver) -> None:
    """Five days count from the last success on."""
    receiver.rule = lambda _: Answer(500)
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.tried(endpoint, 1)
        receiver.rule = lambda _: OK
        post.advance(3 * 86_400)
        await post.settled("delivered", 1)
        receiver.rule = lambda _: Answer(500)
        post.advance(3 * 86_400)
        await post.change("two")
        await post.settled("pending", 1)
        await receiver.wait(3)
        await asyncio.sleep(0.2)
    stored = await post.stored(endpoint)
    assert stored["status"] == "active"
    assert post.realm.clock.now() - stored["failing_since"] < timedelta(minutes=1)


async def test_a_failing_endpoint_gets_one_request_at_a_time(post: Post, receiver: Receiver) -> None:
    """While nothing succeeds, one request at a time finds that out; after a success there are ten again."""
    receiver.rule = lambda _: Answer(500, after=0.01)
    await post.endpoint(receiver)
    async with post.courier():
        await post.change(*(f"{number}" for number in range(30)))
        await receiver.wait(30)
        receiver.most_at_once = 0
        await post.change(*(f"more {number}" for number in range(30)))
        await receiver.wait(60)
        assert receiver.most_at_once == 1
        receiver.rule = lambda _: Answer(200, after=0.01)
        await post.change(*(f"even more {number}" for number in range(60)))
        await receiver.wait(120)
        assert receiver.most_at_once == 10


# what its owner does -----------------------------------------------------------------------------------------------------------


async def test_paused_waits_and_resumes_in_order(post: Post, receiver: Receiver) -> None:
    """Nothing goes to a paused endpoint; after resuming, everything follows in order."""
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await receiver.wait(1)
        await post.do(service.pause_endpoint, endpoint.reference)
        for _ in range(4):
            await post.change("one", "two")
        await post.settled("pending", 8)
        await asyncio.sleep(0.2)
        assert len(receiver.received) == 1
        await post.do(service.resume_endpoint, endpoint.reference)
        await post.settled("delivered", 9)
    assert versions(receiver.received, "one") == [1, 2, 3, 4, 5]
    assert versions(receiver.received, "two") == [1, 2, 3, 4]


async def test_a_replay_for_a_disabled_endpoint_has_the_present_address_and_secret(post: Post, receiver: Receiver) -> None:
    """What is replayed goes out although the endpoint is disabled: to the address and with the secret that it has now."""
    receiver.rule = lambda _: Answer(410)
    endpoint, old = await post.endpoint(receiver)
    async with post.courier(), Receiver() as elsewhere:
        await post.change("one")
        await post.settled("failed", 1)
        await post.until(lambda: post.sql("SELECT 1 FROM webhook_endpoints WHERE tenant_id = $1 AND status = 'disabled'"))
        await post.sql("UPDATE webhook_endpoints SET url = $3 WHERE tenant_id = $1 AND id = $2", endpoint.id, elsewhere.url)
        _, new = await post.do(service.rotate_secret, endpoint.reference, timedelta(0))
        row = await post.one(endpoint)
        await post.do(service.replay_delivery, endpoint.reference, f"msg_{row['id'].hex}")
        (request,) = await elsewhere.wait(1)
        await post.settled("delivered", 1)
    assert request.id == receiver.received[0].id
    assert request.body == receiver.received[0].body
    Webhook(new.secret).verify(request.body, request.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(old.secret).verify(request.body, request.headers)
    row = await post.one(endpoint)
    assert (row["attempts"], row["tries"]) == (2, 1)
    assert (await post.stored(endpoint))["status"] == "disabled"


async def test_both_secrets_sign_during_the_overlap(post: Post, receiver: Receiver) -> None:
    """After a rotation both secrets verify until the overlap ends on the environment's clock; then the old one does not."""
    endpoint, old = await post.endpoint(receiver)
    async with post.courier():
        _, new = await post.do(service.rotate_secret, endpoint.reference, timedelta(hours=1))
        await post.change("during")
        await receiver.wait(1)
        post.advance(3601)
        await post.change("after")
        await receiver.wait(2)
    during, after = receiver.received
    Webhook(old.secret).verify(during.body, during.headers)
    Webhook(new.secret).verify(during.body, during.headers)
    assert len(during.headers["webhook-signature"].split()) == 4
    Webhook(new.secret).verify(after.body, after.headers)
    assert len(after.headers["webhook-signature"].split()) == 2


async def test_removed_while_a_request_is_in_flight(post: Post, receiver: Receiver) -> None:
    """The request ends and is written down; nothing else is sent to the removed endpoint, and nobody else is disturbed."""
    answering = asyncio.Event()

    async def rule(_: Received) -> Answer:
        await answering.wait()
        return OK

    receiver.rule = rule
    endpoint, _ = await post.endpoint(receiver)
    async with Receiver() as others, post.courier():
        other, _ = await post.endpoint(others)
        await post.change("one", "one")
        await receiver.wait(1)
        await post.do(service.remove_endpoint, endpoint.reference)
        await asyncio.sleep(1)
        answering.set()
        await post.settled("delivered", 1, endpoint)
        await post.change("one", "two")
        await post.settled("delivered", 4, other)
        await asyncio.sleep(0.2)
        assert len(await post.deliveries(endpoint)) == 2
        assert len(receiver.received) == 1


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("answer", [Answer(503, {"Retry-After": "3600"}), Answer(410)])
async def test_moved_while_a_request_is_in_flight(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, answer: Answer, seen: bool
) -> None:
    """A last word of the old address, whether or not the courier has seen the new one by then, is no word about the new one."""
    answering, looked = asyncio.Event(), asyncio.Event()
    adopt = outbox.Outbox.adopt

    async def rule(_: Received) -> Answer:
        await answering.wait()
        return answer

    def look(box: outbox.Outbox, target: Target) -> None:
        if seen:
            adopt(box, target)
        if target.url != receiver.url:
            looked.set()

    receiver.rule = rule
    endpoint, _ = await post.endpoint(receiver)
    async with Receiver() as elsewhere, post.courier():
        await post.change("one")
        await receiver.wait(1)
        with monkeypatch.context() as looking:
            looking.setattr(outbox.Outbox, "adopt", look)
            changes = service.EndpointChanges(url=elsewhere.url)
            await post.do(service.change_endpoint, endpoint.reference, changes, POLICY, post.presenter)
            await asyncio.wait_for(looked.wait(), 10)
            answering.set()
            await post.tried(endpoint, 1)
        await asyncio.sleep(0.3)
        stored = await post.stored(endpoint)
        assert (stored["status"], stored["failing_since"], stored["held_until"]) == ("active", None, None)
        await post.change("two")
        await elsewhere.wait(1)
        if seen:
            post.advance(10)
            await post.settled("delivered", 2)


async def test_a_test_is_sent_whatever_the_state(post: Post, receiver: Receiver) -> None:
    """A test goes to a paused and to a disabled endpoint, has one try, and says nothing about the endpoint."""
    receiver.rule = lambda _: Answer(410)
    endpoint, _ = await post.endpoint(receiver)
    await post.do(service.pause_endpoint, endpoint.reference)
    async with post.courier():
        await post.do(service.test_endpoint, endpoint.reference)
        await post.settled("failed", 1)
        await asyncio.sleep(0.2)
    assert receiver.received[0].message["type"] == "webhook.test"
    assert len(receiver.received) == 1
    stored = await post.stored(endpoint)
    assert (stored["status"], stored["failing_since"]) == ("paused", None)


async def test_a_range_is_replayed_in_order(post: Post, receiver: Receiver) -> None:
    """What is sent again keeps its order within each subject."""
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        for _ in range(4):
            await post.change("one", "two")
        await post.settled("delivered", 8)
        receiver.received.clear()
        since = post.realm.clock.now() - timedelta(hours=1)
        assert await post.do(service.replay_range, endpoint.reference, since, None, False) == 8
        await receiver.wait(8)
        await post.settled("delivered", 8)
    for subject in ("one", "two"):
        assert versions(receiver.received, subject) == [1, 2, 3, 4]


# what cannot be sent -----------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_shown_is_failed_and_blocks_nothing(post: Post, receiver: Receiver) -> None:
    """An event that is not shown, and one that breaks its rendering, fail with a reason, untried; the next ones of the same go out."""
    endpoint, _ = await post.endpoint(receiver)
    post.presenter.hidden.add("hidden")
    post.presenter.poisoned.add("poison")
    async with post.courier():
        await post.change("hidden", "poison", "fine")
        await post.settled("failed", 2)
        await post.settled("delivered", 1)
        post.presenter.poisoned.clear()
        await post.change("poison")
        await post.settled("delivered", 2)
    by_subject = {row["subject_reference"]: row for row in (await post.deliveries(endpoint))[:3]}
    assert by_subject["hidden"]["failure"] == "events of the type thing.changed are not shown"
    assert by_subject["poison"]["failure"] == "the event cannot be shown: KeyError: 'poison'"
    assert by_subject["poison"]["attempts"] == by_subject["hidden"]["attempts"] == 0
    assert (await post.stored(endpoint))["failing_since"] is None


async def test_whoever_chose_the_address_must_be_allowed_to_read(post: Post, receiver: Receiver) -> None:
    """When the permissions are gone between the event and its sending, nothing is sent."""
    endpoint, _ = await post.endpoint(receiver)
    await post.do(service.pause_endpoint, endpoint.reference)
    async with post.courier():
        await post.change("one")
        await post.settled("pending", 1)
        await post.sql("UPDATE webhook_endpoints SET permissions = '{parts.read}' WHERE tenant_id = $1")
        await post.do(service.resume_endpoint, endpoint.reference)
        await post.settled("failed", 1)
    assert receiver.received == []
    assert (await post.one(endpoint))["failure"] == "whoever chose the address may not read such events"


async def test_a_purged_payload_is_rendered_anew(post: Post, receiver: Receiver) -> None:
    """A replay after the retention sends what the event looks like now, under the same id."""
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await post.settled("delivered", 1)
        await post.sql("UPDATE webhook_deliveries SET payload = NULL WHERE tenant_id = $1")
        row = await post.one(endpoint)
        await post.do(service.replay_delivery, endpoint.reference, f"msg_{row['id'].hex}")
        first, second = await receiver.wait(2)
        await post.settled("delivered", 1)
    assert (first.id, first.message) == (second.id, second.message)


# stopping, taking over, losing the database ---------------------------------------------------------------------------------------


async def test_a_stop_lets_requests_in_flight_end(post: Post, receiver: Receiver) -> None:
    """When the worker stops, what was sent is answered and written down, nothing new begins, and the next courier sends the rest."""
    receiver.rule = lambda _: Answer(204, after=0.5)
    await post.endpoint(receiver)
    for _ in range(3):
        await post.change(*(f"{number}" for number in range(20)))
    async with post.courier():
        await receiver.wait(10)
    assert len(receiver.answered) == 10
    await post.settled("delivered", 10)
    await post.settled("pending", 50)
    receiver.rule = lambda _: OK
    async with post.courier():
        await post.settled("delivered", 60)
    assert len(receiver.received) == 60


async def test_one_of_two_couriers_sends_and_the_other_takes_over(post: Post, receiver: Receiver) -> None:
    """Two workers send nothing twice; when the one that sends ends without a word, the other goes on within seconds."""
    await post.endpoint(receiver)
    async with post.courier() as first:
        await post.change("one")
        await receiver.wait(1)
        async with post.courier():
            await post.change(*(f"{number}" for number in range(50)))
            await post.settled("delivered", 51)
            assert len(receiver.received) == 51
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await post.change("one")
            await post.settled("delivered", 52, seconds=5)
    assert versions(receiver.received, "one") == [1, 2]


async def test_a_courier_that_has_lost_the_lock_writes_nothing(post: Post, receiver: Receiver) -> None:
    """While its request is in flight the connection is cut: what it hears is not written down, and the delivery is sent again."""
    answering = asyncio.Event()

    async def rule(_: Received) -> Answer:
        await answering.wait()
        return OK

    receiver.rule = rule
    endpoint, _ = await post.endpoint(receiver)
    async with post.courier():
        await post.change("one")
        await receiver.wait(1)
        await post.sql(
            "SELECT pg_terminate_backend(pid), $1::uuid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'trunkline webhooks'"
        )
        await receiver.wait(2)
        answering.set()
        await post.settled("delivered", 1)
    assert (await post.one(endpoint))["attempts"] == 1
    assert len({request.id for request in receiver.received}) == 1


async def test_a_result_that_cannot_be_written_disturbs_only_its_endpoint(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that somebody keeps locked makes its own endpoint rest; the results of others are written, and later it goes on."""
    monkeypatch.setattr(outbox, "LONG_REST_SECONDS", 0.5)
    stuck, _ = await post.endpoint(receiver, path="/stuck")
    other, _ = await post.endpoint(receiver, path="/other")
    await post.do(service.pause_endpoint, stuck.reference)
    async with post.courier():
        await post.change("one")
        await post.settled("delivered", 1, other)
        async with post.realm.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "SELECT 1 FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2 FOR UPDATE",
                post.tenant_id,
                stuck.id,
            )
            await post.do(service.resume_endpoint, stuck.reference)
            await receiver.wait(2)
            await post.change("two")
            await post.settled("delivered", 2, other, seconds=20)
        await post.settled("delivered", 2, stuck, seconds=20)
