"""Corrections of wallets by operators."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "payments_0003"
down_revision = "payments_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refusal", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("requested_by", "request_key", name="uq_correction_requested_by_request_key"),
        sa.CheckConstraint("amount <> 0", name="ck_correction_amount"),
        sqlite_strict=True,
    )
    op.create_index("ix_correction_by_user", "correction", ["user_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
