"""An entry can be found by the customer whom it concerns."""

import json

import sqlalchemy as sa
from alembic import op

revision = "audit_0003"
down_revision = "audit_0002"
branch_labels = None
depends_on = None

_BATCH = 1_000


def upgrade() -> None:
    op.add_column("entry", sa.Column("user_id", sa.Text, nullable=False, server_default=""))
    connection = op.get_bind()
    entry = sa.table("entry", sa.column("sequence"), sa.column("data"), sa.column("user_id"))
    last = 0
    while rows := connection.execute(
        sa.select(entry.c.sequence, entry.c.data)
        .where(entry.c.sequence > last)
        .order_by(entry.c.sequence)
        .limit(_BATCH)
    ).all():
        for sequence, data in rows:
            if user_id := _concerned(data):
                here = entry.c.sequence == sequence
                connection.execute(sa.update(entry).where(here).values(user_id=user_id))
        last = rows[-1].sequence
    op.create_index("ix_entry_user", "entry", ["user_id", "sequence"])


def _concerned(data: str) -> str:
    try:
        found = json.loads(data).get("user_id")
    except (ValueError, AttributeError):
        return ""  # somebody altered it; the verification says so
    return found if isinstance(found, str) else ""


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
