"""The tables and queries of orders.

quote       terms that were offered; `order_id` is set by the order that used them
orders      one row per order, moved from state to state by compare-and-set
order_step  when each state was reached
promise     how many times units of an asset were promised: by a quote, or by an order without one
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    case,
    func,
    select,
    text,
    union,
    update,
)

from tollway.fabric.db import NAMING, Int64, Tx
from tollway.services.orders.model import OPEN, Move, Order, OrderState, Quote, Side, Step, Terms

metadata = MetaData(naming_convention=NAMING)

_WAITING_ONLY = text("state IN ('placed', 'funds_held')")
_FILLED_ONLY = text("state = 'filled'")


def _terms_columns() -> list[Column[Any]]:
    """Make the columns that a quote and its order have in common."""
    return [
        Column("asset", Text, nullable=False),
        Column("quantity", Int64, nullable=False),
        Column("currency", Text, nullable=False),
        Column("price", Int64, nullable=False),
        Column("fee", Int64, nullable=False),
        Column("ask_per_lot", Int64, nullable=False),
        Column("lot_units", Int64, nullable=False),
        Column("validity_us", Int64, nullable=False),
        Column("side", Text, nullable=False, server_default="buy"),
    ]


quote = Table(
    "quote",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    *_terms_columns(),
    Column("created_at_us", Int64, nullable=False),
    Column("expires_at_us", Int64, nullable=False),
    Column("order_id", Text, nullable=False),
    CheckConstraint("quantity > 0 AND price > 0 AND fee >= 0", name="amounts"),
    Index("ix_quote_expires_at_us", "expires_at_us"),
    Index("ix_quote_asset", "asset", "expires_at_us"),
    Index("ix_quote_by_user", "user_id", "expires_at_us"),
    sqlite_strict=True,
)

orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    *_terms_columns(),
    Column("quote_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("turned_from", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("funds_hold_id", Text, nullable=False),
    Column("fee_hold_id", Text, nullable=False),
    Column("capacity_hold_id", Text, nullable=False),
    Column("lot_expires_at_us", Int64, nullable=False),
    Column("settle_by_us", Int64, nullable=False),
    Column("holds_expire_at_us", Int64, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    Column("updated_at_us", Int64, nullable=False),
    UniqueConstraint("user_id", "request_key"),
    CheckConstraint("quantity > 0 AND price > 0 AND fee >= 0", name="amounts"),
    Index("ix_orders_by_user", "user_id", "id"),
    Index("ix_orders_by_state", "state", "id"),
    Index("ix_orders_filled", "updated_at_us", sqlite_where=_FILLED_ONLY, postgresql_where=_FILLED_ONLY),
    Index("ix_orders_not_allocated", "asset", sqlite_where=_WAITING_ONLY, postgresql_where=_WAITING_ONLY),
    sqlite_strict=True,
)

order_step = Table(
    "order_step",
    metadata,
    Column("order_id", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("at_us", Int64, nullable=False),
    sqlite_strict=True,
)

promise = Table(
    "promise",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("number", Int64, nullable=False),
    sqlite_strict=True,
)


async def add_quote(tx: Tx, one: Quote) -> None:
    """Insert a quote."""
    await tx.run(quote.insert().values(_flat(one)))


async def find_quote(tx: Tx, quote_id: str, user_id: str) -> Quote | None:
    """Return a user's own quote."""
    row = await tx.first(select(quote).where(quote.c.id == quote_id, quote.c.user_id == user_id))
    return None if row is None else Quote(**_nested(quote, row))


async def open_quotes(tx: Tx, user_id: str) -> list[int]:
    """Return until when each quote of a user is kept that is neither used nor past its time."""
    kept = (quote.c.user_id == user_id) & (quote.c.order_id == "") & (quote.c.expires_at_us > tx.now_us)
    return [row.expires_at_us for row in await tx.all(select(quote.c.expires_at_us).where(kept))]


async def use_quote(tx: Tx, quote_id: str, order_id: str) -> bool:
    """Mark a quote as used by an order; False when it is past its time or was used by another."""
    fresh = (quote.c.id == quote_id) & (quote.c.order_id == "") & (quote.c.expires_at_us > tx.now_us)
    return (await tx.run(update(quote).where(fresh).values(order_id=order_id))).rowcount == 1


async def promises_made(tx: Tx, asset: str) -> int:
    """Return how many times units of an asset were promised so far; it only ever grows."""
    return int(await tx.scalar(select(promise.c.number).where(promise.c.asset == asset)) or 0)


