"""People: users as accounts of the Network API, sessions, API tokens; the address in events.

Revision: 0003_people
"""

from trunkline.migrations import run_sql

revision = "0003_people"
down_revision = "0002_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0003_people.sql")
