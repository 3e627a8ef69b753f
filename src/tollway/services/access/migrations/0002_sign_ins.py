"""Which sign-in a credential was issued with, and since when a customer's sign-ins count."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "access_0002"
down_revision = "access_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, time in (("credential", "signed_in_at_us"), ("customer", "signed_in_from_us")):
        op.add_column(table, sa.Column(time, Int64, nullable=False, server_default="0"))
        op.add_column(table, sa.Column("session_id", sa.Text, nullable=False, server_default=""))
