"""Promises of units are counted, so that a price learns of each that was made while it was worked out."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "orders_0003"
down_revision = "orders_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "promise",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("number", Int64, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
