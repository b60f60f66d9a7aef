"""The commands on API tokens: createToken and refreshToken (reference/expeto.md §2.4, 2.7)."""

from typing import Any, Protocol, cast

from trunkline.dialects.network.answers import base_of, document_answer
from trunkline.dialects.network.auth import credential_of
from trunkline.dialects.network.bodies import Unfit, reference_of, text_of
from trunkline.dialects.network.collections.people import ACCOUNT_TOKENS, SITE_TOKENS
from trunkline.dialects.network.errors import BadRequest
from trunkline.dialects.network.hal import OFFERED, Document, link, timestamp
from trunkline.dialects.network.links import PROJECTED, VERSION, segment
from trunkline.dialects.network.resource import Resource
from trunkline.dialects.network.roles import CREATE, MATRIX, VERBS, scope
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import Refreshed, RefreshStatus, TokenCredential
from trunkline.kit.errors import Forbidden, Unauthenticated, Violation
from trunkline.kit.http.answer import Answer
from trunkline.kit.http.body import check_media_type
from trunkline.kit.http.decode import describe, parse_object
from trunkline.kit.http.operation import Operations
from trunkline.kit.http.request import Request

routes = Operations("API tokens", prefix=VERSION, produces=OFFERED)

CREATE_ACCOUNT_TOKEN = (scope(ACCOUNT_TOKENS.path, CREATE),)
CREATE_SITE_TOKEN = (scope(SITE_TOKENS.path, CREATE),)

STATUSES = {
    RefreshStatus.CREATED: "CREATED",
    RefreshStatus.LATEST: "YOU_HAVE_THE_LATEST",
    RefreshStatus.ALREADY_ACTIVATED: "ALREADY_ACTIVATED",
    RefreshStatus.ALREADY_REFRESHED: "ALREADY_REFRESHED",
}
REFUSED = {RefreshStatus.NOT_SUPPORTED: "RefreshNotSupported", RefreshStatus.TOO_YOUNG: "TokenTooYoung"}


class Policy(Protocol):
    """What the commands ask of their dialect."""

    token_life: Any


@routes.post("/accounts/command/createToken", scopes=CREATE_ACCOUNT_TOKEN, status=201, secret=True, errors=(400, 403))
async def create_account_token(request: Request) -> Answer:
    """Create an API token for an account.

    `name` and `account` (its id), optionally `scopes` such as `["subs:read"]`. The token is shown in this answer and never again.
    """
    body = _body(request, ACCOUNT_TOKENS)
    found: list[Violation] = []
    token, text = await identity.create_account_token(
        request.work,
        _text(body, "name", "name", found),
        _reference(body, "account", "accounts", "user", found),
        _scopes(request, body, found),
        life=cast("Policy", request.dialect).token_life,
        found=found,
    )
    return _made(request, ACCOUNT_TOKENS, token, text, "account", token.user_reference or "")


@routes.post("/sites/command/createToken", scopes=CREATE_SITE_TOKEN, status=201, secret=True, errors=(400, 403))
async def create_site_token(request: Request) -> Answer:
    """Create an API token for a site.

    `name` and `site` (its id), optionally `scopes`. The token is shown in this answer and never again; it can be refreshed.
    """
    body = _body(request, SITE_TOKENS)
    found: list[Violation] = []
    token, text = await identity.create_site_token(
        request.work,
        _text(body, "name", "name", found),
        _reference(body, "site", "sites", "site", found),
        _scopes(request, body, found),
        life=cast("Policy", request.dialect).token_life,
        found=found,
    )
    return _made(request, SITE_TOKENS, token, text, "site", token.site_reference or "")


@routes.post("/api-tokens/command/refreshToken", scopes=(), secret=True, errors=(400,))
async def refresh_token(request: Request) -> Answer:
    """Refresh the site token that the request is made with.

    `status` says what happened; `token` is the new one where one was created. The old one works until the new one is used.
    """
    credential = credential_of(request)
    if not isinstance(credential, TokenCredential):
        raise Unauthenticated
    refreshed: Refreshed = await identity.refresh(request.work, credential, life=cast("Policy", request.dialect).token_life)
    if refreshed.status in REFUSED:
        raise BadRequest(REFUSED[refreshed.status], refreshed.message)
    document = {"token": refreshed.text, "message": refreshed.message, "status": STATUSES[refreshed.status]}
    return document_answer(request, document, headers=[("Cache-Control", "no-store")])


def _body(request: Request, resource: Resource) -> Document:
    check_media_type(request.headers.get(b"content-type"), request.operation)
    body = parse_object(request.body)
    request.__dict__["resource"], request.__dict__["sent"] = resource, body
    return body


def _text(body: Document, name: str, field: str, found: list[Violation]) -> str:
    """A required text; a fault is found and read as an empty text."""
    if body.get(name) is None:
        found.append(Violation(field, "is required"))
        return ""
    try:
        return text_of(body[name])
    except Unfit as error:
        found.append(Violation(field, str(error)))
        return ""


def _reference(body: Document, name: str, target: str, field: str, found: list[Violation]) -> str:
    if body.get(name) is None:
        found.append(Violation(field, "is required"))
        return ""
    try:
        return reference_of(body[name], target)
    except Unfit as error:
        found.append(Violation(field, str(error)))
        return ""


def _scopes(request: Request, body: Document, found: list[Violation]) -> tuple[str, ...] | None:
    """What the token is narrowed to. A narrowed token makes none that may do more than itself. Raises `Forbidden`."""
    credential = credential_of(request)
    own = credential.scopes if isinstance(credential, TokenCredential) else None
    listed = body.get("scopes")
    if listed is None:
        return own
    if not isinstance(listed, list):
        found.append(Violation("scopes", f"must be a list, not {describe(listed)}"))
        return own
    for text in listed:
        path, _, verb = text.partition(":") if isinstance(text, str) else ("", "", "")
        if path not in MATRIX or verb not in {*VERBS.values(), "write"}:
            found.append(Violation("scopes", f"{str(text)[:80]!r} is no right; write subs:read or subs:write"))
    texts = tuple(dict.fromkeys(text for text in listed if isinstance(text, str)))
    if own is not None and not _within(texts, own):
        raise Forbidden("a narrowed token makes none that may do more than itself")
    return texts


def _within(texts: tuple[str, ...], own: tuple[str, ...]) -> bool:
    written = {text.removesuffix(":write") for text in own if text.endswith(":write")}
    return all(text in own or (text.partition(":")[0] in written and not text.endswith(":read")) for text in texts)


def _made(request: Request, resource: Resource, token: Any, text: str, rel: str, owner: str) -> Answer:
    """A new token with its text, which is shown only now."""
    base = f"{base_of(request)}{VERSION}"
    href = f"{base}/{resource.path}/{segment(token.reference)}"
    document = {
        "id": token.reference,
        "name": token.name,
        rel: owner,
        "token": text,
        "lastFour": token.last_four,
        "created": timestamp(token.created_at),
        "expires": timestamp(token.expires_at),
        "scopes": token.scopes,
        "_links": {"self": link(href + PROJECTED, templated=True), rel: link(f"{base}/{rel}s/{segment(owner)}")},
    }
    return document_answer(request, document, 201, [("Location", href), ("Cache-Control", "no-store")])
