"""What runs later: the tables of the job queue, and which encryption keys this database was sealed with.

Revision: 0002_jobs
"""

from trunkline.migrations import run_sql

revision = "0002_jobs"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0002_jobs.sql")
