"""Calls to receivers that behave well, badly, or not at all."""

import asyncio
import gzip
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

import pytest

from tests.naming import OK, Receiver, answer, hang_up, receiver
from trunkline.kit.outbound.addresses import Allowed
from trunkline.kit.outbound.client import NotReached, Outbound

SECONDS = 2.0
HERE = "127.0.0.1"


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    calls = Outbound(Allowed([HERE]), seconds=SECONDS)
    yield calls
    await calls.close()


async def failure(outbound: Outbound, url: str, body: bytes = b"{}") -> NotReached:
    with pytest.raises(NotReached) as caught:
        await outbound.post(url, {}, body)
    return caught.value


# a call ----------------------------------------------------------------------------------------------------------------


async def test_a_request_goes_out_as_it_was_given(outbound: Outbound) -> None:
    """A receiver gets the body, the given header fields and nothing that tells of the program."""
    headers = {"content-type": "application/json", "user-agent": "Trunkline-Webhooks/1", "webhook-id": "msg_1"}
    async with receiver() as running:
        reply = await outbound.post(running.url("/hooks"), headers, b'{"a":1}')
        assert (reply.status, reply.headers, reply.body, reply.address) == (200, {"content-length": "2"}, b"ok", HERE)
        assert 0 <= reply.duration_ms < 1000
        request = running.requests[0]
        assert (request.line, request.body) == ("POST /hooks HTTP/1.1", b'{"a":1}')
        assert request.headers == headers | {"host": f"{HERE}:{running.port}", "accept": "*/*", "content-length": "7"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("/%2F%7e%2B?sig=a%2Bb+c%20d&x=%zz", "/%2F%7e%2B?sig=a%2Bb+c%20d&x=%25zz"),
        ("/ä b?ö=“#part", "/%C3%A4%20b?%C3%B6=%E2%80%9C"),
        ("/a;b=1,2/!$&'()*+=:@?/?[x]", "/a;b=1,2/!$&'()*+=:@?/?[x]"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/a\r\nX-Injected: 1", "/aX-Injected:%201"),
    ],
)
async def test_path_and_query_are_sent_as_written(given: str, sent: str, outbound: Outbound) -> None:
    """What the endpoint's URL says goes out byte for byte; only what cannot stand in a request is encoded."""
    async with receiver() as running:
        await outbound.post(running.url(given), {}, b"")
        assert running.requests[0].line == f"POST {sent} HTTP/1.1"
        assert "x-injected" not in running.requests[0].headers


async def test_a_header_cannot_smuggle_another(outbound: Outbound) -> None:
    """A line break in a header field ends the call before anything is sent."""
    async with receiver() as running:
        with pytest.raises(NotReached):
            await outbound.post(running.url(), {"webhook-id": "a\r\nx: y"}, b"")
        assert running.requests == []


async def test_a_connection_is_used_again(outbound: Outbound) -> None:
    """Call after call goes over the same connection while its answers are small, whatever their status."""
    async with receiver() as running:
        for status in (200, 204, 404, 503, 302):
            running.answering = answer(
                b"HTTP/1.1 %d X\r\n%s\r\n" % (status, b"" if status == 204 else b"Content-Length: 0\r\n")
            )
            assert (await outbound.post(running.url(), {}, b"x")).status == status
        running.answering = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert (await outbound.post(running.url(), {}, b"x")).body == b"abc"
        assert len(running.connections) == 1


