"""What somebody gives up who has their account deleted, as it was shown to them when they asked."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Json

revision = "identity_0008"
down_revision = "identity_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deletion", sa.Column("given_up", Json, nullable=False, server_default="{}"))


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
