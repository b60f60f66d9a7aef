"""Sessions: logging in and out, lock-out, idle and absolute end (reference/expeto.md §2.2)."""

import asyncio
from time import perf_counter
from typing import Any

import pytest

from tests.domains.people import PASSWORD, People
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import DeepUser, Feature, Role, SessionCredential, UserDraft
from trunkline.kit import secrets
from trunkline.kit.errors import Throttled, Unauthenticated
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.principal import Environment, system
from trunkline.kit.record import Origin
from trunkline.kit.work import Transaction, Work
from trunkline.supervisor.timers import run_once

ADDRESS = "192.0.2.1"


async def log_in(
    people: People, user: DeepUser | str, password: str = PASSWORD, address: str = ADDRESS, **options: Any
) -> tuple[SessionCredential, str]:
    name = user if isinstance(user, str) else user.username
    return await identity.login(people.realm, name, password, address, **options)


async def use(people: People, text: str) -> SessionCredential:
    return await people.credentials.resolve_session(people.realm, text)


async def ended(people: People, text: str) -> None:
    with pytest.raises(Unauthenticated):
        await use(people, text)


async def fail(people: People, name: str, times: int, address: str = ADDRESS) -> None:
    for _ in range(times):
        with pytest.raises(Unauthenticated, match="the user name or the password is wrong"):
            await log_in(people, name, "Wrong-horse-7", address)


# logging in ---------------------------------------------------------------------------------------------------------------


async def test_a_user_logs_in(people: People) -> None:
    """A user is known by name (in any case) and password; the session has its role, features and reach, and is stored as a digest."""
    user = await people.make(Role.CUSTOMER_MANAGER, people.root, features=(Feature.ADD_API_TOKEN,))
    people.forward(hours=1)
    session, text = await log_in(people, f"  {user.username.upper()} ")
    assert text.startswith("xs_")
    assert await use(people, text) == session
    assert (session.user_reference, session.actor_id, session.role) == (user.reference, user.username, user.role)
    assert session.reach == await people.reach(user)
    assert session.may_manage_tokens
    rows = await people.house.sql("SELECT session_hash FROM sessions WHERE tenant_id = $1 AND user_id = $2", user.id)
    assert [row[0] for row in rows] == [secrets.digest(text)]
    after = await identity.find_user(await people.reading(None), user.reference)
    assert (after.last_login_at, after.version) == (people.clock.at, 2)
    assert await people.events(user.id) == ["user.created", "user.logged_in"]
    rows = await people.house.sql(
        "SELECT actor_id, remote_address FROM audit_entries WHERE tenant_id = $1 AND operation = 'identity.login' ORDER BY id DESC LIMIT 1"
    )
    assert tuple(rows[0]) == (user.username, ADDRESS)


