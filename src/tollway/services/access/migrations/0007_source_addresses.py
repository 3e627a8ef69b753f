"""Networks from which an access may be used without a password."""

import sqlalchemy as sa
from alembic import op

revision = "access_0007"
down_revision = "access_0006"
branch_labels = None
depends_on = None

LIVE = sa.text("kind = 'source_address' AND revoked_at_us IS NULL")


def upgrade() -> None:
    for name in ("source_first", "source_last"):
        op.add_column("credential", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_index(
        "ix_credential_source", "credential", ["source_first"], sqlite_where=LIVE, postgresql_where=LIVE
    )
