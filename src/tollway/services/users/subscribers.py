"""What users subscribes to from others."""

from tollway.contracts.events import UserDeleted
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.users.service import Users


async def on_user_deleted(_service: Users, tx: Tx, event: UserDeleted) -> None:
    """Erase the profile of somebody who has left."""
    enqueue_erasure(tx, event.user_id)
