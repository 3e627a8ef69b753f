"""Addresses are compared byte by byte: accounts are listed in their order, and found by how they begin."""

from alembic import op

revision = "identity_0006"
down_revision = "identity_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute('ALTER TABLE "user" ALTER COLUMN email_key TYPE text COLLATE "C"')


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
