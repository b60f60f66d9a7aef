"""SQL that all of identity shares: the directory of tenants, the signal of a revocation."""

from trunkline.kit.statements import Statement

INSERT_TENANT = Statement(
    """
    INSERT INTO tenants (tenant_id, number, name, created_at)
    SELECT $1, coalesce(max(number), 0) + 1, $2, $3 FROM tenants RETURNING number
    """,
    scope="directory",
)
READ_TENANT = Statement("SELECT number, name FROM tenants WHERE tenant_id = $1", scope="directory")

SAY_REVOKED = Statement("SELECT pg_notify($2, $3) FROM (SELECT $1::uuid AS tenant_id) said")
