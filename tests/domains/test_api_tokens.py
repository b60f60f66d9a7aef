"""API tokens: making, listing, removing, expiry, activation, refresh (reference/expeto.md §2.3-2.7)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.domains.people import PASSWORD, People
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.api_tokens.rules import MESSAGES, decide
from trunkline.domains.identity.service import (
    AccessTokens,
    ApiToken,
    DeepApiToken,
    DeepUser,
    Feature,
    NetworkCredentials,
    RefreshStatus,
    Role,
    TokenCredential,
    TokenKind,
    UserDraft,
)
from trunkline.kit import secrets
from trunkline.kit.errors import Forbidden, Invalid, NotFound, Stale, Unauthenticated
from trunkline.kit.ids import NIL
from trunkline.kit.principal import Environment, Reach
from trunkline.kit.query import EVERYTHING, Compare, Operator, Window
from trunkline.kit.realm import Realm

MANAGER, ADMINISTRATOR, READER = Role.CUSTOMER_MANAGER, Role.CUSTOMER_ADMINISTRATOR, Role.CUSTOMER_READER
ALL = Window(0, 1000)
CREATED, LATEST = RefreshStatus.CREATED, RefreshStatus.LATEST
ALREADY_ACTIVATED, ALREADY_REFRESHED = RefreshStatus.ALREADY_ACTIVATED, RefreshStatus.ALREADY_REFRESHED


async def account_token(
    people: People, user: DeepUser, by: DeepUser | None = None, name: str = "exampleToken", **options: Any
) -> tuple[DeepApiToken, str]:
    async with people.writing(by) as work:
        return await identity.create_account_token(work, name, user.reference, **options)


async def site_token(
    people: People, by: DeepUser | None = None, site: str = "", name: str = "equipment", **options: Any
) -> tuple[DeepApiToken, str]:
    async with people.writing(by) as work:
        return await identity.create_site_token(work, name, site or await a_site(people), **options)


async def a_site(people: People, of: str = "") -> str:
    """A site's reference; of the child account unless another account is named."""
    rows = await people.house.sql(
        "SELECT s.reference FROM sites s JOIN accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id "
        "WHERE s.tenant_id = $1 AND a.reference = $2 ORDER BY s.reference LIMIT 1",
        of or people.child,
    )
    return str(rows[0][0])


async def call(people: People, text: str) -> TokenCredential:
    """A valid request with a token, other than a refresh."""
    credential = await people.credentials.resolve_token(people.realm, text)
    await people.credentials.activate(people.realm, credential)
    return credential


async def refresh(people: People, text: str) -> tuple[RefreshStatus, str]:
    """The command refreshToken: (status, the new token or nothing)."""
    credential = await people.credentials.resolve_token(people.realm, text)
    async with people.writing() as work:
        answer = await identity.refresh(work, credential)
    assert (answer.text is not None) == (answer.status is CREATED)
    assert answer.message
    return answer.status, answer.text or ""


async def refused(people: People, text: str) -> None:
    """The token opens nothing, not even a refresh."""
    for request in (call, refresh):
        with pytest.raises(Unauthenticated):
            await request(people, text)


def remaining(people: People, credential: TokenCredential) -> timedelta:
    return timedelta(seconds=credential.expires_at - people.clock.timestamp())


# making -------------------------------------------------------------------------------------------------------------------


async def test_a_token_is_shown_once(people: People) -> None:
    """The full token is in the answer to its making alone; afterwards there are its last four characters."""
    manager = await people.manager()
    token, text = await account_token(people, manager, manager, scopes=("subs:read",))
    assert text.startswith("xk_")
    assert len(text) >= 46
    assert token.last_four == text[-4:]
    assert (token.kind, token.user_reference, token.account_reference) == (TokenKind.ACCOUNT, manager.reference, people.root)
    assert token.expires_at - token.created_at == timedelta(days=365)
    rows = await people.house.sql(
        "SELECT token_hash, row_to_json(t)::text FROM api_tokens t WHERE tenant_id = $1 AND id = $2", token.id
    )
    events = await people.house.sql("SELECT type, after::text FROM events WHERE tenant_id = $1 AND subject_id = $2", token.id)
    assert rows[0][0] == secrets.digest(text)
    assert [row[0] for row in events] == ["api_token.created"]
    assert text not in rows[0][1] + events[0][1]
    assert await identity.find_account_token(await people.reading(manager), token.reference) == token


