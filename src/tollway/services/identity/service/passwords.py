"""Passwords, hashed and checked off the event loop.

Two threads do it, with a bounded queue: a flood of logins gets 503, and neither memory nor other requests suffer.
New hashes are argon2id (RFC 9106). bcrypt hashes brought from elsewhere are accepted and replaced.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher
from zxcvbn import zxcvbn  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from tollway.kit.errors import Invalid, Unavailable
from tollway.services.identity.model import MAX_PASSWORD, MIN_STRENGTH, check_length
from tollway.services.identity.settings import IdentitySettings

# zxcvbn refuses more, and its time grows fast with the length.
_LOOKED_AT = 72
Result = TypeVar("Result")


class Passwords:
    """Hashes, checks and judges passwords."""

    def __init__(self, settings: IdentitySettings) -> None:
        argon2 = Argon2Hasher(time_cost=1, memory_cost=settings.hash_memory_kib, parallelism=1)
        self._hasher = PasswordHash((argon2, BcryptHasher()))
        self._threads = ThreadPoolExecutor(settings.hash_workers, "passwords")
        self._limit = settings.hash_queue + settings.hash_workers
        self._inside = 0
        self._unknown_user_hash = ""

    async def start(self) -> None:
        """Make the hash that passwords of unknown accounts are checked against."""
        self._unknown_user_hash = await self.hash("nobody has this password")

    async def stop(self) -> None:
        """Wait for the work in hand."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash to store. Raises Unavailable when too many wait."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Tell whether a password is right, and a better hash to store when the stored one is old-fashioned.

        Without a stored hash the same work is done, and the answer is no. Raises Unavailable.
        """
        if not self._unknown_user_hash:
            await self.start()
        return await self._run(self._verify, password, stored)

    async def check(self, password: str, email: str, field: str = "password") -> None:
        """Refuse a password that is too short, too long or easily guessed. Raises Invalid, Unavailable."""
        check_length(password, field)
        strength, advice = await self._run(_strength, password, email)
        if strength < MIN_STRENGTH:
            raise Invalid.of(field, f"is too easy to guess; {advice or 'add another word or two'}")

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if len(password) > MAX_PASSWORD:
            return False, None
        try:
            good, better = self._hasher.verify_and_update(password, stored or self._unknown_user_hash)
        except (ValueError, UnknownHashError):
            # bcrypt raises above 72 bytes, and a hash of an unknown kind fits no password.
            return False, None
        return (good, better) if stored else (False, None)

    async def _run(self, work: Callable[..., Result], *args: Any) -> Result:
        if self._inside >= self._limit:
            raise Unavailable(
                "too many people sign in at this moment; try again in a second", retry_after_s=1
            )
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._inside -= 1


def _strength(password: str, email: str) -> tuple[int, str]:
    about = [email, email.partition("@")[0], "tollway"]
    found = cast("dict[str, Any]", zxcvbn(password[:_LOOKED_AT], user_inputs=about))
    feedback: dict[str, Any] = found["feedback"]
    reason = str(feedback["warning"] or next(iter(feedback["suggestions"]), ""))
    return int(found["score"]), (reason[:1].lower() + reason[1:]).rstrip(".")
