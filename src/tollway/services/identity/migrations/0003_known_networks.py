"""When somebody last signed in: a network that an account signed in from is not a stranger's."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "identity_0003"
down_revision = "identity_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt_counter", sa.Column("succeeded_at_us", Int64, nullable=False, server_default="0"))