async def test_an_account_may_hold_several_tokens(people: People) -> None:
    """The same account, and the same name, may have several valid tokens."""
    manager = await people.manager()
    made = [await account_token(people, manager, manager) for _ in range(3)]
    for token, text in made:
        assert (await call(people, text)).reference == token.reference
    page = await identity.list_account_tokens(
        await people.reading(manager), Compare("user_reference", Operator.EQUAL, manager.reference), (), ALL, 100
    )
    assert {item.reference for item in page.items} == {token.reference for token, _ in made}
    assert page.total == 3


@pytest.mark.parametrize(
    ("name", "user", "scopes", "fields"),
    [
        ("", None, None, ["name"]),
        (" ", "0", None, ["name", "user"]),
        ("x" * 101, None, None, ["name"]),
        ("x", "0", None, ["user"]),
        ("x", "\0", None, ["user"]),
        ("x", "", None, ["user"]),
        ("x", None, ("",), ["scopes"]),
        ("x", None, ("a:read",) * 101, ["scopes"]),
    ],
)
async def test_tokens_that_are_refused(
    people: People, name: str, user: str | None, scopes: tuple[str, ...] | None, fields: list[str]
) -> None:
    """A token needs a name and an account that exists; everything wrong is told at once."""
    manager = await people.manager()
    for create in (identity.create_account_token, identity.create_site_token):
        owner = (
            (manager.reference if create is identity.create_account_token else await a_site(people)) if user is None else user
        )
        with pytest.raises(Invalid) as told:
            async with people.writing(manager) as work:
                await create(work, name, owner, scopes)
        expected = [field if create is identity.create_account_token else field.replace("user", "site") for field in fields]
        assert sorted(violation.field for violation in told.value.violations) == sorted(expected)


async def test_a_disabled_account_gets_no_token(people: People) -> None:
    """A token for an account that is switched off would open nothing."""
    with pytest.raises(Invalid) as told:
        await account_token(people, await people.make(READER, people.root, active=False))
    assert told.value.violations[0].field == "user"


async def test_who_may_make_tokens(people: People) -> None:
    """An administrator makes tokens for accounts within its own tree and up to its own role, the provider for everybody."""
    manager, administrator = await people.manager(), await people.make(ADMINISTRATOR, people.root)
    below, foreign = await people.make(READER, people.child), await people.make(READER, people.other)
    network = await people.make(Role.NETWORK, features=(Feature.ADD_API_TOKEN,))
    for user, by in ((administrator, manager), (below, manager), (manager, network), (foreign, network), (network, network)):
        assert await account_token(people, user, by)
    chief = await people.make(Role.ADMINISTRATOR)
    branch = await people.manager(people.child)
    for user, by in ((foreign, manager), (network, manager), (manager, branch), (chief, network), (below, administrator)):
        with pytest.raises(Forbidden):
            await account_token(people, user, by)
    assert await site_token(people, manager)
    for by, site in ((manager, await a_site(people, people.other)), (branch, await a_site(people, people.root))):
        with pytest.raises(Forbidden):
            await site_token(people, by, site)
    with pytest.raises(Forbidden):
        await site_token(people, administrator)


async def test_who_may_remove_tokens(people: People) -> None:
    """A customer's administrator removes the tokens of its own account and of its sites; the provider removes any."""
    manager, below = await people.manager(), await people.make(READER, people.child)
    own, _ = await account_token(people, manager, manager)
    others, text = await account_token(people, below, manager)
    sites, _ = await site_token(people, manager)

    async def remove(
        use_case: Callable[..., Awaitable[None]], token: ApiToken, by: DeepUser | None, version: int | None = None
    ) -> None:
        async with people.writing(by) as work:
            await use_case(work, token.reference, version)

    with pytest.raises(Forbidden):
        await remove(identity.remove_account_token, others, manager)
    with pytest.raises(NotFound):
        await remove(identity.remove_account_token, own, await people.manager(people.child))
    with pytest.raises(NotFound):
        await remove(identity.remove_site_token, own, manager)
    with pytest.raises(Stale):
        await remove(identity.remove_account_token, own, manager, 2)
    await remove(identity.remove_account_token, own, manager, 1)
    await remove(identity.remove_site_token, sites, manager)
    with pytest.raises(NotFound):
        await remove(identity.remove_account_token, own, manager)
    assert await call(people, text)
    await remove(identity.remove_account_token, others, None)
    await refused(people, text)
    assert await people.events(own.id) == ["api_token.created", "api_token.revoked"]


