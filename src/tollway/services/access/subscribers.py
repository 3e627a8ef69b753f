"""What access subscribes to from others."""

from tollway.contracts.events import PasswordChanged, UserDeleted, UserStateChanged
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.access.model import CustomerSession
from tollway.services.access.service import Access


async def on_user_state_changed(service: Access, tx: Tx, event: UserStateChanged) -> None:
    """Cut a suspended customer's flows; let them begin again when the account is active.

    Who leaves holds no network from then on.
    """
    stopped = event.state != "active"
    await service.suspensions.customer_changed(tx, event.user_id, stopped=stopped, reason=event.reason)
    if event.state == "deleting":
        await service.credentials.release_networks(tx, event.user_id, event.state)


async def on_user_deleted(service: Access, tx: Tx, event: UserDeleted) -> None:
    """Cut the flows of somebody who has left, at once and for good, and erase what is kept of them."""
    await service.suspensions.customer_changed(tx, event.user_id, stopped=True, reason="deleted")
    await service.credentials.release_networks(tx, event.user_id, "deleted")
    enqueue_erasure(tx, event.user_id)


async def on_password_changed(service: Access, tx: Tx, event: PasswordChanged) -> None:
    """End the credentials that somebody with the old password could have issued."""
    if not event.keep_credentials:
        kept = CustomerSession(event.session_id, event.at_us)
        await service.credentials.end_all_before(tx, event.user_id, kept)
