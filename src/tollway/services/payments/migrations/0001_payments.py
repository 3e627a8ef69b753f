"""The tables: deposits, reversals, customers, payment methods, webhooks."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "payments_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deposit",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("checkout", Flag, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decline_code", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("customer_ref", sa.Text, nullable=False),
        sa.Column("payment_ref", sa.Text, nullable=False),
        sa.Column("checkout_ref", sa.Text, nullable=False),
        sa.Column("action_url", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("check_at_us", Int64, nullable=False),
        sa.Column("refunded", Int64, nullable=False),
        sa.Column("disputed", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("user_id", "request_key", name="uq_deposit_user_id_request_key"),
        sa.CheckConstraint("amount > 0", name="ck_deposit_amount"),
        sqlite_strict=True,
    )
    op.create_index("ix_deposit_by_user", "deposit", ["user_id", "id"])
    still_open = sa.text("state IN ('created', 'processing', 'succeeded')")
    op.create_index(
        "ix_deposit_open", "deposit", ["check_at_us"], sqlite_where=still_open, postgresql_where=still_open
    )
    paid = sa.text("payment_ref <> ''")
    op.create_index(
        "uq_deposit_payment",
        "deposit",
        ["provider", "payment_ref"],
        unique=True,
        sqlite_where=paid,
        postgresql_where=paid,
    )
    op.create_table(
        "reversal",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("deposit_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("recovered", Int64, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("provider", "ref", name="uq_reversal_provider_ref"),
        sa.CheckConstraint("amount > 0", name="ck_reversal_amount"),
        sa.CheckConstraint("recovered BETWEEN 0 AND amount", name="ck_reversal_recovered"),
        sqlite_strict=True,
    )
    op.create_index("ix_reversal_by_deposit", "reversal", ["deposit_id"])
    op.create_table(
        "customer",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "payment_method",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("exp_month", Int64, nullable=False),
        sa.Column("exp_year", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.UniqueConstraint("provider", "ref", name="uq_payment_method_provider_ref"),
        sqlite_strict=True,
    )
    op.create_index("ix_payment_method_by_user", "payment_method", ["user_id", "id"])
    op.create_table(
        "webhook_event",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("ix_webhook_event_created", "webhook_event", ["created_at_us"])
    op.create_table(
        "webhook_endpoint",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
