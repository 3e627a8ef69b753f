"""The tables of the ledger. The constraints here are the last word: no code above can break them.

asset        what is counted
account      counters; the checks on it make an overdraft impossible
txn          the head of a transaction, applied or rejected; (scope, key) makes it happen once
leg          one row with both sides, so nothing can be taken without arriving; a trigger lets both sides be
             accounts of the leg's asset only; versions are unique per account and side
hold         units set aside
lot          access that came in together, with its cost and end; lot_move is what legs took from it
session_usage  how far a metered session was charged; usage_line is what each transaction charged
seal         the signed chain over all transactions
cost_day     what access that ended had cost, by owner, day (UTC), asset and currency: sums over lot_move
cost_position  one row; the last transaction that these sums know
sealed_total  one row; the last seal, and how many transactions lie under it and those before
writer_lock  one row; who has it locked may write. So transactions have one total order, that of their ids

By triggers txn, leg, lot_move, usage_line and seal are append-only, nothing is ever deleted from the others but the
sums, and what an asset, an account, a hold or a lot is cannot be changed, only how much there is.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tollway.fabric.db import NAMING, Flag, Int64

APPEND_ONLY = ("txn", "leg", "lot_move", "usage_line", "seal")
NEVER_DELETED = ("asset", "account", "hold", "lot", "session_usage", "writer_lock")

metadata = MetaData(naming_convention=NAMING)

# Identifiers are compared byte by byte, so that their order is the same on both engines and whatever the locale.
Id = Text().with_variant(Text(collation="C"), "postgresql")

asset = Table(
    "asset",
    metadata,
    Column("code", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("scale", Int64, nullable=False),
    Column("unit", Text, nullable=False),
    Column("transferable", Flag, nullable=False),
    Column("revision", Int64, nullable=False),
    Column("defined_by", Id, ForeignKey("txn.id"), nullable=False),
    CheckConstraint("kind IN ('money', 'access')", name="kind"),
    CheckConstraint("scale BETWEEN 0 AND 18", name="scale"),
    sqlite_strict=True,
)

account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_kind", Text, nullable=False),
    Column("owner_id", Id, nullable=False),
    Column("asset", Id, ForeignKey("asset.code"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("limited", Flag, nullable=False),
    Column("debits_posted", Int64, nullable=False),
    Column("credits_posted", Int64, nullable=False),
    Column("debits_pending", Int64, nullable=False),
    Column("credits_pending", Int64, nullable=False),
    Column("version", Int64, nullable=False),
    Column("opened_by", Id, ForeignKey("txn.id"), nullable=False, index=True),
    Column("opened_at_us", Int64, nullable=False),
    UniqueConstraint("owner_kind", "owner_id", "asset", "purpose"),
    UniqueConstraint("id", "asset"),
    Index("ix_account_by_asset", "asset", "owner_kind", "owner_id", "purpose"),
    CheckConstraint(
        "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
        name="not_negative",
    ),
    CheckConstraint("NOT limited OR debits_posted + debits_pending <= credits_posted", name="not_overdrawn"),
    # Space on each page for the next version of its rows: counters change often, and no index holds them.
    postgresql_with={"fillfactor": 70},
    sqlite_strict=True,
)

txn = Table(
    "txn",
    metadata,
    Column("id", Id, primary_key=True),
    Column("scope", Id, nullable=False),
    Column("key", Id, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("code", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event_at_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("reverses", Id, ForeignKey("txn.id"), nullable=True),
    Column("meta", Text, nullable=False),
    # Made with the platform's key when the transaction was written; null in what an older version wrote.
    Column("tag", LargeBinary, nullable=True),
    UniqueConstraint("scope", "key"),
    Index(
        "uq_txn_reverses",
        "reverses",
        unique=True,
        sqlite_where=text("reverses IS NOT NULL"),
        postgresql_where=text("reverses IS NOT NULL"),
    ),
    CheckConstraint("status IN ('applied', 'rejected')", name="status"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

leg = Table(
    "leg",
    metadata,
    Column("txn_id", Id, nullable=False),
    Column("line", Int64, nullable=False),
    Column("kind", Text, nullable=False),
    Column("hold_id", Id, nullable=True),
    Column("asset", Id, nullable=False),
    Column("debit_id", Id, nullable=False),
    Column("credit_id", Id, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("debit_version", Int64, nullable=False),
    Column("credit_version", Int64, nullable=False),
    Column("debit_balance", Int64, nullable=False),
    Column("credit_balance", Int64, nullable=False),
    PrimaryKeyConstraint("txn_id", "line"),
    UniqueConstraint("debit_id", "debit_version"),
    UniqueConstraint("credit_id", "credit_version"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("debit_id <> credit_id", name="two_sides"),
    CheckConstraint("kind IN ('post', 'hold', 'capture', 'release')", name="kind"),
    CheckConstraint("(kind = 'post') = (hold_id IS NULL)", name="hold"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

hold = Table(
    "hold",
    metadata,
    Column("id", Id, primary_key=True),
    Column("asset", Id, nullable=False),
    Column("debit_id", Id, nullable=False),
    Column("credit_id", Id, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("remaining", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Column("txn_id", Id, ForeignKey("txn.id"), nullable=False, index=True),
    ForeignKeyConstraint(["debit_id", "asset"], ["account.id", "account.asset"]),
    ForeignKeyConstraint(["credit_id", "asset"], ["account.id", "account.asset"]),
    CheckConstraint("remaining BETWEEN 0 AND amount AND amount > 0", name="remaining"),
    CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name="state"),
    CheckConstraint("(state = 'open') = (remaining > 0)", name="open_while_it_holds"),
    Index(
        "ix_hold_due",
        "expires_at_us",
        sqlite_where=text("state = 'open' AND expires_at_us > 0"),
        postgresql_where=text("state = 'open' AND expires_at_us > 0"),
    ),
    sqlite_strict=True,
)

lot = Table(
    "lot",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, nullable=False),
    Column("asset", Id, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("remaining", Int64, nullable=False),
    Column("cost_asset", Text, nullable=False),
    Column("cost", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Column("opened_at_us", Int64, nullable=False),
    Column("txn_id", Id, ForeignKey("txn.id"), nullable=False, index=True),
    Column("line", Int64, nullable=False),
    Column("source", Id, nullable=False),
    Column("deferred_id", Id, nullable=False),
    Column("revenue_id", Id, nullable=False),
    Column("breakage_id", Id, nullable=False),
    ForeignKeyConstraint(["account_id", "asset"], ["account.id", "account.asset"]),
    CheckConstraint("remaining BETWEEN 0 AND quantity AND quantity > 0", name="remaining"),
    CheckConstraint("cost >= 0 AND (cost = 0 OR cost_asset <> '')", name="cost"),
    CheckConstraint(
        "(cost_asset = '') = (deferred_id = '') AND (cost_asset = '') = (revenue_id = '') "
        "AND (cost_asset = '') = (breakage_id = '')",
        name="cost_accounts",
    ),
    Index("ix_lot_owner", "account_id"),
    Index(
        "ix_lot_open",
        "account_id",
        sqlite_where=text("remaining > 0"),
        postgresql_where=text("remaining > 0"),
    ),
    Index(
        "ix_lot_due",
        "expires_at_us",
        sqlite_where=text("remaining > 0 AND expires_at_us > 0"),
        postgresql_where=text("remaining > 0 AND expires_at_us > 0"),
    ),
    sqlite_strict=True,
)

lot_move = Table(
    "lot_move",
    metadata,
    Column("txn_id", Id, nullable=False),
    Column("line", Int64, nullable=False),
    Column("lot_id", Id, ForeignKey("lot.id"), nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("cost", Int64, nullable=False),
    PrimaryKeyConstraint("txn_id", "line", "lot_id"),
    ForeignKeyConstraint(["txn_id", "line"], ["leg.txn_id", "leg.line"]),
    CheckConstraint("quantity > 0 AND cost >= 0", name="quantity"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

usage_line = Table(
    "usage_line",
    metadata,
    Column("txn_id", Id, ForeignKey("txn.id"), nullable=False),
    Column("session_id", Id, nullable=False),
    Column("units", Int64, nullable=False),
    Column("cumulative", Int64, nullable=False),
    Column("sequence", Int64, nullable=False),
    Column("final", Flag, nullable=False),
    PrimaryKeyConstraint("txn_id", "session_id", "sequence"),
    CheckConstraint("units >= 0 AND units <= cumulative", name="units"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

session_usage = Table(
    "session_usage",
    metadata,
    Column("session_id", Id, primary_key=True),
    Column("asset", Id, nullable=False),
    Column("posted", Int64, nullable=False),
    Column("last_sequence", Int64, nullable=False),
    Column("closed", Flag, nullable=False),
    CheckConstraint("posted >= 0 AND last_sequence >= 0", name="posted"),
    sqlite_strict=True,
)

seal = Table(
    "seal",
    metadata,
    Column("number", Int64, primary_key=True, autoincrement=False),
    Column("first_txn", Id, ForeignKey("txn.id"), nullable=False),
    Column("last_txn", Id, ForeignKey("txn.id"), nullable=False, unique=True),
    Column("size", Int64, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("signer", LargeBinary, nullable=False),
    Column("sealed_at_us", Int64, nullable=False),
    # The head of the audit trail at that time; null in the seals of an older version.
    Column("audit_sequence", Int64, nullable=True),
    Column("audit_hash", Text, nullable=True),
    CheckConstraint("number > 0 AND size > 0", name="number"),
    sqlite_strict=True,
)

writer_lock = Table(
    "writer_lock",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=False),
    Column("last_txn", Id, nullable=False),
    Column("version", Int64, nullable=False),
    CheckConstraint("id = 1", name="one"),
    sqlite_strict=True,
)

sealed_total = Table(
    "sealed_total",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=False),
    Column("number", Int64, nullable=False),
    Column("transactions", Int64, nullable=False),
    CheckConstraint("id = 1", name="one"),
    sqlite_strict=True,
)

cost_day = Table(
    "cost_day",
    metadata,
    Column("owner_id", Id, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("asset", Id, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("cost_asset", Text, primary_key=True),
    Column("units", Int64, nullable=False),
    Column("cost", Int64, nullable=False),
    sqlite_strict=True,
)

cost_position = Table(
    "cost_position",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=False),
    Column("last_txn", Id, nullable=False),
    CheckConstraint("id = 1", name="one"),
    sqlite_strict=True,
)
