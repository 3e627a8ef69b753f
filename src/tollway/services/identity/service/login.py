"""Proving who you are, and opening a session for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tollway.contracts import tokens_pb2
from tollway.contracts.errors import AccountSuspended, BadLogin, EmailNotVerified
from tollway.contracts.events import UserLoggedIn
from tollway.fabric.db import Database
from tollway.kit.errors import Problem
from tollway.services.identity import store
from tollway.services.identity.model import ClientInfo, User, address_key
from tollway.services.identity.service.lockout import Lockout
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.passwords import Passwords

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub

Client = Literal["browser", "program"]
_KINDS = {"browser": tokens_pb2.CLIENT_KIND_BROWSER, "program": tokens_pb2.CLIENT_KIND_PROGRAM}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and the session that was opened for them."""

    user: User
    session: tokens_pb2.SessionTokens


class Login:
    """The two entrances: a cookie for a browser, tokens for a program."""

    def __init__(
        self, db: Database, passwords: Passwords, attempts: Lockout, mail: Mail, tokens: "TokensAsyncStub"
    ) -> None:
        self._db = db
        self._mail = mail
        self._passwords = passwords
        self._attempts = attempts
        self._tokens = tokens

    async def login(self, email: str, password: str, kind: Client, client: ClientInfo) -> SignedIn:
        """Open a session for whoever knows the password.

        Raises BadLogin, AccountLocked; only after the right password AccountSuspended and EmailNotVerified.
        """
        user, better_hash = await self._prove(email, password, client)
        if user.state != "active":
            raise AccountSuspended
        if not user.email_verified:
            raise EmailNotVerified
        session = await self._tokens.OpenSession(
            tokens_pb2.OpenSessionRequest(
                user_id=user.id,
                roles=user.roles,
                amr=["pwd"],
                client=_KINDS[kind],
                user_agent=client.user_agent,
                ip=client.ip,
            )
        )
        await self._settle(user, better_hash, session.session_id, client)
        return SignedIn(user, session)

    async def replace(self, user_id: str, session_id: str) -> None:
        """End the session that a browser had before it signed in again: nobody holds its cookie any more."""
        async with self._db.transaction() as tx:
            self._mail.enqueue_session_end(tx, "signed_in_again", user_id=user_id, session_id=session_id)

    async def _prove(self, email: str, password: str, client: ClientInfo) -> tuple[User, str | None]:
        key = address_key(email)
        token = await self._attempts.begin(key or email, client)
        try:
            async with self._db.snapshot() as tx:
                user = await store.user_by_key(tx, key)
            good, better_hash = await self._passwords.verify(password, user.password_hash if user else None)
        except Problem:
            await self._attempts.withdraw(token)
            raise
        if user is None or not good:
            await self._attempts.failed(token, user, client)
            raise BadLogin
        await self._attempts.succeeded(token)
        return user, better_hash

    async def _settle(self, user: User, better_hash: str | None, session_id: str, client: ClientInfo) -> None:
        """Let the login count, unless the account changed since the password was looked at.

        Without this, a login that was under way would outlive a suspension or a password reset.
        """
        async with self._db.transaction() as tx:
            unchanged = await store.is_unchanged(tx, user)
            if unchanged:
                tx.publish(UserLoggedIn(user_id=user.id, ip=client.ip, user_agent=client.user_agent))
                if better_hash is not None:
                    await store.rehash(tx, user, better_hash)
            else:
                self._mail.enqueue_session_end(tx, "account_changed", user_id=user.id, session_id=session_id)
        if not unchanged:
            raise BadLogin
