"""The catalogue's tables and queries.

product     what is sold; one row per access asset
plan        fixed amounts of products
list_price  every list price there ever was; the newest of an (asset, currency) is in force
issue       capacity put up for sale, done once the ledger has issued it
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)

from tollway.fabric.db import NAMING, Flag, Int64, Json, Tx
from tollway.services.catalog.model import CapacityIssue, ListPrice, PrepaidPlan, Product

metadata = MetaData(naming_convention=NAMING)

product = Table(
    "product",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("protocols", Json, nullable=False),
    Column("tier", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("lot_units", Int64, nullable=False),
    Column("min_units", Int64, nullable=False),
    Column("max_units", Int64, nullable=False),
    Column("validity_us", Int64, nullable=False),
    Column("capacity_units", Int64, nullable=False),
    Column("active", Flag, nullable=False),
    CheckConstraint("lot_units > 0 AND min_units > 0 AND max_units >= min_units", name="sizes"),
    CheckConstraint("capacity_units >= 0", name="capacity"),
    sqlite_strict=True,
)

list_price = Table(
    "list_price",
    metadata,
    Column("id", Int64, primary_key=True, autoincrement=True),
    Column("asset", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("per_lot", Int64, nullable=False),
    Column("from_us", Int64, nullable=False),
    Column("actor", Text, nullable=False),
    Index("ix_list_price_newest", "asset", "currency", "id"),
    CheckConstraint("per_lot > 0", name="per_lot"),
    sqlite_strict=True,
)

plan = Table(
    "plan",
    metadata,
    Column("id", Text, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("active", Flag, nullable=False),
    UniqueConstraint("asset", "quantity"),
    CheckConstraint("quantity > 0", name="quantity"),
    sqlite_strict=True,
)

issue = Table(
    "issue",
    metadata,
    Column("id", Text, primary_key=True),
    Column("request_key", Text, nullable=False, unique=True),
    Column("asset", Text, nullable=False),
    Column("units", Int64, nullable=False),
    Column("actor", Text, nullable=False),
    Column("done", Flag, nullable=False),
    Column("created_at_us", Int64, nullable=False),
    CheckConstraint("units > 0", name="units"),
    sqlite_strict=True,
)


async def add_product(tx: Tx, one: Product) -> bool:
    """Add a product; False when it was there already, whatever it looks like now."""
    row = {column.name: getattr(one, column.name) for column in product.columns}
    row["protocols"] = list(one.protocols)
    return (await tx.run(tx.insert(product).values(row).on_conflict_do_nothing())).rowcount == 1


async def products(tx: Tx, *, include_inactive: bool) -> list[Product]:
    """Return the products, by asset."""
    wanted = select(product).order_by(product.c.asset)
    if not include_inactive:
        wanted = wanted.where(product.c.active)
    return [_product(row) for row in await tx.all(wanted)]


async def find_product(tx: Tx, asset: str) -> Product | None:
    """Return one product, active or not."""
    row = await tx.first(select(product).where(product.c.asset == asset))
    return None if row is None else _product(row)


async def change_product(tx: Tx, asset: str, changes: Mapping[str, Any]) -> None:
    """Change fields of a product."""
    await tx.run(update(product).where(product.c.asset == asset).values(dict(changes)))


async def add_plan(tx: Tx, one: PrepaidPlan) -> bool:
    """Add a plan; False when there is one of this size already."""
    row = {column.name: getattr(one, column.name) for column in plan.columns}
    return (await tx.run(tx.insert(plan).values(row).on_conflict_do_nothing())).rowcount == 1


async def plans(tx: Tx, *, include_inactive: bool) -> list[PrepaidPlan]:
    """Return the plans, by product and size."""
    wanted = select(plan).order_by(plan.c.asset, plan.c.quantity)
    if not include_inactive:
        wanted = wanted.where(plan.c.active)
    return [PrepaidPlan(*row) for row in await tx.all(wanted)]


async def find_plan(tx: Tx, plan_id: str) -> PrepaidPlan | None:
    """Return one plan, active or not."""
    row = await tx.first(select(plan).where(plan.c.id == plan_id))
    return None if row is None else PrepaidPlan(*row)


async def set_plan_active(tx: Tx, plan_id: str, *, active: bool) -> None:
    """Hide a plan or offer it again."""
    await tx.run(update(plan).where(plan.c.id == plan_id).values(active=active))


async def grow_capacity(tx: Tx, asset: str, units: int) -> None:
    """Count newly issued units as capacity."""
    grown = product.c.capacity_units + units
    await tx.run(update(product).where(product.c.asset == asset).values(capacity_units=grown))


async def add_price(tx: Tx, listed: ListPrice) -> None:
    """Put a list price in force."""
    columns = ("asset", "currency", "per_lot", "from_us", "actor")
    await tx.run(list_price.insert().values({name: getattr(listed, name) for name in columns}))


async def price_in_force(tx: Tx, asset: str, currency: str) -> ListPrice | None:
    """Return the newest list price of an asset in a currency."""
    row = await tx.first(_history(asset, currency).limit(1))
    return None if row is None else _list_price(row)


async def prices_in_force(tx: Tx, currency: str) -> dict[str, ListPrice]:
    """Return the newest list price of every asset in one currency."""
    newest = (
        select(func.max(list_price.c.id))
        .where(list_price.c.currency == currency)
        .group_by(list_price.c.asset)
    )
    rows = await tx.all(select(list_price).where(list_price.c.id.in_(newest)))
    return {row.asset: _list_price(row) for row in rows}


async def price_history(
    tx: Tx, asset: str, currency: str, before_id: int | None, limit: int
) -> Sequence[tuple[int, ListPrice]]:
    """Return list prices with their positions, newest first, from below a position on; at most `limit`."""
    wanted = _history(asset, currency).limit(limit)
    if before_id is not None:
        wanted = wanted.where(list_price.c.id < before_id)
    return [(row.id, _list_price(row)) for row in await tx.all(wanted)]


async def add_issue(tx: Tx, one: CapacityIssue, request_key: str) -> bool:
    """Write down capacity to issue; False when this was asked for before under the same key."""
    row = {"id": one.id, "asset": one.asset, "units": one.units, "actor": one.actor, "done": one.done}
    values = row | {"request_key": request_key, "created_at_us": tx.now_us}
    return (await tx.run(tx.insert(issue).values(values).on_conflict_do_nothing())).rowcount == 1


async def issue_by_request(tx: Tx, request_key: str) -> CapacityIssue | None:
    """Return the issue that was asked for under this key."""
    return _issue(await tx.first(select(issue).where(issue.c.request_key == request_key)))


async def find_issue(tx: Tx, issue_id: str) -> CapacityIssue | None:
    """Return one issue."""
    return _issue(await tx.first(select(issue).where(issue.c.id == issue_id)))


async def open_issues(tx: Tx, after_id: str, limit: int) -> Sequence[str]:
    """Name the issues that the ledger has not confirmed, from after an id on."""
    wanted = select(issue.c.id).where(~issue.c.done, issue.c.id > after_id).order_by(issue.c.id).limit(limit)
    return [row.id for row in await tx.all(wanted)]


async def finish_issue(tx: Tx, issue_id: str) -> bool:
    """Mark an issue as done; False when somebody did before."""
    done = update(issue).where(issue.c.id == issue_id, ~issue.c.done).values(done=True)
    return (await tx.run(done)).rowcount == 1


def _history(asset: str, currency: str) -> Select[Any]:
    wanted = select(list_price).where(list_price.c.asset == asset, list_price.c.currency == currency)
    return wanted.order_by(list_price.c.id.desc())


def _product(row: Row[Any]) -> Product:
    values: dict[str, Any] = dict(zip(product.columns.keys(), row, strict=True))
    values["protocols"] = tuple(values["protocols"])
    return Product(**values)


def _list_price(row: Row[Any]) -> ListPrice:
    return ListPrice(row.asset, row.currency, row.per_lot, row.from_us, row.actor)


def _issue(row: Row[Any] | None) -> CapacityIssue | None:
    return None if row is None else CapacityIssue(row.id, row.asset, row.units, row.actor, row.done)
