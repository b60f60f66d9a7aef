"""Every SQL statement of API tokens that is not a list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from trunkline.domains.identity.api_tokens.fields import COLUMNS
from trunkline.domains.identity.api_tokens.model import ApiToken
from trunkline.kit.statements import Row, Statement
from trunkline.kit.work import Work

PLAIN = ", ".join(COLUMNS)

INSERT_TOKEN = Statement("""
    INSERT INTO api_tokens (tenant_id, id, reference, kind, name, user_id, site_id, account_id, customer_id, token_hash, last_four,
                            scopes, parent_id, is_refresh, created_at, modified_at, expires_at)
    VALUES ($1, $2, nextval('api_token_references')::text, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12::uuid IS NOT NULL, $13, $13, $14)
    RETURNING reference
""")

# Whom a token may be made for, who stays and stays the same until it is made: not kept to the caller's reach, which `service.py` tells
# apart from an unknown one.
LOCK_OWNER_USER = Statement("""
    SELECT u.id, u.account_id, u.customer_id, a.path, u.role, u.active
      FROM users u LEFT JOIN accounts a ON a.tenant_id = u.tenant_id AND a.id = u.account_id
     WHERE u.tenant_id = $1 AND u.reference = $2 FOR KEY SHARE OF u
""")
LOCK_OWNER_SITE = Statement("""
    SELECT s.id, s.account_id, s.customer_id, a.path
      FROM sites s LEFT JOIN accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id
     WHERE s.tenant_id = $1 AND s.reference = $2 FOR KEY SHARE OF s
""")

# A token that is not revoked, when it ends, and whom it stands for. A user's role, features, account and activity count as they are now,
# and a site's account.
FIND_TOKEN = Statement("""
    SELECT t.id, t.reference, t.kind, t.name, t.user_id, u.reference, u.username, u.role, u.features, s.reference, t.scopes, t.created_at,
           extract(epoch FROM least(t.expires_at, t.revoked_at))::float8, t.is_refresh, t.activated_at IS NOT NULL,
           a.id, a.customer_id, a.path
      FROM api_tokens t
      LEFT JOIN users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
      LEFT JOIN sites s ON s.tenant_id = t.tenant_id AND s.id = t.site_id
      LEFT JOIN accounts a ON a.tenant_id = t.tenant_id AND a.id = coalesce(u.account_id, s.account_id)
     WHERE t.tenant_id = $1 AND t.token_hash = $2 AND (t.revoked_at IS NULL OR t.revoked_at > $3)
       AND (t.kind = 'site' OR u.active)
""")

LOCK_TOKEN = Statement(f"SELECT {PLAIN}, t.revoked_at FROM api_tokens t WHERE t.tenant_id = $1 AND t.id = $2 FOR UPDATE")
LOCK_TOKENS_OF_USER = Statement(
    f"SELECT {PLAIN} FROM api_tokens t WHERE t.tenant_id = $1 AND t.user_id = $2 AND t.revoked_at IS NULL FOR UPDATE"
)
LOCK_PARENT = Statement(f"""
    SELECT {PLAIN}, t.revoked_at FROM api_tokens t
     WHERE t.tenant_id = $1 AND t.id = (SELECT c.parent_id FROM api_tokens c WHERE c.tenant_id = $1 AND c.id = $2) FOR UPDATE
""")
LOCK_CHILDREN = Statement(f"""
    SELECT {PLAIN} FROM api_tokens t WHERE t.tenant_id = $1 AND t.parent_id = $2 AND t.activated_at IS NULL ORDER BY t.id FOR UPDATE
""")
LOCK_EXPIRED = Statement(f"""
    SELECT {PLAIN} FROM api_tokens t
     WHERE t.tenant_id = $1 AND t.expires_at < $2 AND t.revoked_at IS NULL ORDER BY t.expires_at LIMIT $3 FOR UPDATE SKIP LOCKED
""")

MARK_ACTIVATED = Statement("""
    UPDATE api_tokens SET activated_at = $3, modified_at = $3, version = version + 1
     WHERE tenant_id = $1 AND id = $2 AND activated_at IS NULL AND is_refresh
    RETURNING id
""")
MARK_REFRESHED = Statement(
    "UPDATE api_tokens SET refreshed_at = $3, modified_at = $3, version = $4 WHERE tenant_id = $1 AND id = $2"
)
MARK_REVOKED = Statement(
    "UPDATE api_tokens SET revoked_at = $3, modified_at = $4, version = version + 1 WHERE tenant_id = $1 AND id = $2"
)
DELETE_TOKENS = Statement("DELETE FROM api_tokens WHERE tenant_id = $1 AND id = ANY ($2::uuid[])")
SWEEP_REPLACED = Statement("DELETE FROM api_tokens WHERE tenant_id = $1 AND revoked_at < $2")


async def lock_owner(work: Work, statement: str, reference: str) -> Row | None:
    """The user or site that a LOCK_OWNER_… statement finds; `None` when there is none."""
    rows = await work.write(statement, reference) if "\0" not in reference else ()
    return rows[0] if rows else None


async def insert_token(work: Work, token: ApiToken, token_hash: bytes, parent_id: UUID | None) -> str:
    """Store a token; its reference."""
    rows = await work.write(
        INSERT_TOKEN, token.id, token.kind, token.name, token.user_id, token.site_id, token.account_id, token.customer_id, token_hash,
        token.last_four, None if token.scopes is None else list(token.scopes), parent_id, token.created_at, token.expires_at,
    )  # fmt: skip
    reference: str = rows[0][0]
    return reference


async def lock_token(work: Work, token_id: UUID) -> tuple[ApiToken, datetime | None] | None:
    """(the token as it is now, when it dies as a replaced one), locked; `None` when it is gone."""
    return _with_end(await work.write(LOCK_TOKEN, token_id))


async def lock_parent(work: Work, token_id: UUID) -> tuple[ApiToken, datetime | None] | None:
    """The token that a token was made from, as `lock_token`."""
    return _with_end(await work.write(LOCK_PARENT, token_id))


async def lock_tokens(work: Work, statement: str, *arguments: Any) -> list[ApiToken]:
    """The tokens that a LOCK_… statement selects."""
    return [ApiToken(*row) for row in await work.write(statement, *arguments)]


async def delete_tokens(work: Work, tokens: Sequence[ApiToken]) -> None:
    """They are gone, and their texts open nothing any more."""
    if tokens:
        await work.write(DELETE_TOKENS, [token.id for token in tokens])


def _with_end(rows: Sequence[Row]) -> tuple[ApiToken, datetime | None] | None:
    if not rows:
        return None
    *plain, revoked_at = rows[0]
    return ApiToken(*plain), revoked_at
