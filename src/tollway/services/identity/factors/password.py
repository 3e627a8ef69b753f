"""The password."""

from typing import TYPE_CHECKING

from tollway.fabric.db import Database
from tollway.services.identity import store
from tollway.services.identity.factors.factor import Details
from tollway.services.identity.model import User

if TYPE_CHECKING:
    from tollway.services.identity.service.passwords import Passwords


class PasswordFactor:
    """Something the user knows. A hash of an older kind is replaced when it is used."""

    name = "password"
    primary = True

    def __init__(self, db: Database, passwords: "Passwords") -> None:
        self._db = db
        self._passwords = passwords

    async def challenge(self, user: User | None) -> Details:  # noqa: ARG002
        """Return an empty challenge: the password is known already."""
        return {}

    async def verify(self, user: User | None, response: str, challenge: Details) -> str | None:  # noqa: ARG002
        """Return `pwd` for the right password. Raises Unavailable when too many are being checked."""
        good, better_hash = await self._passwords.verify(response, user.password_hash if user else None)
        if user is None or not good:
            return None
        if better_hash is not None:
            async with self._db.transaction() as tx:
                await store.rehash(tx, user, better_hash)
        return "pwd"
