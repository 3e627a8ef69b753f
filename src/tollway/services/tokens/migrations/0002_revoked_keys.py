"""The revocation stream also announces signing keys that were dropped."""

import sqlalchemy as sa
from alembic import op

revision = "tokens_0002"
down_revision = "tokens_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revocation", sa.Column("kid", sa.Text, nullable=False, server_default=""))
