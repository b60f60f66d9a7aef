"""Rate limits: a burst of 50 reads and then 3 a second, 30 writes in any minute (reference/expereo.md §6)."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.dialects.customer.wire import (
    BASIC,
    SUPPORT,
    SUPPORT_WRITE,
    client_of,
    in_a_loop,
    is_problem,
    made_client,
    sql,
    token_form,
)
from tests.serving import Server


@pytest.fixture(scope="module")
def manager_of_throttled(throttled: Server) -> Iterator[httpx.Client]:
    """The client that makes every test a client with full budgets."""
    with throttled.client("manager") as client:
        yield client


@pytest.fixture
def fresh(throttled: Server, manager_of_throttled: httpx.Client, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client with full budgets."""
    credentials = made_client(throttled, manager_of_throttled, request.node.name, BASIC, SUPPORT, SUPPORT_WRITE)
    with client_of(throttled, credentials) as client:
        yield client


async def at_once(
    server: Server, client: httpx.Client, count: int, path: str = "/v2/accounts?page[limit]=1"
) -> tuple[list[httpx.Response], float]:
    """That many reads over connections to every process, as fast as they go, and how long they took."""
    headers = {"Authorization": client.headers["Authorization"]}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as reader:
        begun = time.monotonic()
        answers = await asyncio.gather(*(reader.get(path) for _ in range(count)))
    return answers, time.monotonic() - begun


def is_throttled(answer: httpx.Response, longest: int) -> int:
    is_problem(answer, 429)
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= longest
    return wait


def test_reads(throttled: Server, fresh: httpx.Client) -> None:
    """Fifty reads in one burst over all processes together, then three a second; a refusal says when to come back."""
    answers, seconds = in_a_loop(at_once(throttled, fresh, 90))
    allowed = [answer for answer in answers if answer.status_code == 200]
    assert 50 <= len(allowed) <= 50 + 3 * seconds + 1
    for answer in answers:
        if answer.status_code != 200:
            assert is_throttled(answer, 1) == 1
    begun, served = time.monotonic(), 0
    while time.monotonic() < begun + 3:
        answer = fresh.get("/v2/accounts?page[limit]=1")
        served += answer.status_code == 200
        time.sleep(0.05)
    assert 7 <= served <= 3 * (time.monotonic() - begun) + 2


def test_what_a_caller_is_told(fresh: httpx.Client) -> None:
    """Every answer says the policy and how much is left."""
    answers = [fresh.get("/v2/accounts?page[limit]=1") for _ in range(3)]
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"read";q=50;w=17, "write";q=30;w=60'
    left = [re.fullmatch(r'"read";r=(\d+);t=(\d+)', answer.headers["ratelimit"]) for answer in answers]
    assert left[0] is not None
    assert left[0][1] == "49"
    assert all(match and 47 <= int(match[1]) <= 49 and match[2] == "1" for match in left)
    written = fresh.post("/v2/cases", json={})
    assert re.fullmatch(r'"write";r=29;t=(59|60)', written.headers["ratelimit"])


def test_writes(fresh: httpx.Client) -> None:
    """The 31st write within a minute is refused until the first leaves the window; reads go on; a refusal costs nothing."""
    begun = time.monotonic()
    for number in range(30):
        answer = fresh.post("/v2/cases", json={}) if number % 2 else fresh.patch("/v2/cases/X", json={})
        assert answer.status_code in (404, 422), number
    for _ in range(5):
        wait = is_throttled(fresh.post("/v2/cases", json={}), 60)
        assert abs(wait - (60 - (time.monotonic() - begun))) < 2
    is_throttled(fresh.post("/v2/cases/X/case-messages", json={}), 60)
    assert fresh.get("/v2/accounts?page[limit]=1").headers["ratelimit"].startswith('"read";r=49')


def test_budgets_belong_to_their_client(throttled: Server, manager_of_throttled: httpx.Client, fresh: httpx.Client) -> None:
    """A client that has used its writes up does not stop another of the same account; several tokens share one budget."""
    credentials = made_client(throttled, manager_of_throttled, "neighbour", BASIC, SUPPORT_WRITE)
    with client_of(throttled, credentials) as first, client_of(throttled, credentials) as second:
        for number in range(30):
            assert (first, second)[number % 2].post("/v2/cases", json={}).status_code == 422
        for client in (first, second):
            is_throttled(client.post("/v2/cases", json={}), 60)
    assert fresh.post("/v2/cases", json={}).status_code == 422


