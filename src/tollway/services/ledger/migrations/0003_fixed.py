"""What legs refer to is not renamed, also in books that were opened before 0001 said so.

Such books guard their legs by foreign keys, which stay.
"""

from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

FIXED = {
    "asset": "code, kind, scale, unit",
    "account": "id, owner_kind, owner_id, asset, purpose, limited, opened_by, opened_at_us",
    "hold": "id, asset, debit_id, credit_id, amount, expires_at_us, txn_id",
    "lot": "id, account_id, asset, quantity, cost_asset, cost, expires_at_us, opened_at_us, txn_id, line, source",
}


def upgrade() -> None:
    """Guard the columns where they are not guarded yet."""
    for table, columns in FIXED.items():
        name, refusal = f"{table}_is_fixed", f"{table} takes no UPDATE OF {columns}"
        if op.get_bind().dialect.name == "sqlite":
            op.execute(
                f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE UPDATE OF {columns} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
            continue
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(
            f"CREATE OR REPLACE TRIGGER {name} BEFORE UPDATE OF {columns} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
