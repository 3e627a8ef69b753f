"""Accounts that are to be deleted, with the days in which their owner may think better of it."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "identity_0004"
down_revision = "identity_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletion",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("forfeit", Flag, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_at_us", Int64, nullable=False),
        sa.Column("erase_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_deletion_user", "deletion", ["user_id", "requested_at_us"])
    is_open = sa.text("state IN ('waiting', 'erasing')")
    op.create_index(
        "uq_deletion_open",
        "deletion",
        ["user_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
