"""Customers who leave: money on its way, and what they owe, stands in their way."""

from collections.abc import Sequence

from tollway.fabric.db import Database
from tollway.fabric.user_data import UserObstacle
from tollway.kit.money import money_text
from tollway.services.payments.store import debts, deposits


async def obstacles(db: Database, user_id: str) -> Sequence[UserObstacle]:
    """Return a customer's deposits that are not at their end, and their debts. Neither can be given up."""
    async with db.snapshot() as tx:
        pending = await deposits.pending_of(tx, user_id)
        owed = await debts.unsettled_of(tx, user_id)
    found = [
        UserObstacle(
            kind="debt",
            detail=f"you owe {money_text(one.owed + one.claimed)} {one.currency}: pay in as much to settle it",
            asset=one.currency,
            amount=one.owed + one.claimed,
        )
        for one in owed
    ]
    found += [
        UserObstacle(
            kind="deposit",
            detail=f"your deposit of {money_text(one.amount)} {one.currency} is under way: wait until it has arrived "
            "or failed",
            asset=one.currency,
            amount=one.amount,
        )
        for one in pending
    ]
    return found
