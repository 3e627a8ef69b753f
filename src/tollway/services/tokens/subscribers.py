"""What tokens subscribes to from others."""

from tollway.contracts.events import UserDeleted
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.tokens.service import Tokens


async def on_user_deleted(service: Tokens, tx: Tx, event: UserDeleted) -> None:
    """End what is left of the sessions of somebody who has left, and erase them."""
    await service.end_all(tx, event.user_id, "deleted")
    enqueue_erasure(tx, event.user_id)
