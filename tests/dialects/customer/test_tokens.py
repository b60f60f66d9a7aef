"""Access tokens and their use (reference/expereo.md §2)."""

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest

from tests.dialects.customer.wire import BASIC, BILLING, SUPPORT, SUPPORT_WRITE, client_of, is_problem, made_client, token_form
from tests.serving import Server

FORM = "application/x-www-form-urlencoded"
REALM = 'realm="expereoOne"'
HOOKS = "customerapi/webhooks.manage"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client without a token."""
    with httpx.Client(base_url=server.url) as anonymous:
        yield anonymous


@pytest.fixture(scope="module")
def known(server: Server) -> dict[str, Any]:
    """The demonstration customer's credentials."""
    credentials: dict[str, Any] = server.credentials["customer"]
    return credentials


def basic(user: str, secret: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(f'{user}:{secret}'.encode()).decode()}"}


def is_refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert list(answer.json()) == ["error", "error_description"]
    assert answer.json()["error"] == error
    assert answer.headers.get("www-authenticate") == (f"Basic {REALM}" if status == 401 else None)


def is_token(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert list(body) == ["access_token", "token_type", "expires_in"]
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert type(body["expires_in"]) is int
    assert re.fullmatch(r"tlat_[0-9A-Za-z]{51}", body["access_token"])


def test_a_token_for_credentials_in_the_form(client: httpx.Client, known: dict[str, Any]) -> None:
    """Client id and secret in the form give a token that must not be stored on the way."""
    is_token(client.post("/oauth2/token", data=token_form(known)))


@pytest.mark.parametrize("encode", [str, quote_plus, lambda text: quote(text, safe="").replace("a", "%61")])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_token_for_basic_credentials(client: httpx.Client, known: dict[str, Any], encode: Any, scheme: str) -> None:
    """HTTP Basic gives a token whether the client library form-encodes id and secret inside it or not."""
    headers = basic(encode(known["client_id"]), encode(known["client_secret"]), scheme)
    form = {"grant_type": "client_credentials", "scope": BASIC}
    is_token(client.post("/oauth2/token", data=form, headers=headers))
    is_token(client.post("/oauth2/token", data={**form, "client_id": known["client_id"]}, headers=headers))


def test_ids_and_secrets_survive_any_encoding(known: dict[str, Any]) -> None:
    """Client ids and secrets are letters and digits only, since libraries differ in how they encode others."""
    assert re.fullmatch(r"[0-9a-z]{26}", known["client_id"])
    assert re.fullmatch(r"[0-9A-Za-z]{51}", known["client_secret"])


def test_scopes_are_separated_by_blanks_however_encoded(client: httpx.Client, known: dict[str, Any]) -> None:
    """`+` and `%20` both separate scopes, and a scope that comes twice counts once."""
    start = urlencode(token_form(known, scope=...))
    for scope in (f"{BASIC}+{SUPPORT}", f"{BASIC}%20{SUPPORT}", quote(f" {BASIC}  {SUPPORT} {BASIC} ")):
        is_token(client.post("/oauth2/token", content=f"{start}&scope={scope}", headers={"Content-Type": FORM}))


@pytest.mark.parametrize("field", ["grant_type", "client_id", "client_secret"])
@pytest.mark.parametrize("value", [..., ""])
def test_a_missing_parameter(client: httpx.Client, known: dict[str, Any], field: str, value: Any) -> None:
    """A mandatory parameter that is missing, or has no value, makes an invalid request."""
    is_refused(client.post("/oauth2/token", data=token_form(known, **{field: value})), "invalid_request")


@pytest.mark.parametrize("field", ["grant_type", "client_id", "client_secret", "scope", "foo"])
def test_a_duplicate_parameter(client: httpx.Client, known: dict[str, Any], field: str) -> None:
    """No parameter may come twice, not even with the same value."""
    form = token_form(known, foo="1")
    body = urlencode(form) + f"&{urlencode({field: form[field]})}"
    is_refused(client.post("/oauth2/token", content=body, headers={"Content-Type": FORM}), "invalid_request")


def test_both_ways_of_authenticating_at_once(client: httpx.Client, known: dict[str, Any]) -> None:
    """A client that authenticates by Basic and in the form is refused, as is one that names two different ids."""
    headers = basic(known["client_id"], known["client_secret"])
    is_refused(client.post("/oauth2/token", data=token_form(known), headers=headers), "invalid_request")
    other = token_form(known, client_secret=..., client_id="0" * 26)
    is_refused(client.post("/oauth2/token", data=other, headers=headers), "invalid_request")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
def test_a_body_that_is_no_form(client: httpx.Client, known: dict[str, Any], content_type: str) -> None:
    """The parameters must come as a form."""
    headers = {"Content-Type": content_type} if content_type else {}
    is_refused(client.post("/oauth2/token", content=urlencode(token_form(known)), headers=headers), "invalid_request")


def test_a_content_type_with_parameters(client: httpx.Client, known: dict[str, Any]) -> None:
    """The form's content type may carry a charset and any case of letters."""
    headers = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}
    is_token(client.post("/oauth2/token", content=urlencode(token_form(known)), headers=headers))


