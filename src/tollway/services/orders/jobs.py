"""Durable and timed work of orders."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.fabric.user_data import ERASE, erase
from tollway.services.orders.service import Orders
from tollway.services.orders.user_data import USER_TABLES


async def advance_order(service: Orders, payload: dict[str, Any]) -> None:
    """Drive an order to its end; nothing to do when the request itself got that far."""
    await service.market.process.advance(payload["id"])


async def resume_orders(service: Orders) -> float:
    """Take up orders that stood still."""
    return await service.market.resume_stuck()


async def sweep_quotes(service: Orders) -> None:
    """Delete old quotes."""
    await service.quotes.delete_old()


async def erase_user(service: Orders, payload: dict[str, Any]) -> None:
    """Erase what is kept of somebody who has left."""
    await erase(service.db, USER_TABLES, payload["user_id"])


JOBS = {"advance_order": advance_order, ERASE: erase_user}
TIMED = {
    "resume_orders": Timed(every_s=5, run=resume_orders),
    "sweep_quotes": Timed(every_s=600, run=sweep_quotes),
}
