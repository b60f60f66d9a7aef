"""Who calls the Customer API: OAuth2 client credentials (reference/expereo.md §2)."""

import base64
import binascii
from typing import Annotated, Protocol, cast
from urllib.parse import unquote_plus

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trunkline.dialects.clients import (
    BASIC_READ,
    BILLING_READ,
    GRANTS,
    MANAGE_CLIENTS,
    MANAGE_WEBHOOKS,
    REALM,
    SUPPORT_READ,
    SUPPORT_WRITE,
)
from trunkline.dialects.customer import examples
from trunkline.dialects.customer.errors import problem
from trunkline.domains.identity.service import issue_token
from trunkline.kit.errors import Invalid, Throttled, Unauthenticated
from trunkline.kit.http.answer import Answer, json_answer
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request
from trunkline.kit.ids import NIL
from trunkline.kit.throttle import TokenBucket

__all__ = [
    "BASIC_READ", "BILLING_READ", "GRANTS", "MANAGE_CLIENTS", "MANAGE_WEBHOOKS", "SUPPORT_READ", "SUPPORT_WRITE",
    "token_operations",
]  # fmt: skip

TOKEN_RULE = TokenBucket("token", 60, 1.0)  # per address and client: issuing a token writes a row
WRONG_RULE = TokenBucket("wrong-client", 60, 1.0)  # per address, whatever clients are named: whoever guesses makes no buckets

FORM = "application/x-www-form-urlencoded"
TOKEN_ERRORS = ["invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type", "unauthorized_client"]


class Policy(Protocol):
    """What the token endpoint asks of its dialect."""

    scope_required: bool


class TokenAnswer(msgspec.Struct):
    """RFC 6749, section 5.1. The token is opaque."""

    access_token: Annotated[str, Meta(description="Sent as `Authorization: Bearer <access_token>`.")]
    token_type: Annotated[str, Meta(description="Always Bearer.", extra_json_schema={"const": "Bearer"})]
    expires_in: Annotated[int, Meta(description="Seconds for which the token is valid.", examples=[3600])]
    scope: (
        Annotated[str, Meta(description="What was granted; only when the request named no scope.", examples=[BASIC_READ])]
        | UnsetType
    ) = UNSET


class TokenError(msgspec.Struct):
    """RFC 6749, section 5.2."""

    error: Annotated[str, Meta(description="What is wrong.", extra_json_schema={"enum": TOKEN_ERRORS})]
    error_description: Annotated[str, Meta(description="The same for people.")]


class TokenForm(msgspec.Struct, kw_only=True):
    """RFC 6749, section 4.4.2. Client id and secret stand here or in HTTP Basic, not in both."""

    grant_type: Annotated[str, Meta(description="The grant.", extra_json_schema={"const": "client_credentials"})]
    scope: Annotated[str, Meta(description="Scopes that the client holds, separated by blanks.", pattern=r"\S")]
    client_id: Annotated[str, Meta(description="The API client's id.")] | UnsetType = UNSET
    client_secret: Annotated[str, Meta(description="The API client's secret.")] | UnsetType = UNSET


class _Refused(Exception):  # noqa: N818 - an answer in the shape of RFC 6749, not an error of ours
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.answer_status = status
        self.error = error
        self.description = description


NO_STORE = [("Cache-Control", "no-store"), ("Pragma", "no-cache")]

token_operations = Operations("Authentication")


@token_operations.post(
    "/oauth2/token",
    scopes=None,
    guarded=False,
    consumes=(FORM,),
    form=TokenForm,
    returns=TokenAnswer,
    refusals={400: TokenError, 401: TokenError},
    errors=(401, 429),
    response_headers={"Cache-Control": "Tokens are stored nowhere on the way."},
    examples=examples.TOKEN,
)
async def request_token(request: Request) -> Answer:
    """Request an access token.

    OAuth 2.0 client credentials grant (RFC 6749, section 4.4). The client authenticates by HTTP Basic or by `client_id` and
    `client_secret` in the form, not by both. `scope` is a list separated by blanks; every scope must be held by the client.
    """
    try:
        form = _form(request)
        basic = _basic(request)
        client_id, client_secrets = _client(form, basic)
        issued = await _issue(request, form, client_id, client_secrets, by_basic=basic is not None)
    except _Refused as refused:
        headers = list(NO_STORE)
        if refused.answer_status == 401:
            headers.append(("WWW-Authenticate", f"Basic {REALM}"))
        return json_answer(TokenError(refused.error, refused.description), refused.answer_status, headers=headers)
    except Throttled as refusal:  # RFC 6749 has no error code for it
        return problem(request, 429, refusal.message, headers=[("Retry-After", str(refusal.retry_after)), *NO_STORE])
    return json_answer(issued, headers=list(NO_STORE))