async def test_lists_of_tokens(people: People) -> None:
    """Accounts' and sites' tokens are two lists, each kept to the caller's accounts, with exact totals."""
    manager, foreign = await people.manager(people.other), await people.manager()
    mine, _ = await account_token(people, manager, manager)
    site, _ = await site_token(people, manager, await a_site(people, people.other))
    work = await people.reading(manager)
    accounts = await identity.list_account_tokens(work, EVERYTHING, (), ALL, 1000, deep=True)
    sites = await identity.list_site_tokens(work, EVERYTHING, (), ALL, 1000, deep=True)
    assert mine in accounts.items
    assert site in sites.items
    assert (accounts.total, sites.total) == (len(accounts.items), len(sites.items))
    for token, find in ((mine, identity.find_account_token), (site, identity.find_site_token)):
        assert await find(work, token.reference) == token
        with pytest.raises(NotFound):
            await find(await people.reading(foreign), token.reference)
    with pytest.raises(Forbidden):
        await identity.list_site_tokens(
            await people.reading(await people.make(ADMINISTRATOR, people.root)), EVERYTHING, (), ALL
        )


# what a token stands for --------------------------------------------------------------------------------------------------


async def test_an_accounts_token_acts_as_its_account(people: People) -> None:
    """A token has its account's role, features and reach, as they are now."""
    manager = await people.manager()
    user = await people.make(MANAGER, people.child, features=(Feature.ADD_API_TOKEN,))
    _, text = await account_token(people, user, manager, scopes=("subs:read", "subs:write"))
    credential = await call(people, text)
    assert (credential.user_reference, credential.actor_id, credential.role) == (user.reference, user.username, MANAGER)
    assert credential.scopes == ("subs:read", "subs:write")
    assert credential.may_manage_tokens
    assert not credential.needs_activation
    assert credential.reach == await people.reach(user)
    async with people.writing() as work:
        await identity.change_user(work, user.reference, UserDraft(role=READER, account=people.root))
    credential = await call(people, text)
    assert (credential.role, credential.may_manage_tokens) == (READER, False)
    assert credential.reach is not None
    assert (credential.reach.account_id, credential.reach.own) == (people.house.customer.account_id, True)
    assert (
        await identity.find_account_token(await people.reading(manager), credential.reference)
    ).account_reference == people.root
    async with people.writing() as work:
        await identity.change_user(work, user.reference, UserDraft(active=False))
    await refused(people, text)


async def test_an_operators_token_sees_the_tenant(people: People) -> None:
    """A token of the provider's own people reaches everything; it belongs to no account."""
    token, text = await account_token(people, await people.make(Role.NETWORK))
    assert ((await call(people, text)).reach, token.account_id) == (None, None)


async def test_a_sites_token_acts_in_its_sites_account(people: People) -> None:
    """A site's token has a customer administrator's rights, in the site's account alone."""
    site = await a_site(people)
    _, text = await site_token(people, await people.manager(), site)
    credential = await call(people, text)
    rows = await people.house.sql(
        "SELECT id, customer_id, path FROM accounts WHERE tenant_id = $1 AND reference = $2", people.child
    )
    assert credential.reach == Reach(rows[0][0], rows[0][1], rows[0][2], own=True)
    assert (credential.role, credential.site_reference, credential.actor_id) == (ADMINISTRATOR, site, f"site {site}")
    assert not credential.may_manage_tokens


@pytest.mark.parametrize("text", ["", "x", "xk_", "xk_" + "0" * 51, "tlat_" + "0" * 51, "\0" * 54, "é" * 54, "Bearer x"])
async def test_texts_that_were_never_tokens(people: People, text: str) -> None:
    """Anything else than a token is unknown."""
    await refused(people, text)


async def test_a_token_ends_with_its_life(people: People) -> None:
    """A token works until the instant of its expiry, and its life is a setting."""
    people.set("2026-01-01 00:00")
    _, text = await account_token(people, await people.manager(), life=timedelta(days=40))
    people.set("2026-01-11 00:00")
    assert remaining(people, await call(people, text)) == timedelta(days=30)
    people.set("2026-02-09 23:59:59")
    assert remaining(people, await call(people, text)) == timedelta(seconds=1)
    people.set("2026-02-10 00:00")
    await refused(people, text)


