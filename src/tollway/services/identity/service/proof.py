"""Proving the password again, by somebody who is signed in."""

from tollway.fabric.db import Database
from tollway.kit.errors import Forbidden, Problem
from tollway.services.identity.model import SignInClient, User, session_subject
from tollway.services.identity.service.lockout import Lockout
from tollway.services.identity.service.passwords import Passwords


class PasswordProof:
    """Checks a password in a session. Failures count for that session alone."""

    def __init__(self, db: Database, passwords: Passwords, lockout: Lockout) -> None:
        self._db = db
        self._passwords = passwords
        self._lockout = lockout

    async def check(self, user: User, session_id: str, password: str, client: SignInClient) -> None:
        """Raises Forbidden for a wrong password, AccountLocked, Unavailable."""
        async with self._db.transaction() as tx:
            charged = await self._lockout.charge(tx, session_subject(user.id, session_id), client.ip)
        try:
            good, _ = await self._passwords.verify(password, user.password_hash, client.ip)
        except Problem:
            async with self._db.transaction() as tx:
                await self._lockout.refund(tx, charged)
            raise
        async with self._db.transaction() as tx:
            if good:
                await self._lockout.succeeded(tx, charged)
            else:
                await self._lockout.failed(tx, charged, user, client.ip, "wrong_password")
        if not good:
            raise Forbidden("the current password is wrong")
