"""Tables of payments.

deposit           one row per deposit, moved from state to state by compare-and-set
reversal          one row per refund or dispute at the provider, moved likewise
correction        what operators gave to wallets, or took from them
debt              what a customer owes, one row per currency
customer          which customer at a provider a user is
payment_method    saved payment methods, by the provider's token
webhook_event     every webhook that was received, once
webhook_endpoint  the endpoint registered at a provider, its signing secret sealed
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tollway.fabric.db import NAMING, Flag, Int64

metadata = MetaData(naming_convention=NAMING)

_PAID_ONLY = text("payment_ref <> ''")
_UNSETTLED_ONLY = text("owed <> 0 OR claimed <> 0")

deposit = Table(
    "deposit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("method", Text, nullable=False),
    Column("checkout", Flag, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decline_code", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("payment_ref", Text, nullable=False),
    Column("checkout_ref", Text, nullable=False),
    Column("action_url", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("check_at_us", Int64, nullable=False),
    Column("refunded", Int64, nullable=False),
    Column("disputed", Int64, nullable=False),
    Column("settles", Int64, nullable=False, server_default="0"),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("user_id", "request_key"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_deposit_by_user", "user_id", "id"),
    Index("ix_deposit_by_state", "state", "id"),
    Index(
        "uq_deposit_payment",
        "provider",
        "payment_ref",
        unique=True,
        sqlite_where=_PAID_ONLY,
        postgresql_where=_PAID_ONLY,
    ),
    sqlite_strict=True,
)

reversal = Table(
    "reversal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("deposit_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("recovered", Int64, nullable=False),
    Column("status", Text, nullable=False, server_default="standing"),
    Column("owed", Int64, nullable=False, server_default="0"),
    Column("transaction_id", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("provider", "ref"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("recovered BETWEEN 0 AND amount", name="recovered"),
    Index("ix_reversal_by_deposit", "deposit_id"),
    sqlite_strict=True,
)

debt = Table(
    "debt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("owed", Int64, nullable=False),
    Column("claimed", Int64, nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("check_at_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("user_id", "currency"),
    Index("ix_debt_open", "check_at_us", sqlite_where=_UNSETTLED_ONLY, postgresql_where=_UNSETTLED_ONLY),
    sqlite_strict=True,
)

correction = Table(
    "correction",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("requested_by", "request_key"),
    CheckConstraint("amount <> 0", name="amount"),
    Index("ix_correction_by_user", "user_id", "id"),
    sqlite_strict=True,
)

customer = Table(
    "customer",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    sqlite_strict=True,
)

payment_method = Table(
    "payment_method",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("exp_month", Int64, nullable=False),
    Column("exp_year", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    UniqueConstraint("provider", "ref"),
    Index("ix_payment_method_by_user", "user_id", "id"),
    sqlite_strict=True,
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Index("ix_webhook_event_created", "created_at_us"),
    sqlite_strict=True,
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    sqlite_strict=True,
)
