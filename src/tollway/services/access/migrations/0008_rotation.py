"""A credential can end at a given time, and it is known when it was used last."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db import Int64

revision = "access_0008"
down_revision = "access_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("expires_at_us", "last_used_at_us"):
        op.add_column("credential", sa.Column(name, Int64, nullable=False, server_default="0"))
