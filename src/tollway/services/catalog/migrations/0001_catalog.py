"""The first catalogue tables: products, list prices, issued capacity."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64, Json

revision = "catalog_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("protocols", Json, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("lot_units", Int64, nullable=False),
        sa.Column("min_units", Int64, nullable=False),
        sa.Column("max_units", Int64, nullable=False),
        sa.Column("validity_us", Int64, nullable=False),
        sa.Column("capacity_units", Int64, nullable=False),
        sa.Column("active", Flag, nullable=False),
        sa.CheckConstraint(
            "lot_units > 0 AND min_units > 0 AND max_units >= min_units", name="ck_product_sizes"
        ),
        sa.CheckConstraint("capacity_units >= 0", name="ck_product_capacity"),
        sqlite_strict=True,
    )
    op.create_table(
        "list_price",
        sa.Column("id", Int64, primary_key=True, autoincrement=True),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("per_lot", Int64, nullable=False),
        sa.Column("from_us", Int64, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.CheckConstraint("per_lot > 0", name="ck_list_price_per_lot"),
        sqlite_strict=True,
    )
    op.create_index("ix_list_price_newest", "list_price", ["asset", "currency", "id"])
    op.create_table(
        "issue",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("units", Int64, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("done", Flag, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.UniqueConstraint("request_key", name="uq_issue_request_key"),
        sa.CheckConstraint("units > 0", name="ck_issue_units"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
