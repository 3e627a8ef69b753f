"""Plans become rows that an operator may change; until now they were sizes in the settings."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "catalog_0002"
down_revision = "catalog_0001"
branch_labels = None
depends_on = None

LOTS = (1, 10, 100)


def upgrade() -> None:
    plan = op.create_table(
        "plan",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("active", Flag, nullable=False),
        sa.UniqueConstraint("asset", "quantity", name="uq_plan_asset_quantity"),
        sa.CheckConstraint("quantity > 0", name="ck_plan_quantity"),
        sqlite_strict=True,
    )
    product = sa.table(
        "product",
        *(sa.column(name) for name in ("asset", "lot_units", "min_units", "max_units")),
    )
    rows = op.get_bind().execute(sa.select(product)).all()
    plans = [
        {"id": f"{row.asset}.{lots}", "asset": row.asset, "quantity": lots * row.lot_units, "active": True}
        for row in rows
        for lots in LOTS
        if row.min_units <= lots * row.lot_units <= row.max_units
    ]
    if plans:
        op.bulk_insert(plan, plans)


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
