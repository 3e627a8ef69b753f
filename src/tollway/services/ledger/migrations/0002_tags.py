"""Every transaction carries the tag of who wrote it; every seal names the head of the audit trail."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null in what was written before: those transactions are under seals of the old form.
    op.add_column("txn", sa.Column("tag", sa.LargeBinary, nullable=True))
    op.add_column("seal", sa.Column("audit_sequence", Int64, nullable=True))
    op.add_column("seal", sa.Column("audit_hash", sa.Text, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
