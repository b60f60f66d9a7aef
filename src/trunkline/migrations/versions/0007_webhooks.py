"""Webhooks: endpoints, what is to be sent to them, and every try.

Revision: 0007_webhooks
"""

from trunkline.migrations import run_sql

revision = "0007_webhooks"
down_revision = "0006_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0007_webhooks.sql")
