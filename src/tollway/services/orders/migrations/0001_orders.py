"""The first tables of orders: quotes, orders, the steps they took."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "orders_0001"
down_revision = None
branch_labels = None
depends_on = None

TERMS = {
    "asset": sa.Text,
    "quantity": Int64,
    "currency": sa.Text,
    "price": Int64,
    "fee": Int64,
    "ask_per_lot": Int64,
    "lot_units": Int64,
    "validity_us": Int64,
}


def terms_columns() -> list[sa.Column]:
    return [sa.Column(name, kind, nullable=False) for name, kind in TERMS.items()]


def upgrade() -> None:
    op.create_table(
        "quote",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        *terms_columns(),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.CheckConstraint("quantity > 0 AND price > 0 AND fee >= 0", name="ck_quote_amounts"),
        sqlite_strict=True,
    )
    op.create_index("ix_quote_expires_at_us", "quote", ["expires_at_us"])
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        *terms_columns(),
        sa.Column("quote_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("turned_from", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.Text, nullable=False),
        sa.Column("funds_hold_id", sa.Text, nullable=False),
        sa.Column("fee_hold_id", sa.Text, nullable=False),
        sa.Column("capacity_hold_id", sa.Text, nullable=False),
        sa.Column("lot_expires_at_us", Int64, nullable=False),
        sa.Column("settle_by_us", Int64, nullable=False),
        sa.Column("holds_expire_at_us", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("user_id", "request_key", name="uq_orders_user_id_request_key"),
        sa.CheckConstraint("quantity > 0 AND price > 0 AND fee >= 0", name="ck_orders_amounts"),
        sqlite_strict=True,
    )
    op.create_index("ix_orders_by_user", "orders", ["user_id", "id"])
    still_open = sa.text("state IN ('placed', 'funds_held', 'allocated', 'releasing')")
    op.create_index("ix_orders_open", "orders", ["id"], sqlite_where=still_open, postgresql_where=still_open)
    op.create_table(
        "order_step",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, primary_key=True),
        sa.Column("at_us", Int64, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
