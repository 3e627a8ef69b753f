"""The first tables of notifications: e-mails, addresses, preferences."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64, Json

revision = "notifications_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", Int64, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("ended_us", Int64, nullable=False),
        sa.UniqueConstraint("request_key", name="uq_email_request_key"),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed')", name="ck_email_state"),
        sqlite_strict=True,
    )
    op.create_index("ix_email_of_user", "email", ["user_id", "id"])
    op.create_table(
        "recipient",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("verified", Flag, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "preference",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("category", sa.Text, primary_key=True),
        sa.Column("wanted", Flag, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
