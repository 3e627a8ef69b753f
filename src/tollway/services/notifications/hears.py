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


async def on_user_registered(room: Notifications, tx: Tx, fact: UserRegistered) -> None:
    """Note where the person can be written to."""
    await store.set_recipient(tx, fact.user_id, fact.email, verified=False)


async def on_email_verified(room: Notifications, tx: Tx, fact: EmailVerified) -> None:
    """Note that the address is theirs, and welcome them."""
    await store.set_recipient(tx, fact.user_id, fact.email, verified=True)
    params = {"link": room.public_url}
    _write(tx, f"welcome:{fact.user_id}", "welcome", fact.user_id, params)


async def on_user_state_changed(room: Notifications, tx: Tx, fact: UserStateChanged) -> None:
    """Forget the address of somebody who has left."""
    if fact.state == "deleted":
        await store.forget_person(tx, fact.user_id)


async def on_session_revoked(room: Notifications, tx: Tx, fact: SessionRevoked) -> None:
    """Warn of a refresh token that was used twice: one of the two who held it was a thief."""
    if fact.reason == "refresh_token_reused":
        params = {"link": f"{room.public_url}/login"}
        _write(tx, f"token-reused:{fact.session_id}", "token_reused", fact.user_id, params)


async def on_deposit_credited(room: Notifications, tx: Tx, fact: DepositCredited) -> None:
    """Send the deposit's receipt."""
    params = {"amount": money_text(fact.amount), "currency": fact.currency, "deposit_id": fact.deposit_id}
    _write(tx, f"deposit:{fact.deposit_id}", "deposit_credited", fact.user_id, params)


async def on_deposit_taken_back(room: Notifications, tx: Tx, fact: DepositTakenBack) -> None:
    """Tell that money went back to the card, by our refund or by the bank's chargeback."""
    template = "deposit_refunded" if fact.kind == "refund" else "deposit_disputed"
    _write(tx, f"taken-back:{fact.ref}", template, fact.user_id, _taken(fact))


async def on_deposit_given_back(room: Notifications, tx: Tx, fact: DepositGivenBack) -> None:
    """Tell that it came back, if any of it had been the customer's."""
    if fact.covered:
        _write(tx, f"given-back:{fact.ref}", "deposit_given_back", fact.user_id, _taken(fact))


async def on_order_filled(room: Notifications, tx: Tx, fact: OrderFilled) -> None:
    """Send the purchase's receipt."""
    params = {
        "item": item_text(fact.asset, fact.quantity),
        "amount": money_text(fact.price),
        "currency": fact.currency,
        "order_id": fact.order_id,
    }
    _write(tx, f"order:{fact.order_id}", "receipt", fact.user_id, params)


def _taken(fact: DepositTakenBack | DepositGivenBack) -> dict[str, str]:
    return {
        "amount": money_text(fact.amount),
        "covered": money_text(fact.covered),
        "currency": fact.currency,
        "deposit_id": fact.deposit_id,
    }


def _write(tx: Tx, key: str, template: str, user_id: str, params: dict[str, str]) -> None:
    # By a job, because the person's address may be announced after the fact that is about them.
    job = {"key": key, "template": template, "user_id": user_id, "params": params}
    tx.enqueue("write_to_user", job)


HEARS = {
    UserRegistered: on_user_registered,
    EmailVerified: on_email_verified,
    UserStateChanged: on_user_state_changed,
    SessionRevoked: on_session_revoked,
    DepositCredited: on_deposit_credited,
    DepositTakenBack: on_deposit_taken_back,
    DepositGivenBack: on_deposit_given_back,
    OrderFilled: on_order_filled,
}
