"""Accounts of an asset are found without reading all, and how many transactions are sealed is kept."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "ledger_0004"
down_revision = "ledger_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_account_by_asset", "account", ["asset", "owner_kind", "owner_id", "purpose"])
    op.create_table(
        "sealed_total",
        sa.Column("id", Int64, nullable=False, autoincrement=False),
        sa.Column("number", Int64, nullable=False),
        sa.Column("transactions", Int64, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sealed_total"),
        sa.CheckConstraint("id = 1", name="ck_sealed_total_one"),
        sqlite_strict=True,
    )
    op.execute(
        "INSERT INTO sealed_total (id, number, transactions) "
        "SELECT 1, coalesce(max(number), 0), coalesce(sum(size), 0) FROM seal"
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
