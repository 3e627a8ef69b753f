"""The tables of the identity service: accounts, links sent by mail, sign-in attempts, counters of failed ones."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "identity_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("email_verified_at_us", Int64, nullable=True),
        sa.Column("password_changed_at_us", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("epoch", Int64, nullable=False),
        sa.UniqueConstraint("email_key", name="uq_user_email_key"),
        sqlite_strict=True,
    )
    unverified = sa.text("email_verified_at_us IS NULL")
    op.create_index(
        "ix_user_unverified",
        "user",
        ["created_at_us"],
        sqlite_where=unverified,
        postgresql_where=unverified,
    )
    op.create_table(
        "email_link",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=True),
        sa.Column("password_hash", sa.Text, nullable=True),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sa.UniqueConstraint("token_hash", name="uq_email_link_token_hash"),
        sqlite_strict=True,
    )
    op.create_index("ix_email_link_user", "email_link", ["user_id", "purpose", "created_at_us"])
    op.create_index("ix_email_link_expires_at", "email_link", ["expires_at_us"])
    op.create_table(
        "attempt_counter",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("failures", Int64, nullable=False),
        sa.Column("last_failed_at_us", Int64, nullable=False),
        sa.Column("locked_until_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_attempt_counter_last_failed_at", "attempt_counter", ["last_failed_at_us"])
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("user_epoch", Int64, nullable=False),
        sa.Column("client", Json, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("challenges", Json, nullable=False),
        sa.Column("proven", Json, nullable=False),
        sa.Column("amr", Json, nullable=False),
        sa.Column("version", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_sign_in_attempt_expires_at", "sign_in_attempt", ["expires_at_us"])
