"""The first table: profiles."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "users_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("preferences", Json, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.Column("version", Int64, nullable=False),
        sqlite_strict=True,
    )
