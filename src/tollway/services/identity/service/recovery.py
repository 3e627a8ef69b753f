"""Forgotten, reset and changed passwords. Each ends the sessions that relied on the old one."""

from tollway.contracts.errors import LinkInvalid
from tollway.contracts.events import EmailVerified, PasswordChanged
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound
from tollway.services.identity import store
from tollway.services.identity.model import (
    SignInClient,
    User,
    account_subject,
    hash_secret,
    normalize_password,
    read_address,
)
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.service.proof import PasswordProof


class Recovery:
    """How a password is replaced: by the mailbox, or by the old one."""

    def __init__(self, db: Database, passwords: Passwords, proof: PasswordProof, mail: Mail) -> None:
        self._db = db
        self._passwords = passwords
        self._proof = proof
        self._mail = mail

    async def forgot(self, email: str) -> None:
        """Mail a link to set a new password, if there is an account. Raises Invalid."""
        address = read_address(email)
        async with self._db.transaction() as tx:
            self._mail.enqueue_link_request(tx, address.key, "password_reset")

    async def reset(self, token: str, new_password: str, ip: str = "") -> None:
        """Set a new password with the token of a mail, once.

        It proves the mailbox, so the address counts as verified and the account's lock is lifted. Every session
        ends, and every credential that was issued. Raises LinkInvalid, Invalid, Unavailable.
        """
        token_hash = hash_secret(token)
        async with self._db.snapshot() as tx:
            link = await store.find_link(tx, token_hash, "password_reset")
            user = None if link is None else await store.user_by_id(tx, link.user_id)
        if user is None:
            raise LinkInvalid
        await self._passwords.check(new_password, user.email, "new_password", ip)
        new_hash = await self._passwords.hash(new_password, ip)
        async with self._db.transaction() as tx:
            if await store.take_link(tx, token_hash, "password_reset") is None:
                raise LinkInvalid
            if not await store.set_password(tx, user, new_hash, verified=True):
                raise LinkInvalid
            await store.delete_counters(tx, account_subject(user.email_key))
            if not user.email_verified:
                tx.publish(EmailVerified(user_id=user.id, email=user.email), actor=user.id)
            await self._changed(tx, user, "password_reset")

    async def change(
        self,
        user_id: str,
        session_id: str,
        current: str,
        new_password: str,
        client: SignInClient,
        *,
        keep_credentials: bool = False,
    ) -> None:
        """Set a new password, knowing the current one; every other session ends, and credentials unless kept.

        Raises Forbidden for a wrong current password, AccountLocked, Invalid, Unavailable.
        """
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, user_id)
        if user is None:
            raise NotFound("there is no such account")
        await self._proof.check(user, session_id, current, client)
        if normalize_password(new_password) == normalize_password(current):
            raise Invalid.of("new_password", "is the old one; choose another")
        await self._passwords.check(new_password, user.email, "new_password", client.ip)
        new_hash = await self._passwords.hash(new_password, client.ip)
        async with self._db.transaction() as tx:
            if not await store.set_password(tx, user, new_hash):
                raise Conflict("the account was changed at the same moment; try again")
            await self._changed(
                tx, user, "password_changed", session_id=session_id, keep_credentials=keep_credentials
            )

    async def _changed(
        self, tx: Tx, user: User, reason: str, *, session_id: str = "", keep_credentials: bool = False
    ) -> None:
        await store.void_links(tx, user.id, "password_reset", "verify_email")
        tx.publish(
            PasswordChanged(
                user_id=user.id, session_id=session_id, at_us=tx.now_us, keep_credentials=keep_credentials
            ),
            actor=user.id,
        )
        self._mail.enqueue_notice(tx, user.id, "password_changed", tx.now_us)
        self._mail.enqueue_session_end(tx, reason, user_id=user.id, except_session_id=session_id)
