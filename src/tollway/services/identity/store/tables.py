"""Tables of the identity service.

user             accounts, one per e-mail address
email_link       links sent by mail: single use, found by the hash of their token
sign_in_attempt  attempts to sign in, by the hash of what the client holds
attempt_counter  failed sign-in attempts by account, network, both, device and session
deletion         who asked for their account to be deleted, and what became of it
note             what operators note about a customer
"""

from sqlalchemy import Column, Index, MetaData, Table, Text, UniqueConstraint, text

from tollway.fabric.db import NAMING, Flag, Int64, Json

metadata = MetaData(naming_convention=NAMING)

# Compared byte by byte, so that the order of addresses and what begins like one are the same on both engines.
_ADDRESS = Text().with_variant(Text(collation="C"), "postgresql")
_UNVERIFIED = text("email_verified_at_us IS NULL")

user = Table(
    "user",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", _ADDRESS, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("roles", Json, nullable=False),
    Column("state", Text, nullable=False),
    Column("email_verified_at_us", Int64, nullable=True),
    Column("password_changed_at_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("epoch", Int64, nullable=False),
    Index("ix_user_by_state", "state", "id"),
    Index("ix_user_created", "created_at_us"),
    Index("ix_user_unverified", "created_at_us", sqlite_where=_UNVERIFIED, postgresql_where=_UNVERIFIED),
    sqlite_strict=True,
)

email_link = Table(
    "email_link",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("token_hash", Text, nullable=True, unique=True),
    Column("created_at_us", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Column("email", Text, nullable=False, server_default=""),
    Index("ix_email_link_user", "user_id", "purpose", "created_at_us"),
    Index("ix_email_link_expires_at", "expires_at_us"),
    sqlite_strict=True,
)

attempt_counter = Table(
    "attempt_counter",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Int64, nullable=False),
    Column("last_failed_at_us", Int64, nullable=False),
    Column("locked_until_us", Int64, nullable=False),
    Column("succeeded_at_us", Int64, nullable=False, server_default="0"),
    Index("ix_attempt_counter_last_failed_at", "last_failed_at_us"),
    sqlite_strict=True,
)

sign_in_attempt = Table(
    "sign_in_attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("user_epoch", Int64, nullable=False),
    Column("client", Json, nullable=False),
    Column("ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("challenges", Json, nullable=False),
    Column("proven", Json, nullable=False),
    Column("amr", Json, nullable=False),
    Column("version", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Index("ix_sign_in_attempt_expires_at", "expires_at_us"),
    sqlite_strict=True,
)

deletion = Table(
    "deletion",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("forfeit", Flag, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_at_us", Int64, nullable=False),
    Column("erase_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    Column("given_up", Json, nullable=False),
    Index("ix_deletion_user", "user_id", "requested_at_us"),
    Index(
        "uq_deletion_open",
        "user_id",
        unique=True,
        sqlite_where=text("state IN ('waiting', 'erasing')"),
        postgresql_where=text("state IN ('waiting', 'erasing')"),
    ),
    sqlite_strict=True,
)

note = Table(
    "note",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("author_id", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    UniqueConstraint("author_id", "request_key"),
    Index("ix_note_user", "user_id", "id"),
    sqlite_strict=True,
)
