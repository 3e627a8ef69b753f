"""Webhooks by age, so that old ones can be forgotten."""

from alembic import op

revision = "payments_0003"
down_revision = "payments_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_webhook_event_received", "webhook_event", ["received_at_us"])


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
