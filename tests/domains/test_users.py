"""Users: the provider's people and customers', and who may do what to whom."""

from typing import Any

import pytest

from tests.domains.people import PASSWORD, People
from trunkline.domains.identity import service as identity
from trunkline.domains.identity.service import DeepUser, Feature, Role, User, UserDraft
from trunkline.kit.errors import Conflict, Forbidden, Invalid, NotFound, Stale, Violation
from trunkline.kit.ids import new_id
from trunkline.kit.query import EVERYTHING, Compare, Operator, SortKey, Window

MANAGER, ADMINISTRATOR, READER = Role.CUSTOMER_MANAGER, Role.CUSTOMER_ADMINISTRATOR, Role.CUSTOMER_READER
ALL = Window(0, 1000)


async def change(people: People, user: User, by: DeepUser | None = None, version: int | None = None, **draft: Any) -> DeepUser:
    async with people.writing(by) as work:
        return await identity.change_user(work, user.reference, UserDraft(**draft), version)


async def seen(people: People, by: DeepUser | None) -> set[str]:
    page = await identity.list_users(await people.reading(by), EVERYTHING, (), ALL)
    return {user.reference for user in page.items}


# making -------------------------------------------------------------------------------------------------------------------


async def test_a_user_is_made(people: People) -> None:
    """A user has a number for the network, a role, an account, and a password that only its hash is kept of."""
    user = await people.make(MANAGER, people.root, features=(Feature.ADD_API_TOKEN,))
    assert user.reference.isdigit()
    assert (user.version, user.active, user.last_login_at) == (1, True, None)
    assert (user.account_reference, user.features) == (people.root, ("add_api_token",))
    assert await identity.find_user(await people.reading(None), user.reference) == user
    rows = await people.house.sql("SELECT password_hash FROM users WHERE tenant_id = $1 AND id = $2", user.id)
    assert rows[0][0].startswith("$argon2id$")
    events = await people.house.sql("SELECT type, after::text FROM events WHERE tenant_id = $1 AND subject_id = $2", user.id)
    assert [row[0] for row in events] == ["user.created"]
    assert "argon2" not in events[0][1]
    assert PASSWORD not in events[0][1]


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"username": ""}, ["username"]),
    ({"username": None}, ["username"]),
    ({"username": "   "}, ["username"]),
    ({"username": "bob"}, ["username"]),
    ({"username": "a b@example.com"}, ["username"]),
    ({"username": "x" * 100 + "@example.com", "password": "Short1!"}, ["username", "password"]),
    ({"password": "Abcdef1!" * 26}, ["password"]),
    ({"password": "no-capital-1"}, ["password"]),
    ({"password": "No-number-here"}, ["password"]),
    ({"password": "NoSpecial1"}, ["password"]),
    ({"role": None}, ["role"]),
    ({"role": Role.CUSTOMER_READER}, ["role"]),
    ({"role": Role.READER, "account": "root"}, ["role"]),
    ({"role": Role.CUSTOMER_READER, "account": "ACC-0"}, ["account"]),
    ({"role": Role.CUSTOMER_READER, "account": "\0"}, ["account"]),
    ({"features": ("addApiToken", "add_api_token")}, ["features"]),
    ({"active": None}, ["active"]),
]


@pytest.mark.parametrize(("draft", "fields"), REFUSED)
async def test_users_that_are_refused(people: People, draft: dict[str, Any], fields: list[str]) -> None:
    """All that is wrong with a user is told at once: the name, the password's rule, role and account, features."""
    values = {"username": "ann@example.com", "password": PASSWORD, "role": Role.READER} | draft
    if values.get("account") == "root":
        values["account"] = people.root
    with pytest.raises(Invalid) as refused:
        async with people.writing() as work:
            await identity.create_user(work, UserDraft(**values))
    assert [violation.field for violation in refused.value.violations] == fields


async def test_what_the_dialect_found_is_told_too(people: People) -> None:
    """A field that could not be read is told once, with everything else that is wrong."""
    with pytest.raises(Invalid) as refused:
        async with people.writing() as work:
            await identity.create_user(
                work, UserDraft(role=Role.READER, password="x"), [Violation("username", "must be a text")]
            )
    assert [violation.field for violation in refused.value.violations] == ["username", "password"]
    assert refused.value.violations[0].message == "must be a text"


async def test_user_names_are_unique(people: People) -> None:
    """A user name is taken in any case of letters, for new users and for changed ones."""
    taken, other = await people.make(Role.READER), await people.make(Role.READER)
    with pytest.raises(Conflict, match="taken"):
        await people.make(Role.READER, username=taken.username.upper())
    with pytest.raises(Conflict, match="taken"):
        await change(people, other, username=taken.username.upper())
    assert (await change(people, taken, username=taken.username.upper())).username == taken.username.upper()


