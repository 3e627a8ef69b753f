"""What the ledger subscribes to from others."""

from tollway.contracts.events import UserDeleted, UserRegistered
from tollway.fabric.db import Tx
from tollway.services.ledger.service import Ledger


async def on_user_registered(service: Ledger, tx: Tx, event: UserRegistered) -> None:
    """Have a new customer's accounts opened, so that they can be given something before they ever look."""
    tx.enqueue("open_accounts", {"user_id": event.user_id}, unique=event.user_id)


async def on_user_deleted(service: Ledger, tx: Tx, event: UserDeleted) -> None:
    """Take what a customer gave up when they left."""
    if event.forfeit:
        tx.enqueue("forfeit", {"user_id": event.user_id}, unique=event.user_id)
