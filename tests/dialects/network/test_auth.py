"""Keys, sessions, roles and the timelines of site tokens (reference/expeto.md §2, §3)."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.dialects.network.wire import SEED, Caller, caller, faults, path_of, refused, sub
from tests.serving import Server
from trunkline.dialects.network.roles import MATRIX, Role

CREATE = "/v1/accounts/command/createToken"
CREATE_SITE = "/v1/sites/command/createToken"
REFRESH = "/v1/api-tokens/command/refreshToken"
EXPIRING = "x-api-key-expiring"
DAY = 86_400


def with_key(made: httpx.Response, admin: Caller) -> Caller:
    """Who holds a token that was just made."""
    assert made.status_code in (200, 201), made.text
    return Caller(admin.http, made.json()["token"], admin.host)


# tokens ----------------------------------------------------------------------------------------------------------------


def test_create_token_as_the_seed_does(admin: Caller) -> None:
    """The seed's curl: the answer holds the token once; afterwards only its last four characters are shown."""
    made = admin.post(CREATE, {"name": "exampleToken", "account": "123456"})
    assert made.status_code == 201
    document = made.json()
    assert document["token"].startswith("xk_")
    assert len(document["token"]) >= 46
    assert document["lastFour"] == document["token"][-4:]
    assert (document["name"], document["account"]) == ("exampleToken", "123456")
    assert document["_links"]["self"]["href"].endswith(f"/v1/account-feature-api-tokens/{document['id']}{{?projection}}")
    assert document["_links"]["account"]["href"].endswith("/v1/accounts/123456")
    again = with_key(made, admin)
    assert again.get("/v1/subs").status_code == 200
    shown = admin.get(path_of(made))
    assert shown.json()["token"] == f"************{document['lastFour']}"
    assert document["token"] not in shown.text
    assert again.delete(path_of(made)).status_code == 204  # the token in use may delete itself
    refused(again.get("/v1/subs"), 401, "Unauthorized")
    refused(admin.delete(path_of(made)), 404, "NotFound")


def test_several_tokens_of_one_account_and_name(admin: Caller) -> None:
    """The same name again is another token; all of them work."""
    made = [admin.post(CREATE, {"name": "twin", "account": "123456"}) for _ in range(2)]
    callers = [with_key(answer, admin) for answer in made]
    assert all(one.get("/v1").status_code == 200 for one in callers)
    assert callers[0].key != callers[1].key
    assert admin.delete(path_of(made[0])).status_code == 204
    assert callers[1].get("/v1").status_code == 200


def test_create_token_refuses(admin: Caller, customer_admin: Caller, reader: Caller, site: Caller, stranger: Caller) -> None:
    """Only an ADMIN with the feature, only for accounts of its own tree, only with a name (§2.4)."""
    body = {"name": "exampleToken", "account": "123456"}
    for one in (customer_admin, reader, site):
        refused(one.post(CREATE, body), 403, "AccessDenied")
        refused(one.get("/v1/account-feature-api-tokens"), 403, "AccessDenied")
        refused(one.delete("/v1/account-feature-api-tokens/9001"), 403, "AccessDenied")
    assert stranger.post(CREATE, body).status_code in (400, 403)
    assert "account" in faults(admin.post(CREATE, {"name": "x", "account": "999999"}))
    for name in ("", "   ", "x" * 101, None, 5):
        assert "name" in faults(admin.post(CREATE, {"name": name, "account": "123456"}))
    assert set(faults(admin.post(CREATE, {}))) == {"name", "account"}


def test_without_the_feature_there_are_no_tokens(admin: Caller) -> None:
    """An ADMIN without addApiToken neither sees nor makes tokens; nobody but the provider switches it on."""
    name = f"{uuid4().hex}@example.com"
    person = path_of(admin.post("/v1/accounts", {"username": name, "role": "ADMIN"})).rpartition("/")[2]
    refused(admin.patch(f"/v1/accounts/{person}", {"features": ["addApiToken"]}), 403, "AccessDenied")
    plain = with_key(admin.post(CREATE, {"name": "plain", "account": person}), admin)
    assert plain.get("/v1/subs").status_code == 200
    assert "account-feature-api-tokens" not in plain.get("/v1").json()["_links"]
    refused(plain.get("/v1/account-feature-api-tokens"), 403, "AccessDenied")
    refused(plain.post(CREATE, {"name": "x", "account": person}), 403, "AccessDenied")


