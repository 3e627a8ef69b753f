"""What was sold lately is found without reading every order."""

import sqlalchemy as sa
from alembic import op

revision = "orders_0005"
down_revision = "orders_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    filled = sa.text("state = 'filled'")
    op.create_index(
        "ix_orders_filled", "orders", ["updated_at_us"], sqlite_where=filled, postgresql_where=filled
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
