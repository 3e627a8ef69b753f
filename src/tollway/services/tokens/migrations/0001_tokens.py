"""The first tables: signing keys, sessions, the revocation stream and its counter."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64, Json

revision = "tokens_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("public_jwk", Json, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("since_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    current = sa.text("state <> 'retired'")
    op.create_index(
        "uq_signing_key_state",
        "signing_key",
        ["state"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("client_kind", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("amr", Json, nullable=False),
        sa.Column("auth_time_us", Int64, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("ip", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("last_used_at_us", Int64, nullable=False),
        sa.Column("idle_us", Int64, nullable=False),
        sa.Column("idle_end_us", Int64, nullable=False),
        sa.Column("absolute_end_us", Int64, nullable=False),
        sa.Column("counter", Int64, nullable=False),
        sa.Column("rotated_at_us", Int64, nullable=False),
        sa.Column("cookie_hash", sa.Text, nullable=True),
        sa.Column("ended_at_us", Int64, nullable=True),
        sa.Column("ended_reason", sa.Text, nullable=False),
        sa.UniqueConstraint("cookie_hash", name="uq_session_cookie_hash"),
        sqlite_strict=True,
    )
    op.create_index("ix_session_user", "session", ["user_id", "id"])
    op.create_index("ix_session_absolute_end", "session", ["absolute_end_us"])
    op.create_table(
        "revocation",
        sa.Column("sequence", Int64, primary_key=True, autoincrement=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    counter = op.create_table(
        "counter",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.bulk_insert(counter, [{"name": "revocation", "value": 0}, {"name": "signing_key", "value": 0}])
