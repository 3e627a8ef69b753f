"""Sums by quarter of an hour and by target, so that trends need no look at each flow."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "access_0005"
down_revision = "access_0004"
branch_labels = None
depends_on = None


def _sums() -> list[sa.Column[int]]:
    names = ("input_octets", "output_octets", "requests", "flows")
    return [sa.Column(name, Int64, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "usage_quarter",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("start_us", Int64, primary_key=True, autoincrement=False),
        sa.Column("resource_id", sa.Text, primary_key=True),
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("protocol", sa.Text, primary_key=True),
        *_sums(),
        sqlite_strict=True,
    )
    op.create_table(
        "usage_target",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        *_sums(),
        sqlite_strict=True,
    )
    op.create_index("ix_usage_quarter_start", "usage_quarter", ["start_us"])
    op.create_index("ix_usage_target_day", "usage_target", ["day"])
    # What flows of before have used is counted where they started.
    op.execute(
        """
        INSERT INTO usage_quarter
        SELECT user_id, started_at_us - started_at_us % 900000000, resource_id, asset, protocol,
               sum(input_octets), sum(output_octets), sum(requests), count(*)
        FROM flow GROUP BY 1, 2, 3, 4, 5
        """
    )