async def count_promise(tx: Tx, asset: str, made: int) -> bool:
    """Count one more promise; False when another was made since `made` were counted, and nothing changes.

    Whoever counts second at the same moment waits for the first to commit.
    """
    if made == 0:
        first = tx.insert(promise).values(asset=asset, number=1).on_conflict_do_nothing()
        return (await tx.run(first)).rowcount == 1
    same = (promise.c.asset == asset) & (promise.c.number == made)
    return (await tx.run(update(promise).where(same).values(number=made + 1))).rowcount == 1


async def promised_units(tx: Tx, asset: str) -> int:
    """Return how many units are promised and not held in the inventory yet: by open quotes, and by orders that wait."""
    kept = (quote.c.asset == asset) & (quote.c.order_id == "") & (quote.c.expires_at_us > tx.now_us)
    waiting = (orders.c.asset == asset) & orders.c.state.in_([OrderState.PLACED, OrderState.FUNDS_HELD])
    sums = (
        select(func.coalesce(func.sum(quote.c.quantity), 0)).where(kept),
        select(func.coalesce(func.sum(orders.c.quantity), 0)).where(waiting),
    )
    return sum([int(await tx.scalar(one)) for one in sums])


@dataclass(frozen=True, slots=True)
class OpenTerms:
    """How many quotes and orders of an asset are open, and of how many customers they are."""

    quotes: int
    orders: int
    customers: int


async def open_terms(tx: Tx, asset: str, currency: str) -> OpenTerms:
    """Count what has a price already: quotes that are neither used nor past their time, and orders under way."""
    good = (quote.c.asset == asset) & (quote.c.order_id == "") & (quote.c.expires_at_us > tx.now_us)
    going = (orders.c.asset == asset) & orders.c.state.in_([state.value for state in OPEN])
    good &= quote.c.currency == currency
    going &= orders.c.currency == currency
    whose = union(select(quote.c.user_id).where(good), select(orders.c.user_id).where(going)).subquery()
    counts = [
        int(await tx.scalar(select(func.count()).select_from(one)))
        for one in (
            select(quote.c.id).where(good).subquery(),
            select(orders.c.id).where(going).subquery(),
            whose,
        )
    ]
    return OpenTerms(*counts)


async def delete_quotes(tx: Tx, expired_before_us: int) -> int:
    """Delete quotes that expired unused before a moment; return how many."""
    stale = (quote.c.expires_at_us < expired_before_us) & (quote.c.order_id == "")
    return (await tx.run(quote.delete().where(stale))).rowcount


async def add_order(tx: Tx, one: Order, request_key: str) -> bool:
    """Insert a new order; False when this user placed one under the same key meanwhile."""
    row = _flat(one) | {"request_key": request_key}
    if (await tx.run(tx.insert(orders).values(row).on_conflict_do_nothing())).rowcount == 0:
        return False
    await _add_step(tx, one.id, one.state)
    return True


async def find_by_request(tx: Tx, user_id: str, request_key: str) -> Order | None:
    """Return the order that a user placed under this key."""
    return _order(
        await tx.first(select(orders).where(orders.c.user_id == user_id, orders.c.request_key == request_key))
    )


async def open_of(tx: Tx, user_id: str) -> tuple[int, int]:
    """Return how many orders of a user are under way, and how many of their quotes are still good."""
    going = (orders.c.user_id == user_id) & orders.c.state.in_([state.value for state in OPEN])
    good = (quote.c.user_id == user_id) & (quote.c.order_id == "") & (quote.c.expires_at_us > tx.now_us)
    counts = [
        int(await tx.scalar(select(func.count()).select_from(table).where(chosen)))
        for table, chosen in ((orders, going), (quote, good))
    ]
    return counts[0], counts[1]


