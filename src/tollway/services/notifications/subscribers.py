"""What notifications does when something happens elsewhere."""

from tollway.contracts.events import (
    DepositCredited,
    DepositGivenBack,
    DepositTakenBack,
    EmailVerified,
    OrderFilled,
    SessionRevoked,
    UserRegistered,
    UserStateChanged,
)
from tollway.fabric.db import Tx
from tollway.kit.money import money_text
from tollway.services.notifications import store
from tollway.services.notifications.model import item_text
from tollway.services.notifications.service import Notifications


async def on_user_registered(service: Notifications, tx: Tx, event: UserRegistered) -> None:
    """Note where the person can be written to."""
    await store.set_recipient(tx, event.user_id, event.email, verified=False)


async def on_email_verified(service: Notifications, tx: Tx, event: EmailVerified) -> None:
    """Note that the address is theirs, and welcome them."""
    await store.set_recipient(tx, event.user_id, event.email, verified=True)
    params = {"link": service.public_url}
    _write(tx, f"welcome:{event.user_id}", "welcome", event.user_id, params)


async def on_user_state_changed(service: Notifications, tx: Tx, event: UserStateChanged) -> None:
    """Forget the address of somebody who has left."""
    if event.state == "deleted":
        await store.forget_person(tx, event.user_id)


async def on_session_revoked(service: Notifications, tx: Tx, event: SessionRevoked) -> None:
    """Warn of a refresh token that was used twice: one of the two who held it was a thief."""
    if event.reason == "refresh_token_reused":
        params = {"link": f"{service.public_url}/login"}
        _write(tx, f"token-reused:{event.session_id}", "token_reused", event.user_id, params)


async def on_deposit_credited(service: Notifications, tx: Tx, event: DepositCredited) -> None:
    """Send the deposit's receipt."""
    params = {"amount": money_text(event.amount), "currency": event.currency, "deposit_id": event.deposit_id}
    _write(tx, f"deposit:{event.deposit_id}", "deposit_credited", event.user_id, params)


async def on_deposit_taken_back(service: Notifications, tx: Tx, event: DepositTakenBack) -> None:
    """Tell that money went back to the card, by our refund or by the bank's chargeback."""
    template = "deposit_refunded" if event.kind == "refund" else "deposit_disputed"
    _write(tx, f"taken-back:{event.ref}", template, event.user_id, _taken(event))


async def on_deposit_given_back(service: Notifications, tx: Tx, event: DepositGivenBack) -> None:
    """Tell that it came back, if any of it had been the customer's."""
    if event.covered:
        _write(tx, f"given-back:{event.ref}", "deposit_given_back", event.user_id, _taken(event))


async def on_order_filled(service: Notifications, tx: Tx, event: OrderFilled) -> None:
    """Send the purchase's receipt."""
    params = {
        "item": item_text(event.asset, event.quantity),
        "amount": money_text(event.price),
        "currency": event.currency,
        "order_id": event.order_id,
    }
    _write(tx, f"order:{event.order_id}", "receipt", event.user_id, params)


def _taken(event: DepositTakenBack | DepositGivenBack) -> dict[str, str]:
    return {
        "amount": money_text(event.amount),
        "covered": money_text(event.covered),
        "currency": event.currency,
        "deposit_id": event.deposit_id,
    }


def _write(tx: Tx, key: str, template: str, user_id: str, params: dict[str, str]) -> None:
    # By a job, because the person's address may be published after the event that is about them.
    job = {"key": key, "template": template, "user_id": user_id, "params": params}
    tx.enqueue("write_to_user", job)
