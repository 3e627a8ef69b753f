"""The tables of access.

resource      what a customer may use, and what pays for it
credential    how clients of a resource prove who they are: what is found by, digests of secrets, public keys
customer      whether the operator has stopped a customer, and since when their sign-ins count
node          edge processes: how to reach them, their present boot, when they were last in touch
lease         slices of customers' holdings: which node holds them, until when, how much is left of each
flow          one row per flow, its counters cumulative; the record a bill can be recomputed from
usage_day     sums of the flows' counters by customer, day, asset and protocol
usage_total   the same since ever, and when the newest report came that they include
usage_quarter the same by quarter of an hour and resource
usage_target  the same by day and target; what the bound on targets leaves out shares one without a name
change        what must reach the nodes at once, numbered without gaps
presence_day  how often it was looked on a day whether a location had a node that was up, and how often it had
connection_test   tests of the way through a proxy, which a node carries out for a customer
change_head   the number of the last change; its row lock makes the numbers appear in order of commit
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from tollway.fabric.db import NAMING, Flag, Int64, Json

metadata = MetaData(naming_convention=NAMING)

resource = Table(
    "resource",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    # What makes provisioning on first use happen once: proxy:<asset>, or the id when asked for explicitly.
    Column("slot", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("protocols", Json, nullable=False),
    Column("location", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("max_flows", Int64, nullable=False),
    Column("rate_limit_bytes_s", Int64, nullable=False),
    Column("policy", Json, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("user_id", "slot"),
    CheckConstraint("state IN ('active', 'inactive', 'suspended', 'deleted')", name="state"),
    CheckConstraint("max_flows >= 0 AND rate_limit_bytes_s >= 0", name="limits"),
    sqlite_strict=True,
)

credential = Table(
    "credential",
    metadata,
    Column("id", Text, primary_key=True),
    Column("resource_id", Text, ForeignKey("resource.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("secret_sha256", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("by_connect", Flag, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("revoked_at_us", Int64, nullable=True),
    Column("signed_in_at_us", Int64, nullable=False, server_default="0"),
    Column("session_id", Text, nullable=False, server_default=""),
    # 0: it does not end by itself; 0: it was never used.
    Column("expires_at_us", Int64, nullable=False, server_default="0"),
    Column("last_used_at_us", Int64, nullable=False, server_default="0"),
    # Of `source_address`: the first and the last address of its network, as text that sorts as addresses do.
    Column("source_first", Text, nullable=False, server_default=""),
    Column("source_last", Text, nullable=False, server_default=""),
    Index("ix_credential_resource_id", "resource_id"),
    Index(
        "ix_credential_source",
        "source_first",
        sqlite_where=text("kind = 'source_address' AND revoked_at_us IS NULL"),
        postgresql_where=text("kind = 'source_address' AND revoked_at_us IS NULL"),
    ),
    Index(
        "uq_credential_live",
        "kind",
        "identifier",
        "public_key",
        unique=True,
        sqlite_where=text("revoked_at_us IS NULL"),
        postgresql_where=text("revoked_at_us IS NULL"),
    ),
    sqlite_strict=True,
)

customer = Table(
    "customer",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("stopped", Flag, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    Column("signed_in_from_us", Int64, nullable=False, server_default="0"),
    Column("session_id", Text, nullable=False, server_default=""),
    sqlite_strict=True,
)

node = Table(
    "node",
    metadata,
    Column("name", Text, primary_key=True),
    Column("boot_id", Text, nullable=False),
    Column("endpoints", Json, nullable=False),
    Column("opened_at_us", Int64, nullable=False),
    Column("seen_at_us", Int64, nullable=False),
    sqlite_strict=True,
)

lease = Table(
    "lease",
    metadata,
    Column("id", Text, primary_key=True),
    Column("node", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("resource_id", Text, ForeignKey("resource.id"), nullable=False),
    Column("wanted", Int64, nullable=False),
    # Until the ledger has answered, nothing is granted yet.
    Column("answered", Flag, nullable=False),
    Column("ended", Flag, nullable=False),
    Column("granted", Int64, nullable=False),
    Column("left_units", Int64, nullable=False),
    Column("remaining", Int64, nullable=False),
    Column("asked_at_us", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    # Its node has answered a recall: what it still holds is in the hands of flows.
    Column("kept", Flag, nullable=False, server_default=false()),
    Column("recalled_at_us", Int64, nullable=False, server_default="0"),
    Index(
        "ix_lease_live",
        "resource_id",
        "node",
        sqlite_where=text("NOT ended"),
        postgresql_where=text("NOT ended"),
    ),
    Index("ix_lease_expires", "expires_at_us"),
    sqlite_strict=True,
)

flow = Table(
    "flow",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("resource_id", Text, ForeignKey("resource.id"), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("input_octets", Int64, nullable=False),
    Column("output_octets", Int64, nullable=False),
    Column("session_time_us", Int64, nullable=False),
    Column("started_at_us", Int64, nullable=False),
    Column("requests", Int64, nullable=False),
    Column("sequence", Int64, nullable=False),
    Column("stopped", Flag, nullable=False),
    Column("terminate_cause", Text, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    CheckConstraint("input_octets >= 0 AND output_octets >= 0", name="octets"),
    Index("ix_flow_user", "user_id", "started_at_us", "session_id"),
    Index(
        "ix_flow_user_open",
        "user_id",
        "started_at_us",
        "session_id",
        sqlite_where=text("NOT stopped"),
        postgresql_where=text("NOT stopped"),
    ),
    Index("ix_flow_resource", "resource_id", "started_at_us", "session_id"),
    Index(
        "ix_flow_open",
        "node",
        "resource_id",
        sqlite_where=text("NOT stopped"),
        postgresql_where=text("NOT stopped"),
    ),
    sqlite_strict=True,
)

usage_day = Table(
    "usage_day",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("protocol", Text, primary_key=True),
    Column("input_octets", Int64, nullable=False),
    Column("output_octets", Int64, nullable=False),
    Column("requests", Int64, nullable=False),
    Column("flows", Int64, nullable=False),
    sqlite_strict=True,
)

usage_total = Table(
    "usage_total",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("protocol", Text, primary_key=True),
    Column("input_octets", Int64, nullable=False),
    Column("output_octets", Int64, nullable=False),
    Column("requests", Int64, nullable=False),
    Column("flows", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    sqlite_strict=True,
)

usage_quarter = Table(
    "usage_quarter",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("start_us", Int64, primary_key=True, autoincrement=False),
    Column("resource_id", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("protocol", Text, primary_key=True),
    Column("input_octets", Int64, nullable=False),
    Column("output_octets", Int64, nullable=False),
    Column("requests", Int64, nullable=False),
    Column("flows", Int64, nullable=False),
    Index("ix_usage_quarter_start", "start_us"),
    sqlite_strict=True,
)

usage_target = Table(
    "usage_target",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("input_octets", Int64, nullable=False),
    Column("output_octets", Int64, nullable=False),
    Column("requests", Int64, nullable=False),
    Column("flows", Int64, nullable=False),
    Index("ix_usage_target_day", "day"),
    sqlite_strict=True,
)

change = Table(
    "change",
    metadata,
    Column("sequence", Int64, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    # Empty: for every node.
    Column("node", Text, nullable=False, server_default=""),
    Column("at_us", Int64, nullable=False),
    Column("session_id", Text, nullable=False, server_default=""),
    Column("test_id", Text, nullable=False, server_default=""),
    sqlite_strict=True,
)

presence_day = Table(
    "presence_day",
    metadata,
    Column("location", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("looks", Int64, nullable=False),
    Column("up", Int64, nullable=False),
    sqlite_strict=True,
)

connection_test = Table(
    "connection_test",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("node", Text, nullable=False),
    # The sign-in of who asked for it, under which its credential is issued.
    Column("session_id", Text, nullable=False),
    Column("signed_in_at_us", Int64, nullable=False),
    # Empty until its node has begun.
    Column("credential_id", Text, nullable=False),
    Column("steps", Json, nullable=False),
    Column("finished", Flag, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Index("ix_connection_test_user", "user_id", "created_at_us"),
    Index("ix_connection_test_created", "created_at_us"),
    sqlite_strict=True,
)

change_head = Table(
    "change_head",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=False),
    Column("sequence", Int64, nullable=False),
    sqlite_strict=True,
)
