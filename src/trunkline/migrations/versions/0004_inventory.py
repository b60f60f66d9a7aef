"""What a mobile network is made of, beside its subscribers; accounts that can be disabled and carry extensions.

Revision: 0004_inventory
"""

from trunkline.migrations import run_sql

revision = "0004_inventory"
down_revision = "0003_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0004_inventory.sql")
