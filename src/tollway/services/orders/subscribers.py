"""What orders subscribes to from others."""

from tollway.contracts.events import UserDeleted
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.orders.service import Orders


async def on_user_deleted(_service: Orders, tx: Tx, event: UserDeleted) -> None:
    """Erase what orders hold of somebody who has left, beside what the books need."""
    enqueue_erasure(tx, event.user_id)
