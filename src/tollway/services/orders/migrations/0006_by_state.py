"""Orders in a state are found without reading every order; the index of the open ones was of no use to bound values."""

from alembic import op

revision = "orders_0006"
down_revision = "orders_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_orders_open", "orders")
    op.create_index("ix_orders_by_state", "orders", ["state", "id"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
