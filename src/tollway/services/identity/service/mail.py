"""Mails and what else must not be lost: enqueued as jobs in the transaction that calls for them.

A link's token is made when the mail is sent and exists in the mail only; the database has its hash.
"""

import secrets
from typing import TYPE_CHECKING, Any

from tollway.contracts import notifications_pb2, tokens_pb2
from tollway.contracts.events import LinkRequested
from tollway.fabric.db import Database, Tx
from tollway.kit.ids import new_id
from tollway.kit.times import DAY_US, MINUTE_US, SECOND_US, to_rfc3339
from tollway.services.identity import store
from tollway.services.identity.model import (
    LINK_PAGES,
    LOGIN_PAGE,
    EmailLink,
    Purpose,
    User,
    hash_secret,
    read_address,
)
from tollway.services.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from tollway.contracts.notifications_pb2_grpc import NotificationsAsyncStub
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

# Somebody who registers a taken address again and again makes one mail in this time.
_REMIND_EVERY_US = 10 * MINUTE_US


class Mail:
    """Enqueues jobs and runs them."""

    def __init__(
        self,
        db: Database,
        settings: IdentitySettings,
        public_url: str,
        tokens: "TokensAsyncStub",
        notifications: "NotificationsAsyncStub",
    ) -> None:
        self._db = db
        self._settings = settings
        self._public_url = public_url.rstrip("/")
        self._tokens = tokens
        self._notifications = notifications

    # ── enqueueing in a transaction ─────────────────────────────────────────────────────────────────

    async def enqueue_link(self, tx: Tx, user: User, purpose: Purpose, email: str = "") -> bool:
        """Have a link mailed, which voids the older ones; False when the user was sent enough in the last hour.

        It goes to `email`, or to the account's address.
        """
        if await store.links_of_the_hour(tx, user.id, purpose) >= self._settings.mails_per_hour:
            return False
        resetting = purpose == "password_reset"
        life_s = self._settings.reset_link_life_s if resetting else self._settings.verify_link_life_s
        await store.void_links(tx, user.id, purpose)
        await self._add_link(tx, user, purpose, email, life_s * SECOND_US)
        return True

    async def enqueue_keep_link(self, tx: Tx, user: User, until_us: int) -> None:
        """Have a link mailed that undoes the deletion of an account, until it is erased."""
        await self._add_link(tx, user, "keep_account", "", until_us - tx.now_us)

    async def enqueue_refusal_link(self, tx: Tx, user: User) -> None:
        """Have a link mailed to the address that an account has now: it refuses a change, or undoes it later."""
        life_us = self._settings.refuse_link_life_days * DAY_US
        await self._add_link(tx, user, "refuse_email_change", user.email, life_us)

    async def _add_link(self, tx: Tx, user: User, purpose: Purpose, email: str, life_us: int) -> None:
        link = EmailLink(new_id("lnk"), user.id, purpose, tx.now_us, tx.now_us + life_us, email)
        await store.add_link(tx, link)
        tx.enqueue("send_link", {"link_id": link.id})

    def enqueue_notice(self, tx: Tx, user_id: str, template: str, at_us: int, every_us: int = 1) -> None:
        """Have a notice mailed of what happened at `at_us`; one of its kind in each `every_us` microseconds."""
        period = at_us // every_us
        job = {
            "user_id": user_id,
            "template": template,
            "at_us": at_us,
            "key": f"{template}:{user_id}:{period}",
        }
        tx.enqueue("send_notice", job)

    def enqueue_reminder(self, tx: Tx, user_id: str) -> None:
        """Have a reminder mailed to a user who has an account already."""
        self.enqueue_notice(tx, user_id, "account_exists", tx.now_us, _REMIND_EVERY_US)

    def enqueue_link_request(self, tx: Tx, email_key: str, purpose: Purpose) -> None:
        """Have a link mailed to whoever has this address, if anybody: the asking costs the same for all."""
        tx.enqueue("find_and_link", {"email_key": email_key, "purpose": purpose})

    def enqueue_session_end(
        self, tx: Tx, reason: str, *, user_id: str, session_id: str = "", except_session_id: str = ""
    ) -> None:
        """Have a session ended, or those that a user has now: the job may run when there are newer ones."""
        ending = {"user_id": user_id, "session_id": session_id, "except_session_id": except_session_id}
        before_us = 0 if session_id else tx.now_us
        tx.enqueue("end_sessions", {**ending, "reason": reason, "opened_until_us": before_us})

    # ── running the jobs ────────────────────────────────────────────────────────────────────────────────

    async def send_link(self, link_id: str) -> None:
        """Mail a link with a fresh token. Raises Problem when notifications does not take it."""
        token = secrets.token_urlsafe(32)
        async with self._db.transaction() as tx:
            link = await store.issue_link_token(tx, link_id, hash_secret(token))
            user = None if link is None else await store.user_by_id(tx, link.user_id)
            if link is not None and link.purpose == "change_email":
                holder = await store.user_by_key(tx, read_address(link.email).key)
                if holder is not None and holder.email_verified:
                    # Only whoever has the mailbox learns that the address is taken. The link leads nowhere.
                    self.enqueue_reminder(tx, holder.id)
                    return
        if link is None or user is None:
            return
        await self._send(
            user,
            _template_of(link, user),
            to=link.email,
            key=f"{link.id}:{hash_secret(token)[:16]}",
            # The fragment is not sent by browsers: the token gets into no log and no Referer.
            link=f"{self._public_url}/{LINK_PAGES[link.purpose]}#token={token}",
            token=token,
            expires_at=to_rfc3339(link.expires_at_us),
        )

    async def send_notice(self, user_id: str, template: str, at_us: int, key: str = "") -> None:
        """Mail a notice, one for each key. Raises Problem when notifications does not take it."""
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, user_id)
        if user is not None:
            await self._send(
                user,
                template,
                key=key or f"{template}:{user_id}:{at_us}",
                at=to_rfc3339(at_us),
                link=f"{self._public_url}/{LOGIN_PAGE}",
            )

    async def find_and_link(self, email_key: str, purpose: Purpose) -> None:
        """Enqueue a link for an address that has an account in need of it; otherwise do nothing."""
        async with self._db.transaction() as tx:
            user = await store.user_by_key(tx, email_key)
            if user is not None and not (purpose == "verify_email" and user.email_verified):
                mailed = await self.enqueue_link(tx, user, purpose)
                tx.publish(LinkRequested(user_id=user.id, purpose=purpose, mailed=mailed))

    async def end_sessions(self, payload: dict[str, Any]) -> None:
        """End sessions. Raises Problem when tokens does not answer."""
        await self._tokens.Revoke(tokens_pb2.RevokeRequest(**payload))

    async def _send(self, user: User, template: str, *, key: str, to: str = "", **params: str) -> None:
        await self._notifications.SendEmail(
            notifications_pb2.SendEmailRequest(
                key=f"identity:{key}",
                to=to or user.email,
                template=template,
                params=params,
                user_id=user.id,
            )
        )


def _template_of(link: EmailLink, user: User) -> str:
    """Return the e-mail that carries a link: the old address is written to before a change and after it."""
    undoes = link.purpose == "refuse_email_change" and link.email != user.email
    return "email_changed" if undoes else link.purpose
