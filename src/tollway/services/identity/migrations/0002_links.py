"""A registration has one password and one link that works; a link may carry a new address instead."""

import sqlalchemy as sa
from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An address that was registered more than once has no password until the holder of the mailbox chooses one.
    op.execute(
        "UPDATE \"user\" SET password_hash = '', epoch = epoch + 1 "
        "WHERE email_verified_at_us IS NULL AND id IN (SELECT user_id FROM email_link "
        "WHERE purpose = 'verify_email' AND password_hash IS NOT NULL)"
    )
    op.drop_column("email_link", "password_hash")
    op.add_column("email_link", sa.Column("email", sa.Text, nullable=False, server_default=""))
