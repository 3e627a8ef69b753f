"""What payments subscribes to from others."""

from tollway.contracts.events import GiftMade, UserDeleted
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.payments.service import Payments


async def on_user_deleted(_service: Payments, tx: Tx, event: UserDeleted) -> None:
    """Detach the saved cards of somebody who has left, and erase who they are at the provider."""
    enqueue_erasure(tx, event.user_id)


async def on_gift_made(service: Payments, tx: Tx, event: GiftMade) -> None:
    """Collect what a customer owes as soon as somebody gave them money."""
    await service.debts.money_came(tx, event.user_id, event.asset)