async def find_order(tx: Tx, order_id: str) -> Order | None:
    """Return an order, whoever placed it."""
    return _order(await tx.first(select(orders).where(orders.c.id == order_id)))


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders: of one customer, in one state; empty and None: any."""

    user_id: str = ""
    state: OrderState | None = None


async def list_orders(
    tx: Tx, only: OrderFilter, after_id: str, limit: int, *, newest_first: bool = True
) -> Sequence[Order]:
    """Return orders by when they were placed, from after an id on."""
    wanted = select(orders).order_by(orders.c.id.desc() if newest_first else orders.c.id).limit(limit)
    if only.user_id:
        wanted = wanted.where(orders.c.user_id == only.user_id)
    if only.state is not None:
        wanted = wanted.where(orders.c.state == only.state)
    if after_id:
        wanted = wanted.where(orders.c.id < after_id if newest_first else orders.c.id > after_id)
    return [one for row in await tx.all(wanted) if (one := _order(row))]


@dataclass(frozen=True, slots=True)
class Revenue:
    """What was sold in one currency, fees included, since three moments."""

    currency: str
    sums: tuple[int, ...]
    counts: tuple[int, ...]


async def revenue(tx: Tx, since_us: Sequence[int]) -> list[Revenue]:
    """Return what filled orders brought since each of some moments, by currency."""
    since = [orders.c.updated_at_us >= moment for moment in since_us]
    total = orders.c.price + orders.c.fee
    sums = [func.coalesce(func.sum(case((later, total), else_=0)), 0) for later in since]
    counts = [func.coalesce(func.sum(case((later, 1), else_=0)), 0) for later in since]
    wanted = (
        select(orders.c.currency, *sums, *counts)
        # Spelled as the index spells it.
        .where(text("state = 'filled'"), orders.c.updated_at_us >= min(since_us))
        .group_by(orders.c.currency)
        .order_by(orders.c.currency)
    )
    found: list[Revenue] = []
    for row in await tx.all(wanted):
        # PostgreSQL sums into NUMERIC.
        numbers = [int(value) for value in tuple(row)[1:]]
        found.append(Revenue(row.currency, tuple(numbers[: len(since)]), tuple(numbers[len(since) :])))
    return found


async def count_open(tx: Tx, idle_since_us: int) -> tuple[int, int]:
    """Return how many orders are open, and how many of them did not move since a moment."""
    is_open = orders.c.state.in_([state.value for state in OPEN])
    idle = func.coalesce(func.sum(case((orders.c.updated_at_us <= idle_since_us, 1), else_=0)), 0)
    row = await tx.first(select(func.count().label("total"), idle.label("idle")).where(is_open))
    return (int(row.total), int(row.idle)) if row else (0, 0)


async def steps_of(tx: Tx, order_id: str) -> Sequence[Step]:
    """Return the states an order went through, in order."""
    wanted = select(order_step).where(order_step.c.order_id == order_id).order_by(order_step.c.at_us)
    steps = [Step(OrderState(row.state), row.at_us) for row in await tx.all(wanted)]
    # Two may share a microsecond; then the order of the states decides.
    return sorted(steps, key=lambda step: (step.at_us, list(OrderState).index(step.state)))


async def move_order(tx: Tx, order_id: str, was: OrderState, move: Move) -> bool:
    """Move an order out of the state it was in; False when another driver did so before."""
    values: dict[str, Any] = {"state": move.to, "updated_at_us": tx.now_us}
    if move.reason:
        values["reason"] = move.reason
    if move.to is OrderState.RELEASING:
        values["turned_from"] = was
    if move.transaction_id:
        values["transaction_id"] = move.transaction_id
    still = (orders.c.id == order_id) & (orders.c.state == was)
    if (await tx.run(update(orders).where(still).values(values))).rowcount == 0:
        return False
    await _add_step(tx, order_id, move.to)
    return True


async def stuck_orders(tx: Tx, idle_since_us: int, after_id: str, limit: int) -> list[str]:
    """Name open orders that did not move since a moment, oldest first, from after an id on."""
    still = orders.c.state.in_([state.value for state in OPEN]) & (orders.c.updated_at_us <= idle_since_us)
    wanted = select(orders.c.id).where(still, orders.c.id > after_id).order_by(orders.c.id).limit(limit)
    return [row.id for row in await tx.all(wanted)]


async def oldest_move_us(tx: Tx) -> int | None:
    """Return when the open order moved that has stood still for longest; None when none is open."""
    is_open = orders.c.state.in_([state.value for state in OPEN])
    return await tx.scalar(select(func.min(orders.c.updated_at_us)).where(is_open))


async def filled(tx: Tx) -> list[tuple[str, str, str, dict[str, int]]]:
    """Return (order, customer, ledger transaction, what it moved by asset) of each filled order."""
    rows = await tx.all(select(orders).where(orders.c.state == OrderState.FILLED).order_by(orders.c.id))
    return [
        (
            row.id,
            row.user_id,
            row.transaction_id,
            {row.currency: row.price + row.fee, row.asset: row.quantity},
        )
        for row in rows
    ]


async def _add_step(tx: Tx, order_id: str, state: OrderState) -> None:
    await tx.run(order_step.insert().values(order_id=order_id, state=state, at_us=tx.now_us))


def _order(row: Row[Any] | None) -> Order | None:
    if row is None:
        return None
    values = _nested(orders, row)
    del values["request_key"]
    values["state"] = OrderState(values["state"])
    return Order(**values)


def _flat(one: Quote | Order) -> dict[str, Any]:
    """Spread the terms over the row's own columns."""
    values = asdict(one)
    terms = values.pop("terms")
    return values | terms


def _nested(table: Table, row: Row[Any]) -> dict[str, Any]:
    """Gather the terms from a row's columns."""
    values: dict[str, Any] = dict(zip(table.columns.keys(), row, strict=True))
    values["side"] = Side(values["side"])
    values["terms"] = Terms(**{one.name: values.pop(one.name) for one in fields(Terms)})
    return values
