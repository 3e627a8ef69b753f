"""What lets a room forget safely: who has read how far, parked facts that can be heard again, old answers by age."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "plumbing_0002"
down_revision = "plumbing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reader",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.add_column("dead_letter", sa.Column("envelope", sa.LargeBinary, nullable=True))
    op.add_column("dead_letter", sa.Column("again", Flag, nullable=False, server_default=sa.text("false")))
    op.create_index("ix_http_idempotency_made", "http_idempotency", ["made_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
