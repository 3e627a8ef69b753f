"""The record, its head, and the triggers that let it only grow."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Int64

revision = "audit_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entry",
        sa.Column("sequence", Int64, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.UniqueConstraint("event_id", name="uq_entry_event_id"),
        sqlite_strict=True,
    )
    for column in ("subject", "actor", "topic"):
        op.create_index(f"ix_entry_{column}", "entry", [column, "sequence"])
    head = op.create_table(
        "head",
        sa.Column("id", Int64, primary_key=True, autoincrement=False),
        sa.Column("sequence", Int64, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_head_only"),
        sqlite_strict=True,
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "hash": "0" * 64}])
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


SQLITE = [
    """CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
       BEGIN SELECT RAISE(ABORT, 'the audit record only grows'); END""",
    """CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
       BEGIN SELECT RAISE(ABORT, 'the audit record only grows'); END""",
    """CREATE TRIGGER head_no_delete BEFORE DELETE ON head
       BEGIN SELECT RAISE(ABORT, 'the audit record only grows'); END""",
    """CREATE TRIGGER head_forward BEFORE UPDATE ON head WHEN NEW.sequence <> OLD.sequence + 1
       BEGIN SELECT RAISE(ABORT, 'the audit record only grows'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the audit record only grows'; END $$""",
    """CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON entry
       FOR EACH ROW EXECUTE FUNCTION only_grows()""",
    """CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
       FOR EACH STATEMENT EXECUTE FUNCTION only_grows()""",
    """CREATE TRIGGER head_no_delete BEFORE DELETE ON head
       FOR EACH ROW EXECUTE FUNCTION only_grows()""",
    """CREATE TRIGGER head_no_truncate BEFORE TRUNCATE ON head
       FOR EACH STATEMENT EXECUTE FUNCTION only_grows()""",
    """CREATE TRIGGER head_forward BEFORE UPDATE ON head
       FOR EACH ROW WHEN (NEW.sequence <> OLD.sequence + 1) EXECUTE FUNCTION only_grows()""",
]


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