def test_401_and_403_cost_nothing(throttled: Server, fresh: httpx.Client) -> None:
    """Only a request that may be made counts against the client."""
    for _ in range(5):
        is_problem(fresh.get("/v2/invoices"), 403)
        is_problem(fresh.post("/v2/api-clients", json={}), 403)
        is_problem(httpx.get(f"{throttled.url}/v2/accounts"), 401)
    assert fresh.get("/v2/accounts?page[limit]=1").headers["ratelimit"].startswith('"read";r=49')
    assert fresh.post("/v2/cases", json={}).headers["ratelimit"].startswith('"write";r=29')


def test_404_and_400_cost_like_any_other(fresh: httpx.Client) -> None:
    """What a client asks for counts even when it is not there or not in order; HEAD is a read."""
    fresh.get("/v2/accounts/X")
    fresh.get("/v2/accounts?page[limit]=0")
    fresh.head("/v2/accounts")
    fresh.options("/v2/accounts")
    fresh.put("/v2/accounts")
    left = int(re.fullmatch(r'"read";r=(\d+);t=\d+', fresh.get("/v2/accounts").headers["ratelimit"])[1])  # type: ignore[index]
    assert 46 <= left <= 48


def test_bad_tokens_are_limited_by_address(throttled: Server, fresh: httpx.Client) -> None:
    """Whoever tries many wrong tokens from one address is told to wait; a good token from there still works."""

    async def guess() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=throttled.url, headers={"Authorization": "Bearer wrong"}, timeout=30) as guesser:
            return await asyncio.gather(*(guesser.get("/v2/accounts") for _ in range(130)))

    answers = in_a_loop(guess())
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) >= 100
    is_throttled(next(answer for answer in answers if answer.status_code == 429), 60)
    assert fresh.get("/v2/accounts").status_code == 200


@pytest.mark.parametrize("by_basic", [False, True])
def test_token_requests_are_limited(throttled: Server, manager_of_throttled: httpx.Client, by_basic: bool) -> None:
    """Many token requests for one client from one address are refused with a problem document and a time to wait."""
    known: dict[str, Any] = made_client(throttled, manager_of_throttled, f"many tokens {by_basic}", BASIC)
    form = token_form(known, client_secret="wrong")
    auth = (known["client_id"], "wrong") if by_basic else None
    if by_basic:
        form = {"grant_type": "client_credentials", "scope": BASIC}

    async def guess() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=throttled.url, timeout=30) as guesser:
            return await asyncio.gather(*(guesser.post("/oauth2/token", data=form, auth=auth) for _ in range(90)))

    answers = in_a_loop(guess())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 10
    is_throttled(refused[0], 60)
    assert refused[0].headers["cache-control"] == "no-store"
    other = throttled.credentials["customer"]["read_only"]
    assert httpx.post(f"{throttled.url}/oauth2/token", data=token_form(other)).status_code == 200


def test_hostile_client_ids_do_not_break_the_limiter(throttled: Server) -> None:
    """Client ids of any form are counted like others."""
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")  # an address of which nothing is counted yet
    with httpx.Client(base_url=throttled.url, transport=elsewhere) as client:
        for client_id in ("a\u0001b", "é" * 100, "%", "x" * 10_000, "'; --", "\u2028"):
            form = token_form({"client_id": client_id, "client_secret": "x", "scopes": [BASIC]})
            answer = client.post("/oauth2/token", data=form)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    log = throttled.log.read_text(errors="replace")
    assert "throttle.local" not in log
    assert "throttle.failed" not in log


def test_guessed_clients_are_limited_by_address(throttled: Server) -> None:
    """Whoever tries many clients from one address is told to wait and leaves one bucket; a good client from there gets its token."""
    client = throttled.credentials["customer"]["other"]
    before = sql(throttled, "SELECT count(*) FROM throttle_buckets")[0][0]

    async def guess() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=throttled.url, timeout=30) as guesser:
            forms = [token_form(client, client_id=f"{client['client_id']}{number}") for number in range(90)]
            return await asyncio.gather(*(guesser.post("/oauth2/token", data=form) for form in forms))

    answers = in_a_loop(guess())
    assert {answer.status_code for answer in answers} <= {400, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 10
    is_throttled(refused[0], 60)
    assert httpx.post(f"{throttled.url}/oauth2/token", data=token_form(client)).status_code == 200
    assert sql(throttled, "SELECT count(*) FROM throttle_buckets")[0][0] <= before + 2
