"""One request as operations see it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from trunkline.kit.errors import Malformed, Violation
from trunkline.kit.principal import Principal
from trunkline.kit.work import Work

if TYPE_CHECKING:
    from trunkline.kit.http.dialect import Dialect
    from trunkline.kit.http.operation import Operation
    from trunkline.kit.http.waiting import Draining
    from trunkline.kit.realm import Realm

MAX_PARAMETERS = 200


class Request:
    """Method, path, headers and query as they came; the pipeline fills in realm, operation, principal, work and body."""

    __slots__ = (
        "__dict__",
        "accepted",
        "body",
        "body_is_read",
        "client_address",
        "dialect",
        "draining",
        "headers",
        "host",
        "http_version",
        "log_context",
        "method",
        "on_success",
        "operation",
        "path",
        "path_parameters",
        "principal",
        "raw_query",
        "realm",
        "receive",
        "request_id",
        "response_headers",
        "scheme",
        "trace_id",
        "work",
    )

    realm: "Realm"
    dialect: "Dialect"
    operation: "Operation"
    principal: Principal
    work: Work
    receive: Callable[[], Awaitable[dict[str, Any]]]  # with `draining`: for operations that wait (kit.http.waiting)
    draining: "Draining"
    accepted: str  # the media type that the answer is to have

    def __init__(self, scope: Mapping[str, Any], trace_id: str) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) < len(scope["headers"]):
            self.headers = joined(scope["headers"])
        self.scheme: str = scope["scheme"]
        self.http_version: str = scope["http_version"]
        self.host: str = self.headers.get(b"host", b"").decode("latin-1") or _address_of(scope.get("server"))
        client = scope.get("client")
        self.client_address: str = client[0] if client else ""
        self.trace_id = trace_id
        self.request_id = trace_id
        self.path_parameters: dict[str, str] = {}
        self.body: bytes = b""
        self.body_is_read = False
        self.response_headers: list[tuple[str, str]] = []  # what the pipeline adds to whatever is answered
        self.on_success: list[Callable[[], Awaitable[None]]] = []  # run after an answer below 400, before it is sent
        self.log_context: dict[str, str] = {}  # joins the failure's log line and the access log

    def header(self, name: str) -> str | None:
        """A header's value as text; of one that came on several lines, all values as a list."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    @property
    def base_url(self) -> str:
        """Scheme and host as the caller used them: what links begin with."""
        return f"{self.scheme}://{self.host}"

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's parameters in order, decoded (`+` and `%20` are both blanks). Raises `Malformed`."""
        return parse_query(self.raw_query)


def joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Header fields of which some came on several lines: their values as one list (RFC 9110, section 5.3).

    Cookies, which HTTP/2 lets clients split, belong together otherwise (RFC 9113, section 8.2.3).
    """
    headers: dict[bytes, bytes] = {}
    for name, value in lines:
        between = b"; " if name == b"cookie" else b", "
        headers[name] = headers[name] + between + value if name in headers else value
    return headers


def parse_query(raw: bytes) -> list[tuple[str, str]]:
    """A query string's parameters in order, decoded. Raises `Malformed`."""
    if not raw:
        return []
    pairs = raw.split(b"&")
    if len(pairs) > MAX_PARAMETERS:
        raise Malformed([Violation("$query", f"has {len(pairs)} parameters; at most {MAX_PARAMETERS} are read")])
    parameters = []
    for pair in pairs:
        if pair:
            raw_name, _, value = pair.partition(b"=")
            name = _text(raw_name)
            parameters.append((name, _text(value, name)))
    return parameters


def _address_of(server: tuple[str, int | None] | None) -> str:
    """What stands in for the `Host` that an HTTP/1.0 client may leave out."""
    host, port = server or ("localhost", None)
    return f"{host}:{port}" if port else host


def _text(raw: bytes, name: str | None = None) -> str:
    """A decoded part of the query; faults are told under `name`, those of a name itself under what can be shown of it."""
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Malformed([Violation((name or raw.decode("latin-1"))[:80], "is not valid UTF-8")]) from None
    if "\0" in text:
        raise Malformed([Violation((name or text.replace("\0", ""))[:80], "must not contain the character NUL")])
    return text
