"""Opening a session for a user who has proven who they are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.contracts import tokens_pb2
from tollway.contracts.errors import BadLogin
from tollway.contracts.events import UserLoggedIn
from tollway.fabric.db import Database
from tollway.services.identity import store
from tollway.services.identity.model import SignInAttempt, User
from tollway.services.identity.service.mail import Mail

if TYPE_CHECKING:
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and the session that was opened for them."""

    user: User
    session: tokens_pb2.SessionTokens


class SessionOpener:
    """Opens sessions at the tokens service, and ends those that must not count."""

    def __init__(self, db: Database, mail: Mail, tokens: "TokensAsyncStub") -> None:
        self._db = db
        self._mail = mail
        self._tokens = tokens

    async def open(self, user: User, attempt: SignInAttempt) -> SignedIn:
        """Open the session of a proven attempt.

        The session ends again if the account changed since the factors were checked: without this, a sign-in that
        was under way would outlive a suspension or a password reset. Raises BadLogin then, and Unavailable.
        """
        client = attempt.client
        session = await self._tokens.OpenSession(
            tokens_pb2.OpenSessionRequest(
                user_id=user.id,
                roles=user.roles,
                amr=attempt.amr,
                client=tokens_pb2.ClientRef(
                    kind=client.kind, client_id=client.client_id, scopes=client.scopes
                ),
                user_agent=attempt.user_agent,
                ip=attempt.ip,
            )
        )
        async with self._db.transaction() as tx:
            unchanged = await store.is_unchanged(tx, user)
            if unchanged:
                signed_in = UserLoggedIn(user_id=user.id, ip=attempt.ip, user_agent=attempt.user_agent)
                tx.publish(signed_in, actor=user.id)
            else:
                self._mail.enqueue_session_end(
                    tx, "account_changed", user_id=user.id, session_id=session.session_id
                )
            await store.advance_attempt(tx, attempt, state="signed_in" if unchanged else "ended")
        if not unchanged:
            raise BadLogin
        return SignedIn(user, session)

    async def replace(self, user_id: str, session_id: str) -> None:
        """End the session that a browser had before it signed in again: nobody holds its cookie any more."""
        async with self._db.transaction() as tx:
            self._mail.enqueue_session_end(tx, "signed_in_again", user_id=user_id, session_id=session_id)