async def _issue(
    request: Request, form: dict[str, str], client_id: str, client_secrets: tuple[str, ...], *, by_basic: bool
) -> TokenAnswer:
    grant = form.get("grant_type")
    if grant is None:
        raise _Refused("invalid_request", "grant_type is missing")
    if grant != "client_credentials":
        raise _Refused("unsupported_grant_type", "only client_credentials is supported")
    scopes = tuple(dict.fromkeys(form.get("scope", "").split()))
    if not scopes and cast("Policy", request.dialect).scope_required:
        raise _Refused("invalid_scope", "scope is missing: name at least one scope that the client holds")

    async def admitted() -> None:
        await _count(request, f"{request.client_address} {client_id}", TOKEN_RULE)

    try:
        issued = await issue_token(request.realm, client_id, client_secrets, scopes, admitted)
    except Unauthenticated as refusal:
        await _count(request, request.client_address, WRONG_RULE)
        raise _Refused("invalid_client", refusal.message, 401 if by_basic else 400) from None
    except Invalid as refusal:
        raise _Refused("invalid_scope", refusal.violations[0].text()) from None
    return TokenAnswer(issued.token, "Bearer", issued.expires_in, UNSET if scopes else " ".join(issued.scopes))


async def _count(request: Request, key: str, rule: TokenBucket) -> None:
    """Raise `Throttled` when this is one too many."""
    allowance = await request.realm.throttle.take(NIL, key, rule, fail_open=False)
    if not allowance.allowed:
        raise Throttled("too many token requests", allowance.retry_after)


def _form(request: Request) -> dict[str, str]:
    """The form's parameters; each at most once (RFC 6749, section 3.2)."""
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise _Refused("invalid_request", f"the body must be {FORM}")
    form: dict[str, str] = {}
    names: set[str] = set()
    try:
        pairs = request.body.decode().split("&")
        if len(pairs) > 50:
            raise _Refused("invalid_request", "the form has too many parameters")
        for pair in pairs:
            name, _, value = pair.partition("=")
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
            if name and name in names:
                raise _Refused("invalid_request", f"{name[:40]} was given more than once")
            names.add(name)
            if value:  # a parameter without a value is as if it were left out
                form[name] = value
    except UnicodeDecodeError:
        raise _Refused("invalid_request", "the form is not valid UTF-8") from None
    if any("\0" in text for pair in form.items() for text in pair):
        raise _Refused("invalid_request", "the form must not contain the character NUL")
    return form


def _basic(request: Request) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic, as they stand there; `None` without an Authorization header."""
    header = (request.header("authorization") or "").strip()
    if not header:
        return None
    scheme, _, value = header.partition(" ")
    try:
        user, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not colon or "\0" in user + secret:
        raise _Refused("invalid_client", "the Authorization header is not HTTP Basic with client id and secret", 401)
    return user, secret


def _client(form: dict[str, str], basic: tuple[str, str] | None) -> tuple[str, tuple[str, ...]]:
    """Client id, and the readings of its secret that may be meant: clients differ in whether they form-encode it inside Basic."""
    if basic is not None:
        if "client_secret" in form:
            raise _Refused("invalid_request", "the client authenticates by Basic or in the form, not by both")
        user, secret = basic
        user = unquote_plus(user)
        if form.get("client_id", user) != user:
            raise _Refused("invalid_request", "client_id differs from the one in the Authorization header")
        return user, tuple(dict.fromkeys((secret, unquote_plus(secret))))
    for name in ("client_id", "client_secret"):
        if name not in form:
            raise _Refused("invalid_request", f"{name} is missing")
    return form["client_id"], (form["client_secret"],)
