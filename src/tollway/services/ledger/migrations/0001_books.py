"""The books: assets, accounts, transactions, legs, holds, lots, metered use, seals, and the writer lock."""

import sqlalchemy as sa
from alembic import op

from tollway.fabric.db.types import Flag, Int64

revision = "ledger_0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
APPEND_ONLY = ("txn", "leg", "lot_move", "usage_line", "seal")
NEVER_DELETED = ("asset", "account", "hold", "lot", "session_usage", "writer_lock")
FIXED = {
    "asset": "code, kind, scale, unit",
    "account": "id, owner_kind, owner_id, asset, purpose, limited, opened_by, opened_at_us",
    "hold": "id, asset, debit_id, credit_id, amount, expires_at_us, txn_id",
    "lot": "id, account_id, asset, quantity, cost_asset, cost, expires_at_us, opened_at_us, txn_id, line, source, "
    "deferred_id, revenue_id, breakage_id",
}


def upgrade() -> None:
    _transactions()
    _accounts()
    _holds()
    _legs()
    _lots()
    _usage()
    _seals()
    _writer_lock()
    _guard_legs()
    for table in APPEND_ONLY:
        _forbid(table, "UPDATE")
    for table in (*APPEND_ONLY, *NEVER_DELETED):
        _forbid(table, "DELETE")
    for table, columns in FIXED.items():
        _forbid(table, "UPDATE", columns)


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")


