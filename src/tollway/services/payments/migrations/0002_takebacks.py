"""What was taken back at the provider: refunds and disputes, and what they make of a deposit."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "payments_0002"
down_revision = "payments_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("refunded", "disputed"):
        op.add_column("deposit", sa.Column(name, Int64, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "takeback",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("deposit_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("covered", Int64, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("provider", "ref", name="uq_takeback_provider_ref"),
        sa.CheckConstraint("amount > 0", name="ck_takeback_amount"),
        sa.CheckConstraint("covered BETWEEN 0 AND amount", name="ck_takeback_covered"),
        sqlite_strict=True,
    )
    op.create_index("ix_takeback_by_deposit", "takeback", ["deposit_id"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
