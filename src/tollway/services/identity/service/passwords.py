"""Passwords, hashed, checked and judged off the event loop, each at a bounded cost.

What signs people in and what sets new passwords have threads and queues of their own: a flood of registrations gets 503
and neither memory nor sign-ins suffer. No network address has more than a share of a queue. New hashes are argon2id
(RFC 9106). bcrypt hashes brought from elsewhere are accepted and replaced.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from tollway.kit.errors import Invalid, Unavailable
from tollway.services.identity.model import (
    MAX_PASSWORD,
    MIN_STRENGTH,
    check_password,
    ip_subject,
    normalize_password,
    password_spellings,
)
from tollway.services.identity.service.strength import strength
from tollway.services.identity.settings import IdentitySettings

# A stored hash that costs more than this to check is taken for none: it would hold a thread for minutes.
_MAX_BCRYPT_ROUNDS = 14
_MAX_ARGON2_KIB = 1 << 20
_MAX_ARGON2_PASSES = 16
_BCRYPT = re.compile(r"\$2[abxy]?\$(\d\d)\$")
_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$")
Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Passwords:
    """Hashes, checks and judges passwords."""

    def __init__(self, settings: IdentitySettings) -> None:
        argon2 = Argon2Hasher(time_cost=1, memory_cost=settings.hash_memory_kib, parallelism=1)
        self._hasher = PasswordHash((argon2, BcryptHasher()))
        share = settings.hash_per_address
        self._checks = _Lane("password checks", settings.hash_workers, settings.hash_queue, share)
        self._changes = _Lane("new passwords", 1, settings.hash_queue, share)
        self._unknown_user_hash = ""

    async def start(self) -> None:
        """Make the hash that passwords of unknown accounts are checked against."""
        self._unknown_user_hash = await self._checks.run("", self._hasher.hash, "nobody has this password")

    async def stop(self) -> None:
        """Wait for the work in hand."""
        await asyncio.gather(self._checks.stop(), self._changes.stop())

    async def hash(self, password: str, ip: str = "") -> str:
        """Return the hash to store. Raises Unavailable when too many wait, in all or from this network address."""
        return await self._changes.run(ip, self._hasher.hash, normalize_password(password))

    async def verify(self, password: str, stored: str | None, ip: str = "") -> tuple[bool, str | None]:
        """Return whether a password is right, and a better hash to store when the stored one is old-fashioned.

        Without a stored hash the same work is done, and the password is wrong. Raises Unavailable.
        """
        if not self._unknown_user_hash:
            await self.start()
        return await self._checks.run(ip, self._verify, password, stored)

    async def check(self, password: str, email: str, field: str = "password", ip: str = "") -> None:
        """Refuse a password that is too short, too long or easily guessed. Raises Invalid, Unavailable."""
        check_password(password, field)
        points, advice = await self._changes.run(ip, strength, normalize_password(password), email)
        if points < MIN_STRENGTH:
            raise Invalid.of(field, f"is too easy to guess; {advice or 'add another word or two'}")

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if len(password) > MAX_PASSWORD:
            return False, None
        against = stored if stored and _is_affordable(stored) else self._unknown_user_hash
        if stored and against != stored:
            _log.warning(
                "a stored password hash is of an unknown kind or too expensive; its owner needs a reset"
            )
        usual, *others = password_spellings(password)
        good, better = self._fits(usual, against)
        if not good and any(self._fits(other, against)[0] for other in others):
            # The hash is of another spelling of the same password, from before they were normalized.
            good, better = True, self._hasher.hash(usual)
        return (good, better) if against == stored else (False, None)

    def _fits(self, password: str, stored: str) -> tuple[bool, str | None]:
        try:
            return self._hasher.verify_and_update(password, stored)
        except (ValueError, UnknownHashError):
            # bcrypt raises above 72 bytes, a lone surrogate has no bytes, and a hash of an unknown kind fits nothing.
            return False, None


class _Lane:
    """Threads and a bounded queue for one sort of work, of which nobody gets more than a share."""

    def __init__(self, name: str, workers: int, queue: int, share: int) -> None:
        self._threads = ThreadPoolExecutor(workers, name)
        self._limit, self._share = queue + workers, share
        self._inside: Counter[str] = Counter()

    async def stop(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def run(self, ip: str, work: Callable[..., Result], *args: Any) -> Result:
        network = ip_subject(ip)
        if self._inside.total() >= self._limit or (ip and self._inside[network] >= self._share):
            raise Unavailable(
                "too many passwords are being checked at this moment; try again in a second", retry_after_s=1
            )
        self._inside[network] += 1
        running = self._threads.submit(work, *args)
        # It holds its place until its thread is done with it, also when nobody waits for the result any more.
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _: _soon(loop, self._leave, network))
        return await asyncio.wrap_future(running)

    def _leave(self, network: str) -> None:
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[str], None], network: str) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, network)


def _is_affordable(stored: str) -> bool:
    """Return whether a stored hash can be checked at a bounded cost."""
    if bcrypt := _BCRYPT.match(stored):
        return int(bcrypt[1]) <= _MAX_BCRYPT_ROUNDS
    if argon2 := _ARGON2.match(stored):
        memory_kib, passes, _ = (int(one) for one in argon2.groups())
        return memory_kib <= _MAX_ARGON2_KIB and passes <= _MAX_ARGON2_PASSES
    return False
