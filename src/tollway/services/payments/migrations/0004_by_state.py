"""Deposits in a state are found by an index; that of the open ones was of no use to bound values."""

from alembic import op

revision = "payments_0004"
down_revision = "payments_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_deposit_open", "deposit")
    op.create_index("ix_deposit_by_state", "deposit", ["state", "id"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
