"""The first tables of access: resources, credentials, nodes, leases, flows, totals, changes."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64, Json

revision = "access_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resource",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("protocols", Json, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("max_flows", Int64, nullable=False),
        sa.Column("rate_limit_bytes_s", Int64, nullable=False),
        sa.Column("policy", Json, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.UniqueConstraint("user_id", "slot", name="uq_resource_user_id_slot"),
        sa.CheckConstraint(
            "state IN ('active', 'inactive', 'suspended', 'deleted')", name="ck_resource_state"
        ),
        sa.CheckConstraint("max_flows >= 0 AND rate_limit_bytes_s >= 0", name="ck_resource_limits"),
        sqlite_strict=True,
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "resource_id",
            sa.Text,
            sa.ForeignKey("resource.id", name="fk_credential_resource_id"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("secret_sha256", sa.Text, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("by_connect", Flag, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("revoked_at_us", Int64, nullable=True),
        sqlite_strict=True,
    )
    op.create_index("ix_credential_resource_id", "credential", ["resource_id"])
    op.create_index(
        "uq_credential_live",
        "credential",
        ["kind", "identifier", "public_key"],
        unique=True,
        sqlite_where=sa.text("revoked_at_us IS NULL"),
        postgresql_where=sa.text("revoked_at_us IS NULL"),
    )
    op.create_table(
        "customer",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("stopped", Flag, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "node",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("endpoints", Json, nullable=False),
        sa.Column("opened_at_us", Int64, nullable=False),
        sa.Column("seen_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "lease",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column(
            "resource_id", sa.Text, sa.ForeignKey("resource.id", name="fk_lease_resource_id"), nullable=False
        ),
        sa.Column("wanted", Int64, nullable=False),
        sa.Column("answered", Flag, nullable=False),
        sa.Column("ended", Flag, nullable=False),
        sa.Column("granted", Int64, nullable=False),
        sa.Column("left_units", Int64, nullable=False),
        sa.Column("remaining", Int64, nullable=False),
        sa.Column("asked_at_us", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_lease_live",
        "lease",
        ["resource_id", "node"],
        sqlite_where=sa.text("NOT ended"),
        postgresql_where=sa.text("NOT ended"),
    )
    op.create_index("ix_lease_expires", "lease", ["expires_at_us"])
    op.create_table(
        "flow",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column(
            "resource_id", sa.Text, sa.ForeignKey("resource.id", name="fk_flow_resource_id"), nullable=False
        ),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("protocol", sa.Text, nullable=False),
        sa.Column("client_address", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("input_octets", Int64, nullable=False),
        sa.Column("output_octets", Int64, nullable=False),
        sa.Column("session_time_us", Int64, nullable=False),
        sa.Column("started_at_us", Int64, nullable=False),
        sa.Column("requests", Int64, nullable=False),
        sa.Column("sequence", Int64, nullable=False),
        sa.Column("stopped", Flag, nullable=False),
        sa.Column("terminate_cause", sa.Text, nullable=False),
        sa.Column("updated_at_us", Int64, nullable=False),
        sa.CheckConstraint("input_octets >= 0 AND output_octets >= 0", name="ck_flow_octets"),
        sqlite_strict=True,
    )
    op.create_index("ix_flow_user", "flow", ["user_id", "started_at_us", "session_id"])
    op.create_index(
        "ix_flow_open",
        "flow",
        ["node", "resource_id"],
        sqlite_where=sa.text("NOT stopped"),
        postgresql_where=sa.text("NOT stopped"),
    )
    op.create_table(
        "usage_day",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("protocol", sa.Text, primary_key=True),
        sa.Column("input_octets", Int64, nullable=False),
        sa.Column("output_octets", Int64, nullable=False),
        sa.Column("requests", Int64, nullable=False),
        sa.Column("flows", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "change",
        sa.Column("sequence", Int64, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("resource_id", sa.Text, nullable=False),
        sa.Column("credential_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at_us", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "change_head",
        sa.Column("id", Int64, primary_key=True, autoincrement=False),
        sa.Column("sequence", Int64, nullable=False),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO change_head (id, sequence) VALUES (1, 0)")


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
