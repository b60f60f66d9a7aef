"""Hostile and broken requests: never a 500, never half a row, never a server that stops answering."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.dialects.customer.wire import a_case, is_problem, sql
from tests.serving import Server

JSON = {"Content-Type": "application/json"}
TABLES = (
    "accounts",
    "sites",
    "services",
    "cases",
    "case_messages",
    "invoices",
    "api_clients",
    "access_tokens",
    "events",
    "request_guard",
)
SLOW_SECONDS = 45.0  # head (15 s) and body (20 s) each have their time, and a busy machine some more


def counts(server: Server) -> dict[str, int]:
    return {table: sql(server, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def failures(server: Server) -> list[str]:
    """What the server's log and metrics know of answers that should not have been."""
    log = server.log.read_text(errors="replace")
    found = [
        line
        for line in log.splitlines()
        if '"status":500' in line or "request.failed" in line or "Traceback" in line or "[ERROR]" in line
    ]
    metrics = httpx.get(f"{server.url}/metrics").text
    return found + re.findall(r'^trunkline_requests_total\{[^}]*status="5\d\d"[^}]*\}.*', metrics, re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def unharmed(server: Server, customer: httpx.Client, manager: httpx.Client) -> Iterator[None]:
    """After all of this module's requests nothing was stored, nothing failed inside, and the server answers."""
    assert manager.get("/v2/accounts").status_code == 200
    before, known = counts(server), failures(server)
    yield
    time.sleep(0.7)  # the log is written twice a second
    assert failures(server) == known
    assert counts(server) == before
    assert customer.get("/v2/accounts").status_code == 200


@pytest.fixture
def token(customer: httpx.Client) -> str:
    """The value of a good Authorization header."""
    header: str = customer.headers["authorization"]
    return header


def posting(token: str) -> str:
    """The beginning of a head that posts a case."""
    return f"POST /v2/cases HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"


class Slow:
    """A client that sends too slowly, and when the server had enough of it."""

    def __init__(self, server: Server, start: bytes, drip: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.begun = time.monotonic()
        self.socket.sendall(start)
        self.drip = drip
        self.received = b""
        self.ended_after: float | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self.socket.settimeout(0.5)
        while time.monotonic() < self.begun + SLOW_SECONDS + 5:
            try:
                piece = self.socket.recv(65536)
                self.received += piece
                if not piece:
                    break
                continue
            except TimeoutError:
                pass
            except OSError:
                break
            try:
                if self.drip and not self.received:
                    self.socket.sendall(self.drip)
            except OSError:
                break
        else:
            return
        self.ended_after = time.monotonic() - self.begun


@pytest.fixture(scope="module")
def slow_ones(server: Server, customer: httpx.Client) -> list[Slow]:
    """Clients of several kinds that never finish; they go on beside the other tests."""
    post = (
        b"POST /v2/cases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: "
        + customer.headers["authorization"].encode()
    )
    return [
        Slow(server, b"GET /v2/accounts HTTP/1.1\r\nHost: x\r\n", b""),
        Slow(server, b"GET /v2/accounts HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
        Slow(server, b"GET /v2/acc", b"o"),
        Slow(server, post + b"\r\nContent-Length: 1000\r\n\r\n{", b" "),
        Slow(server, post + b"\r\nContent-Length: 1000\r\n\r\n", b""),
        Slow(server, post + b"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    ]


def test_slow_clients_begin(customer: httpx.Client, slow_ones: list[Slow]) -> None:
    """Clients that do not finish what they began do not hold anybody else up."""
    for _ in range(20):
        begun = time.monotonic()
        assert customer.get("/v2/accounts?page[limit]=1").status_code == 200
        assert time.monotonic() - begun < 2
    assert len(slow_ones) == 6


# bodies -------------------------------------------------------------------------------------------------------------------


MALFORMED = [
    b"",
    b" ",
    b"{",
    b"}",
    b"[1,",
    b'{"a"}',
    b'{"a":}',
    b"{'a':1}",
    b'{"a":1,}',
    b'{"a":1}x',
    b"nul",
    b"NaN",
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":1.}',
    b'{"a":"\n"}',
    b'{"a":"\x00"}',
    b"\x00",
    b'{"a":"\\x"}',
    b'{"a":"\\u12"}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'{"message":"\xff"}',
    b'{"unknown":"\xff"}',
    b'{"unknown":"\xc0\xaf"}',
    b'{"message":"\xed\xa0\x80"}',
    b'{"message":"\\ud800"}',
    b'{"message":"\\udc00x"}',
    b'{"message":"\\ud800\\ud800"}',
    b"//",
    b"{}{}",
    b'{"a":' + b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"message":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"[]",
    b"null",
    b"true",
    b"1",
    b'"x"',
    b"1e400",
    b"9" * 5000,
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:24]))
def test_bodies_that_are_no_json_object(customer: httpx.Client, body: bytes) -> None:
    """What is not one JSON object in UTF-8 is refused under `$`, wherever it is sent."""
    for method, path in (("POST", "/v2/cases"), ("PATCH", "/v2/cases/CAS-1"), ("POST", "/v2/cases/CAS-1/case-messages")):
        errors = is_problem(customer.request(method, path, content=body, headers=JSON), 400, "$")
        assert len(errors["$"][0]) < 300


@pytest.mark.parametrize("depth", [500, 900, 1100, 5000])
def test_deep_but_small(customer: httpx.Client, depth: int) -> None:
    """Nesting that is deep and well-formed is refused too, with or without NUL beside it."""
    for inner in ('""', '"\\u0000"'):
        for field in ("unknown", "message", "status"):
            body = f'{{"{field}":{"[" * depth}{inner}{"]" * depth}}}'.encode()
            answer = customer.post("/v2/cases", content=body, headers=JSON)
            assert answer.status_code in (400, 422)
            body = f'{{"{field}":{"[" * depth}{inner}{"]" * depth}, "priority": "P9"}}'.encode()
            assert customer.patch("/v2/cases/CAS-1", content=body, headers=JSON).status_code in (400, 404)


NUMBERS = [
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"9" * 400,
    b"-" + b"9" * 5000,
    b"18446744073709551616",
    b"0.1e1000000",
    b"1" + b"0" * 300 + b".5",
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda body: repr(body[:24]))
@pytest.mark.parametrize("field", ["type", "message", "priority", "startOfIncident", "status", "serviceId"])
def test_numbers_out_of_range(customer: httpx.Client, number: bytes, field: str) -> None:
    """A number beyond every type where a text belongs is a wrong type, or is called too long."""
    body = json.dumps(a_case("SVC-1", **{field: 0})).encode().replace(b'": 0', b'": ' + number)
    answer = customer.post("/v2/cases", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code, *(["$"] if answer.status_code == 400 else {field, "serviceId"}))


def test_a_key_that_comes_twice(customer: httpx.Client) -> None:
    """Of a key that comes twice in an object the last counts."""
    body = b'{"type":"NonIncident","subject":"Other","message":"x","serviceId":"SVC-1","serviceId":7}'
    is_problem(customer.post("/v2/cases", content=body, headers=JSON), 422, "serviceId")


def test_many_keys(customer: httpx.Client) -> None:
    """An object with very many keys costs no more than its length."""
    body = json.dumps({f"k{n}": n for n in range(60_000)}).encode()
    begun = time.monotonic()
    is_problem(customer.post("/v2/cases", content=body, headers=JSON), 422, "type", "subject", "serviceId", "message")
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("extra", [{}, {"Transfer-Encoding": "chunked"}])
def test_a_body_beyond_the_limit(server: Server, customer: httpx.Client, extra: dict[str, str]) -> None:
    """A body that announces or turns out to be too long is refused without being read to its end."""
    length = 200 * 1024 * 1024
    head = posting(customer.headers["authorization"])
    head += "Transfer-Encoding: chunked\r\n\r\n" if extra else f"Content-Length: {length}\r\n\r\n"
    chunk = b"x" * 65536
    piece = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" if extra else chunk
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode())
        sent = 0
        try:
            while sent < 40 * 1024 * 1024:
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass  # the server closed, as it may
        answer = b""
        with contextlib.suppress(OSError):  # what it said may be lost with the connection
            answer = connection.recv(65536)
    assert not answer or b" 413 " in answer.splitlines()[0]


@pytest.mark.parametrize(
    "declared", ["-1", "abc", "1e3", "99999999999999999999", "5, 5", "5\r\nContent-Length: 6", " ", "0x5", "+5"]
)
def test_lengths_that_are_none(server: Server, customer: httpx.Client, declared: str) -> None:
    """A Content-Length that is no length is refused by the server or leads to an ordinary refusal."""
    head = f"POST /v2/cases HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {customer.headers['authorization']}\r\n"
    answer = raw(server, f"{head}Content-Type: application/json\r\nContent-Length: {declared}\r\n\r\n[1,2]".encode())
    assert status_of(answer) in (None, 400, 413)


# paths and queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "%ff",
        "x=%ff",
        "filter[Name]=%ff",
        "filter[Name]=%ed%a0%80",
        "filter[Name]=%00",
        "filter[%00]=x",
        "sort=%00",
        "sort=Name%00",
        "page[limit]=%00",
        "%00=1",
        "filter[Name]=%c3",
        "page[offset]=%ff",
        "filter%5BName%5D%00=1",
    ],
)
def test_queries_that_are_not_text(customer: httpx.Client, query: str) -> None:
    """A query that is not UTF-8, or holds NUL, is refused."""
    answer = customer.get(f"/v2/accounts?{query}")
    assert answer.status_code == 400
    assert answer.json()["title"] == "Bad Request"


