"""Events are read in the order of their numbers.

Revision: 0006_events
"""

from trunkline.migrations import run_sql

revision = "0006_events"
down_revision = "0005_subscribers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0006_events.sql")
