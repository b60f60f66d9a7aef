"""Who calls the Network API: an API key in `X-API-KEY`, or a session's cookie (reference/expeto.md §2)."""

from trunkline.dialects.network.answers import base_of
from trunkline.dialects.network.errors import CsrfRejected
from trunkline.dialects.network.roles import ROLES, Role, narrowed, permissions
from trunkline.dialects.principals import Principals
from trunkline.domains.identity.service import NetworkCredentials, SessionCredential, TokenCredential, role_permissions
from trunkline.kit.errors import Forbidden, Unauthenticated
from trunkline.kit.http.request import Request
from trunkline.kit.principal import ActorType, Principal

COOKIE = "XCSESSION"
KEY_HEADER = "x-api-key"
EXPIRING = "X-API-KEY-EXPIRING"
EXPIRING_SECONDS = 2_592_000  # 30 days; exactly 30 days counts (§2.6)
REFRESH = "refreshToken"  # the one operation that does not activate a token (§2.7)
TOKEN_COLLECTIONS = ("account-feature-api-tokens", "api-tokens")

Credential = TokenCredential | SessionCredential


class Callers:
    """Keys and cookies to principals; a credential's principal is made once."""

    def __init__(self, credentials: NetworkCredentials) -> None:
        self._credentials = credentials
        self._principals = Principals(principal_of)

    async def arrive(self, request: Request) -> None:
        """Look at the key at once: every answer to one that ends soon says so, errors of the pipeline too."""
        key = request.header(KEY_HEADER)
        if key is None:
            return
        try:
            credential = self._credentials.recall_token(request.realm, key) or await self._credentials.resolve_token(
                request.realm, key
            )
        except Unauthenticated as refusal:
            request.__dict__["credential"] = refusal
            return
        request.__dict__["credential"] = credential
        if 0 < credential.expires_at - request.realm.clock.timestamp() <= EXPIRING_SECONDS:
            request.response_headers.append((EXPIRING, "true"))

    async def authenticate(self, request: Request) -> Principal:
        """The caller. A key decides even when a session comes with it. Raises `Unauthenticated`, `CsrfRejected`."""
        credential = request.__dict__.get("credential")
        if credential is None:
            credential = await self._session(request)
            request.__dict__["credential"] = credential
        elif isinstance(credential, Unauthenticated):
            raise Unauthenticated(credential.message, credential.code)
        elif credential.needs_activation and request.operation.name != REFRESH:
            request.on_success.append(
                lambda: self._credentials.activate(
                    request.realm, credential, request_id=request.request_id, address=request.client_address or None
                )
            )
        return self._principals.of(request, credential)

    async def _session(self, request: Request) -> SessionCredential:
        text = session_cookie(request)
        if not text:
            raise Unauthenticated
        if request.operation.writes:
            check_origin(request)
        return self._credentials.recall_session(request.realm, text) or await self._credentials.resolve_session(
            request.realm, text
        )


def credential_of(request: Request) -> Credential:
    """The credential that a request was authenticated by."""
    credential: Credential = request.__dict__["credential"]
    return credential


def principal_of(request: Request, credential: Credential) -> Principal:
    """The caller behind a credential."""
    token = isinstance(credential, TokenCredential)
    scopes = scopes_of(credential)
    return Principal(
        tenant_id=credential.tenant_id,
        environment=request.realm.environment,
        actor_type=ActorType.TOKEN if token else ActorType.USER,
        actor_id=credential.actor_id,
        credential_id=credential.credential_id,
        permissions=permissions(scopes) | (role_permissions(credential.role) if credential.role is not None else frozenset()),
        scopes=scopes,
        reach=credential.reach,
        display_name=credential.actor_id,
    )


def scopes_of(credential: Credential) -> frozenset[str]:
    """What a credential may do, in the dialect's words (§2.3, §3)."""
    if isinstance(credential, TokenCredential):
        role = Role.CUSTOMER_ADMIN if credential.kind == "site" else ROLES.get(credential.role or "")
        listed = credential.scopes
    else:
        role, listed = ROLES.get(credential.role), None
    if role is None:
        return frozenset()
    scopes = narrowed(role, listed)
    if credential.may_manage_tokens:
        return scopes
    return frozenset(text for text in scopes if text.partition(":")[0] not in TOKEN_COLLECTIONS)


def authorize(request: Request) -> None:
    """Any one of the operation's scopes is enough. Raises `Forbidden`."""
    needed = request.operation.scopes or ()
    if needed and request.principal.scopes.isdisjoint(needed):
        raise Forbidden(needs=needed[0])


def session_cookie(request: Request) -> str:
    """The session's text in the `Cookie` header, whatever cookies of others stand beside it; empty when there is none."""
    text = ""
    for pair in (request.header("cookie") or "").split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == COOKIE:
            text = value.strip().strip('"')
    return text


def check_origin(request: Request, *, required: bool = True) -> None:
    """A page of this very server must have sent the request (§2.2, §17). Raises `CsrfRejected`.

    With `required` a request that does not say where it comes from is refused too.
    """
    site, origin = request.header("sec-fetch-site"), request.header("origin")
    if site is None and origin is None and not required:
        return
    own = (base_of(request), request.base_url)
    same_site = site is None or site.strip().lower() == "same-origin"
    same_origin = origin is None or any(origin.strip() == o for o in own)
    if (site is None and origin is None) or not same_site or not same_origin:
        raise CsrfRejected("The request does not come from a page of this server.")
