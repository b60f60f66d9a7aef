"""The foundation: directory, identity, customers, connectivity, support, billing (read side), events, audit, guards.

Revision: 0001_foundation
"""

from trunkline.migrations import run_sql, server_version

revision = "0001_foundation"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    provider = "provider = builtin, locale = 'C.UTF-8'" if server_version() >= 170000 else "provider = libc, locale = 'C.UTF-8'"
    run_sql(text=f"CREATE COLLATION house ({provider})")
    run_sql("0001_foundation.sql")
