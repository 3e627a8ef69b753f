"""Quotes and orders say on which side the customer is; all there are buy."""

import sqlalchemy as sa
from alembic import op

revision = "orders_0002"
down_revision = "orders_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("quote", "orders"):
        op.add_column(table, sa.Column("side", sa.Text, nullable=False, server_default="buy"))
    waiting = sa.text("state IN ('placed', 'funds_held')")
    op.create_index(
        "ix_orders_not_allocated", "orders", ["asset"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_quote_asset", "quote", ["asset", "expires_at_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
