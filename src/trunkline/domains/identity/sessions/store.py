"""Every SQL statement of sessions and logins."""

from trunkline.domains.identity.users.fields import COLUMNS
from trunkline.kit.statements import Statement

FIND_LOGIN = Statement(f"""
    SELECT {", ".join(COLUMNS)}, u.password_hash, a.path
      FROM users u LEFT JOIN accounts a ON a.tenant_id = u.tenant_id AND a.id = u.account_id
     WHERE u.tenant_id = $1 AND lower(u.username) = lower($2 COLLATE house)
""")

# The user logs in, unless it was switched off or given another password since it was read; without a row it does not.
LOG_IN = Statement("""
    WITH u AS (
        UPDATE users SET last_login_at = $4, modified_at = greatest(modified_at, $4), version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND active AND password_hash = $3
        RETURNING version, modified_at
    ), s AS (
        INSERT INTO sessions (tenant_id, session_hash, user_id, created_at, last_seen_at, expires_at)
        SELECT $1, $5, $2, $4, $4, $6 FROM u
    )
    SELECT version, modified_at FROM u
""")

DROP_SESSION = Statement(f"""
    WITH s AS (DELETE FROM sessions WHERE tenant_id = $1 AND session_hash = $2 RETURNING tenant_id, user_id)
    SELECT {", ".join(COLUMNS)} FROM s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id WHERE u.tenant_id = $1
""")

# A live session and its user; its use is noted at most once a minute. It may be sent twice when a connection breaks.
SEE_SESSION = Statement("""
    WITH seen AS (
        UPDATE sessions SET last_seen_at = $3
         WHERE tenant_id = $1 AND session_hash = $2 AND expires_at > $3 AND last_seen_at > $4 AND last_seen_at <= $5
    )
    SELECT u.id, u.reference, u.username, u.role, u.features, u.account_id, u.customer_id, a.path,
           s.created_at, s.last_seen_at, s.expires_at
      FROM sessions s
      JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.active
      LEFT JOIN accounts a ON a.tenant_id = u.tenant_id AND a.id = u.account_id
     WHERE s.tenant_id = $1 AND s.session_hash = $2 AND s.expires_at > $3 AND s.last_seen_at > $4
""")

SWEEP_SESSIONS = Statement("""
    DELETE FROM sessions WHERE tenant_id = $1 AND session_hash IN
        (SELECT session_hash FROM sessions WHERE tenant_id = $1 AND (expires_at <= $2 OR last_seen_at <= $3) LIMIT 5000)
""")

# Failed logins; $1 is the nil tenant, $2 the user name as it was typed: what FIND_LOGIN takes for one name is one name here too. Every
# attempt is counted before its password is looked at, so that many at once are counted too: as the last of those that were after $5, and
# beyond $6 of them it is turned away. A lock that is over begins anew. Without a row the user name is locked at this address.
CLAIM_ATTEMPT = Statement("""
    INSERT INTO login_failures AS f (tenant_id, username, address, failed_at, last_failed_at)
    VALUES ($1, lower($2 COLLATE house), $3, ARRAY[$4::timestamptz], $4)
    ON CONFLICT (tenant_id, username, address) DO UPDATE
       SET failed_at = CASE WHEN f.locked_until IS NULL
                            THEN ARRAY(SELECT at FROM unnest(f.failed_at) AS at WHERE at > $5 ORDER BY at LIMIT $6)
                       END || $4::timestamptz,
           last_failed_at = $4, locked_until = NULL
     WHERE f.locked_until IS NULL OR f.locked_until <= $4
    RETURNING cardinality(f.failed_at)
""")
READ_LOCK = Statement("""
    SELECT extract(epoch FROM locked_until)::float8 FROM login_failures
     WHERE tenant_id = $1 AND username = lower($2 COLLATE house) AND address = $3
""")
LOCK_OUT = Statement("""
    UPDATE login_failures SET locked_until = $4
     WHERE tenant_id = $1 AND username = lower($2 COLLATE house) AND address = $3 AND cardinality(failed_at) >= $5
       AND locked_until IS NULL
    RETURNING 1
""")
FORGET_FAILURES = Statement(
    "DELETE FROM login_failures WHERE tenant_id = $1 AND username = lower($2 COLLATE house) AND address = $3"
)
SWEEP_FAILURES = Statement("""
    DELETE FROM login_failures WHERE tenant_id = $1 AND last_failed_at <= $2 AND (locked_until IS NULL OR locked_until <= $3)
""")
