"""Durable and timed work of orders."""

from typing import Any

from tollway.fabric.jobs import Timed
from tollway.services.orders.service import Orders


async def advance_order(room: Orders, payload: dict[str, Any]) -> None:
    """Drive an order to its end; nothing to do when the request itself got that far."""
    await room.advance(payload["order_id"])


async def janitor(room: Orders) -> None:
    """Take up orders that stood still."""
    await room.resume_stuck()


async def sweep_quotes(room: Orders) -> None:
    """Forget old quotes."""
    await room.drop_old_quotes()


JOBS = {"advance_order": advance_order}
TIMED = {
    "janitor": Timed(every_s=5, run=janitor),
    "sweep_quotes": Timed(every_s=600, run=sweep_quotes),
}
