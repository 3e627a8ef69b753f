"""What the ledger keeps of people: accounts by their owner's id, and what was booked. Nothing is erased."""

from sqlalchemy import ColumnElement, Select, or_, select

from tollway.contracts.books import USER
from tollway.fabric.user_data import UserTable
from tollway.services.ledger.store import tables

_BOOKS = "for good: books cannot be changed without breaking their chain; people are named by id"


def _accounts(user_id: str) -> Select[tuple[str]]:
    account = tables.account.c
    return select(account.id).where(account.owner_kind == USER, account.owner_id == user_id)


def _transactions(user_id: str) -> ColumnElement[bool]:
    leg = tables.leg.c
    booked = or_(leg.debit_id.in_(_accounts(user_id)), leg.credit_id.in_(_accounts(user_id)))
    return tables.txn.c.id.in_(select(leg.txn_id).where(booked))


USER_TABLES = (
    UserTable(
        table=tables.account,
        purpose="the customer's accounts",
        theirs=lambda user_id: tables.account.c.id.in_(_accounts(user_id)),
        keeps=_BOOKS,
        exports=("id", "asset", "purpose", "debits_posted", "credits_posted", "opened_at_us"),
    ),
    UserTable(
        table=tables.txn,
        purpose="transactions, with the note of whoever gave something",
        theirs=_transactions,
        keeps=_BOOKS,
        exports=("id", "code", "status", "event_at_us", "created_at_us", "meta"),
    ),
    UserTable(
        table=tables.leg,
        name="taken",
        purpose="what transactions took from the customer's accounts",
        theirs=lambda user_id: tables.leg.c.debit_id.in_(_accounts(user_id)),
        keeps=_BOOKS,
        exports=("txn_id", "line", "kind", "asset", "amount", "debit_balance"),
    ),
    UserTable(
        table=tables.leg,
        name="received",
        purpose="what transactions brought to the customer's accounts",
        theirs=lambda user_id: tables.leg.c.credit_id.in_(_accounts(user_id)),
        keeps=_BOOKS,
        exports=("txn_id", "line", "kind", "asset", "amount", "credit_balance"),
    ),
    UserTable(
        table=tables.hold,
        purpose="amounts that were set aside",
        theirs=lambda user_id: tables.hold.c.debit_id.in_(_accounts(user_id)),
        keeps=_BOOKS,
        exports=("id", "asset", "amount", "remaining", "state", "expires_at_us"),
    ),
    UserTable(
        table=tables.lot,
        purpose="what was bought at one time, with its cost and end",
        theirs=lambda user_id: tables.lot.c.account_id.in_(_accounts(user_id)),
        keeps=_BOOKS,
        exports=(
            "id",
            "asset",
            "quantity",
            "remaining",
            "cost_asset",
            "cost",
            "expires_at_us",
            "opened_at_us",
        ),
    ),
    UserTable(
        table=tables.cost_day,
        purpose="what the access that was used had cost, by day",
        theirs=lambda user_id: tables.cost_day.c.owner_id == user_id,
        keeps="for good: sums over the books, which can be made anew from them",
        exports=("day", "asset", "code", "cost_asset", "units", "cost"),
    ),
)
IMPERSONAL = (
    tables.asset,
    tables.cost_position,
    tables.lot_move,
    tables.usage_line,
    tables.session_usage,
    tables.seal,
    tables.sealed_total,
    tables.writer_lock,
)
