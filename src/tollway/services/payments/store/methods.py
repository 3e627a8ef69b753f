"""Queries of customers at providers, and of their saved payment methods."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, select

from tollway.fabric.db import Tx
from tollway.services.payments.model import SavedMethod
from tollway.services.payments.store.tables import customer, payment_method


async def find_customer(tx: Tx, user_id: str, provider: str) -> str | None:
    """Return the provider's reference of a user."""
    mine = (customer.c.user_id == user_id) & (customer.c.provider == provider)
    return await tx.scalar(select(customer.c.ref).where(mine))


async def save_customer(tx: Tx, user_id: str, provider: str, ref: str) -> None:
    """Save the provider's reference of a user."""
    row = tx.insert(customer).values(user_id=user_id, provider=provider, ref=ref, created_at_us=tx.now_us)
    await tx.run(row.on_conflict_do_update(index_elements=["user_id", "provider"], set_={"ref": ref}))


async def delete_customer(tx: Tx, user_id: str, provider: str) -> None:
    """Delete a reference that the provider does not know any more, and the methods that were saved with it."""
    await tx.run(delete(customer).where(customer.c.user_id == user_id, customer.c.provider == provider))
    mine = (payment_method.c.user_id == user_id) & (payment_method.c.provider == provider)
    await tx.run(delete(payment_method).where(mine))


async def add_method(tx: Tx, one: SavedMethod) -> None:
    """Insert a payment method; one that is saved already stays as it is."""
    await tx.run(tx.insert(payment_method).values(asdict(one)).on_conflict_do_nothing())


async def find_method(tx: Tx, method_id: str, user_id: str) -> SavedMethod | None:
    """Return a user's own payment method."""
    mine = (payment_method.c.id == method_id) & (payment_method.c.user_id == user_id)
    row = await tx.first(select(payment_method).where(mine))
    return _method(row) if row is not None else None


async def list_methods(tx: Tx, user_id: str) -> Sequence[SavedMethod]:
    """Return a user's payment methods, newest first."""
    query = select(payment_method).where(payment_method.c.user_id == user_id)
    return [_method(row) for row in await tx.all(query.order_by(payment_method.c.id.desc()))]


async def delete_method(tx: Tx, method_id: str) -> bool:
    """Delete a payment method; False when somebody else did."""
    return bool((await tx.run(delete(payment_method).where(payment_method.c.id == method_id))).rowcount)


def _method(row: Row[Any]) -> SavedMethod:
    return SavedMethod(**{column.name: getattr(row, column.name) for column in payment_method.columns})
