"""How a request travels: environment → https guard → who is it → throttle → replay guard → operation → answer.

This is the ASGI application of all declared operations. What is not in the table of operations goes to `fallback`, an ordinary
ASGI application (Starlette) with the pages and files.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from os import urandom
from typing import Any

import structlog

from trunkline.kit import db
from trunkline.kit.clock import monotonic
from trunkline.kit.errors import (
    Invalid,
    Refusal,
    Throttled,
    Unauthenticated,
)
from trunkline.kit.http.answer import Answer, Stream
from trunkline.kit.http.body import Disconnected, check_coding, check_media_type, drain, drain_stream, read_body
from trunkline.kit.http.decode import decode
from trunkline.kit.http.dialect import Dialect
from trunkline.kit.http.failures import BrokenMessage, HttpsRequired, MethodNotAllowed, NoRoute, NotAcceptable
from trunkline.kit.http.negotiation import accepts, negotiate, unchanged
from trunkline.kit.http.operation import Operation, camel
from trunkline.kit.http.request import Request
from trunkline.kit.http.stages import write
from trunkline.kit.http.table import Resource, Table
from trunkline.kit.http.waiting import Draining, send_stream
from trunkline.kit.ids import NIL
from trunkline.kit.principal import Environment
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin
from trunkline.kit.telemetry import ANSWERED, FAILURES, AccessLog
from trunkline.kit.throttle import TokenBucket, limit_field, policy_field
from trunkline.kit.work import Work

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
TRACE_PARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

BAD_CREDENTIALS = TokenBucket("bad-credentials", 100, 2.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """The pipeline's own settings. `bad_credentials` is counted per address."""

    https_only: bool = False
    trusted_proxies: tuple[str, ...] = ()
    bad_credentials: TokenBucket = BAD_CREDENTIALS


