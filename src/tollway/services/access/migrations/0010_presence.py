"""How often proxy nodes were up when that was looked at."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db import Int64

revision = "access_0010"
down_revision = "access_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presence_day",
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("looks", Int64, nullable=False),
        sa.Column("up", Int64, nullable=False),
        sqlite_strict=True,
    )
