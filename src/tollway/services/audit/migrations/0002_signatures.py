"""Every entry is signed."""

import sqlalchemy as sa
from alembic import op

revision = "audit_0002"
down_revision = "audit_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null in what was written before; the first signed entry vouches for all before it.
    op.add_column("entry", sa.Column("signature", sa.LargeBinary, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
