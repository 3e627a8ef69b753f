"""What operators note about a customer."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "identity_0007"
down_revision = "identity_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "note",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("author_id", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.UniqueConstraint("author_id", "request_key", name="uq_note_author_id_request_key"),
        sqlite_strict=True,
    )
    op.create_index("ix_note_user", "note", ["user_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
