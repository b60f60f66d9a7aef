"""Use cases of sessions: logging in and out, and what a session's cookie stands for (reference/expeto.md §2.2)."""

from datetime import datetime
from uuid import UUID

import msgspec

from trunkline.domains.identity.memory import Memory
from trunkline.domains.identity.model import Role
from trunkline.domains.identity.passwords import NO_PASSWORD, password_matches
from trunkline.domains.identity.reaching import reach_of_role
from trunkline.domains.identity.revocation import say_revoked
from trunkline.domains.identity.sessions import store
from trunkline.domains.identity.sessions.lockout import Attempt
from trunkline.domains.identity.sessions.model import SessionCredential
from trunkline.domains.identity.sessions.rules import (
    FAILURE_WINDOW,
    SEEN_EVERY,
    SESSION_IDLE,
    SESSION_LIFE,
    USERNAME_LENGTH,
)
from trunkline.domains.identity.unit import unit_of_work
from trunkline.domains.identity.users.model import User
from trunkline.kit import secrets
from trunkline.kit.clock import whole_seconds
from trunkline.kit.db import Connection
from trunkline.kit.errors import Unauthenticated
from trunkline.kit.events import Event, changed
from trunkline.kit.ids import NIL, new_id
from trunkline.kit.principal import ActorType, Principal
from trunkline.kit.realm import Realm
from trunkline.kit.record import Origin

WRONG = "the user name or the password is wrong"


class Sessions(Memory[SessionCredential]):
    """The sessions of all environments, as one process knows them."""

    async def find(self, realm: Realm, text: str) -> SessionCredential:
        located = await _locate(realm, text)
        if located is None:
            raise Unauthenticated("the session is malformed or unknown", code="SessionUnknown")
        tenant_id, hash_ = located
        now = whole_seconds(realm.clock.now())
        rows = await realm.pool.fetch(store.SEE_SESSION, tenant_id, hash_, now, now - SESSION_IDLE, now - SEEN_EVERY)
        if not rows:
            raise Unauthenticated("the session is unknown or has ended", code="SessionUnknown")
        user_id, reference, username, role, features, account_id, customer_id, path, created_at, seen_at, expires_at = rows[0]
        seen_at = now if seen_at <= now - SEEN_EVERY else seen_at
        return SessionCredential(
            tenant_id=tenant_id, user_id=user_id, user_reference=reference, username=username, role=Role(role),
            features=tuple(features), reach=reach_of_role(Role(role), account_id, customer_id, path), created_at=created_at,
            last_seen_at=seen_at, expires_at=min(expires_at, seen_at + SESSION_IDLE).timestamp(),
        )  # fmt: skip

    def good_until(self, credential: SessionCredential) -> float:
        return min(credential.expires_at, (credential.last_seen_at + SEEN_EVERY).timestamp())


async def login(
    realm: Realm, username: str, password: str, address: str, *, request_id: str = "", previous: str = ""
) -> tuple[SessionCredential, str]:
    """Log a user in, whatever tenant it belongs to; the session and its cookie's text, which is new at every login.

    The session of `previous`, the cookie that came with the login, ends. Raises `Unauthenticated` with one text for every reason, and
    `Throttled` when this name failed too often from this address.
    """
    attempt = Attempt(realm, username, address)
    await attempt.claim()
    origin = Origin("identity.login", request_id or new_id().hex, address)
    try:
        opened = await _open(realm, *await _authenticate(realm, username, password), origin, previous)
    except Unauthenticated:
        await attempt.failed()
        raise
    await attempt.succeeded()
    return opened


async def logout(realm: Realm, text: str, *, request_id: str = "", address: str | None = None) -> None:
    """End a session at once in every process. One that has ended already, or never was, is no error."""
    located = await _locate(realm, text)
    if located is None:
        return
    tenant_id, hash_ = located
    origin = Origin("identity.logout", request_id or new_id().hex, address)
    async with unit_of_work(realm, _as_user(realm, tenant_id, "", NIL), origin) as work:
        if rows := await work.write(store.DROP_SESSION, hash_):
            user = User(*rows[0])
            work.principal = _as_user(realm, tenant_id, user.username, user.id)
            await say_revoked(work, user.id)
            work.record(Event(type="user.logged_out", collection="", delta=0, subject=user))


