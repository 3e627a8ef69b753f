"""Work that takes long: who asked for it last, how far it is, what it came to."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "plumbing_0002"
down_revision = "plumbing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "long_work",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_at_us", Int64, nullable=False),
        sa.Column("started_at_us", Int64, nullable=False),
        sa.Column("seen_at_us", Int64, nullable=False),
        sa.Column("finished_at_us", Int64, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("done", Int64, nullable=False),
        sa.Column("total", Int64, nullable=False),
        sa.Column("result", Json, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
