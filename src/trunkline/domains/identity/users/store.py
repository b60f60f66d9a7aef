"""Every SQL statement of users that is not a list."""

from uuid import UUID

import asyncpg

from trunkline.domains.identity.users.fields import COLUMNS
from trunkline.domains.identity.users.model import User
from trunkline.kit.errors import Conflict
from trunkline.kit.statements import Statement
from trunkline.kit.work import Work

INSERT_USER = Statement("""
    INSERT INTO users (tenant_id, id, reference, username, password_hash, role, account_id, customer_id, features, active,
                       created_at, modified_at)
    VALUES ($1, $2, nextval('user_references')::text, $3, $4, $5, $6, $7, $8, $9, $10, $10)
    RETURNING reference
""")

LOCK_USER = Statement(f"SELECT {', '.join(COLUMNS)} FROM users u WHERE u.tenant_id = $1 AND u.id = $2 FOR UPDATE")

UPDATE_USER = Statement("""
    UPDATE users SET username = $3, role = $4, account_id = $5, customer_id = $6, features = $7, active = $8, modified_at = $9,
                     version = $10, password_hash = coalesce($11, password_hash)
     WHERE tenant_id = $1 AND id = $2
""")

# Tokens stand in their user's account.
MOVE_TOKENS = Statement("UPDATE api_tokens SET account_id = $3, customer_id = $4 WHERE tenant_id = $1 AND user_id = $2")

DROP_SESSIONS = Statement("DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2")

DELETE_USER = Statement("DELETE FROM users WHERE tenant_id = $1 AND id = $2")


async def insert_user(work: Work, user: User, password_hash: str) -> str:
    """Store a user; its reference. Raises `Conflict` when the name is taken or the account was just removed."""
    try:
        rows = await work.write(
            INSERT_USER, user.id, user.username, password_hash, user.role, user.account_id, user.customer_id, list(user.features),
            user.active, user.created_at,
        )  # fmt: skip
    except asyncpg.IntegrityConstraintViolationError as error:
        raise _refusal(user, error) from None
    reference: str = rows[0][0]
    return reference


async def lock_user(work: Work, user_id: UUID) -> User | None:
    """The user as it is now, locked until the transaction ends; `None` when it is gone."""
    rows = await work.write(LOCK_USER, user_id)
    return User(*rows[0]) if rows else None


async def update_user(work: Work, user: User, password_hash: str | None) -> None:
    """Write every changeable field, and the password's hash when there is a new one. Raises `Conflict` as `insert_user`."""
    try:
        await work.write(
            UPDATE_USER, user.id, user.username, user.role, user.account_id, user.customer_id, list(user.features), user.active,
            user.modified_at, user.version, password_hash,
        )  # fmt: skip
    except asyncpg.IntegrityConstraintViolationError as error:
        raise _refusal(user, error) from None


def _refusal(user: User, error: asyncpg.IntegrityConstraintViolationError) -> Exception:
    """What a broken constraint means to the caller; the error itself when it is none of theirs."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict(f"the user name {user.username!r} is taken")
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return Conflict("the account that the user was to belong to was removed at the same time")
    return error