async def sweep_sessions(connection: Connection, tenant_id: UUID, now: datetime) -> None:
    """Forget sessions that have ended."""
    await connection.execute(store.SWEEP_SESSIONS, tenant_id, now, now - SESSION_IDLE)


async def sweep_login_failures(connection: Connection, now: datetime) -> None:
    """Forget failed logins that no longer count."""
    await connection.execute(store.SWEEP_FAILURES, NIL, now - FAILURE_WINDOW, now)


async def _authenticate(realm: Realm, username: str, password: str) -> tuple[UUID, User, str, str | None]:
    """(tenant, user, password's hash, account's path) of the user with this name and password, in any tenant.

    Names cannot be told apart by time: an unknown one costs the check of a password too. Raises `Unauthenticated`.
    """
    name = username.strip()
    possible = 1 <= len(name) <= USERNAME_LENGTH and "\0" not in name
    candidates = [
        (tenant_id, User(*row[:-2]), row[-2], row[-1])
        for tenant_id in (await _tenants(realm) if possible else ())
        for row in await realm.pool.fetch(store.FIND_LOGIN, tenant_id, name)
    ]
    matching = [found for found in candidates if await password_matches(found[2], password)]
    if not candidates:
        await password_matches(NO_PASSWORD, password)
    for found in matching:
        if found[1].active:
            return found
    raise Unauthenticated(WRONG, code="bad_credentials")


async def _tenants(realm: Realm) -> list[UUID]:
    await realm.tenant(0)  # no tenant has this number: the directory is read
    return list(realm.tenants.values())


async def _open(
    realm: Realm, tenant_id: UUID, user: User, hash_: str, path: str | None, origin: Origin, previous: str
) -> tuple[SessionCredential, str]:
    """A session of this user. Raises `Unauthenticated` when its password or being active has changed meanwhile."""
    number = next(number for number, id_ in realm.tenants.items() if id_ == tenant_id)
    text = secrets.new_token(secrets.SESSION, number)
    old = await _locate(realm, previous)
    async with unit_of_work(realm, _as_user(realm, tenant_id, user.username, user.id), origin) as work:
        now, ends_at = work.now, work.now + SESSION_LIFE
        if old is not None and old[0] == tenant_id and await work.write(store.DROP_SESSION, old[1]):
            await say_revoked(work, user.id)
        rows = await work.write(store.LOG_IN, user.id, hash_, now, secrets.digest(text), ends_at)
        if not rows:
            raise Unauthenticated(WRONG, code="bad_credentials")
        version, modified_at = rows[0]
        after = msgspec.structs.replace(user, version=version, modified_at=modified_at, last_login_at=now)
        work.record(changed("user.logged_in", "users", user, after))
    credential = SessionCredential(
        tenant_id=tenant_id, user_id=user.id, user_reference=user.reference, username=user.username, role=user.role,
        features=user.features, reach=reach_of_role(user.role, user.account_id, user.customer_id, path), created_at=now,
        last_seen_at=now, expires_at=min(ends_at, now + SESSION_IDLE).timestamp(),
    )  # fmt: skip
    return credential, text


async def _locate(realm: Realm, text: str) -> tuple[UUID, bytes] | None:
    """(tenant, digest) of a session's text; `None` when it never was one of ours."""
    number = secrets.tenant_of_token(secrets.SESSION, text)
    tenant_id = await realm.tenant(number) if number is not None else None
    return None if tenant_id is None else (tenant_id, secrets.digest(text))


def _as_user(realm: Realm, tenant_id: UUID, username: str, user_id: UUID) -> Principal:
    return Principal(tenant_id, realm.environment, ActorType.USER, username, user_id, frozenset(), display_name=username)