def test_a_token_may_be_narrowed(admin: Caller) -> None:
    """Scopes narrow the role; a narrowed token makes none that may do more."""
    made = admin.post(CREATE, {"name": "narrow", "account": "123456", "scopes": ["subs:read", "systems:write"]})
    narrow = with_key(made, admin)
    assert set(narrow.get("/v1").json()["_links"]) == {"self", "profile", "subs"}
    assert narrow.get("/v1/subs").status_code == 200
    refused(narrow.post("/v1/subs", sub()), 403, "AccessDenied")
    refused(narrow.get("/v1/systems"), 403, "AccessDenied")
    assert narrow.post("/v1/systems", {"name": "made narrowly"}).status_code == 201
    refused(narrow.post(CREATE, {"name": "x", "account": "123456"}), 403, "AccessDenied")
    maker = {"name": "maker", "account": "123456", "scopes": ["account-feature-api-tokens:write", "subs:read"]}
    making = with_key(admin.post(CREATE, maker), admin)
    assert making.post(CREATE, {"name": "x", "account": "123456"}).json()["scopes"] == maker["scopes"]
    refused(making.post(CREATE, {"name": "x", "account": "123456", "scopes": ["subs:write"]}), 403, "AccessDenied")
    for scopes in (["nonsense"], ["subs:fly"], "subs:read", [5]):
        assert "scopes" in faults(admin.post(CREATE, {"name": "x", "account": "123456", "scopes": scopes}))


def test_the_header_decides_over_the_cookie(server: Server, admin: Caller) -> None:
    """A bad key is not rescued by a session."""
    with httpx.Client(base_url=server.url) as http:
        log_in(server, http)
        assert http.get("/v1/subs").status_code == 200
        refused(http.get("/v1/subs", headers={"X-API-KEY": "xk_wrong"}), 401, "Unauthorized")
        refused(http.get("/v1/subs", headers={"X-API-KEY": ""}), 401, "Unauthorized")


def test_a_key_of_the_other_environment_is_unknown(server: Server, http: httpx.Client, admin: Caller) -> None:
    """Production's keys open nothing in the sandbox, nor the sandbox's in production."""
    sandbox = caller(server, http, "admin_key", "sandbox")
    assert sandbox.get("/v1/subs").status_code == 200
    refused(Caller(http, admin.key, sandbox.host).get("/v1/subs"), 401, "Unauthorized")
    refused(Caller(http, sandbox.key).get("/v1/subs"), 401, "Unauthorized")


# roles -----------------------------------------------------------------------------------------------------------------

VERBS = {"R": "GET", "C": "POST", "U": "PATCH", "D": "DELETE"}
COMMANDS = ("account-feature-api-tokens", "api-tokens")  # made by their commands


@pytest.mark.parametrize("collection", MATRIX)
def test_the_matrix(collection: str, admin: Caller, customer_admin: Caller, reader: Caller) -> None:
    """Every cell of the matrix: what a role may not do is 403, whatever the object; what it may do is not (§3)."""
    for one, role in ((admin, Role.ADMIN), (customer_admin, Role.CUSTOMER_ADMIN), (reader, Role.READ_ONLY)):
        granted = MATRIX[collection][role]
        for letter, method in VERBS.items():
            path = f"/v1/{collection}" if letter in "C" else f"/v1/{collection}/0"
            answer = one.call(method, path, {} if method in ("POST", "PATCH") else None)
            if answer.status_code == 405:
                assert collection in (*COMMANDS, "account-audit-logs")
                continue
            assert (answer.status_code == 403) == (letter not in granted), (role, method, answer.text)


def test_customer_admins_keep_to_their_own_customer(customer_admin: Caller, admin: Caller) -> None:
    """CUSTOMER_ADMIN sees its own customer alone, and may give no role above its own."""
    below = admin.made("customers", {"name": f"below {uuid4()}"}).rpartition("/")[2]
    group = admin.made("groups", {"name": "below", "customer": below})
    assert admin.get(group).status_code == 200
    refused(customer_admin.get(group), 404, "NotFound")
    person = {"username": f"{uuid4().hex}@example.com", "role": "ADMIN"}
    refused(customer_admin.post("/v1/accounts", person), 403, "AccessDenied")
    made = customer_admin.post("/v1/accounts", {**person, "role": "CUSTOMER_ADMIN", "password": "Secret-123"})
    assert made.status_code == 201, made.text
    assert customer_admin.delete(path_of(made)).status_code == 204


