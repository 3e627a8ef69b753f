"""The first tables: objects, answers, deliveries, faults, the request log."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "payments_mock_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "object",
        sa.Column("position", Int64, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created_s", Int64, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("hidden", Json, nullable=False),
        sa.UniqueConstraint("id", name="uq_object_id"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_object_kind_position", "object", ["kind", "position"])
    op.create_table(
        "answer",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("status", Int64, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("endpoint_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", Int64, nullable=False),
        sa.Column("last_status", Int64, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "fault",
        sa.Column("position", Int64, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("match", sa.Text, nullable=False),
        sa.Column("delay_ms", Int64, nullable=False),
        sa.Column("times_left", Int64, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "request_log",
        sa.Column("position", Int64, primary_key=True, autoincrement=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False),
        sa.Column("status", Int64, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
