"""What access subscribes to from others."""

from tollway.contracts.events import UserStateChanged
from tollway.fabric.db import Tx
from tollway.services.access.service import Access


async def on_user_state_changed(service: Access, tx: Tx, event: UserStateChanged) -> None:
    """Cut a suspended customer's flows; let them begin again when the account is active."""
    stopped = event.state != "active"
    await service.suspensions.customer_changed(tx, event.user_id, stopped=stopped, reason=event.reason)
