"""A user's open quotes are found by an index: there may be a number of them at once, and no more."""

from alembic import op

revision = "orders_0004"
down_revision = "orders_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_quote_by_user", "quote", ["user_id", "expires_at_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
