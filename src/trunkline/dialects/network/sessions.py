"""`/login` and `/logout`: cookie sessions (reference/expeto.md §2.2)."""

from typing import Annotated
from urllib.parse import parse_qsl, quote

import msgspec
from msgspec import Meta

from trunkline.dialects.network.auth import COOKIE, check_origin, session_cookie
from trunkline.dialects.network.errors import BadCredentials, BadRequest
from trunkline.dialects.network.hal import JSON
from trunkline.domains.identity import service as identity
from trunkline.kit.errors import Throttled, Unauthenticated
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.decode import parse_object
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request
from trunkline.kit.ids import NIL
from trunkline.kit.throttle import TokenBucket

FORM = "application/x-www-form-urlencoded"
LOGIN_RULE = TokenBucket("login", 60, 1.0)  # per address: a login costs a password's hash
NO_STORE = ("Cache-Control", "no-store")
IN_ADDRESSES = "/?#[]@!$&'()*+,;=:%"  # what stands in an address as it is (RFC 3986, section 2.2), and what escapes the rest

routes = Operations("Sessions")


class LoginForm(msgspec.Struct):
    """A login. With `next`, a path of this server, the answer to a form leads there."""

    username: Annotated[str, Meta(description="The account's user name.")]
    password: Annotated[str, Meta(description="Its password.")]
    next: Annotated[str, Meta(description="A path to go on to.")] = ""


@routes.post("/login", scopes=None, guarded=False, consumes=(FORM, JSON), form=LoginForm, status=204, errors=(401, 429))
async def login(request: Request) -> Answer:
    """Log in.

    A form or JSON with `username` and `password`. The answer sets the cookie of the session: 204, or 303 to `next`.
    """
    check_origin(request, required=False)
    form, is_form = _form(request)
    allowance = await request.realm.throttle.take(NIL, request.client_address, LOGIN_RULE, fail_open=False)
    if not allowance.allowed:
        raise Throttled("too many logins from this address", allowance.retry_after)
    try:
        _, text = await identity.login(
            request.realm,
            form.username,
            form.password,
            request.client_address,
            request_id=request.request_id,
            previous=session_cookie(request),
        )
    except Unauthenticated:
        raise BadCredentials from None
    headers = [("Set-Cookie", _cookie(request, text)), NO_STORE]
    if is_form and (path := _own_path(form.next)):
        return Answer(303, headers=[*headers, ("Location", path)])
    return Answer(204, headers=headers)


@routes.post("/logout", scopes=None, guarded=False, consumes=(FORM, JSON), status=204)
async def logout(request: Request) -> Answer:
    """Log out. The session ends and its cookie is cleared; without a session nothing happens."""
    text = session_cookie(request)
    if text:
        check_origin(request)
        await identity.logout(request.realm, text, request_id=request.request_id, address=request.client_address or None)
    return Answer(204, headers=[("Set-Cookie", _cookie(request, "", ended=True)), NO_STORE])


def _form(request: Request) -> tuple[LoginForm, bool]:
    """The login, and whether it came as a form. Raises `BadRequest`, `Malformed`."""
    check_media_type(request.headers.get(b"content-type"), request.operation)
    is_form = FORM in (request.header("content-type") or "").lower()
    if is_form:
        try:
            fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
        except ValueError:
            raise BadRequest("MessageNotReadable", "the form cannot be read") from None
    else:
        fields = parse_object(request.body)
    texts = {name: fields.get(name, "") for name in ("username", "password", "next")}
    if not all(isinstance(text, str) and "\0" not in text for text in texts.values()):
        raise BadRequest("MessageNotReadable", "user name and password must be texts")
    if not texts["username"] or not texts["password"]:
        raise BadRequest("BadRequest", "username and password are required")
    return LoginForm(**texts), is_form


def _own_path(text: str) -> str:
    """`text` as the address of a path of this server; empty when it may lead elsewhere."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return ""
    return quote(text, safe=IN_ADDRESSES)


def _cookie(request: Request, text: str, *, ended: bool = False) -> str:
    """The session's cookie; `Secure` over HTTPS (§17: a client on loopback HTTP would not return it otherwise)."""
    secure = "; Secure" if request.scheme == "https" else ""
    return f"{COOKIE}={text}; Path=/; HttpOnly; SameSite=Strict{secure}{'; Max-Age=0' if ended else ''}"
