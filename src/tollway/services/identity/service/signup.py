"""Registering, and confirming the address."""

from tollway.contracts.errors import LinkInvalid, PasswordNeeded
from tollway.contracts.events import EmailVerified, RegistrationRepeated, UserRegistered
from tollway.fabric.db import Database, Tx
from tollway.kit.ids import new_id
from tollway.services.identity import store
from tollway.services.identity.model import Address, User, hash_secret, read_address
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.passwords import Passwords


class SignUp:
    """How a person becomes a user."""

    def __init__(self, db: Database, passwords: Passwords, mail: Mail) -> None:
        self._db = db
        self._passwords = passwords
        self._mail = mail

    async def register(self, email: str, password: str, ip: str = "") -> None:
        """Take a registration; the result is sent by mail only.

        A free address gets an account and a link to verify it. An address that was never verified gets another link,
        and from then on has no password: whoever holds the mailbox chooses it, since nobody knows which registration
        was theirs. A verified one is reminded of its account. Raises Invalid, Unavailable.
        """
        address = read_address(email)
        await self._passwords.check(password, address.email, ip=ip)
        # Hashed whether needed or not: the time it takes must not reveal whether the address is known.
        password_hash = await self._passwords.hash(password, ip)
        async with self._db.transaction() as tx:
            fresh = new_user(tx, address, password_hash)
            if await store.add_user(tx, fresh):
                tx.publish(UserRegistered(user_id=fresh.id, email=fresh.email), actor=fresh.id)
                await self._mail.enqueue_link(tx, fresh, "verify_email")
                return
            known = await store.user_by_key(tx, address.key)
            assert known is not None
            if known.email_verified:
                self._mail.enqueue_reminder(tx, known.id)
            else:
                await store.forget_password(tx, known)
                tx.publish(RegistrationRepeated(user_id=known.id))
                await self._mail.enqueue_link(tx, known, "verify_email")

    async def resend(self, email: str) -> None:
        """Send the link again, if there is an account that needs it. Raises Invalid."""
        address = read_address(email)
        async with self._db.transaction() as tx:
            self._mail.enqueue_link_request(tx, address.key, "verify_email")

    async def verify(self, token: str, password: str | None = None, ip: str = "") -> None:
        """Confirm an address with the token of its mail, once.

        `password` becomes the account's, in the place of the one it was registered with: the holder of the mailbox
        need not be who registered. Raises LinkInvalid, PasswordNeeded, Invalid for a weak password, Unavailable.
        """
        token_hash = hash_secret(token)
        async with self._db.snapshot() as tx:
            link = await store.find_link(tx, token_hash, "verify_email")
            user = None if link is None else await store.user_by_id(tx, link.user_id)
        if user is None or user.email_verified:
            raise LinkInvalid
        password_hash = None
        if password is not None:
            await self._passwords.check(password, user.email, ip=ip)
            password_hash = await self._passwords.hash(password, ip)
        elif not user.password_hash:
            raise PasswordNeeded
        async with self._db.transaction() as tx:
            if await store.take_link(tx, token_hash, "verify_email") is None:
                raise LinkInvalid
            if not await store.verify_email(tx, user, password_hash):
                raise LinkInvalid
            await store.void_links(tx, user.id, "verify_email", "password_reset")
            tx.publish(EmailVerified(user_id=user.id, email=user.email), actor=user.id)


def new_user(tx: Tx, address: Address, password_hash: str, *, verified: bool = False) -> User:
    """Make an account of a customer."""
    return User(
        id=new_id("usr"),
        email=address.email,
        email_key=address.key,
        password_hash=password_hash,
        roles=("customer",),
        state="active",
        email_verified_at_us=tx.now_us if verified else None,
        password_changed_at_us=tx.now_us,
        created_at_us=tx.now_us,
        epoch=0,
    )
