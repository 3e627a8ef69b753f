"""Exports of people's own data."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "users_0002"
down_revision = "users_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_at_us", Int64, nullable=False),
        sa.Column("ready_at_us", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sa.Column("size_bytes", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_export_user", "export", ["user_id", "id"])
    working = sa.text("state = 'working'")
    op.create_index(
        "uq_export_working",
        "export",
        ["user_id"],
        unique=True,
        sqlite_where=working,
        postgresql_where=working,
    )