async def test_the_callers_account_is_the_default(people: People) -> None:
    """A customer's caller makes users in its own account; another account must be in reach."""
    manager = await people.manager()
    assert (await people.make(READER, by=manager)).account_reference == people.root
    assert (await people.make(READER, people.child, by=manager)).account_reference == people.child
    with pytest.raises(Invalid) as refused:
        await people.make(READER, people.other, by=manager)
    assert refused.value.violations[0].field == "account"
    administrator = await people.make(ADMINISTRATOR, people.root)
    with pytest.raises(Invalid):
        await people.make(READER, people.child, by=administrator)


# who sees whom ------------------------------------------------------------------------------------------------------------


async def test_who_sees_whom(people: People) -> None:
    """A manager sees the tree, an administrator its account, a reader itself, the provider everybody, nobody another customer."""
    manager, administrator, reader = [await people.make(role, people.root) for role in (MANAGER, ADMINISTRATOR, READER)]
    below, foreign, operator = (
        await people.make(READER, people.child),
        await people.make(READER, people.other),
        await people.make(Role.NETWORK),
    )
    here = {manager.reference, administrator.reference, reader.reference}
    everybody = here | {below.reference, foreign.reference, operator.reference}
    assert await seen(people, manager) & everybody == here | {below.reference}
    assert await seen(people, administrator) & everybody == here
    assert await seen(people, reader) == {reader.reference}
    assert await seen(people, operator) & everybody == everybody
    for caller, hidden in ((manager, foreign), (manager, operator), (administrator, below), (reader, manager)):
        with pytest.raises(NotFound):
            await identity.find_user(await people.reading(caller), hidden.reference)
    assert await identity.find_user(await people.reading(reader), reader.reference) == reader
    branch = await people.make(MANAGER, people.child)
    assert await seen(people, branch) & everybody == {below.reference}


async def test_a_providers_reader_sees_itself(people: People) -> None:
    """READ_ONLY reads its own account, also among the provider's people."""
    reader = await people.make(Role.READER)
    assert await seen(people, reader) == {reader.reference}


async def test_lists_are_filtered_and_deep(people: People) -> None:
    """Users are filtered by role, activity and account; deep ones carry their account."""
    user = await people.make(READER, people.child, active=False)
    work = await people.reading(None)
    for predicate in (
        Compare("username", Operator.EQUAL, user.username.upper()),
        Compare("reference", Operator.EQUAL, user.reference),
    ):
        page = await identity.list_users(work, predicate, (), ALL, 100, deep=True)
        assert ([item.account_reference for item in page.items], page.total) == ([people.child], 1)
    inactive = await identity.list_users(work, Compare("active", Operator.EQUAL, False), (SortKey("role"),), ALL)
    assert user.reference in {item.reference for item in inactive.items}
    assert all(not item.active for item in inactive.items)
    total = await people.house.sql("SELECT count(*) FROM users WHERE tenant_id = $1")
    assert (await identity.list_users(work, EVERYTHING, (), Window(0, 1), 10_000)).total == total[0][0]


# who changes whom ---------------------------------------------------------------------------------------------------------


async def test_nobody_gives_a_role_above_its_own(people: People) -> None:
    """Roles are given up to one's own, and whoever stands above cannot be changed, removed or given another password."""
    manager, administrator = await people.manager(), await people.make(ADMINISTRATOR, people.root)
    reader = await people.make(READER, people.root)
    with pytest.raises(Forbidden):
        await people.make(MANAGER, by=administrator)
    with pytest.raises(Forbidden):
        await change(people, reader, administrator, role=MANAGER)
    with pytest.raises(Forbidden):
        await change(people, administrator, administrator, role=MANAGER)
    with pytest.raises(Forbidden):
        await change(people, manager, administrator, password="Taken-over-1")
    with pytest.raises(Forbidden):
        async with people.writing(administrator) as work:
            await identity.remove_user(work, manager.reference)
    assert (await change(people, reader, administrator, role=ADMINISTRATOR)).role is ADMINISTRATOR
    assert (await change(people, reader, manager, role=MANAGER)).role is MANAGER
    network = await people.make(Role.NETWORK)
    with pytest.raises(Forbidden):
        await people.make(Role.ADMINISTRATOR, by=network)
    with pytest.raises(Forbidden):
        await people.make(Role.FINANCE, by=network)
    assert await people.make(MANAGER, people.root, by=network)
    with pytest.raises(Forbidden):
        await people.make(READER, by=await people.make(READER, people.root))


