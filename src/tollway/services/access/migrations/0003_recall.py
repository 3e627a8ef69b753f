"""Leases can be recalled: whether one was, whether its node has answered, and changes for one node alone."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "access_0003"
down_revision = "access_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lease", sa.Column("kept", Flag, nullable=False, server_default=sa.false()))
    op.add_column("lease", sa.Column("recalled_at_us", Int64, nullable=False, server_default="0"))
    op.add_column("change", sa.Column("node", sa.Text, nullable=False, server_default=""))
