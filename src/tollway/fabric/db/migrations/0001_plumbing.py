"""The first plumbing tables: outbox, inbox, subscriptions, consumer offsets, dead letters, jobs, HTTP idempotency."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64, Json

revision = "plumbing_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("position", Int64, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "subscription",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "consumer_offset",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "dead_letter",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("again", Flag, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("unique_key", sa.Text, nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("due_us", Int64, nullable=False),
        sa.Column("attempts", Int64, nullable=False),
        sa.Column("leased_until_us", Int64, nullable=False),
        sa.Column("lease", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.UniqueConstraint("kind", "unique_key", name="uq_job_kind_unique_key"),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_job_due",
        "job",
        ["due_us"],
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "http_idempotency",
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("status", Int64, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("locked_until_us", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_http_idempotency_created", "http_idempotency", ["created_at_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