def _transactions() -> None:
    op.create_table(
        "txn",
        sa.Column("id", Id, nullable=False),
        sa.Column("scope", Id, nullable=False),
        sa.Column("key", Id, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("event_at_us", Int64, nullable=False),
        sa.Column("created_at_us", Int64, nullable=False),
        sa.Column("reverses", Id, nullable=True),
        sa.Column("meta", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_txn"),
        sa.UniqueConstraint("scope", "key", name="uq_txn_scope_key"),
        sa.ForeignKeyConstraint(["reverses"], ["txn.id"], name="fk_txn_reverses"),
        sa.CheckConstraint("status IN ('applied', 'rejected')", name="ck_txn_status"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    _index("uq_txn_reverses", "txn", ["reverses"], "reverses IS NOT NULL", unique=True)


def _accounts() -> None:
    op.create_table(
        "asset",
        sa.Column("code", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scale", Int64, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("transferable", Flag, nullable=False),
        sa.Column("revision", Int64, nullable=False),
        sa.Column("defined_by", Id, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_asset"),
        sa.ForeignKeyConstraint(["defined_by"], ["txn.id"], name="fk_asset_defined_by"),
        sa.CheckConstraint("kind IN ('money', 'access')", name="ck_asset_kind"),
        sa.CheckConstraint("scale BETWEEN 0 AND 18", name="ck_asset_scale"),
        sqlite_strict=True,
    )
    op.create_table(
        "account",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_kind", sa.Text, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("asset", Id, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("limited", Flag, nullable=False),
        sa.Column("debits_posted", Int64, nullable=False),
        sa.Column("credits_posted", Int64, nullable=False),
        sa.Column("debits_pending", Int64, nullable=False),
        sa.Column("credits_pending", Int64, nullable=False),
        sa.Column("version", Int64, nullable=False),
        sa.Column("opened_by", Id, nullable=False),
        sa.Column("opened_at_us", Int64, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint(
            "owner_kind", "owner_id", "asset", "purpose", name="uq_account_owner_kind_owner_id_asset_purpose"
        ),
        sa.UniqueConstraint("id", "asset", name="uq_account_id_asset"),
        sa.ForeignKeyConstraint(["asset"], ["asset.code"], name="fk_account_asset"),
        sa.ForeignKeyConstraint(["opened_by"], ["txn.id"], name="fk_account_opened_by"),
        sa.CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
            name="ck_account_not_negative",
        ),
        sa.CheckConstraint(
            "NOT limited OR debits_posted + debits_pending <= credits_posted", name="ck_account_not_overdrawn"
        ),
        # Space on each page for the next version of its rows: counters change often, and no index holds them.
        postgresql_with={"fillfactor": 70},
        sqlite_strict=True,
    )
    op.create_index("ix_account_opened_by", "account", ["opened_by"])


def _holds() -> None:
    op.create_table(
        "hold",
        sa.Column("id", Id, nullable=False),
        sa.Column("asset", Id, nullable=False),
        sa.Column("debit_id", Id, nullable=False),
        sa.Column("credit_id", Id, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("remaining", Int64, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sa.Column("txn_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
        sa.ForeignKeyConstraint(["txn_id"], ["txn.id"], name="fk_hold_txn_id"),
        sa.ForeignKeyConstraint(
            ["debit_id", "asset"], ["account.id", "account.asset"], name="fk_hold_debit_id_asset"
        ),
        sa.ForeignKeyConstraint(
            ["credit_id", "asset"], ["account.id", "account.asset"], name="fk_hold_credit_id_asset"
        ),
        sa.CheckConstraint("remaining BETWEEN 0 AND amount AND amount > 0", name="ck_hold_remaining"),
        sa.CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name="ck_hold_state"),
        sa.CheckConstraint("(state = 'open') = (remaining > 0)", name="ck_hold_open_while_it_holds"),
        sqlite_strict=True,
    )
    op.create_index("ix_hold_txn_id", "hold", ["txn_id"])
    _index("ix_hold_due", "hold", ["expires_at_us"], "state = 'open' AND expires_at_us > 0")


def _legs() -> None:
    op.create_table(
        "leg",
        sa.Column("txn_id", Id, nullable=False),
        sa.Column("line", Int64, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("hold_id", Id, nullable=True),
        sa.Column("asset", Id, nullable=False),
        sa.Column("debit_id", Id, nullable=False),
        sa.Column("credit_id", Id, nullable=False),
        sa.Column("amount", Int64, nullable=False),
        sa.Column("debit_version", Int64, nullable=False),
        sa.Column("credit_version", Int64, nullable=False),
        sa.Column("debit_balance", Int64, nullable=False),
        sa.Column("credit_balance", Int64, nullable=False),
        sa.PrimaryKeyConstraint("txn_id", "line", name="pk_leg"),
        sa.UniqueConstraint("debit_id", "debit_version", name="uq_leg_debit_id_debit_version"),
        sa.UniqueConstraint("credit_id", "credit_version", name="uq_leg_credit_id_credit_version"),
        sa.CheckConstraint("amount > 0", name="ck_leg_amount"),
        sa.CheckConstraint("debit_id <> credit_id", name="ck_leg_two_sides"),
        sa.CheckConstraint("kind IN ('post', 'hold', 'capture', 'release')", name="ck_leg_kind"),
        sa.CheckConstraint("(kind = 'post') = (hold_id IS NULL)", name="ck_leg_hold"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _lots() -> None:
    op.create_table(
        "lot",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("asset", Id, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("remaining", Int64, nullable=False),
        sa.Column("cost_asset", sa.Text, nullable=False),
        sa.Column("cost", Int64, nullable=False),
        sa.Column("expires_at_us", Int64, nullable=False),
        sa.Column("opened_at_us", Int64, nullable=False),
        sa.Column("txn_id", Id, nullable=False),
        sa.Column("line", Int64, nullable=False),
        sa.Column("source", Id, nullable=False),
        sa.Column("deferred_id", Id, nullable=False),
        sa.Column("revenue_id", Id, nullable=False),
        sa.Column("breakage_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lot"),
        sa.ForeignKeyConstraint(["txn_id"], ["txn.id"], name="fk_lot_txn_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "asset"], ["account.id", "account.asset"], name="fk_lot_account_id_asset"
        ),
        sa.CheckConstraint("remaining BETWEEN 0 AND quantity AND quantity > 0", name="ck_lot_remaining"),
        sa.CheckConstraint("cost >= 0 AND (cost = 0 OR cost_asset <> '')", name="ck_lot_cost"),
        sa.CheckConstraint(
            "(cost_asset = '') = (deferred_id = '') AND (cost_asset = '') = (revenue_id = '') "
            "AND (cost_asset = '') = (breakage_id = '')",
            name="ck_lot_cost_accounts",
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_lot_txn_id", "lot", ["txn_id"])
    op.create_index("ix_lot_owner", "lot", ["account_id"])
    _index("ix_lot_open", "lot", ["account_id"], "remaining > 0")
    _index("ix_lot_due", "lot", ["expires_at_us"], "remaining > 0 AND expires_at_us > 0")
    op.create_table(
        "lot_move",
        sa.Column("txn_id", Id, nullable=False),
        sa.Column("line", Int64, nullable=False),
        sa.Column("lot_id", Id, nullable=False),
        sa.Column("quantity", Int64, nullable=False),
        sa.Column("cost", Int64, nullable=False),
        sa.PrimaryKeyConstraint("txn_id", "line", "lot_id", name="pk_lot_move"),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name="fk_lot_move_lot_id"),
        sa.ForeignKeyConstraint(
            ["txn_id", "line"], ["leg.txn_id", "leg.line"], name="fk_lot_move_txn_id_line"
        ),
        sa.CheckConstraint("quantity > 0 AND cost >= 0", name="ck_lot_move_quantity"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _usage() -> None:
    op.create_table(
        "usage_line",
        sa.Column("txn_id", Id, nullable=False),
        sa.Column("session_id", Id, nullable=False),
        sa.Column("units", Int64, nullable=False),
        sa.Column("cumulative", Int64, nullable=False),
        sa.Column("sequence", Int64, nullable=False),
        sa.Column("final", Flag, nullable=False),
        sa.PrimaryKeyConstraint("txn_id", "session_id", "sequence", name="pk_usage_line"),
        sa.ForeignKeyConstraint(["txn_id"], ["txn.id"], name="fk_usage_line_txn_id"),
        sa.CheckConstraint("units >= 0 AND units <= cumulative", name="ck_usage_line_units"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_usage",
        sa.Column("session_id", Id, nullable=False),
        sa.Column("asset", Id, nullable=False),
        sa.Column("posted", Int64, nullable=False),
        sa.Column("last_sequence", Int64, nullable=False),
        sa.Column("closed", Flag, nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_session_usage"),
        sa.CheckConstraint("posted >= 0 AND last_sequence >= 0", name="ck_session_usage_posted"),
        sqlite_strict=True,
    )


def _seals() -> None:
    op.create_table(
        "seal",
        sa.Column("number", Int64, autoincrement=False, nullable=False),
        sa.Column("first_txn", Id, nullable=False),
        sa.Column("last_txn", Id, nullable=False),
        sa.Column("size", Int64, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("signer", sa.LargeBinary, nullable=False),
        sa.Column("sealed_at_us", Int64, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_seal"),
        sa.UniqueConstraint("last_txn", name="uq_seal_last_txn"),
        sa.ForeignKeyConstraint(["first_txn"], ["txn.id"], name="fk_seal_first_txn"),
        sa.ForeignKeyConstraint(["last_txn"], ["txn.id"], name="fk_seal_last_txn"),
        sa.CheckConstraint("number > 0 AND size > 0", name="ck_seal_number"),
        sqlite_strict=True,
    )


def _writer_lock() -> None:
    lock = op.create_table(
        "writer_lock",
        sa.Column("id", Int64, autoincrement=False, nullable=False),
        sa.Column("last_txn", Id, nullable=False),
        sa.Column("version", Int64, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_writer_lock"),
        sa.CheckConstraint("id = 1", name="ck_writer_lock_one"),
        sqlite_strict=True,
    )
    op.bulk_insert(lock, [{"id": 1, "last_txn": "", "version": 0}])


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def _guard_legs() -> None:
    """Let a leg name only accounts of its asset, a transaction and a hold that are there.

    These would be foreign keys, but on PostgreSQL one asks a query for each row and key, which was a third of
    the cost of posting. Nothing that a leg refers to can be deleted or renamed, so asking once for all new
    legs of a statement promises the same.
    """
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER leg_refers BEFORE INSERT ON leg WHEN "
            "NOT EXISTS (SELECT 1 FROM txn WHERE id = NEW.txn_id) "
            "OR NOT EXISTS (SELECT 1 FROM account WHERE id = NEW.debit_id AND asset = NEW.asset) "
            "OR NOT EXISTS (SELECT 1 FROM account WHERE id = NEW.credit_id AND asset = NEW.asset) "
            "OR NEW.hold_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM hold WHERE id = NEW.hold_id) "
            "BEGIN SELECT RAISE(ABORT, 'leg refers to what is not there'); END"
        )
        return
    # The plan is kept for as long as the connection lives, and the first batch may have no legs at all. A join that is
    # planned for so few reads whole tables when there are many; a scalar subquery can't be planned as a join.
    op.execute(
        "CREATE FUNCTION leg_refers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM new_leg AS leg "
        "WHERE (SELECT id FROM txn WHERE id = leg.txn_id) IS NULL "
        "OR (SELECT asset FROM account WHERE id = leg.debit_id) IS DISTINCT FROM leg.asset "
        "OR (SELECT asset FROM account WHERE id = leg.credit_id) IS DISTINCT FROM leg.asset "
        "OR leg.hold_id IS NOT NULL AND (SELECT id FROM hold WHERE id = leg.hold_id) IS NULL) THEN "
        "RAISE EXCEPTION 'leg refers to what is not there' USING ERRCODE = 'foreign_key_violation'; "
        "END IF; RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER leg_refers AFTER INSERT ON leg REFERENCING NEW TABLE AS new_leg "
        "FOR EACH STATEMENT EXECUTE FUNCTION leg_refers()"
    )


def _forbid(table: str, verb: str, columns: str = "") -> None:
    name = f"{table}_is_fixed" if columns else f"{table}_no_{verb.lower()}"
    of = f" OF {columns}" if columns else ""
    refusal = f"{table} takes no {verb}{of}"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb}{of} ON {table} BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    verbs = "DELETE OR TRUNCATE" if verb == "DELETE" else f"{verb}{of}"
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {verbs} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )
