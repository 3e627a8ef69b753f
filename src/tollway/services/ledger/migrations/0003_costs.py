"""What access that was used up had cost, by customer and day."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "cost_day",
        sa.Column("owner_id", Id, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("asset", Id, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("cost_asset", sa.Text, primary_key=True),
        sa.Column("units", Int64, nullable=False),
        sa.Column("cost", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "cost_position",
        sa.Column("id", Int64, nullable=False, autoincrement=False),
        sa.Column("last_txn", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cost_position"),
        sa.CheckConstraint("id = 1", name="ck_cost_position_one"),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO cost_position (id, last_txn) VALUES (1, '')")


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
