"""Every SQL statement of API clients and access tokens that is not a list."""

from trunkline.kit.statements import Statement

INSERT_CLIENT = Statement("""
    INSERT INTO api_clients (tenant_id, id, client_id, account_id, customer_id, name, secret_hash, scopes, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
""")

FIND_CLIENT = Statement("""
    SELECT k.id, k.secret_hash, k.scopes FROM api_clients k WHERE k.tenant_id = $1 AND k.client_id = $2 AND k.revoked_at IS NULL
""")

# The token, and (at most once a minute) the client's last use. It may be sent twice when a connection breaks.
ISSUE_TOKEN = Statement("""
    WITH used AS (
        UPDATE api_clients SET last_used_at = $6
         WHERE tenant_id = $1 AND id = $3 AND (last_used_at IS NULL OR last_used_at < $7)
    )
    INSERT INTO access_tokens (tenant_id, token_hash, api_client_id, scopes, issued_at, expires_at) VALUES ($1, $2, $3, $4, $6, $5)
    ON CONFLICT (tenant_id, token_hash) DO NOTHING
""")

FIND_TOKEN = Statement("""
    SELECT k.id, k.client_id, k.name, t.scopes, extract(epoch FROM t.expires_at)::float8, k.account_id, k.customer_id, a.path
      FROM access_tokens t
      JOIN api_clients k ON k.tenant_id = t.tenant_id AND k.id = t.api_client_id AND k.revoked_at IS NULL
      LEFT JOIN accounts a ON a.tenant_id = k.tenant_id AND a.id = k.account_id AND a.id <> k.customer_id
     WHERE t.tenant_id = $1 AND t.token_hash = $2 AND t.expires_at > $3
""")

# Revoke a client; its tokens go with it.
REVOKE_CLIENT = Statement("""
    WITH revoked AS (
        UPDATE api_clients SET revoked_at = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id
    ), gone AS (
        DELETE FROM access_tokens WHERE tenant_id = $1 AND api_client_id = $2
    )
    SELECT id FROM revoked
""")

SWEEP_TOKENS = Statement("""
    DELETE FROM access_tokens WHERE tenant_id = $1 AND token_hash IN
        (SELECT token_hash FROM access_tokens WHERE tenant_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT 5000)
""")