@pytest.mark.parametrize("tail", [b"&x=%FF", b"&%C3=1", b"&x=\xff", b"&x=%00", b"&a%00b=1"])
def test_bad_utf_8_and_nul(client: httpx.Client, known: dict[str, Any], tail: bytes) -> None:
    """A form that is not UTF-8, or holds NUL, is an invalid request."""
    body = urlencode(token_form(known)).encode() + tail
    is_refused(client.post("/oauth2/token", content=body, headers={"Content-Type": FORM}), "invalid_request")


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"])
def test_another_grant(client: httpx.Client, known: dict[str, Any], grant: str) -> None:
    """Only the client credentials grant is supported."""
    is_refused(client.post("/oauth2/token", data=token_form(known, grant_type=grant)), "unsupported_grant_type")


@pytest.mark.parametrize(
    "scope",
    [
        ...,
        "",
        "  ",
        "nonsense",
        f"{BASIC} nonsense",
        BASIC.upper(),
        "BasicRead",
        "customerapi/apiclients.manage",
        f"{BASIC},{SUPPORT}",
    ],
)
def test_scope_trouble(client: httpx.Client, known: dict[str, Any], scope: Any) -> None:
    """A scope that is missing, unknown, spelt otherwise or not held by the client is an invalid scope."""
    is_refused(client.post("/oauth2/token", data=token_form(known, scope=scope)), "invalid_scope")


def test_a_client_gets_no_scope_beyond_its_own(client: httpx.Client, server: Server) -> None:
    """A client that holds basic.read cannot ask for more."""
    reader = server.credentials["customer"]["read_only"]
    for scope in (SUPPORT, SUPPORT_WRITE, BILLING, f"{BASIC} {BILLING}"):
        is_refused(client.post("/oauth2/token", data=token_form(reader, scope=scope)), "invalid_scope")


WRONG = [
    ("0" * 26, None),
    ("", "x"),
    ("nobody", "x"),
    (None, "wrong"),
    ("é" * 26, "é"),
    ("zzzzz" + "0" * 21, "x"),
    ("x" * 5000, "y" * 5000),
]


@pytest.mark.parametrize(("client_id", "secret"), [pair for pair in WRONG if pair[0] != ""])
def test_wrong_credentials_in_the_form(client: httpx.Client, known: dict[str, Any], client_id: Any, secret: Any) -> None:
    """An unknown client or a wrong secret in the form is answered with 400 and says no more than that."""
    form = token_form(known, client_id=client_id or known["client_id"], client_secret=secret or known["client_secret"])
    answer = client.post("/oauth2/token", data=form)
    is_refused(answer, "invalid_client")
    assert answer.json()["error_description"] == "the client is unknown or its secret is wrong"


@pytest.mark.parametrize(("client_id", "secret"), WRONG)
def test_wrong_credentials_by_basic(client: httpx.Client, known: dict[str, Any], client_id: Any, secret: Any) -> None:
    """The same by Basic is answered with 401 and a challenge."""
    headers = basic(known["client_id"] if client_id is None else client_id, secret or known["client_secret"])
    form = {"grant_type": "client_credentials", "scope": BASIC}
    is_refused(client.post("/oauth2/token", data=form, headers=headers), "invalid_client", 401)


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !",
        "Basic bm9jb2xvbg==",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer x",
        "Basic " + base64.b64encode(b"a\0:b").decode(),
        "Basic " + base64.b64encode(b"%00:b").decode(),
        "Digest x",
    ],
)
def test_an_authorization_header_that_cannot_be_read(client: httpx.Client, header: str) -> None:
    """Whatever stands in the Authorization header and is not id and secret is a client that failed to authenticate."""
    form = {"grant_type": "client_credentials", "scope": BASIC}
    is_refused(client.post("/oauth2/token", data=form, headers={"Authorization": header}), "invalid_client", 401)