class Pipeline:
    """All dialects as one ASGI application."""

    def __init__(
        self,
        table: Table,
        realms: Mapping[Environment, Realm],
        fallback: Application,
        policy: Policy,
        access_log: AccessLog,
        draining: Draining | None = None,
    ) -> None:
        self._table = table
        self._realms = realms
        self._fallback = fallback
        self._policy = policy
        self._access_log = access_log
        self._draining = draining or Draining()
        self._proxies = tuple(ip_network(proxy, strict=False) for proxy in policy.trusted_proxies)
        self._policy_fields: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._fallback(scope, receive, send)
            return
        started = monotonic()
        request = self._request(scope)
        request.receive, request.draining = receive, self._draining
        found = self._table.find(scope.get("raw_path") or scope["path"].encode())
        dialect = found[0].dialect if found else self._table.dialect_of(request.path)
        if dialect is None and not (self._policy.https_only and request.scheme != "https"):
            await self._fallback(scope, receive, send)
            return
        operation = self._operation(request, found[0]) if found else None
        try:
            answer = await self._answer(request, dialect, found, operation, receive)
        except Disconnected:
            return
        if request.http_version == "2":
            if not request.body_is_read:
                await drain_stream(receive, request.method, request.headers)
        elif not (request.body_is_read or answer.header("Connection") or await drain(receive, request.headers)):
            answer.headers.append(("Connection", "close"))
        if request.on_success and answer.status < 400:
            await self._succeeded(request)
        seconds = monotonic() - started
        if answer.stream is None:
            await self._send(request, answer, send)
            seconds = monotonic() - started
        else:  # what is measured is the time until it begins
            await self._send_stream(request, answer, answer.stream, send)
            request.log_context["streamed_seconds"] = f"{monotonic() - started:.3f}"
        self._observe(request, dialect, operation, answer, seconds)

    # what the request is -------------------------------------------------------------------------------------------------

    def _request(self, scope: Scope) -> Request:
        request = Request(scope, urandom(16).hex())
        headers = request.headers
        if (trace := headers.get(b"traceparent")) and (parent := TRACE_PARENT.fullmatch(trace)):
            request.trace_id = request.request_id = parent[1].decode()
        if (given := headers.get(b"x-request-id")) and REQUEST_ID.fullmatch(given):
            request.request_id = given.decode()
        if self._proxies and self._is_proxy(request.client_address):
            if (scheme := request.header("x-forwarded-proto")) is not None:
                request.scheme = scheme.rpartition(",")[2].strip().lower()
            for hop in reversed((request.header("x-forwarded-for") or "").split(",")):
                if hop.strip():
                    request.client_address = hop.strip()
                    if not self._is_proxy(request.client_address):
                        break
        return request

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        # Over a socket that takes both, IPv4 comes as ::ffff:192.0.2.1.
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return any((mapped or parsed) in network for network in self._proxies)

    @staticmethod
    def _operation(request: Request, resource: Resource) -> Operation | None:
        """What is declared for the method; a GET also answers a HEAD that has no operation of its own."""
        operation = resource.operations.get(request.method)
        return resource.operations.get("GET") if operation is None and request.method == "HEAD" else operation

    def _realm(self, request: Request) -> Realm:
        if b"," in request.headers.get(b"host", b""):  # two of them: which one counts must not be a guess
            raise BrokenMessage("a request has one Host")
        environment = Environment.SANDBOX if request.host[:3].lower() == "sb2" else Environment.PRODUCTION
        realm = self._realms.get(environment)
        if realm is None:
            raise NoRoute("there is no sandbox on this server")
        return realm

    # the answer ----------------------------------------------------------------------------------------------------------

    async def _answer(
        self,
        request: Request,
        dialect: Dialect | None,
        found: tuple[Resource, list[str]] | None,
        operation: Operation | None,
        receive: Receive,
    ) -> Answer:
        if dialect is None:  # only under https_only: there is no dialect to word it
            return Answer(400, b"HTTPS is required\n", "text/plain; charset=utf-8")
        try:
            if self._policy.https_only and request.scheme != "https":
                raise HttpsRequired("this server answers over HTTPS only")
            request.realm = self._realm(request)
            answer = await dialect.arrive(request)
            if answer is not None:
                return answer
            if found is None:
                raise NoRoute("there is nothing at this path")
            resource, values = found
            if operation is None:
                if request.method == "OPTIONS":
                    return Answer(204, headers=[("Allow", resource.allow)])
                raise MethodNotAllowed(f"{request.method} is not possible here", (("Allow", resource.allow),))
            request.dialect, request.operation = dialect, operation
            request.path_parameters = dict(zip(resource.parameters, values, strict=True))
            return await self._run(request, dialect, operation, receive)
        except Disconnected:
            raise
        except Exception as error:
            return self._refused(request, dialect, operation, error)

    @staticmethod
    async def _succeeded(request: Request) -> None:
        """What waits for the request's success. It has succeeded: a failure here is only logged."""
        for callback in request.on_success:
            try:
                await callback()
            except Exception:
                log.exception("after_success.failed", request_id=request.request_id, path=request.path)

    def _refused(self, request: Request, dialect: Dialect, operation: Operation | None, error: Exception) -> Answer:
        """The answer to an error.

        A function of its own, because a frame that an error travelled through and that also keeps the error would be a cycle: the
        request, and with it the connection of a client that never finishes, would stay until the garbage collector comes by.
        """
        try:
            refusal = error if isinstance(error, Refusal) else db.passing(error)
            if refusal is not None:
                return dialect.refuse(request, refusal)
        except Exception:
            log.exception("refusal.failed", request_id=request.request_id, trace_id=request.trace_id, path=request.path)
        else:
            failed = dialect.fail(request)
            log.error(
                "request.failed",
                request_id=request.request_id,
                trace_id=request.trace_id,
                path=request.path,
                exc_info=error,
                **request.log_context,
            )
            FAILURES.labels(dialect.name, operation.name if operation else "-").inc()
            return failed
        FAILURES.labels(dialect.name, operation.name if operation else "-").inc()
        return dialect.fail(request)

    async def _run(self, request: Request, dialect: Dialect, operation: Operation, receive: Receive) -> Answer:
        accept = request.headers.get(b"accept")
        if isinstance(operation.produces, str):
            if accept is not None and not accepts(accept.decode("latin-1"), operation.produces):
                raise NotAcceptable(f"this operation answers with {operation.produces}")
            request.accepted = operation.produces
        else:
            accepted = negotiate(accept.decode("latin-1") if accept is not None else "", operation.produces)
            if accepted is None:
                raise NotAcceptable(f"this operation answers with {', '.join(operation.produces)}")
            request.accepted = accepted
        if operation.scopes is not None:
            await self._identify(request, dialect)
        arguments: tuple[Any, ...] = ()
        if operation.writes:
            request.body = await read_body(receive, request.headers, operation.max_body)
            request.body_is_read = True
            check_coding(request.headers.get(b"content-encoding"))
            if operation.body is not None:
                check_media_type(request.headers.get(b"content-type"), operation)
                arguments = (await self._decode(request, operation, operation.body),)
            if operation.guarded:
                return await write(request, dialect, lambda: operation.handler(request, *arguments))
        answer = await operation.handler(request, *arguments)
        if answer.status == 200 and unchanged(request, answer):
            return Answer(304, headers=answer.headers)
        return answer

    @staticmethod
    async def _decode(request: Request, operation: Operation, type_: type) -> Any:
        """The body as a `type_`; when it is faulty, everything that is wrong with it at once."""
        try:
            return decode(request.body, type_)
        except Invalid as faulty:
            if operation.review is None or faulty.readable is None:
                raise
            named = {violation.field for violation in faulty.violations}
            more = await operation.review(request, faulty.readable)
            raise Invalid([*faulty.violations, *(v for v in more if camel(v.field) not in named)]) from None

    async def _identify(self, request: Request, dialect: Dialect) -> None:
        """Principal, permission to call, rate limit; in this order, so that a 401 or 403 costs nothing of the caller's budget."""
        try:
            principal = await dialect.authenticate(request)
        except Unauthenticated as refusal:
            if refusal.code:  # a wrong credential, not just none
                throttle = request.realm.throttle
                allowance = await throttle.take(NIL, request.client_address, self._policy.bad_credentials, fail_open=False)
                if not allowance.allowed:
                    raise Throttled("too many requests with bad credentials from this address", allowance.retry_after) from None
            raise
        request.principal = principal
        realm, operation = request.realm, request.operation
        origin = Origin(f"{dialect.name}.{operation.name}", request.request_id, request.client_address or None)
        request.work = Work(realm.pool, realm.clock, principal, origin)
        dialect.authorize(request)
        rule = dialect.rule(request)
        if rule is None:
            return
        key = principal.credential_id.hex
        allowance_now = realm.throttle.take_now(principal.tenant_id, key, rule)
        allowance = allowance_now if allowance_now is not None else await realm.throttle.take(principal.tenant_id, key, rule)
        request.response_headers.append(("RateLimit", limit_field(allowance)))
        if dialect.name not in self._policy_fields:
            self._policy_fields[dialect.name] = policy_field(dialect.rules())
        request.response_headers.append(("RateLimit-Policy", self._policy_fields[dialect.name]))
        if not allowance.allowed:
            raise Throttled("too many requests", allowance.retry_after)

    # on its way out ------------------------------------------------------------------------------------------------------

    @staticmethod
    async def _send(request: Request, answer: Answer, send: Send) -> None:
        headers = [(b"x-request-id", request.request_id.encode())]
        body = answer.body
        if answer.status not in (204, 304):
            headers.append((b"content-type", answer.media_type.encode()))
            if answer.stream is None:
                headers.append((b"content-length", str(len(body)).encode()))
        for name, value in (*answer.headers, *request.response_headers):
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.stream is None or request.method == "HEAD":
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})

    async def _send_stream(self, request: Request, answer: Answer, stream: Stream, send: Send) -> None:
        """The head, then piece by piece. What goes wrong now can only be logged: the answer has begun."""
        try:
            await self._send(request, answer, send)
            if request.method != "HEAD":
                await send_stream(stream, request.receive, send, self._draining)
        except Exception:
            log.exception("stream.failed", request_id=request.request_id, trace_id=request.trace_id, path=request.path)
            FAILURES.labels(request.dialect.name, request.operation.name).inc()
        finally:
            await stream.aclose()

    def _observe(
        self, request: Request, dialect: Dialect | None, operation: Operation | None, answer: Answer, seconds: float
    ) -> None:
        key = (dialect.name if dialect else "-", operation.name if operation else "-")
        ANSWERED.add(*key, answer.status, seconds)
        principal = getattr(request, "principal", None)
        self._access_log.write(
            event="request",
            request_id=request.request_id,
            trace_id=request.trace_id,
            method=request.method,
            path=request.path,
            operation=key[1],
            status=answer.status,
            milliseconds=round(seconds * 1000, 3),
            actor=principal.actor_id if principal else None,
            address=request.client_address,
            **request.log_context,
        )
