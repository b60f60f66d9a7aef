"""Requests that play with HTTP itself, and bodies made to keep a process busy."""

import base64
import gzip
import json
import socket
import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from tests.dialects.customer.wire import is_problem
from tests.serving import Server

POST = "POST /v2/cases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def answer_to(server: Server, message: bytes, *, half_closed: bool = False) -> httpx.Response:
    """The one answer to the bytes of a request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(message)
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < length_in(received):
            piece = connection.recv(65536)
            assert piece, received
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


def length_in(received: bytes) -> int:
    """The length of the body that a head announces."""
    fields = received.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    return next((int(field.partition(b":")[2]) for field in fields if field.startswith(b"content-length")), 0)


@pytest.fixture
def authorization(customer: httpx.Client) -> str:
    """A good Authorization header."""
    return f"Authorization: {customer.headers['authorization']}\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        "Content-Length: 10\r\n\r\n{}",
    ],
)
def test_a_body_that_is_badly_framed_or_ends_too_soon(server: Server, authorization: str, rest: str) -> None:
    """A body that cannot be read to its end is a bad request, told in the API's own shape, and the connection ends."""
    answer = answer_to(server, f"{POST}{authorization}{rest}".encode(), half_closed=True)
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")
    assert answer.headers["connection"] == "close"


def test_a_request_with_two_hosts(server: Server, authorization: str) -> None:
    """Which of two hosts is meant, and so which environment, is not guessed."""
    for hosts in ("Host: sb2.localhost\r\nHost: x\r\n", "Host: x\r\nHost: sb2.localhost\r\n"):
        answer = answer_to(server, f"GET /v2/accounts HTTP/1.1\r\n{hosts}{authorization}\r\n".encode())
        assert (answer.status_code, answer.json()["detail"]) == (400, "a request has one Host")


def test_the_sandbox_is_known_by_its_host_in_capitals(server: Server, authorization: str) -> None:
    """Names of hosts have no case: SB2 is the sandbox, where a token of production is unknown."""
    for host, status in (("SB2.localhost", 401), ("Sb2.example", 401), ("LOCALHOST", 200)):
        answer = answer_to(server, f"GET /v2/accounts HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n".encode())
        assert answer.status_code == status


def test_headers_on_several_lines_are_one_list(server: Server, authorization: str) -> None:
    """What a header says on its first line counts as much as on its last."""
    get = f"GET /v2/accounts/{{}} HTTP/1.1\r\nHost: x\r\n{authorization}"
    account = answer_to(server, f"{get.format('?page[limit]=1')}\r\n".encode()).json()["data"][0]["accountId"]
    etag = answer_to(server, f"{get.format(account)}\r\n".encode()).headers["etag"]
    for lines, status in (
        ("Accept: application/json\r\nAccept: text/html\r\n", 200),
        ("Accept: text/html\r\nAccept: image/png\r\n", 406),
        (f'If-None-Match: {etag}\r\nIf-None-Match: "x"\r\n', 304),
        ("Authorization: Bearer x\r\n", 401),
    ):
        assert answer_to(server, f"{get.format(account)}{lines}\r\n".encode()).status_code == status


def test_two_idempotency_keys(server: Server, authorization: str) -> None:
    """A request is made under one key: with two of them it is refused."""
    body = json.dumps({"type": "NonIncident", "subject": "ChangeRequest", "serviceId": "SVC-1", "message": "Two keys."})
    keys = "Idempotency-Key: one\r\nIdempotency-Key: two\r\n"
    answer = answer_to(server, f"{POST}{authorization}{keys}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])


def test_a_compressed_body(customer: httpx.Client) -> None:
    """A body that is said to be compressed is not taken for what it would be without."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for body in (gzip.compress(b"{}"), b"{}"):
        answer = customer.post("/v2/cases", content=body, headers=headers)
        is_problem(answer, 415)
        assert answer.headers["accept-encoding"] == "identity"
    is_problem(customer.post("/v2/cases", content=b"[]", headers={**headers, "Content-Encoding": "identity"}), 400, "$")


@pytest.fixture
def session(server: Server) -> Iterator[str]:
    """The cookie of a session of the Network API."""
    login = {name: server.credentials["network"][name] for name in ("username", "password")}
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}) as client:
        answer = client.post("/login", data=login)
        assert answer.status_code == 204
        yield f"XCSESSION={answer.cookies['XCSESSION']}"
        client.post("/logout")


def test_cookies_on_several_lines(server: Server, session: str) -> None:
    """Browsers split cookies over HTTP/2: the session counts wherever it stands among them."""
    for cookies in ((session,), (session, "theme=dark"), ("theme=dark", session), ("a=1", session, "b=2")):
        lines = "".join(f"Cookie: {cookie}\r\n" for cookie in cookies)
        assert answer_to(server, f"GET /v1/ HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()).status_code == 200


@pytest.mark.parametrize("item", ["1", "{}", '"BasicRead"', "[]"])
def test_a_body_with_very_many_items(manager: httpx.Client, item: str) -> None:
    """A megabyte of items, each of them wrong, is refused at once, with some of its faults, and nobody else waits for it."""
    items = ",".join([item] * (1_000_000 // (len(item) + 1)))
    started = time.monotonic()
    answer = manager.post(
        "/v2/api-clients",
        content=f'{{"apiClientName": "", "scopes": [{items}]}}'.encode(),
        headers={"Content-Type": "application/json"},
    )
    assert time.monotonic() - started < 10  # it was minutes
    assert answer.status_code == 422
    assert "apiClientName" in answer.json()["errors"]
    assert len(answer.content) < 100_000


def test_an_accept_header_of_very_many_ranges(server: Server, authorization: str) -> None:
    """Reading a header as long as the server takes costs next to nothing."""
    started = time.monotonic()
    for _ in range(10):
        ranges = "," * 300_000
        answer = answer_to(server, f"GET /v2/accounts HTTP/1.1\r\nHost: x\r\n{authorization}Accept: {ranges}\r\n\r\n".encode())
        assert answer.status_code == 406
    assert time.monotonic() - started < 5  # it was more than a second for each


@pytest.mark.parametrize("value", ["0." + "1" * 17_000, "1." + "1" * 30_000], ids=["small", "large"])
def test_a_cursor_with_a_number_of_very_many_digits(customer: httpx.Client, value: str) -> None:
    """A number that no column holds is refused in a cursor as anywhere else."""
    _changed_cursor(customer, value.encode())


def test_a_cursor_that_is_nested_very_deeply(customer: httpx.Client) -> None:
    """Depth without end is refused in a cursor as anywhere else."""
    _changed_cursor(customer, msgspec.Raw(b"\x91" * 20_000 + b"\x01"))


def _changed_cursor(customer: httpx.Client, value: bytes | msgspec.Raw) -> None:
    """Follow a link to the next page with another first value in its cursor."""
    following = httpx.URL(customer.get("/v2/invoices?page[limit]=2&sort=TotalAmount").json()["links"]["next"])
    cursor = following.params["page[cursor]"]
    offset, mark, backwards, values = msgspec.msgpack.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    values[0] = value.decode() if isinstance(value, bytes) else value
    forged = base64.urlsafe_b64encode(msgspec.msgpack.encode((offset, mark, backwards, values))).rstrip(b"=").decode()
    is_problem(customer.get(following.copy_set_param("page[cursor]", forged)), 400, "page[cursor]")