def test_a_blank_authorization_header_is_none(client: httpx.Client, known: dict[str, Any]) -> None:
    """A blank Authorization header does not count as a second way of authenticating."""
    is_token(client.post("/oauth2/token", data=token_form(known), headers={"Authorization": ""}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_tokens_are_asked_for_by_post_only(client: httpx.Client, method: str) -> None:
    """Every other method is refused with what is allowed."""
    answer = client.request(method, "/oauth2/token")
    assert answer.headers["allow"] == "POST"
    if method == "HEAD":
        assert answer.status_code == 405
        assert not answer.content
    else:
        is_problem(answer, 405)


def test_a_deleted_client(client: httpx.Client, server: Server, manager: httpx.Client) -> None:
    """Deleting a client ends its tokens at once in every process, and it gets no more."""
    for round_ in range(3):
        made = made_client(server, manager, f"to be deleted {round_}", BASIC)
        with client_of(server, made) as holder:
            token = holder.headers["Authorization"]
        headers = {"Authorization": token}
        # Every connection may end at another process; each of them gets to know the token.
        with httpx.Client(base_url=server.url, headers=headers, limits=httpx.Limits(max_keepalive_connections=0)) as fresh:
            assert {fresh.get("/v2/accounts").status_code for _ in range(8)} == {200}
            assert manager.delete(f"/v2/api-clients/{made['client_id']}").status_code == 204
            answers = [fresh.get("/v2/accounts") for _ in range(16)]
        assert {answer.status_code for answer in answers} == {401}
        assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]
        is_refused(client.post("/oauth2/token", data=token_form(made)), "invalid_client")
        assert manager.delete(f"/v2/api-clients/{made['client_id']}").status_code == 404


def test_a_token_ends_after_an_hour(throttled: Server) -> None:
    """A token works for an hour of its environment's clock and not a moment longer, in every process."""
    with throttled.client(environment="sandbox") as sandbox:
        headers = dict(sandbox.headers)
        assert sandbox.get("/v2/accounts").status_code == 200
        throttled.run("clock", "advance", "3500")
        assert sandbox.get("/v2/accounts").status_code == 200
        throttled.run("clock", "advance", "101")
        with httpx.Client(base_url=throttled.url, headers=headers, limits=httpx.Limits(max_keepalive_connections=0)) as fresh:
            answers = [fresh.get("/v2/accounts") for _ in range(8)]
        assert {answer.status_code for answer in answers} == {401}
        assert 'error="invalid_token"' in answers[0].headers["www-authenticate"]
    with throttled.client(environment="sandbox") as again:
        assert again.get("/v2/accounts").status_code == 200


# bearer ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dTpw", "Token x", "x"])
def test_no_token(client: httpx.Client, header: str | None) -> None:
    """Without a token the challenge carries no error code."""
    answer = client.get("/v2/accounts", headers={} if header is None else {"Authorization": header})
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == f"Bearer {REALM}"


@pytest.mark.parametrize("token", ["x", "tlat_" + "0" * 51, "eyJhbGciOiJub25lIn0.e30.", "é", "x y", "x" * 4000])
def test_a_token_that_is_not_ours(client: httpx.Client, token: str) -> None:
    """A token that was never issued is called invalid."""
    answer = client.get("/v2/accounts", headers={"Authorization": f"Bearer {token}".encode()})
    is_problem(answer, 401)
    challenge = answer.headers["www-authenticate"]
    assert re.fullmatch(f'Bearer {REALM}, error="invalid_token", error_description="[^"]+"', challenge)


def test_the_scheme_is_case_insensitive(client: httpx.Client, server: Server) -> None:
    """`bearer` and `BEARER` are as good as `Bearer`."""
    token = server.token()
    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        assert client.get("/v2/accounts", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_tokens_elsewhere_are_ignored(client: httpx.Client, server: Server, service_id: str) -> None:
    """A token in the query or in the body is not seen."""
    token = server.token()
    is_problem(client.get(f"/v2/accounts?access_token={token}"), 401)
    is_problem(client.post("/v2/cases", json={"access_token": token}), 401)
    is_problem(client.post("/v2/cases", data={"access_token": token}), 401)


def test_the_sandbox_knows_no_token_of_production(client: httpx.Client, server: Server) -> None:
    """Tokens of one environment mean nothing in the other."""
    sandbox = {"Host": f"sb2.localhost:{server.port}"}
    is_problem(client.get("/v2/accounts", headers={"Authorization": f"Bearer {server.token()}", **sandbox}), 401)
    is_problem(client.get("/v2/accounts", headers={"Authorization": f"Bearer {server.token(environment='sandbox')}"}), 401)


NEEDS = [
    ("GET", "/v2/accounts", BASIC),
    ("GET", "/v2/accounts/X", BASIC),
    ("GET", "/v2/accounts/X/sites", BASIC),
    ("GET", "/v2/accounts/X/services", BASIC),
    ("GET", "/v2/sites", BASIC),
    ("GET", "/v2/sites/X", BASIC),
    ("GET", "/v2/sites/X/services", BASIC),
    ("GET", "/v2/services", BASIC),
    ("GET", "/v2/services/X", BASIC),
    ("GET", "/v2/cases", SUPPORT),
    ("GET", "/v2/cases/X", SUPPORT),
    ("GET", "/v2/cases/X/case-messages", SUPPORT),
    ("POST", "/v2/cases", SUPPORT_WRITE),
    ("PATCH", "/v2/cases/X", SUPPORT_WRITE),
    ("POST", "/v2/cases/X/case-messages", SUPPORT_WRITE),
    ("GET", "/v2/invoices", BILLING),
    ("GET", "/v2/invoices/X", BILLING),
    ("GET", "/v2/invoices/X/invoice-line-details", BILLING),
    ("GET", "/v2/api-clients", BASIC),
    ("GET", "/v2/api-clients/X", BASIC),
    ("POST", "/v2/api-clients", "customerapi/apiclients.manage"),
    ("DELETE", "/v2/api-clients/X", "customerapi/apiclients.manage"),
    ("GET", "/v2/webhook-endpoints", HOOKS),
    ("POST", "/v2/webhook-endpoints", HOOKS),
    ("GET", "/v2/webhook-endpoints/X", HOOKS),
    ("PATCH", "/v2/webhook-endpoints/X", HOOKS),
    ("DELETE", "/v2/webhook-endpoints/X", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/pause", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/resume", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/rotate-secret", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/test", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/replay", HOOKS),
    ("GET", "/v2/webhook-endpoints/X/deliveries", HOOKS),
    ("GET", "/v2/webhook-endpoints/X/deliveries/X", HOOKS),
    ("POST", "/v2/webhook-endpoints/X/deliveries/X/replay", HOOKS),
]


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, str]:
    """A token for each scope alone."""
    held = server.credentials["customer"]
    manager = token_form(held["manager"], scope="customerapi/apiclients.manage")
    forms = {scope: token_form(held, scope=scope) for scope in (BASIC, SUPPORT, SUPPORT_WRITE, BILLING, HOOKS)}
    forms["customerapi/apiclients.manage"] = manager
    with httpx.Client(base_url=server.url) as client:
        return {scope: client.post("/oauth2/token", data=form).json()["access_token"] for scope, form in forms.items()}


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_every_operation_needs_its_scope(
    client: httpx.Client, tokens: dict[str, str], method: str, path: str, scope: str
) -> None:
    """An operation is open to a token with its scope and says by which one when it refuses another."""
    opens = {scope, SUPPORT_WRITE} if scope == SUPPORT else {scope}
    if scope == BASIC and "api-clients" in path:
        opens.add("customerapi/apiclients.manage")
    for held, token in tokens.items():
        answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"})
        if held in opens:
            assert answer.status_code != 403, (held, answer.text)
            continue
        is_problem(answer, 403)
        challenge = f'Bearer {REALM}, error="insufficient_scope", scope="{scope}"'
        assert answer.headers["www-authenticate"] == challenge
        assert scope in answer.json()["detail"]


def test_scopes_add_up(client: httpx.Client, known: dict[str, Any]) -> None:
    """A token with several scopes has the rights of all of them."""
    answer = client.post("/oauth2/token", data=token_form(known, scope=f"{BASIC} {BILLING}"))
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    for path, status in (("/v2/accounts", 200), ("/v2/invoices", 200), ("/v2/cases", 403)):
        assert client.get(path, headers=headers).status_code == status
