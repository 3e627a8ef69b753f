"""The operations of the identity service, by what a person wants.

signup     register, verify the address
login      prove who you are, open a session
recovery   forgotten, reset and changed passwords
people     accounts as operators see them
mail       the links and notices that the others leave as jobs
passwords  hashing and checking, off the event loop
attempts   counting failed tries
"""

from typing import TYPE_CHECKING

from tollway.fabric.db import Database
from tollway.services.identity.model import rules
from tollway.services.identity.service.accounts import Accounts
from tollway.services.identity.service.lockout import Lockout
from tollway.services.identity.service.login import Login
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.service.recovery import Recovery
from tollway.services.identity.service.signup import SignUp
from tollway.services.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from tollway.contracts.notifications_pb2_grpc import NotificationsAsyncStub
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub


class Identity:
    """See the package docstring for what the service promises."""

    def __init__(
        self,
        db: Database,
        settings: IdentitySettings,
        public_url: str,
        tokens: "TokensAsyncStub",
        notifications: "NotificationsAsyncStub",
    ) -> None:
        self.db = db
        self.passwords = Passwords(settings)
        self.mail = Mail(db, settings, public_url, tokens, notifications)
        attempts = Lockout(db, self.mail, *rules(settings))
        self.login = Login(db, self.passwords, attempts, self.mail, tokens)
        self.signup = SignUp(db, self.passwords, self.mail)
        self.recovery = Recovery(db, self.passwords, attempts, self.mail)
        self.accounts = Accounts(db, self.passwords, self.mail, settings.unverified_kept_days)

    async def start(self) -> None:
        """Get ready to check passwords."""
        await self.passwords.start()

    async def stop(self) -> None:
        """Finish the password that is being checked."""
        await self.passwords.stop()


__all__ = ["Identity"]