def test_read_only_sees_its_own_account(reader: Caller, admin: Caller) -> None:
    """READ_ONLY reads one account: its own."""
    rows = reader.get("/v1/accounts").json()["_embedded"]["accounts"]
    assert [row["role"] for row in rows] == ["READ_ONLY"]
    refused(reader.get("/v1/accounts/123456"), 404, "NotFound")
    refused(reader.patch(f"/v1/subs/{SEED}", {"type": "Test"}), 403, "AccessDenied")


# sessions --------------------------------------------------------------------------------------------------------------


def log_in(server: Server, http: httpx.Client, **more: str) -> httpx.Response:
    network = server.credentials["network"]
    answer = http.post("/login", data={"username": network["username"], "password": network["password"], **more})
    assert answer.status_code in (204, 303), answer.text
    return answer


def test_a_session(server: Server) -> None:
    """Log in with the form or JSON, read with the cookie, log out; afterwards the cookie opens nothing."""
    network = server.credentials["network"]
    with httpx.Client(base_url=server.url) as http:
        answer = http.post("/login", json={"username": network["username"], "password": network["password"]})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("XCSESSION=")
        for attribute in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert attribute in cookie
        assert "Secure" not in cookie  # loopback over plain HTTP: the client would not return it
        assert EXPIRING not in http.get("/v1/subs").headers
        text = http.cookies["XCSESSION"]
        out = http.post("/logout", headers={"Sec-Fetch-Site": "same-origin"})
        assert out.status_code == 204
        assert "Max-Age=0" in out.headers["set-cookie"]
        refused(http.get("/v1/subs", headers={"Cookie": f"XCSESSION={text}"}), 401, "Unauthorized")
        assert log_in(server, http, next="/v1/explorer").headers["location"] == "/v1/explorer"
        assert http.cookies["XCSESSION"] != text
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
            assert "location" not in log_in(server, http, next=elsewhere).headers


def test_the_cookie_is_secure_over_https(server: Server) -> None:
    """Over HTTPS the cookie never travels in plain."""
    network = server.credentials["network"]
    form = {"username": network["username"], "password": network["password"]}
    with httpx.Client(base_url=server.https_url, verify=False) as http:  # noqa: S501 - the certificate is the server's own
        assert "; Secure" in http.post("/login", data=form).headers["set-cookie"]
        assert http.get("/v1/subs").status_code == 200


