"""A new e-mail address: confirmed by a link to the new one, and refused or undone by a link to the old one."""

from tollway.contracts.errors import AddressTaken, LinkInvalid
from tollway.contracts.events import (
    EmailChanged,
    EmailChangeRefused,
    EmailChangeRequested,
    PasswordChanged,
    UserDeleted,
)
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Conflict, Invalid, NotFound, TooManyRequests
from tollway.services.identity import store
from tollway.services.identity.model import EmailLink, SignInClient, User, hash_secret, read_address
from tollway.services.identity.service.leaving import Leaving
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.proof import PasswordProof

_HOUR_S = 3600


class EmailChange:
    """How an account gets another address."""

    def __init__(self, db: Database, proof: PasswordProof, mail: Mail, leaving: Leaving) -> None:
        self._db = db
        self._proof = proof
        self._mail = mail
        self._leaving = leaving

    async def begin(
        self, user_id: str, session_id: str, password: str, email: str, client: SignInClient
    ) -> None:
        """Mail a link to the new address, which completes the change, and one to the present one, which refuses it.

        A newer request voids the link of an older one. Whether the new address has an account is said to its own
        mailbox only. Raises Invalid, Forbidden for a wrong password, AccountLocked, TooManyRequests, Unavailable.
        """
        address = read_address(email)
        async with self._db.snapshot() as tx:
            user = await store.user_by_id(tx, user_id)
        if user is None:
            raise NotFound("there is no such account")
        await self._proof.check(user, session_id, password, client)
        if address.key == user.email_key:
            raise Invalid.of("email", "is the address of your account already")
        async with self._db.transaction() as tx:
            if not await store.is_unchanged(tx, user):
                raise Conflict("the account was changed at the same moment; try again")
            if not await self._mail.enqueue_link(tx, user, "change_email", address.email):
                raise TooManyRequests(
                    "too many changes of the address were asked for; try again in an hour",
                    retry_after_s=_HOUR_S,
                )
            await self._mail.enqueue_refusal_link(tx, user)
            tx.publish(EmailChangeRequested(user_id=user.id), actor=user.id)

    async def pending(self, user_id: str) -> EmailLink | None:
        """Return the change that waits to be confirmed; its `email` is the new address."""
        async with self._db.snapshot() as tx:
            return await store.running_link(tx, user_id, "change_email")

    async def complete(self, token: str) -> None:
        """Give the account its new address, with the token of the mail to it. Sessions go on.

        A registration of that address that nobody confirmed gives way: its maker never proved the mailbox. Raises
        LinkInvalid, and AddressTaken when the address has an account by now.
        """
        async with self._db.transaction() as tx:
            link = await store.take_link(tx, hash_secret(token), "change_email")
            user = None if link is None else await store.user_by_id(tx, link.user_id)
            if link is None or user is None or user.state != "active":
                raise LinkInvalid
            await self._move(tx, user, link.email)
            await self._mail.enqueue_refusal_link(tx, user)

    async def refuse(self, token: str) -> None:
        """Refuse a change, or undo it: the account has again the address that the token was mailed to.

        Whoever asked for the change knew the password, so it works no more: every session and every credential ends,
        and a link to choose another password is mailed. A deletion that was asked for is undone. Links of later changes
        are void; those of earlier ones work on, so that a taken-over mailbox cannot void them. Raises LinkInvalid,
        AddressTaken.
        """
        async with self._db.transaction() as tx:
            link = await store.take_link(tx, hash_secret(token), "refuse_email_change")
            user = None if link is None else await store.user_by_id(tx, link.user_id)
            if link is None or user is None:
                raise LinkInvalid
            if user.state == "deleting" and await self._leaving.stop(tx, user, "kept"):
                user = await store.user_by_id(tx, user.id)
            if user is None or user.state in {"deleting", "deleted"}:
                raise LinkInvalid
            if read_address(link.email).key != user.email_key:
                user = await self._move(tx, user, link.email)
            if not await store.set_password(tx, user, ""):
                raise LinkInvalid
            await store.void_links(tx, user.id, "change_email", "password_reset")
            await store.void_links(tx, user.id, "refuse_email_change", after_us=link.created_at_us)
            tx.publish(EmailChangeRefused(user_id=user.id), actor=user.id)
            tx.publish(PasswordChanged(user_id=user.id, at_us=tx.now_us), actor=user.id)
            self._mail.enqueue_session_end(tx, "email_change_refused", user_id=user.id)
            await self._mail.enqueue_link(tx, user, "password_reset")

    async def _move(self, tx: Tx, user: User, email: str) -> User:
        """Give an account an address that is free, and return it. Raises AddressTaken, LinkInvalid."""
        address = read_address(email)
        removed = await store.take_unverified_address(tx, address.key)
        if removed is not None:
            tx.publish(UserDeleted(user_id=removed, reason="never_confirmed"))
        if await store.user_by_key(tx, address.key) is not None:
            raise AddressTaken
        if not await store.set_email(tx, user, address):
            raise LinkInvalid
        await store.void_links(tx, user.id, "change_email", "password_reset", "verify_email")
        tx.publish(EmailChanged(user_id=user.id, email=address.email), actor=user.id)
        moved = await store.user_by_id(tx, user.id)
        assert moved is not None, "it was changed in this transaction"
        return moved