async def test_why_a_token_is_refused_is_known_inside(people: People) -> None:
    """The log tells a token that has expired from one that was never there; the caller is told neither (reference/expeto.md §8)."""
    people.set("2026-01-01 00:00")
    _, text = await account_token(people, await people.manager(), life=timedelta(days=40))
    people.set("2026-02-10 00:00")
    for presented, code in (
        (text, "TokenExpired"),
        (secrets.new_token(secrets.API_TOKEN, 1), "TokenUnknown"),
        ("x", "TokenUnknown"),
    ):
        with pytest.raises(Unauthenticated) as told:
            await people.credentials.resolve_token(people.realm, presented)
        assert told.value.code == code


# refreshing ---------------------------------------------------------------------------------------------------------------


async def test_timeline_a(people: People) -> None:
    """From issue through refresh and activation to the next refresh, minute by minute."""
    people.set("2025-12-31 00:00")
    first_token, t0 = await site_token(people)
    assert first_token.expires_at.isoformat() == "2026-12-31T00:00:00+00:00"
    people.set("2025-12-31 00:30")
    assert (await refresh(people, t0))[0] is RefreshStatus.TOO_YOUNG
    people.set("2026-11-30 23:59")
    assert remaining(people, await call(people, t0)) == timedelta(days=30, minutes=1)
    people.set("2026-12-01 00:00")
    assert remaining(people, await call(people, t0)) == timedelta(days=30)
    people.set("2026-12-05 10:00")
    status, t1 = await refresh(people, t0)
    assert status is CREATED
    people.set("2026-12-05 10:01")
    assert (await refresh(people, t0))[0] is ALREADY_REFRESHED
    people.set("2026-12-05 10:02")
    assert (await refresh(people, t1))[0] is LATEST
    people.set("2026-12-05 10:03")
    assert await call(people, t0)
    people.set("2026-12-05 10:05")
    credential = await call(people, t1)
    assert remaining(people, credential) > timedelta(days=364)
    people.set("2026-12-05 10:06")
    await refused(people, t0)
    people.set("2026-12-05 10:20")
    assert (await refresh(people, t1))[0] is ALREADY_ACTIVATED
    people.set("2026-12-05 10:59:59")
    assert (await refresh(people, t1))[0] is ALREADY_ACTIVATED
    people.set("2026-12-05 11:00")
    assert (await refresh(people, t1))[0] is CREATED
    second = await identity.find_site_token(await people.reading(None), credential.reference)
    assert second.expires_at.isoformat() == "2027-12-05T10:00:00+00:00"
    assert (second.name, second.site_reference, second.is_refresh) == (first_token.name, first_token.site_reference, True)
    assert await people.events(first_token.id) == ["api_token.created", "api_token.refreshed", "api_token.revoked"]
    assert await people.events(second.id) == ["api_token.created", "api_token.activated", "api_token.refreshed"]


async def test_timeline_b_the_lost_answer(people: People) -> None:
    """A client that never saw the new token goes on with the old one and refreshes again an hour later."""
    people.set("2026-03-01 00:00")
    _, t0 = await site_token(people)
    people.set("2026-03-02 10:00")
    _, lost = await refresh(people, t0)
    people.set("2026-03-02 10:30")
    assert (await refresh(people, t0))[0] is ALREADY_REFRESHED
    people.set("2026-03-02 11:00")
    status, t1 = await refresh(people, t0)
    assert status is CREATED
    await refused(people, lost)
    assert await call(people, t0)
    assert await call(people, t1)
    await refused(people, t0)


async def test_timeline_c_the_sleeper(people: People) -> None:
    """A refresh token that nobody used stays the newest, however old; used once, it can be refreshed."""
    people.set("2026-03-01 00:00")
    _, t0 = await site_token(people)
    people.set("2026-03-02 10:00")
    _, t1 = await refresh(people, t0)
    people.set("2026-03-02 15:00")
    assert (await refresh(people, t1))[0] is LATEST
    people.set("2026-03-02 15:01")
    assert await call(people, t1)
    people.set("2026-03-02 15:02")
    assert (await refresh(people, t1))[0] is CREATED


async def test_timeline_d_too_late(people: People) -> None:
    """An expired token opens nothing; an administrator issues a new one."""
    manager = await people.manager()
    people.set("2026-01-01 00:00")
    _, t0 = await site_token(people, manager)
    people.set("2027-01-01 00:00")
    await refused(people, t0)
    _, text = await site_token(people, manager)
    assert await call(people, text)