async def test_only_the_provider_switches_features_on(people: People) -> None:
    """A customer may switch a feature off, never on; support switches it on (reference/expeto.md §2.3)."""
    manager, plain = await people.manager(), await people.make(MANAGER, people.root)
    with pytest.raises(Forbidden):
        await people.make(MANAGER, by=manager, features=(Feature.ADD_API_TOKEN,))
    with pytest.raises(Forbidden):
        await change(people, plain, plain, features=(Feature.ADD_API_TOKEN,))
    assert (await change(people, manager, manager, features=(Feature.ADD_API_TOKEN,))).version == 1
    assert (await change(people, plain, features=(Feature.ADD_API_TOKEN,))).features == ("add_api_token",)
    assert (await change(people, plain, manager, features=None)).features == ()


async def test_a_user_is_changed(people: People) -> None:
    """What is given is changed, the rest stays; a change that changes nothing is none."""
    user = await people.make(READER, people.root)
    people.forward(hours=1)
    after = await change(people, user, username="renamed-" + user.username, active=False, account=people.child)
    assert (after.version, after.active, after.account_reference, after.role) == (2, False, people.child, READER)
    assert after.modified_at == people.clock.at
    assert await change(people, after, username=after.username, role=READER, version=2) == after
    assert (await change(people, after, password="Another-one-2")).version == 3
    assert await people.events(user.id) == ["user.created", "user.changed", "user.password_changed"]
    with pytest.raises(Stale):
        await change(people, user, version=1, active=True)
    with pytest.raises(NotFound):
        await change(people, user, await people.make(MANAGER, people.other), active=True)


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"username": None}, "username"),
        ({"role": None}, "role"),
        ({"password": None}, "password"),
        ({"password": "short"}, "password"),
        ({"active": None}, "active"),
        ({"account": None}, "account"),
        ({"account": "ACC-0"}, "account"),
        ({"account": "other"}, "account"),
        ({"role": Role.READER}, "role"),
    ],
)
async def test_changes_that_are_refused(people: People, draft: dict[str, Any], field: str) -> None:
    """No change leaves a user without what it needs, or moves it to another customer or to the provider."""
    user = await people.make(READER, people.root)
    with pytest.raises(Invalid) as refused:
        await change(people, user, **(draft | ({"account": people.other} if draft.get("account") == "other" else {})))
    assert field in [violation.field for violation in refused.value.violations]


async def test_an_old_name_stays(people: People) -> None:
    """A user whose name is no e-mail address can still be changed."""
    user = await people.make(Role.READER)
    await people.house.sql("UPDATE users SET username = $3 WHERE tenant_id = $1 AND id = $2", user.id, f"old {user.reference}")
    assert (await change(people, user, username=f"old {user.reference}", active=False)).version == 2


async def test_a_user_is_removed(people: People) -> None:
    """A removed user is gone with its tokens and sessions, and its name is free."""
    manager = await people.manager()
    user = await people.make(READER, people.root)
    async with people.writing(manager) as work:
        token, _ = await identity.create_account_token(work, "gone soon", user.reference)
    await identity.login(people.realm, user.username, PASSWORD, "192.0.2.1")
    with pytest.raises(Stale):
        async with people.writing(manager) as work:
            await identity.remove_user(work, user.reference, 1)
    async with people.writing(manager) as work:
        await identity.remove_user(work, user.reference, 2)
    assert (await people.events(user.id))[-1] == "user.removed"
    assert (await people.events(token.id))[-1] == "api_token.revoked"
    for table in ("api_tokens", "sessions"):
        assert not await people.house.sql(f"SELECT 1 FROM {table} WHERE tenant_id = $1 AND user_id = $2", user.id)
    with pytest.raises(NotFound):
        async with people.writing(manager) as work:
            await identity.remove_user(work, user.reference)
    assert await people.make(READER, people.root, username=user.username)


async def test_each_verb_needs_its_permission(people: People) -> None:
    """Reading, making, changing and removing users are permissions of their own."""
    user = await people.make(READER, people.root)
    nobody = await people.reading(await people.make(Role.FIELD))
    with pytest.raises(Forbidden):
        await identity.list_users(nobody, EVERYTHING, (), ALL)
    with pytest.raises(Forbidden):
        await identity.find_user(nobody, user.reference)
    with pytest.raises(Forbidden):
        await identity.create_user(nobody, UserDraft(username=f"{new_id().hex}@example.com", role=Role.READER))
    with pytest.raises(Forbidden):
        await identity.change_user(nobody, user.reference, UserDraft(active=False))
    with pytest.raises(Forbidden):
        await identity.remove_user(nobody, user.reference)
