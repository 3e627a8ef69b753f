"""What access hears from others."""

from tollway.contracts.events import UserStateChanged
from tollway.fabric.db import Tx
from tollway.services.access.service import Access


async def on_user_state_changed(room: Access, tx: Tx, fact: UserStateChanged) -> None:
    """Cut a suspended customer's flows; let them begin again when the account is active."""
    stopped = fact.state != "active"
    await room.resources.customer_changed(tx, fact.user_id, stopped=stopped, reason=fact.reason)


HEARS = {UserStateChanged: on_user_state_changed}