@pytest.mark.parametrize(("age", "status"), [(3599, RefreshStatus.TOO_YOUNG), (3600, CREATED), (3601, CREATED)])
async def test_an_hour_to_the_second(people: People, age: int, status: RefreshStatus) -> None:
    """A token is refused below 3,600 seconds of age and refreshed at exactly 3,600; so is one that was refreshed before."""
    _, t0 = await site_token(people)
    people.forward(seconds=age)
    assert (await refresh(people, t0))[0] is status
    if status is CREATED:
        people.forward(seconds=3599)
        assert (await refresh(people, t0))[0] is ALREADY_REFRESHED
        people.forward(seconds=1)
        assert (await refresh(people, t0))[0] is CREATED


async def test_accounts_tokens_cannot_be_refreshed(people: People) -> None:
    """For the token of an account there is support, not a refresh, at any age."""
    _, text = await account_token(people, await people.manager())
    assert (await refresh(people, text))[0] is RefreshStatus.NOT_SUPPORTED
    people.forward(days=1)
    assert (await refresh(people, text))[0] is RefreshStatus.NOT_SUPPORTED


async def test_parallel_refreshes_make_one_token(people: People) -> None:
    """Of refreshes at the same time one creates a token, the others are told so."""
    site = await a_site(people)
    _, t0 = await site_token(people, site=site)
    people.forward(hours=1)
    statuses = sorted(status for status, _ in await asyncio.gather(*(refresh(people, t0) for _ in range(4))))
    assert statuses == [ALREADY_REFRESHED] * 3 + [CREATED]


async def test_parallel_first_uses_activate_once(people: People) -> None:
    """A refreshed token that is used many times at once is activated once, also while its parent is refreshed."""
    _, t0 = await site_token(people)
    people.forward(hours=1)
    _, t1 = await refresh(people, t0)
    people.forward(hours=1)
    credential = await people.credentials.resolve_token(people.realm, t1)
    await asyncio.gather(*(call(people, t1) for _ in range(3)), refresh(people, t0), return_exceptions=True)
    assert (await people.events(credential.token_id)).count("api_token.activated") <= 1
    alive = []
    for text in (t0, t1):
        try:
            alive.append(await people.credentials.resolve_token(people.realm, text))
        except Unauthenticated:
            continue
    assert len(alive) == 1  # either the child was activated and replaced its parent, or the parent replaced its child


async def test_a_token_that_went_meanwhile(people: People) -> None:
    """A refresh finds under its lock that the token was removed after the request was let in."""
    token, t0 = await site_token(people)
    people.forward(hours=1)
    credential = await people.credentials.resolve_token(people.realm, t0)
    async with people.writing() as work:
        await identity.remove_site_token(work, token.reference)
    with pytest.raises(Unauthenticated):
        async with people.writing() as work:
            await identity.refresh(work, credential)


async def test_grace_after_replacement(people: People) -> None:
    """With a period of grace the old token works on for so long, makes no other token, and is listed no more."""
    people.credentials = NetworkCredentials({Environment.PRODUCTION: people.realm}, grace=timedelta(hours=3))
    token, t0 = await site_token(people)
    people.forward(hours=1)
    _, t1 = await refresh(people, t0)
    await call(people, t1)
    people.forward(hours=2)
    assert remaining(people, await call(people, t0)) == timedelta(hours=1)
    assert (await refresh(people, t0))[0] is ALREADY_REFRESHED
    with pytest.raises(NotFound):
        await identity.find_site_token(await people.reading(None), token.reference)
    people.forward(hours=1)
    await refused(people, t0)
    async with people.writing() as work:
        await identity.remove_expired_tokens(work)
    people.forward(seconds=1)
    async with people.writing() as work:
        await identity.remove_expired_tokens(work)
    assert not await people.house.sql("SELECT 1 FROM api_tokens WHERE tenant_id = $1 AND id = $2", token.id)


async def test_expired_tokens_are_swept(people: People) -> None:
    """An expired token is listed for thirty days more, then it is removed with an event."""
    token, _ = await site_token(people, life=timedelta(days=1))
    people.forward(days=31)
    async with people.writing() as work:
        await identity.remove_expired_tokens(work)
    assert await identity.find_site_token(await people.reading(None), token.reference)
    people.forward(seconds=1)
    async with people.writing() as work:
        assert await identity.remove_expired_tokens(work) >= 1
    assert await people.events(token.id) == ["api_token.created", "api_token.expired"]


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, ALMOST = timedelta(hours=1), timedelta(minutes=59, seconds=59)


