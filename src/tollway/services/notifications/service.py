"""Writes to people: what is asked for is written down, then delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from tollway.contracts.errors import IdempotencyKeyReused
from tollway.contracts.events import EmailSent, NotificationSettingsChanged
from tollway.fabric.db import Database, Tx
from tollway.fabric.mail import Mailer, MailRefused
from tollway.fabric.metrics import MAIL
from tollway.fabric.retention import delete_in_batches
from tollway.kit.errors import Invalid, Unavailable
from tollway.kit.ids import new_id
from tollway.kit.paging import DEFAULT_LIMIT, Page, decode_cursor, make_page
from tollway.kit.times import DAY_US, SECOND_US
from tollway.services.notifications import store
from tollway.services.notifications.model import Email, State, check_address
from tollway.services.notifications.settings import NotificationsSettings
from tollway.services.notifications.templates import CATEGORIES, TEMPLATES
from tollway.services.notifications.templates.rendering import check, render, subject_of

KEY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class EmailRequest:
    """A message to somebody: `key` makes it one message however often it is asked for."""

    key: str
    template: str
    params: Mapping[str, str]
    user_id: str = ""


class Notifications:
    """The service. `sender` is the From header, `public_url` where links to the platform lead."""

    def __init__(
        self, db: Database, mailer: Mailer, settings: NotificationsSettings, sender: str, public_url: str
    ) -> None:
        self.db = db
        self.public_url = public_url.rstrip("/")
        self._mailer = mailer
        self._settings = settings
        self._sender = sender

    async def send_email(self, request: EmailRequest, to: str) -> tuple[str, bool]:
        """Write a message down for delivery; return its id, and whether it had been asked for before.

        Raises Invalid, and IdempotencyKeyReused when the key stands for a message of another kind or to another.
        """
        if not 0 < len(request.key) <= KEY_LIMIT or not request.key.isprintable():
            raise Invalid(f"key must be 1 to {KEY_LIMIT} printable characters")
        check_address(to)
        check(request.template, request.params)
        async with self.db.transaction() as tx:
            return await self._queue(tx, request, to)

    async def write_to(self, request: EmailRequest) -> None:
        """Send a message to a person by id, unless they do not want its kind.

        Nobody is written to who has left. Raises Unavailable while their address is not known: identity's announcement
        may be on its way.
        """
        async with self.db.transaction() as tx:
            if await store.has_left(tx, request.user_id):
                return
            address = await store.address_of(tx, request.user_id)
            if not address:
                raise Unavailable(f"the address of {request.user_id} is not known yet")
            chosen = await store.preferences_of(tx, request.user_id)
            if chosen.get(TEMPLATES[request.template].category, True):
                await self._queue(tx, request, address)

    async def deliver(self, email_id: str) -> None:
        """Hand a message to the mail server. Raises Unavailable when it should be tried again."""
        async with self.db.snapshot() as tx:
            email = await store.find_email(tx, email_id)
        if email is None or email.state != "queued":
            return
        try:
            await self._mailer.send(self._compose(email))
        except MailRefused as refusal:
            MAIL.labels("refused").inc()
            await self._end(email, "failed", refusal.detail)
        except Unavailable as problem:
            MAIL.labels("unavailable").inc()
            async with self.db.transaction() as tx:
                await store.note_attempt(tx, email.id, problem.detail)
            raise
        else:
            MAIL.labels("sent").inc()
            await self._end(email, "sent")

    async def messages_of(
        self, user_id: str, limit: int = DEFAULT_LIMIT, cursor: str = "", *, state: State | None = None
    ) -> Page[Email]:
        """Return a person's messages, in one state or any, newest first. Raises Invalid for a strange cursor."""
        (before_id,) = decode_cursor(cursor, str) or ("",)
        async with self.db.snapshot() as tx:
            rows = await store.emails_of(tx, user_id, before_id, limit + 1, state=state)
        return make_page(rows, limit, lambda email: [email.id])

    async def delete_expired(self) -> None:
        """Delete messages whose time to be listed is over; those that wait to be sent stay."""
        before_us = self.db.clock.now_us() - self._settings.kept_days * DAY_US
        await delete_in_batches(self.db, store.email, store.old_emails(before_us))

    async def preferences_of(self, user_id: str) -> dict[str, bool]:
        """Return which kinds of e-mail a person gets."""
        async with self.db.snapshot() as tx:
            chosen = await store.preferences_of(tx, user_id)
        return {category: chosen.get(category, True) for category in CATEGORIES}

    async def change_preferences(self, user_id: str, wanted: Mapping[str, bool]) -> dict[str, bool]:
        """Change which kinds of e-mail a person gets. Raises Invalid for security messages."""
        if not wanted.get("security", True):
            raise Invalid.of("email.security", "messages about the security of the account are always sent")
        async with self.db.transaction() as tx:
            await store.set_preferences(tx, user_id, wanted)
            tx.publish(NotificationSettingsChanged(user_id=user_id, wanted=dict(wanted)))
        return await self.preferences_of(user_id)

    async def _queue(self, tx: Tx, request: EmailRequest, to: str) -> tuple[str, bool]:
        email = Email(
            id=new_id("msg"),
            user_id=request.user_id,
            address=to,
            template=request.template,
            subject=subject_of(request.template, request.params, self._settings.brand),
            params=request.params,
            state="queued",
            attempts=0,
            error="",
            created_at_us=tx.now_us,
            ended_us=0,
        )
        if await store.add_email(tx, email, request.key):
            tx.enqueue("deliver_email", {"email_id": email.id})
            return email.id, False
        known = await store.email_by_key(tx, request.key)
        assert known is not None
        # The rest may differ: a retry by the sender may carry a newer link.
        if (known.template, known.address or to) != (request.template, to):
            raise IdempotencyKeyReused(f"the key {request.key!r} stands for another message")
        return known.id, True

    async def _end(self, email: Email, state: str, error: str = "") -> None:
        async with self.db.transaction() as tx:
            if await store.end_email(tx, email.id, state, error) and state == "sent":
                tx.publish(EmailSent(message_id=email.id, user_id=email.user_id, template=email.template))
            if await store.has_left(tx, email.user_id):
                await store.delete_email(tx, email.id)

    def _compose(self, email: Email) -> EmailMessage:
        settings = self._settings
        page = render(email.template, email.params, settings.brand, settings.support_address)
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = email.address
        message["Subject"] = page.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(email.created_at_us // SECOND_US, UTC))
        # The same for every try, so that a receiver knows a repeat.
        message["Message-ID"] = f"<{email.id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps holiday replies away
        if settings.support_address:
            message["Reply-To"] = settings.support_address
        message.set_content(page.text)
        message.add_alternative(page.html, subtype="html")
        return message
