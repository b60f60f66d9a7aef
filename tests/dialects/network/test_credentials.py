"""Credentials in odd company: cookies of others, ways out after a login, bad keys, narrowed tokens, owners that go meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.dialects.network.test_auth import CREATE, CREATE_SITE, log_in, with_key
from tests.dialects.network.wire import SEED, Caller, refused, sub
from tests.serving import Server


@pytest.mark.parametrize(
    "others", ['theme={"dark": true}', "name=two words", "no-equals-sign", "list[0]=1", "Path=/elsewhere", "café=au lait"]
)
def test_cookies_of_others_do_not_hide_the_session(server: Server, others: str) -> None:
    """A session is found whatever cookies another program of the same host has left in the browser."""
    with httpx.Client(base_url=server.url) as http:
        log_in(server, http)
        text = http.cookies["XCSESSION"]
        http.cookies.clear()
        for cookies in (f"{others}; XCSESSION={text}", f"XCSESSION={text}; {others}"):
            assert http.get("/v1/subs", headers={"Cookie": cookies.encode()}).status_code == 200


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/é/evil.example", "/%C3%A9/evil.example"),
        ("/ü\\evil.example", "/%C3%BC%5Cevil.example"),
        ("/v1/explorer/index.html#uri=/v1/subs?page=1&size=5", "/v1/explorer/index.html#uri=/v1/subs?page=1&size=5"),
        ("/v1/explorer?q=%20é", "/v1/explorer?q=%20%C3%A9"),
    ],
)
def test_a_login_leads_to_this_server_alone(server: Server, path: str, location: str) -> None:
    """Where a login goes on to is never another server's address, whatever letters the path has."""
    with httpx.Client(base_url=server.url) as http:
        assert log_in(server, http, next=path).headers["location"] == location


def test_spellings_of_one_name_are_locked_together(server: Server, admin: Caller) -> None:
    """Spellings that log in the same account count as one name, so that none of them gives ten more guesses."""
    name = f"ivi.{uuid4().hex}@example.com"
    admin.made("accounts", {"username": name, "role": "READ_ONLY", "password": "Secret-123"})
    spellings = [name, name.upper(), name.replace("i", "İ"), name.replace("i", "İ", 1), f" {name} "]
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for spelling in spellings:
            for _ in range(2):
                refused(http.post("/login", json={"username": spelling, "password": "Wrong-123"}), 401, "BadCredentials")
        for spelling in spellings:
            refused(http.post("/login", json={"username": spelling, "password": "Secret-123"}), 429, "TooManyRequests")


def test_bad_keys_and_sessions_have_their_own_limit(tmp_path: Path) -> None:
    """Who tries keys is slowed down from its address, and whoever has a good one is not; the log says what was wrong."""
    running = Server(tmp_path / "data", {"TRUNKLINE_THROTTLE": "on"}).start()
    try:
        with httpx.Client(base_url=running.url) as http:
            tries = [http.get("/v1", headers={"X-API-KEY": "xk_wrong"}) for _ in range(60)]
            tries += [http.get("/v1", headers={"Cookie": "XCSESSION=xs_wrong"}) for _ in range(200)]
            refused(tries[0], 401, "Unauthorized")
            limited = [answer for answer in tries if answer.status_code == 429]
            assert limited, "no try was refused"
            assert limited[-1].headers["retry-after"]
            key = running.credentials["network"]["admin_key"]
            assert http.get("/v1", headers={"X-API-KEY": key}).status_code == 200
            refused(http.get("/v1"), 401, "Unauthorized")  # none at all is no bad one
    finally:
        assert running.stop() == 0
    log = running.log.read_text()
    assert '"reason":"TokenUnknown"' in log
    assert '"reason":"SessionUnknown"' in log


def test_a_token_that_may_write_needs_no_right_to_read(admin: Caller) -> None:
    """`write` is enough to create, change and delete; reading stays closed."""
    narrow = with_key(admin.post(CREATE, {"name": "writes", "account": "123456", "scopes": ["subs:write"]}), admin)
    path = narrow.made("subs", sub())
    assert narrow.patch(path, {"type": "Test"}).json()["type"] == "Test"
    assert narrow.post("/v1/subs", {"id": path.rpartition("/")[2], "type": "Production"}).status_code == 200
    for closed in (path, "/v1/subs", f"/v1/subs/{SEED}/system", "/v1/systems"):
        refused(narrow.get(closed), 403, "AccessDenied")
    assert narrow.delete(path).status_code == 204
    creating = with_key(admin.post(CREATE, {"name": "creates", "account": "123456", "scopes": ["subs:create"]}), admin)
    refused(creating.post("/v1/subs", {"id": SEED, "type": "Test"}), 403, "AccessDenied")
    refused(creating.patch(f"/v1/subs/{SEED}", {"type": "Test"}), 403, "AccessDenied")


@pytest.mark.parametrize("role", ["ADMIN", "CUSTOMER_ADMIN", "READ_ONLY"])
def test_null_is_the_callers_own_customer(admin: Caller, role: str) -> None:
    """A new account with `"customer": null` belongs to the caller's customer, as one that names none."""
    path = admin.made("accounts", {"username": f"{uuid4().hex}@example.com", "role": role, "customer": None})
    own = admin.get("/v1/accounts/123456?projection=deep").json()["customer"]
    assert admin.get(f"{path}?projection=deep").json()["customer"] == own


@pytest.mark.parametrize(("command", "owner"), [(CREATE, "account"), (CREATE_SITE, "site")])
def test_an_owner_that_goes_meanwhile(server: Server, admin: Caller, command: str, owner: str) -> None:
    """A token for an account or site that is deleted at the same time is made or refused, and is never an error of the server."""
    for _ in range(4):
        unique = uuid4().hex
        draft = {"username": f"{unique}@example.com", "role": "READ_ONLY"} if owner == "account" else {"name": unique}
        path = admin.made(f"{owner}s", draft)
        body = {"name": "late", owner: path.rpartition("/")[2]}

        def send(number: int, path: str = path, body: dict[str, str] = body) -> httpx.Response:
            with httpx.Client(base_url=server.url, timeout=30) as http:
                one = Caller(http, admin.key)
                return one.delete(path) if number == 2 else one.post(command, body)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(send, range(6)))
        assert {answer.status_code for answer in answers} <= {201, 204, 400, 409}, [answer.text for answer in answers]


def test_an_account_of_a_customer_that_goes_meanwhile(server: Server, admin: Caller) -> None:
    """An account for a customer that is deleted at the same time is made or refused, and is never an error of the server."""
    for _ in range(4):
        path = admin.made("customers", {"name": f"going {uuid4()}"})
        customer = path.rpartition("/")[2]

        def send(number: int, path: str = path, customer: str = customer) -> httpx.Response:
            with httpx.Client(base_url=server.url, timeout=30) as http:
                one = Caller(http, admin.key)
                draft = {"username": f"{uuid4().hex}@example.com", "role": "READ_ONLY", "customer": customer}
                return one.delete(path) if number == 2 else one.post("/v1/accounts", draft)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(send, range(6)))
        assert {answer.status_code for answer in answers} <= {201, 204, 400, 409}, [answer.text for answer in answers]