@pytest.mark.parametrize(
    "query",
    [
        "%",
        "%z",
        "x=%1",
        "filter[Name]=%",
        "filter[Name]=%u0041",
        "filter[Name]=%zz",
        "&&&&",
        "=",
        "==",
        "a=b=c",
        "?",
        "filter[Name]=a%26b",
    ],
)
def test_queries_that_are_odd(customer: httpx.Client, query: str) -> None:
    """A lone percent sign and the like are taken literally."""
    assert customer.get(f"/v2/accounts?{query}").status_code == 200


HOSTILE = [
    "'",
    '"',
    ";",
    "--",
    "/*",
    "1; DROP TABLE cases",
    "' OR '1'='1",
    "name) OR (1=1",
    "$1",
    "%s",
    "{0}",
    "{name}",
    "\\",
    "\u202e",
    "\U0001f600",
    "A" * 15_000,
    "name\u0130",
    "ı",
    "ﬁ",
    "__class__",
    "0",
    "-",
    "null",
    "a.b",
    "a b",
    "a,b",
    "[x]",
    "]",
    "[",
    "x]=1&sort[",
    "../../etc",
    "${jndi:x}",
    "<script>",
    "\r\nX-A: b",
    "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_names_and_values(customer: httpx.Client, hostile: str) -> None:
    """Names of fields are only ever looked up, and values only ever compared."""
    is_problem(customer.get("/v2/cases", params={"sort": hostile.replace(",", "") or "'"}), 400, "sort") if hostile.strip(
        "-, "
    ) else None
    answer = customer.get(f"/v2/cases?filter[{quote(hostile, safe='')}]=1")
    assert answer.status_code == 400
    assert len(answer.content) < 3000
    answer = customer.get(
        f"/v2/cases?filter[Subject]={quote(hostile)}&filter[CaseId]={quote(hostile)}&filter[CustomerReference]={quote(hostile)}"
    )
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    for name in ("CreatedDate", "Status", "CreatedDate][gte"):
        assert customer.get(f"/v2/cases?filter[{name}]={quote(hostile)}").status_code == 400
    assert customer.get(f"/v2/cases?page[cursor]={quote(hostile)}").status_code in (200, 400)


def test_names_of_a_megabyte(customer: httpx.Client, server: Server) -> None:
    """An address beyond all measure is refused before or after it is read, and nobody else notices."""
    for part in ("sort=", "filter[", "filter[Name]=", "page[limit]=", "x="):
        answer = raw(
            server, b"GET /v2/cases?" + part.encode() + b"A" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert status_of(answer) in (None, 400, 401, 414, 431)
        assert customer.get("/v2/cases?page[limit]=1").status_code == 200


@pytest.mark.parametrize("count", [201, 3000, 10_000])
@pytest.mark.parametrize("parameter", ["x=1", "filter[Name]=x", "page[limit]=1", "&"])
def test_very_many_parameters(server: Server, token: str, count: int, parameter: str) -> None:
    """More than 200 parameters are refused by their number alone."""
    begun = time.monotonic()
    query = "&".join([parameter] * count)
    answer = raw(
        server, f"GET /v2/accounts?{query} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n".encode()
    )
    assert status_of(answer) in (400, 414, 431)
    assert time.monotonic() - begun < 2


def test_many_filters(customer: httpx.Client) -> None:
    """A hundred filters work, more are refused; eight fields to sort by work, nine are refused."""
    assert customer.get("/v2/accounts?" + "&".join(f"filter[Name]=n{n}" for n in range(100))).status_code == 200
    assert customer.get("/v2/accounts?" + "&".join(f"filter[Name]=n{n}" for n in range(101))).status_code == 400
    fields = [
        "ServiceId",
        "ServiceName",
        "Status",
        "TechnicalNote",
        "AccountId",
        "SiteId",
        "SiteName",
        "ProductName",
        "AccessType",
    ]
    assert customer.get(f"/v2/services?sort={','.join(fields[:8])}").status_code == 200
    is_problem(customer.get(f"/v2/services?sort={','.join(fields)}"), 400, "sort")
    is_problem(customer.get(f"/v2/services?sort={','.join(['x'] * 5000)}"), 400, "sort")


@pytest.mark.parametrize(
    "id_",
    [
        "%00",
        "%ff",
        "%ed%a0%80",
        "x" * 20_000,
        "%2e%2e%2f",
        "%5c",
        "%0d%0a",
        "%20",
        "'",
        "%22",
        "%F0%9F%98%80",
        "%",
        "%zz",
        ";",
        "a=b",
        "CAS-99999999999999999999",
        "-1",
        "%2F",
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/v2/cases/{}",
        "/v2/cases/{}/case-messages",
        "/v2/api-clients/{}",
        "/v2/accounts/{}/sites",
        "/v2/{}",
        "/oauth2/{}",
        "/v2/accounts/{}/x",
    ],
)
def test_paths_of_every_form(customer: httpx.Client, manager: httpx.Client, path: str, id_: str) -> None:
    """Whatever stands in a path and names nothing is not found, by whatever method."""
    address = path.format(id_)
    for client, method in ((customer, "GET"), (customer, "HEAD"), (customer, "PATCH"), (customer, "POST"), (manager, "DELETE")):
        answer = client.request(
            method, address, **({"json": {"message": "x", "priority": "P3"}} if method in ("PATCH", "POST") else {})
        )
        assert answer.status_code in (404, 405, 414, 422), (method, answer.text)


# the wire -----------------------------------------------------------------------------------------------------------------


def raw(server: Server, request: bytes) -> bytes:
    """What a server says to these bytes, until it closes or is silent for a while."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(request)
            connection.settimeout(3)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


def status_of(answer: bytes) -> int | None:
    """The status of the first final answer; `None` when the connection just ended."""
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


def body_of(answer: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return body


def test_http_1_0_and_no_host(server: Server, token: str) -> None:
    """HTTP/1.0 is answered; without a Host the links begin with the address that the client connected to."""
    answer = raw(server, f"GET /v2/accounts?page[limit]=1 HTTP/1.0\r\nAuthorization: {token}\r\n\r\n".encode())
    assert status_of(answer) == 200
    assert body_of(answer)["links"]["self"] == f"{server.url}/v2/accounts?page%5Boffset%5D=0&page%5Blimit%5D=1"
    answer = raw(
        server, f"GET /v2/accounts?page[limit]=1 HTTP/1.1\r\nConnection: close\r\nAuthorization: {token}\r\n\r\n".encode()
    )
    assert status_of(answer) in (200, 400)
    if status_of(answer) == 200:
        assert body_of(answer)["links"]["self"].startswith(f"{server.url}/")


def test_absolute_form(server: Server, token: str) -> None:
    """A target in absolute form, as proxies send it, is the same request."""
    target = f"http://127.0.0.1:{server.port}/v2/accounts?page[limit]=1"
    host = f"Host: 127.0.0.1:{server.port}\r\nConnection: close"
    answer = raw(server, f"GET {target} HTTP/1.1\r\n{host}\r\nAuthorization: {token}\r\n\r\n".encode())
    assert status_of(answer) == 200
    assert body_of(answer)["links"]["self"] == f"{server.url}/v2/accounts?page%5Boffset%5D=0&page%5Blimit%5D=1"


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "/",
        "//",
        "/v2/../v2/accounts",
        "/v2/./accounts",
        "//v2/accounts",
        "/%2e%2e/v2",
        "http://",
        "v2/accounts",
        "/v2/accounts#x",
        "/\xff",
        "/v2/\x01",
    ],
)
def test_odd_targets(server: Server, token: str, target: str) -> None:
    """Odd targets lead nowhere, and nowhere wrong."""
    for method in ("GET", "OPTIONS"):
        answer = raw(
            server,
            f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n\r\n".encode("latin-1"),
        )
        assert status_of(answer) in (None, 200, 204, 307, 308, 400, 404, 405)


@pytest.mark.parametrize(
    "head",
    [
        "Host: a\r\nHost: b",
        "Accept: application/json\r\nAccept: text/html",
        "Idempotency-Key: a\r\nIdempotency-Key: b",
        "Authorization: Bearer x",
        "X-Request-Id: a\r\nX-Request-Id: b",
        "Accept: \xff\xfe",
        "If-None-Match: \xff",
        "traceparent: \xff",
        "X-Request-Id: \xff",
        "Content-Type: \xff",
        "X: " + "y" * 30_000,
        "\r\n".join(f"X-{n}: y" for n in range(90)),
        "Accept: */*;q=nan",
        "Accept: " + "a/b," * 5000,
        "If-None-Match: " + '"x",' * 5000,
        "Expect: 100-continue",
        "Expect: x",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Range: bytes=0-1",
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4",
        "X-HTTP-Method-Override: DELETE",
    ],
    ids=lambda head: repr(head[:24]),
)
def test_odd_headers(server: Server, token: str, head: str) -> None:
    """Headers that come twice, are no text or very long lead to an ordinary answer or an ordinary refusal."""
    request = (
        f"GET /v2/accounts?page[limit]=1 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n{head}\r\nConnection: close\r\n\r\n"
    )
    answer = raw(server, request.encode("latin-1"))
    assert status_of(answer) in (None, 200, 400, 401, 406, 417, 431)
    posted = posting(token) + f"Content-Length: 2\r\n{head}\r\nConnection: close\r\n\r\n{{}}"
    assert status_of(raw(server, posted.encode("latin-1"))) in (None, 400, 401, 406, 415, 417, 422, 431)


@pytest.mark.parametrize(
    "token_bytes",
    [
        b"\xff",
        b"x" * 60_000,
        b"tlat_" + b"\xc3\xa9" * 25 + b"0",
        b"\x00",
        b'"',
        b"tlat_" + b"0" * 51,
        b"tlat_00001" + b"0" * 46,
    ],
)
def test_odd_tokens(server: Server, token_bytes: bytes) -> None:
    """A token of any bytes is just not one of ours."""
    answer = raw(
        server,
        b"GET /v2/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + token_bytes + b"\r\n\r\n",
    )
    assert status_of(answer) in (None, 400, 401, 431)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"\x00" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\n x: y\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"A" * 100_000,
        b"POST /v2/cases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /v2/cases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    ],
    ids=lambda bytes_: repr(bytes_[:24]),
)
def test_what_is_hardly_http(server: Server, customer: httpx.Client, bytes_: bytes) -> None:
    """What is not HTTP is answered with a refusal or a closed connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(bytes_)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
    assert (status_of(answer) or 400) < 500 or status_of(answer) == 505
    assert customer.get("/v2/accounts?page[limit]=1").status_code == 200


def test_a_refusal_before_the_body_keeps_the_connection(server: Server) -> None:
    """Who is refused before the body has come can go on over the same connection; with a long body it is told that it ends."""
    refused = (
        b"POST /v2/cases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer x\r\nContent-Length: "
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(refused + b"20\r\n\r\n")
            time.sleep(0.2)
            connection.sendall(b" " * 20)
            answer = connection.recv(65536)
            assert status_of(answer) == 401
            assert b"connection: close" not in answer.lower()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(refused + b"1000000\r\n\r\n")
        answer = connection.recv(65536)
        assert status_of(answer) == 401
        assert b"connection: close" in answer.lower()


def test_clients_that_go_away(server: Server, customer: httpx.Client, token: str) -> None:
    """Clients that break off in the middle of a request, or before its answer, leave nothing behind."""
    body = json.dumps(a_case("SVC-1")).encode()
    head = f"{posting(token)}Content-Length: {len(body)}\r\n\r\n".encode()
    for request in (
        head,
        head + body[:5],
        head + body,
        head[:40],
        b"GET /v2/cases?page[limit]=200 HTTP/1.1\r\nHost: x\r\nAuthorization: " + token.encode() + b"\r\n\r\n",
    ):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(request)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert customer.get("/v2/cases?page[limit]=1").status_code == 200


@pytest.mark.parametrize("key", [b"\xff", b"';DROP/**/TABLE/**/request_guard;--", b"a" * 256, b"a\tb", b""])
def test_hostile_idempotency_keys(server: Server, token: str, key: bytes) -> None:
    """A key of other than visible ASCII is refused; one that looks like SQL is a key."""
    body = b'{"type":"x"}'
    head = f"{posting(token)}Connection: close\r\nContent-Length: {len(body)}\r\n"
    answer = raw(server, head.encode() + b"Idempotency-Key: " + key + b"\r\n\r\n" + body)
    assert status_of(answer) in (400, 422)


# at last ------------------------------------------------------------------------------------------------------------------


def test_slow_clients_end(slow_ones: list[Slow]) -> None:
    """A head has 15 seconds and a body 20; then the client is told, or the connection just ends."""
    until = max(slow.begun for slow in slow_ones) + SLOW_SECONDS
    while time.monotonic() < until and any(slow.ended_after is None for slow in slow_ones):
        time.sleep(0.2)
    for slow in slow_ones:
        assert slow.ended_after is not None, slow.received
        assert slow.ended_after < SLOW_SECONDS
        assert not slow.received or status_of(slow.received) in (408, 400), slow.received
