"""What customers owe: money that was reversed at the provider and that was not in the wallet any more.

A reversal that was being posted begins again under the same key: if the ledger has that posting, it refuses another
one, and a person decides.
"""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "payments_0002"
down_revision = "payments_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "debt",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("owed", Int64, nullable=False),
        sa.Column("claimed", Int64, nullable=False),
        sa.Column("attempt", Int64, nullable=False),
        sa.Column("check_at_us", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("user_id", "currency", name="uq_debt_user_id_currency"),
        sqlite_strict=True,
    )
    still_open = sa.text("owed <> 0 OR claimed <> 0")
    op.create_index(
        "ix_debt_open", "debt", ["check_at_us"], sqlite_where=still_open, postgresql_where=still_open
    )
    op.add_column("deposit", sa.Column("settles", Int64, nullable=False, server_default="0"))
    op.add_column("reversal", sa.Column("status", sa.Text, nullable=False, server_default="standing"))
    op.add_column("reversal", sa.Column("owed", Int64, nullable=False, server_default="0"))
    op.execute("UPDATE reversal SET state = 'known', attempt = attempt - 1 WHERE state = 'posting'")


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
