"""Unconfirmed accounts by age, so that old ones can be removed."""

import sqlalchemy as sa
from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unverified = sa.text("email_verified_at_us IS NULL")
    op.create_index(
        "ix_user_unverified",
        "user",
        ["created_at_us"],
        sqlite_where=unverified,
        postgresql_where=unverified,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