def test_a_writing_session_must_come_from_this_server(server: Server) -> None:
    """Unsafe requests with a cookie need Origin or Sec-Fetch-Site of this very server (§2.2, §17)."""
    with httpx.Client(base_url=server.url) as http:
        log_in(server, http)
        for headers in (
            {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site"}, {"Origin": server.url, "Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        ):  # fmt: skip
            refused(http.post("/v1/groups", json={"name": "forged"}, headers=headers), 403, "CsrfRejected")
            refused(http.post("/logout", headers=headers), 403, "CsrfRejected")
        for headers in ({"Origin": server.url}, {"Sec-Fetch-Site": "same-origin"}):
            assert http.post("/v1/groups", json={"name": "mine"}, headers=headers).status_code == 201
        assert http.get("/v1/subs", headers={"Origin": "https://evil.example"}).status_code == 200
        refused(
            http.post("/login", data={"username": "a", "password": "b"}, headers={"Origin": "https://evil.example"}),
            403, "CsrfRejected",
        )  # fmt: skip


def test_a_wrong_login_tells_nothing(server: Server) -> None:
    """One text for an unknown user and a wrong password; the tenth failure locks for a while, the right password too."""
    name = server.credentials["network"]["username"]
    with httpx.Client(base_url=server.url) as http:
        one = refused(http.post("/login", data={"username": name, "password": "Wrong-123"}), 401, "BadCredentials")
        two = refused(http.post("/login", json={"username": "nobody@example.com", "password": "x"}), 401, "BadCredentials")
        assert one["message"] == two["message"]
        for body in ({}, {"username": name}, {"username": "", "password": ""}, {"username": 5, "password": []}):
            assert http.post("/login", json=body).status_code == 400
        refused(http.post("/login", content="x", headers={"Content-Type": "text/plain"}), 415, "UnsupportedMediaType")
        log_in(server, http)


def test_lock_out(server: Server, admin: Caller) -> None:
    """Ten failures lock the account from this address: the right password is refused too (§2.2, §17)."""
    person = {"username": f"{uuid4().hex}@example.com", "role": "READ_ONLY", "password": "Secret-123"}
    made = admin.post("/v1/accounts", person)
    form = {"username": person["username"], "password": person["password"]}
    with httpx.Client(base_url=server.url) as http:
        assert http.post("/login", data=form).status_code == 204
        for _ in range(10):
            refused(http.post("/login", data={**form, "password": "Wrong-123"}), 401, "BadCredentials")
        locked = http.post("/login", data=form)
        refused(locked, 429, "TooManyRequests")
        assert 0 < int(locked.headers["retry-after"]) <= 900
    assert admin.delete(path_of(made)).status_code == 204


@pytest.mark.parametrize("change", [{"role": "CUSTOMER_ADMIN"}, {"password": "Another-1"}, {"enabled": False}, None], ids=str)
def test_a_session_ends_with_what_it_stood_on(change: dict[str, object] | None, server: Server, admin: Caller) -> None:
    """A session is dropped when its account's role or password changes, or when it is disabled or deleted."""
    person = {"username": f"{uuid4().hex}@example.com", "role": "READ_ONLY", "password": "Secret-123"}
    path = path_of(admin.post("/v1/accounts", person))
    with httpx.Client(base_url=server.url) as http:
        assert http.post("/login", data={key: person[key] for key in ("username", "password")}).status_code == 204
        assert http.get("/v1/subs").status_code == 200
        answer = admin.delete(path) if change is None else admin.patch(path, change)
        assert answer.status_code in (200, 204), answer.text
        refused(http.get("/v1/subs"), 401, "Unauthorized")


@pytest.mark.parametrize("password", ["Short-1", "nodigits-A", "NOLOWERBUTNOSPECIAL1", "nouppercase-1"])
def test_the_password_rule(password: str, admin: Caller) -> None:
    """At least 8 characters with a number, an upper-case letter and a special character; never repeated in the answer."""
    answer = admin.post("/v1/accounts", {"username": f"{uuid4().hex}@example.com", "role": "READ_ONLY", "password": password})
    assert faults(answer)["password"]["invalidValue"] == "###MASKED###"
    assert password not in answer.text


# site tokens on the sandbox's clock ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose sandbox's clock is moved."""
    running = Server(tmp_path_factory.mktemp("moving") / "data").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(moving: Server) -> Iterator[Caller]:
    """ADMIN in that sandbox, with a fresh token: the clock may have passed the first one's end."""
    with httpx.Client(base_url=moving.url, timeout=30) as http:
        yield caller(moving, http, "admin_key", "sandbox")


def advance(server: Server, seconds: int) -> None:
    server.run("clock", "advance", str(seconds), "--environment", "sandbox")
    time.sleep(0.1)


def site_token(admin: Caller) -> Caller:
    reference = admin.get("/v1/sites?size=1").json()["_embedded"]["sites"][0]["id"]
    return with_key(admin.post(CREATE_SITE, {"name": "timeline", "site": reference}), admin)


def refreshed(one: Caller) -> tuple[str, str | None]:
    answer = one.post(REFRESH)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"token", "message", "status"}
    return document["status"], document["token"]


def test_site_tokens(admin: Caller, site: Caller) -> None:
    """A site token acts with CUSTOMER_ADMIN rights in its site's customer and lands in /v1/api-tokens."""
    reference = admin.get("/v1/sites?size=1").json()["_embedded"]["sites"][0]["id"]
    made = admin.post(CREATE_SITE, {"name": "of a site", "site": reference})
    document = made.json()
    assert path_of(made).startswith("/v1/api-tokens/")
    assert (document["site"], document["token"][:3]) == (reference, "xk_")
    one = with_key(made, admin)
    assert one.get("/v1/subs").status_code == 200
    refused(one.get("/v1/notifications"), 403, "AccessDenied")
    refused(one.post("/v1/subs", sub()), 403, "AccessDenied")
    assert admin.delete(path_of(made)).status_code == 204
    refused(one.get("/v1/subs"), 401, "Unauthorized")
    assert "site" in faults(admin.post(CREATE_SITE, {"name": "x", "site": "SIT-0"}))


def test_what_cannot_be_refreshed(admin: Caller, site: Caller, nobody: Caller, server: Server) -> None:
    """No token is 401, an account's is RefreshNotSupported, a young original TokenTooYoung; any body is fine."""
    refused(nobody.post(REFRESH), 401, "Unauthorized")
    refused(admin.post(REFRESH), 400, "RefreshNotSupported")
    for body in (None, "", "{}"):
        refused(site_token(admin).post(REFRESH, body), 400, "TokenTooYoung")
    with httpx.Client(base_url=server.url) as http:
        log_in(server, http)
        refused(http.post(REFRESH, headers={"Sec-Fetch-Site": "same-origin"}), 401, "Unauthorized")


