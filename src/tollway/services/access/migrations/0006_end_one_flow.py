"""A change can name one flow, which an operator ends."""

import sqlalchemy as sa
from alembic import op

revision = "access_0006"
down_revision = "access_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("change", sa.Column("session_id", sa.Text, nullable=False, server_default=""))
