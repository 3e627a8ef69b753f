"""What notifications does when something happens elsewhere: it keeps addresses, and sends e-mails."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tollway.contracts.events import EmailChanged, EmailVerified, Event, UserDeleted, UserRegistered
from tollway.fabric.db import Tx
from tollway.fabric.user_data import enqueue_erasure
from tollway.services.notifications import store
from tollway.services.notifications.service import Notifications
from tollway.services.notifications.templates import EVENT_EMAILS, EventEmail

Handler = Callable[[Notifications, Tx, Any], Awaitable[None]]


async def on_user_registered(_service: Notifications, tx: Tx, event: UserRegistered) -> None:
    """Note where the user can be written to."""
    await store.set_recipient(tx, event.user_id, event.email, verified=False)


async def on_email_verified(_service: Notifications, tx: Tx, event: EmailVerified) -> None:
    """Note that the address is theirs."""
    await store.set_recipient(tx, event.user_id, event.email, verified=True)


async def on_email_changed(_service: Notifications, tx: Tx, event: EmailChanged) -> None:
    """Write to the new address from now on."""
    await store.set_recipient(tx, event.user_id, event.email, verified=True)


async def on_user_deleted(_service: Notifications, tx: Tx, event: UserDeleted) -> None:
    """Write no more to somebody who has left, and erase what they were written."""
    await store.forget_address(tx, event.user_id)
    enqueue_erasure(tx, event.user_id)


_RECORDERS: dict[type[Event], Handler] = {
    UserRegistered: on_user_registered,
    EmailVerified: on_email_verified,
    EmailChanged: on_email_changed,
    UserDeleted: on_user_deleted,
}


def make_subscribers(emails: Sequence[EventEmail]) -> dict[type[Event], Handler]:
    """Return one handler for each event that is recorded or that an e-mail is sent for."""
    events = dict.fromkeys([*_RECORDERS, *(email.event for email in emails)])
    return {event: _handler(event, [one for one in emails if one.event is event]) for event in events}


def _handler(event_type: type[Event], emails: Sequence[EventEmail]) -> Handler:
    recorder = _RECORDERS.get(event_type)

    async def handle(service: Notifications, tx: Tx, event: Any) -> None:
        if recorder is not None:
            await recorder(service, tx, event)
        for email in emails:
            template = email.template(event)
            if template is not None:
                # By a job, because the user's address may be published after the event that is about them.
                job = {"key": email.key(event), "template": template, "user_id": event.user_id}
                tx.enqueue("write_to_user", {**job, "params": {**email.params(event, service.public_url)}})

    return handle


SUBSCRIBERS = make_subscribers(EVENT_EMAILS)
