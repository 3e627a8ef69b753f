"""Connection tests that nodes carry out for customers."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db import Flag, Int64, Json

revision = "access_0009"
down_revision = "access_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("change", sa.Column("test_id", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "connection_test",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("resource_id", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("signed_in_at_us", Int64, nullable=False),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("finished", Flag, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_connection_test_user", "connection_test", ["user_id", "created_at_us"])
    op.create_index("ix_connection_test_created", "connection_test", ["created_at_us"])
