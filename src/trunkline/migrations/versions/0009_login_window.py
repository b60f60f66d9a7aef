"""Failed logins are counted within any quarter of an hour.

Revision: 0009_login_window
"""

from trunkline.migrations import run_sql

revision = "0009_login_window"
down_revision = "0008_case_words"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0009_login_window.sql")