@pytest.mark.parametrize(
    ("kind", "is_refresh", "age", "activated", "refreshed", "replaced", "status"),
    [
        ("account", False, 24 * HOUR, None, None, False, RefreshStatus.NOT_SUPPORTED),
        ("account", False, ALMOST, None, None, False, RefreshStatus.NOT_SUPPORTED),
        ("site", False, ALMOST, None, None, False, RefreshStatus.TOO_YOUNG),
        ("site", False, HOUR, None, None, False, CREATED),
        ("site", False, 9 * HOUR, None, ALMOST, False, ALREADY_REFRESHED),
        ("site", False, 9 * HOUR, None, HOUR, False, CREATED),
        ("site", False, 9 * HOUR, None, HOUR, True, ALREADY_REFRESHED),
        ("site", True, ALMOST, None, None, False, LATEST),
        ("site", True, 9 * HOUR, None, None, False, LATEST),
        ("site", True, ALMOST, ALMOST, None, False, ALREADY_ACTIVATED),
        ("site", True, HOUR, ALMOST, None, False, CREATED),
        ("site", True, 9 * HOUR, 8 * HOUR, ALMOST, False, ALREADY_REFRESHED),
        ("site", True, 9 * HOUR, 8 * HOUR, HOUR, False, CREATED),
    ],
)
def test_what_a_refresh_does(
    kind: str,
    is_refresh: bool,
    age: timedelta,
    activated: timedelta | None,
    refreshed: timedelta | None,
    replaced: bool,
    status: RefreshStatus,
) -> None:
    """The table of reference/expeto.md §2.7, case by case; `activated` and `refreshed` are so long ago."""
    token = ApiToken(
        id=NIL, reference="9001", version=1, account_id=None, customer_id=None, kind=TokenKind(kind), name="x", user_id=None,
        site_id=None, last_four="f3Qa", scopes=None, is_refresh=is_refresh, created_at=NOON - age, modified_at=NOON,
        expires_at=NOON + 24 * HOUR, activated_at=None if activated is None else NOON - activated,
        refreshed_at=None if refreshed is None else NOON - refreshed,
    )  # fmt: skip
    assert decide(token, replaced, NOON) is status
    assert MESSAGES[status]


# the memory ---------------------------------------------------------------------------------------------------------------


async def test_revocation_reaches_every_process_at_once(people: People) -> None:
    """Two processes remember a token and stop at its removal; so they do when its user's role changes."""
    realms = [Realm.at(Environment.PRODUCTION, people.realm.pool.dsn, throttle=False, connections=2) for _ in range(2)]
    everywhere = [NetworkCredentials({Environment.PRODUCTION: realm}) for realm in realms]
    also = AccessTokens({Environment.PRODUCTION: realms[0]})
    for realm in realms:
        await realm.open()
    try:
        async with asyncio.timeout(5):
            while not all(realm.signals.healthy for realm in realms):
                await asyncio.sleep(0.01)
        manager = await people.manager()
        people.clock.at = realms[0].clock.now()
        token, text = await account_token(people, manager)
        for realm, credentials in zip(realms, everywhere, strict=True):
            assert credentials.recall_token(realm, text) is None
            assert (await credentials.resolve_token(realm, text)).role is MANAGER
            assert credentials.recall_token(realm, text) is not None
        async with people.writing() as work:
            await identity.change_user(work, manager.reference, UserDraft(role=READER))
        for realm, credentials in zip(realms, everywhere, strict=True):
            assert credentials.recall_token(realm, text) is None
            assert (await credentials.resolve_token(realm, text)).role is READER
        async with people.writing() as work:
            await identity.remove_account_token(work, token.reference)
        for realm, credentials in zip(realms, everywhere, strict=True):
            with pytest.raises(Unauthenticated):
                await credentials.resolve_token(realm, text)
        assert also.recall(realms[0], text) is None
        _, cookie = await identity.login(realms[0], manager.username, PASSWORD, "192.0.2.7")
        assert await everywhere[1].resolve_session(realms[1], cookie)
        assert everywhere[1].recall_session(realms[1], cookie) is not None
        await identity.logout(realms[0], cookie)
        with pytest.raises(Unauthenticated):
            await everywhere[1].resolve_session(realms[1], cookie)
    finally:
        for realm in realms:
            await realm.close()
