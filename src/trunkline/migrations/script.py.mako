"""${message}

Revision: ${up_revision} (follows ${down_revision})
"""

from trunkline.migrations import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("${up_revision}.sql")
