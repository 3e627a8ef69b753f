"""Accounts in a state, and those that are new, are found without reading every account."""

from alembic import op

revision = "identity_0005"
down_revision = "identity_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_user_by_state", "user", ["state", "id"])
    op.create_index("ix_user_created", "user", ["created_at_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