async def test_calls_at_once_have_a_connection_each(outbound: Outbound) -> None:
    """Calls do not wait for one another."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(OK)

    async with receiver(slow) as running:
        began = monotonic()
        await asyncio.gather(*(outbound.post(running.url(), {}, b"x") for _ in range(50)))
        assert monotonic() - began < 5
        assert len(running.connections) == 50


async def test_a_connection_that_was_closed_meanwhile_costs_nothing(outbound: Outbound) -> None:
    """When a kept connection ends just as a request is sent, the request goes out once more on a new one."""
    async with receiver() as running:
        await outbound.post(running.url(), {}, b"1")
        running.answering = closing_once(running)
        assert (await outbound.post(running.url(), {}, b"2")).status == 200
        assert [request.body for request in running.requests] == [b"1", b"2", b"2"]
        assert len(running.connections) == 2


def closing_once(running: Receiver) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        running.answering = answer(OK)
        writer.close()

    return write


async def test_a_new_connection_that_is_closed_is_not_tried_again(outbound: Outbound) -> None:
    """A receiver that takes the request on a new connection and hangs up hears it once; neither is a begun answer asked for again."""
    async with receiver(hang_up()) as running:
        assert (await failure(outbound, running.url())).reason == "the connection was closed without an answer"
        assert len(running.requests) == 1
    async with receiver() as running:
        await outbound.post(running.url(), {}, b"1")
        running.answering = hang_up(b"HTTP/1.1 200 OK\r\nContent-")
        await failure(outbound, running.url())
        assert len(running.requests) == 2


async def test_what_comes_unasked_is_not_an_answer(outbound: Outbound) -> None:
    """A second answer to one request is not taken for the answer to the next."""

    async def twice(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(OK)

    async with receiver(twice) as running:
        await outbound.post(running.url(), {}, b"1")
        await asyncio.sleep(0.2)
        running.answering = answer(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
        assert (await outbound.post(running.url(), {}, b"2")).status == 500


# what is kept of an answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "connections"),
    [(4095, 1), (4096, 1), (1_000_000, 2)],
)
async def test_four_kibibytes_of_an_answer_are_kept(length: int, connections: int, outbound: Outbound) -> None:
    """Of a long answer its beginning is kept, and its connection is given up rather than read to the end."""
    async with receiver(answer(b"HTTP/1.1 500 X\r\nContent-Length: %d\r\n\r\n" % length + b"y" * length)) as running:
        for _ in range(2):
            reply = await outbound.post(running.url(), {}, b"x")
            assert (reply.status, reply.body) == (500, b"y" * min(length, 4096))
        assert len(running.connections) == connections


async def test_a_packed_answer_stays_packed(outbound: Outbound) -> None:
    """A small answer that would unpack to gigabytes is kept as it came."""
    packed = gzip.compress(bytes(100_000))
    async with receiver(
        answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    ) as running:
        assert (await outbound.post(running.url(), {}, b"x")).body == packed


async def test_header_fields_are_safe_to_store(outbound: Outbound) -> None:
    """Names are lower-case, values are Latin-1 text without control characters, repeated ones are joined."""
    async with receiver(
        answer(b"HTTP/1.1 200 OK\r\nX-A: \xe4\xc2\x85\tb\r\nRETRY-AFTER: 5\r\nx-a: c\r\nContent-Length: 0\r\n\r\n")
    ) as running:
        headers = (await outbound.post(running.url(), {}, b"x")).headers
        assert headers == {"x-a": "äÂ\N{REPLACEMENT CHARACTER} b, c", "retry-after": "5", "content-length": "0"}


async def test_the_first_header_fields_are_kept(outbound: Outbound) -> None:
    """Of many or long header fields the first are kept, 64 of them and 16 KiB together."""
    many = b"".join(b"X-%d: a\r\n" % number for number in range(90))
    long = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4000) for number in range(10))
    for fields, kept in ((many, 64), (long, 4)):
        async with receiver(answer(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 0\r\n\r\n")) as running:
            assert list((await outbound.post(running.url(), {}, b"x")).headers) == [f"x-{number}" for number in range(kept)]


# receivers that misbehave ----------------------------------------------------------------------------------------------


async def silent(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(SECONDS * 3)


def dripping(text: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        for number in range(len(text)):
            writer.write(text[number : number + 1])
            await writer.drain()
            await asyncio.sleep(SECONDS / 20)

    return write


def endless(head: bytes, again: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()

    return write


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LATE = "within 2 seconds"
NOT_HTTP = "the answer is not proper HTTP: "


@pytest.mark.parametrize(
    ("behaving", "reason"),
    [
        pytest.param(silent, f"no answer {LATE}", id="never answers"),
        pytest.param(dripping(OK * 9), f"no answer {LATE}", id="drips its head"),
        pytest.param(
            lambda writer: dripping(b"y" * 99)(started(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")),
            f"the answer (status 200) did not end {LATE}",
            id="drips its body",
        ),
        pytest.param(lambda writer: silent(started(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")),
                     f"the answer (status 200) did not end {LATE}", id="stops in its body"),
        pytest.param(hang_up(), "the connection was closed without an answer", id="hangs up"),
        pytest.param(hang_up(b"HTTP/1.1 200 OK\r\nConte"), "the connection was closed without an answer", id="hangs up in its head"),
        pytest.param(hang_up(b"HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\nabc"), "the answer (status 410) broke off", id="breaks off"),
        pytest.param(hang_up(CHUNKED + b"5\r\nab"), "the answer (status 200) broke off", id="breaks off in a chunk"),
        pytest.param(answer(CHUNKED + b"zz\r\nab\r\n"), f"{NOT_HTTP}Invalid character in chunk size", id="wrong chunk"),
        pytest.param(answer(b"SSH-2.0-OpenSSH_9.2\r\n"), f"{NOT_HTTP}Bad status line", id="another protocol"),
        pytest.param(answer(bytes(range(256)) * 40), f"{NOT_HTTP}Bad status line", id="garbage"),
        pytest.param(answer(b"HTTP/1.1 9999 X\r\n\r\n"), f"{NOT_HTTP}Bad status line", id="no status"),
        pytest.param(answer(b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"), NOT_HTTP, id="NUL in a field"),
        pytest.param(answer(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), NOT_HTTP, id="negative length"),
        pytest.param(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), NOT_HTTP, id="two lengths"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 900 + b"\r\n"), f"{NOT_HTTP}Too many headers", id="endless fields"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 9000), f"{NOT_HTTP}Got more than", id="endless field"),
        pytest.param(endless(b"HTTP/1.1 200 ", b"a" * 9000), f"{NOT_HTTP}", id="endless status line"),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50), "the answer does not end", id="endless interim answers"),
        pytest.param(endless(CHUNKED + b"1;", b"a" * 9000), "the answer does not end", id="endless chunk extension"),
        # Its fields may come before or after the status was read.
        pytest.param(endless(CHUNKED + b"0\r\n", b"X: " + b"a" * 900 + b"\r\n"), "the answer ", id="endless trailer"),
    ],
)  # fmt: skip
async def test_a_receiver_that_misbehaves_gets_a_reason(
    behaving: Callable[[asyncio.StreamWriter], Awaitable[None]], reason: str, outbound: Outbound
) -> None:
    """Whatever a receiver does, the call ends in time, with a reason that says what happened, and little memory is used."""
    async with receiver(behaving) as running:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        failed = await failure(outbound, running.url())
        assert failed.reason.startswith(reason)
        assert failed.reason.isprintable()
        assert len(failed.reason) <= 300
        assert failed.address == HERE
        assert failed.duration_ms < SECONDS * 1000 + 1000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
        running.answering = answer(OK)
        assert (await outbound.post(running.url(), {}, b"x")).status == 200, "the next call is not harmed"


def started(writer: asyncio.StreamWriter, text: bytes) -> asyncio.StreamWriter:
    writer.write(text)
    return writer


@pytest.mark.parametrize(
    "behaving",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 9000),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"a" * 9000),
        endless(CHUNKED, b"2000\r\n" + b"a" * 8192 + b"\r\n"),
    ],
)
async def test_an_endless_body_is_left_after_its_beginning(
    behaving: Callable[[asyncio.StreamWriter], Awaitable[None]], outbound: Outbound
) -> None:
    """A body without an end counts as answered with what was kept of it."""
    async with receiver(behaving) as running:
        reply = await outbound.post(running.url(), {}, b"x")
        assert (reply.status, reply.body) == (200, b"a" * 4096)


async def test_a_receiver_that_does_not_read_is_given_up(outbound: Outbound) -> None:
    """The limit covers sending too."""
    stopped = asyncio.Event()

    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # asyncio's own transports read too
        await stopped.wait()
        writer.transport.abort()

    server = await asyncio.start_server(deaf, HERE, 0, limit=1024)
    failed = await failure(outbound, f"http://{HERE}:{server.sockets[0].getsockname()[1]}/", b"x" * 50_000_000)
    assert failed.reason == f"no answer {LATE}"
    stopped.set()
    server.close()


async def test_nobody_there_is_said_so(outbound: Outbound) -> None:
    """A port that nothing listens on, and a network without a way, are reasons of their own."""
    async with receiver() as running:
        pass
    failed = await failure(outbound, running.url())
    assert failed.reason == f"no connection to {HERE}: connection refused"
    assert failed.address == HERE


async def test_a_cancelled_call_leaves_nothing_behind(outbound: Outbound) -> None:
    """A call that its courier gives up ends at once and closes its connection."""
    closed = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        closed.set()
        writer.close()

    server = await asyncio.start_server(watch, HERE, 0)
    call = asyncio.create_task(outbound.post(f"http://{HERE}:{server.sockets[0].getsockname()[1]}/", {}, b"x"))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(closed.wait(), 1)
    server.close()


# the process -----------------------------------------------------------------------------------------------------------


def test_the_listeners_do_not_load_the_http_client() -> None:
    """An API process starts without the HTTP client and its name resolver: they are the worker's."""
    code = (
        "import sys, trunkline.app, trunkline.supervisor.listener\n"
        "print([name for name in ('aiohttp', 'aiodns', 'yarl', 'certifi') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"


def test_a_worker_may_open_many_files() -> None:
    """The limit of open files is raised to what the system allows."""
    code = (
        "import resource\nfrom trunkline.kit.processes import allow_many_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 999))\nallow_many_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    limits = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert limits.strip() == "(999, 999)"
