"""The operations of the identity service, by what a person wants.

signup     register, verify the address
signin     prove who you are factor by factor, then open a session
recovery   forgotten, reset and changed passwords
email_change  another address
notes      what operators note about a customer
leaving    deleting an account, and keeping it after all
accounts   accounts as operators see them
account_counts  how many there are
mail       the links and notices that the others enqueue as jobs
passwords  hashing and checking, off the event loop
strength   how easily a password is guessed
lockout    counting failed attempts
devices    browsers that signed in before
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tollway.fabric.db import Database
from tollway.services.identity.factors import FACTORS, FactorContext, MakeFactor
from tollway.services.identity.model import lock_rules
from tollway.services.identity.service.account_counts import AccountCounts
from tollway.services.identity.service.accounts import Accounts
from tollway.services.identity.service.devices import Devices
from tollway.services.identity.service.email_change import EmailChange
from tollway.services.identity.service.leaving import Leaving
from tollway.services.identity.service.lockout import Lockout
from tollway.services.identity.service.mail import Mail
from tollway.services.identity.service.notes import Notes
from tollway.services.identity.service.passwords import Passwords
from tollway.services.identity.service.proof import PasswordProof
from tollway.services.identity.service.recovery import Recovery
from tollway.services.identity.service.signin import SessionOpener, SignIn
from tollway.services.identity.service.signup import SignUp
from tollway.services.identity.settings import IdentitySettings

if TYPE_CHECKING:
    from tollway.contracts.notifications_pb2_grpc import NotificationsAsyncStub
    from tollway.contracts.tokens_pb2_grpc import TokensAsyncStub
    from tollway.contracts.user_data_pb2_grpc import UserDataAsyncStub


class Identity:
    """See the package docstring for what the service promises."""

    def __init__(
        self,
        db: Database,
        settings: IdentitySettings,
        public_url: str,
        tokens: "TokensAsyncStub",
        notifications: "NotificationsAsyncStub",
        device_key: bytes,
        factors: Sequence[MakeFactor] = FACTORS,
        neighbours: "Mapping[str, UserDataAsyncStub] | None" = None,
    ) -> None:
        """`neighbours` are the services that may have something against somebody's leaving."""
        self.db = db
        self.passwords = Passwords(settings)
        self.mail = Mail(db, settings, public_url, tokens, notifications)
        self.notes = Notes(db)
        lockout = Lockout(self.mail, lock_rules(settings))
        self.devices = Devices(device_key)
        self.sessions = SessionOpener(db, self.mail, tokens)
        context = FactorContext(db, self.passwords)
        proof = PasswordProof(db, self.passwords, lockout)
        self.leaving = Leaving(
            db, proof, self.mail, notifications, neighbours or {}, settings.deletion_grace_days
        )
        self.signin = SignIn(
            db, [make(context) for make in factors], lockout, self.sessions, self.devices, self.leaving
        )
        self.signup = SignUp(db, self.passwords, self.mail)
        self.recovery = Recovery(db, self.passwords, proof, self.mail)
        self.email_change = EmailChange(db, proof, self.mail, self.leaving)
        self.account_counts = AccountCounts(db)
        self.accounts = Accounts(
            db, self.passwords, self.mail, self.leaving, tokens, settings.unverified_kept_days
        )

    async def start(self) -> None:
        """Get ready to check passwords."""
        await self.passwords.start()

    async def stop(self) -> None:
        """Finish the password that is being checked."""
        await self.passwords.stop()


__all__ = ["Identity"]
