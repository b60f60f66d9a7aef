"""The words of cases are domains.

Revision: 0008_case_words
"""

from trunkline.migrations import run_sql

revision = "0008_case_words"
down_revision = "0007_webhooks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0008_case_words.sql")
