"""The guard of legs, so that PostgreSQL can plan it in one way only: by a look at each row's own references."""

from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Ask for each leg by key.

    The plan is kept for as long as the connection lives, and the first page may have no legs at all. A join that is
    planned for so few reads whole tables when there are many; a scalar subquery can't be planned as a join.
    """
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION leg_refers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF EXISTS (SELECT 1 FROM new_leg AS leg "
        "WHERE (SELECT id FROM txn WHERE id = leg.txn_id) IS NULL "
        "OR (SELECT asset FROM account WHERE id = leg.debit_id) IS DISTINCT FROM leg.asset "
        "OR (SELECT asset FROM account WHERE id = leg.credit_id) IS DISTINCT FROM leg.asset "
        "OR leg.hold_id IS NOT NULL AND (SELECT id FROM hold WHERE id = leg.hold_id) IS NULL) THEN "
        "RAISE EXCEPTION 'leg refers to what is not there' USING ERRCODE = 'foreign_key_violation'; "
        "END IF; RETURN NULL; END $$"
    )


def downgrade() -> None:
    raise NotImplementedError("migrations go forward only")