def test_timeline_a(moving: Server, sandbox: Caller) -> None:
    """The reference's timeline A, from a young original to the second refresh (§2.7)."""
    t0 = site_token(sandbox)
    refused(t0.post(REFRESH), 400, "TokenTooYoung")
    advance(moving, 3600)
    year, month = 365 * DAY, 30 * DAY
    advance(moving, year - month - 3600 - 120)
    assert EXPIRING not in t0.get("/v1/subs").headers
    advance(moving, 120)
    assert t0.get("/v1/subs").headers[EXPIRING] == "true"
    assert t0.get("/v1/nothing").headers[EXPIRING] == "true"
    assert t0.get("/v1/notifications").headers[EXPIRING] == "true"
    assert t0.get("/v1", Accept="text/html").headers[EXPIRING] == "true"  # the way to the explorer
    assert t0.post(REFRESH, Accept="image/png").headers[EXPIRING] == "true"
    answer = t0.post(REFRESH)
    assert answer.headers[EXPIRING] == "true"
    assert (answer.json()["status"], answer.status_code) == ("CREATED", 200)
    t1 = Caller(t0.http, answer.json()["token"], t0.host)
    assert refreshed(t0) == ("ALREADY_REFRESHED", None)
    assert refreshed(t1) == ("YOU_HAVE_THE_LATEST", None)
    assert t0.get("/v1/subs").status_code == 200
    refused(t1.get("/v1/notifications"), 403, "AccessDenied")  # not a valid request: it does not activate
    assert t0.get("/v1/subs").status_code == 200
    used = t1.get("/v1/subs")
    assert used.status_code == 200
    assert EXPIRING not in used.headers
    refused(t0.get("/v1/subs"), 401, "Unauthorized")
    refused(t0.post(REFRESH), 401, "Unauthorized")
    assert refreshed(t1) == ("ALREADY_ACTIVATED", None)
    advance(moving, 3600)
    status, token = refreshed(t1)
    assert status == "CREATED"
    assert token is not None


def test_timelines_b_c_and_d(moving: Server, sandbox: Caller) -> None:
    """A lost answer, a sleeper, and one who comes too late (§2.7)."""
    with httpx.Client(base_url=moving.url) as http:
        assert http.get("/v1", headers={"Host": sandbox.host, "X-API-KEY": sandbox.key or ""}).status_code in (200, 401)
    lost, sleeper, late = site_token(sandbox), site_token(sandbox), site_token(sandbox)
    advance(moving, 3600)
    status, unseen = refreshed(lost)
    assert status == "CREATED"
    status, asleep = refreshed(sleeper)
    advance(moving, 1800)
    assert refreshed(lost) == ("ALREADY_REFRESHED", None)
    advance(moving, 1800)
    status, second = refreshed(lost)
    assert status == "CREATED"
    refused(Caller(lost.http, unseen, lost.host).get("/v1/subs"), 401, "Unauthorized")
    assert Caller(lost.http, second, lost.host).get("/v1/subs").status_code == 200
    advance(moving, 4 * 3600)
    slept = Caller(lost.http, asleep, lost.host)
    assert refreshed(slept) == ("YOU_HAVE_THE_LATEST", None)
    assert slept.get("/v1/subs").status_code == 200
    assert refreshed(slept)[0] == "CREATED"
    advance(moving, 365 * DAY)
    for answer in (late.get("/v1/subs"), late.post(REFRESH), sandbox.get("/v1")):
        refused(answer, 401, "Unauthorized")


def test_two_parallel_refreshes_make_one_token(server: Server, http: httpx.Client) -> None:
    """One CREATED, all others ALREADY_REFRESHED, whoever comes first."""
    sandbox = caller(server, http, "admin_key", "sandbox")
    one = site_token(sandbox)
    server.run("clock", "advance", "3600", "--environment", "sandbox")
    time.sleep(0.1)
    with ThreadPoolExecutor(8) as pool:
        statuses = [status for status, _ in pool.map(lambda _: refreshed(one), range(8))]
    assert sorted(statuses) == ["ALREADY_REFRESHED"] * 7 + ["CREATED"]
