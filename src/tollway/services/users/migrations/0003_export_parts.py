"""The parts of which the file of an export is made."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "users_0003"
down_revision = "users_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "export_part",
        sa.Column("export_id", sa.Text, primary_key=True),
        sa.Column("number", Int64, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("size_bytes", Int64, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("rows", Int64, nullable=False),
        sa.Column("members", Json, nullable=False),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("made_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