async def test_one_answer_for_every_reason(people: People) -> None:
    """Unknown name, wrong password, no password, disabled user: all get the same refusal."""
    user, off = await people.make(Role.READER), await people.make(Role.READER, active=False)
    tokens_only = await people.make(Role.READER, password=None)
    for name, password in (
        (user.username, "Wrong-horse-7"),
        (user.username, ""),
        (off.username, PASSWORD),
        (tokens_only.username, ""),
        (tokens_only.username, PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("\0", PASSWORD),
        ("x" * 5000, PASSWORD),
    ):
        with pytest.raises(Unauthenticated, match="the user name or the password is wrong"):
            await log_in(people, name, password)


async def test_an_unknown_name_costs_as_much_as_a_known_one(people: People) -> None:
    """Who asks for a name cannot tell from the time whether it exists."""
    user = await people.make(Role.READER)
    unknown = f"{new_id().hex}@example.com"
    await fail(people, f"{new_id().hex}@example.com", 1)  # the first check of all also makes the hash that is nobody's
    times: dict[str, list[float]] = {user.username: [], unknown: []}
    for _ in range(5):
        for name, taken in times.items():
            started = perf_counter()
            await fail(people, name, 1)
            taken.append(perf_counter() - started)
    assert 0.3 < min(times[user.username]) / min(times[unknown]) < 3


async def test_a_name_in_two_tenants(people: People) -> None:
    """A login names no tenant: among several users of one name, the password decides."""
    user = await people.make(Role.READER)
    async with people.realm.pool.connection() as connection:
        tenant_id, number = await identity.create_tenant(connection, "Second", people.clock.now())
    work = Work(people.realm.pool, people.clock, system(tenant_id, Environment.PRODUCTION, "tester"), Origin("test", "test"))
    async with Transaction(work) as transaction:
        await identity.create_user(work, UserDraft(username=user.username, password="Other-horse-8", role=Role.NETWORK))
        await transaction.commit(200)
    first, _ = await log_in(people, user)
    second, text = await log_in(people, user, "Other-horse-8")
    assert (first.tenant_id, second.tenant_id) == (people.house.tenant_id, tenant_id)
    assert secrets.tenant_of_token(secrets.SESSION, text) == number
    assert (await use(people, text)).role is Role.NETWORK


async def test_the_id_is_renewed_at_login(people: People) -> None:
    """Each login has a new id, and the session that the browser came with ends; others go on."""
    user = await people.make(Role.READER)
    _, elsewhere = await log_in(people, user)
    _, first = await log_in(people, user)
    _, second = await log_in(people, user, previous=first)
    assert len({elsewhere, first, second}) == 3
    await ended(people, first)
    assert await use(people, second)
    assert await use(people, elsewhere)
    for text in ("", "x", "xs_" + "0" * 51, first):
        assert await log_in(people, user, previous=text)


async def test_logout(people: People) -> None:
    """Logging out ends this session alone, and once is as good as twice."""
    user = await people.make(Role.READER)
    _, first = await log_in(people, user)
    _, second = await log_in(people, user)
    for text in (first, first, "", "nonsense", "\0"):
        await identity.logout(people.realm, text)
    await ended(people, first)
    assert await use(people, second)
    assert (await people.events(user.id)).count("user.logged_out") == 1


# lock-out -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
async def test_ten_failures_lock_for_a_quarter_of_an_hour(people: People, known: bool) -> None:
    """The eleventh attempt is refused whatever the password, for known and unknown names alike, from this address alone."""
    user = await people.make(Role.READER)
    name = user.username if known else f"{new_id().hex}@example.com"
    await fail(people, name, 10)
    for password in (PASSWORD, "Wrong-horse-7"):
        with pytest.raises(Throttled) as locked:
            await log_in(people, name.upper(), password)
        assert locked.value.retry_after == 900
    people.forward(minutes=14, seconds=59)
    with pytest.raises(Throttled) as locked:
        await log_in(people, name)
    assert locked.value.retry_after == 1
    if known:
        assert await log_in(people, name, address="192.0.2.2")
    people.forward(seconds=1)
    await fail(people, name, 1)
    if known:
        assert await log_in(people, name)


async def test_a_success_forgets_failures(people: People) -> None:
    """Nine failures, the right password, nine failures: nothing is locked."""
    user = await people.make(Role.READER)
    for _ in range(2):
        await fail(people, user.username, 9)
        assert await log_in(people, user)


async def test_old_failures_do_not_count(people: People) -> None:
    """Failures count for a quarter of an hour."""
    user = await people.make(Role.READER)
    await fail(people, user.username, 9)
    people.forward(minutes=15)
    await fail(people, user.username, 9)
    assert await log_in(people, user)


async def test_failures_count_within_any_quarter_of_an_hour(people: People) -> None:
    """Not within quarters that begin somewhere: eight in the end of one and two in the beginning of the next lock too."""
    user = await people.make(Role.READER)
    await fail(people, user.username, 1)
    people.forward(minutes=10)
    await fail(people, user.username, 8)
    people.forward(minutes=5)
    await fail(people, user.username, 1)
    people.forward(seconds=10)
    await fail(people, user.username, 1)
    with pytest.raises(Throttled):
        await log_in(people, user)


async def test_guesses_at_once_are_counted(people: People) -> None:
    """Many guesses sent at the same time get no more answers than ten."""
    user = await people.make(Role.READER)
    answers = await asyncio.gather(
        *(log_in(people, user, f"Wrong-horse-{number}") for number in range(25)), return_exceptions=True
    )
    assert sum(isinstance(answer, Unauthenticated) for answer in answers) <= 10
    with pytest.raises(Throttled):
        await log_in(people, user)


# ends ---------------------------------------------------------------------------------------------------------------------


async def test_a_session_ends_when_idle(people: People) -> None:
    """Half an hour without use ends a session; each use begins it anew."""
    user = await people.make(Role.READER)
    _, text = await log_in(people, user)
    for _ in range(3):
        people.forward(minutes=29, seconds=59)
        assert await use(people, text)
    people.forward(minutes=30)
    await ended(people, text)


async def test_a_session_ends_after_twelve_hours(people: People) -> None:
    """However busy it is, a session ends twelve hours after its login."""
    user = await people.make(Role.READER)
    _, text = await log_in(people, user)
    for _ in range(35):
        people.forward(minutes=20)
        credential = await use(people, text)
    assert credential.expires_at - people.clock.timestamp() == 20 * 60
    people.forward(minutes=19, seconds=59)
    assert (await use(people, text)).expires_at - people.clock.timestamp() == 1
    people.forward(seconds=1)
    await ended(people, text)


async def test_use_is_written_once_a_minute(people: People) -> None:
    """A busy session costs one write a minute."""
    user = await people.make(Role.READER)
    _, text = await log_in(people, user)
    start = people.clock.at
    seen = []
    for _ in range(13):
        people.forward(seconds=10)
        await use(people, text)
        rows = await people.house.sql("SELECT last_seen_at FROM sessions WHERE tenant_id = $1 AND user_id = $2", user.id)
        seen.append((rows[0][0] - start).total_seconds())
    assert seen == [0] * 5 + [60] * 6 + [120] * 2


@pytest.mark.parametrize(
    "draft",
    [{"password": "Another-one-2"}, {"active": False}, {"role": Role.CUSTOMER_ADMINISTRATOR}, {"account": "child"}],
    ids=lambda draft: next(iter(draft)),
)
async def test_a_changed_user_must_log_in_again(people: People, draft: dict[str, Any]) -> None:
    """Another password, role or account, or being switched off, ends all sessions of a user."""
    user = await people.make(Role.CUSTOMER_READER, people.root)
    texts = [(await log_in(people, user))[1] for _ in range(2)]
    draft = draft | ({"account": people.child} if draft.get("account") else {})
    async with people.writing() as work:
        await identity.change_user(work, user.reference, UserDraft(**draft))
    for text in texts:
        await ended(people, text)


async def test_another_name_or_feature_keeps_the_session(people: People) -> None:
    """A session goes on with the user's new name and features."""
    user = await people.make(Role.CUSTOMER_MANAGER, people.root)
    _, text = await log_in(people, user)
    name = f"{new_id().hex}@example.com"
    async with people.writing() as work:
        await identity.change_user(work, user.reference, UserDraft(username=name, features=(Feature.ADD_API_TOKEN,)))
    session = await use(people, text)
    assert (session.username, session.may_manage_tokens) == (name, True)


async def test_a_user_that_changes_while_it_logs_in(people: People) -> None:
    """A password that is replaced while it is checked opens no session."""
    user = await people.make(Role.READER)

    async def replace() -> None:
        async with people.writing() as work:
            await identity.change_user(work, user.reference, UserDraft(password="Another-one-2"))

    results = await asyncio.gather(log_in(people, user), replace(), return_exceptions=True)
    if isinstance(results[0], tuple):
        await ended(people, results[0][1])  # it was first: the change ended it
    else:
        assert isinstance(results[0], Unauthenticated)
    assert await log_in(people, user, "Another-one-2")


async def test_ended_sessions_are_swept(people: People) -> None:
    """The timer forgets ended sessions and failures that no longer count, and keeps the others."""
    user = await people.make(Role.READER)
    await log_in(people, user)
    await fail(people, "swept@example.com", 10)
    people.forward(minutes=20)
    _, kept = await log_in(people, user)
    await fail(people, "kept@example.com", 1)
    people.forward(minutes=10)
    await run_once(people.realm)
    assert await use(people, kept)
    rows = await people.house.sql("SELECT count(*) FROM sessions WHERE tenant_id = $1 AND user_id = $2", user.id)
    assert rows[0][0] == 1
    async with people.realm.pool.connection() as connection:
        names = await connection.fetch("SELECT username FROM login_failures WHERE tenant_id = $1", NIL)
    assert {"kept@example.com"} <= {row[0] for row in names}
    assert "swept@example.com" not in {row[0] for row in names}
