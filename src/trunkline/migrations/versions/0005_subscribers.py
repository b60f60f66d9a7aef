"""Subscribers, and the jobs that import or remove many of them.

Revision: 0005_subscribers
"""

from trunkline.migrations import run_sql

revision = "0005_subscribers"
down_revision = "0004_inventory"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0005_subscribers.sql")
