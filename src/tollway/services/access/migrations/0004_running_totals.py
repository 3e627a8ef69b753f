"""Running totals by customer, and indexes, so that no answer takes longer the more a customer has used."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "access_0004"
down_revision = "access_0003"
branch_labels = None
depends_on = None

OPEN = sa.text("NOT stopped")
PLACE = ["started_at_us", "session_id"]


def upgrade() -> None:
    op.create_table(
        "usage_total",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("protocol", sa.Text, primary_key=True),
        sa.Column("input_octets", Int64, nullable=False),
        sa.Column("output_octets", Int64, nullable=False),
        sa.Column("requests", Int64, nullable=False),
        sa.Column("flows", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.execute(
        """
        INSERT INTO usage_total
        SELECT user_id, asset, protocol, sum(input_octets), sum(output_octets), sum(requests), sum(flows),
               coalesce((SELECT max(updated_at_us) FROM flow WHERE flow.user_id = usage_day.user_id), 0)
        FROM usage_day GROUP BY user_id, asset, protocol
        """
    )
    op.create_index(
        "ix_flow_user_open",
        "flow",
        ["user_id", *PLACE],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_flow_resource", "flow", ["resource_id", *PLACE])
