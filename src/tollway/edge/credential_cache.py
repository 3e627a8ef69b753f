"""Logins: what the access service said about a credential, remembered for as long as it allowed.

Verdicts are kept under a keyed hash of the credential, so no secret stays in memory. A change announced
by the access service drops what it touches; an answer that was on its way meanwhile is asked for again.
"""

import os
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from tollway.contracts.access_pb2 import Change, Grant
from tollway.edge import refusal
from tollway.edge.access_client import AccessClient
from tollway.edge.credential import Credential, fingerprint
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.refusal import Refusal
from tollway.fabric.clock import Clock
from tollway.kit.errors import Problem
from tollway.kit.tasks import spawn

AuthResult = Grant | Refusal
Ask = Callable[[], Awaitable[Grant]]
_REMEMBERED = 100_000
_ASKED = 256
_MOST_S = 60.0  # whatever the wall clocks of this machine and the service make of it


class CredentialCache:
    """Judges credentials: `known` when remembered, else `ask` the access service."""

    def __init__(
        self,
        *,
        access: AccessClient,
        clock: Clock,
        failed_ttl_s: float,
        metrics: EdgeMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic, self._metrics = monotonic, metrics
        self._access, self._clock, self._failed_ttl_s = access, clock, failed_ttl_s
        self._key = os.urandom(32)
        self._cached: dict[bytes, tuple[float, AuthResult]] = {}
        self._asked: dict[bytes, list[Callable[[AuthResult], None]]] = {}
        self._changes = 0
        self.open = False  # until the access service knows this node, nobody is let in

    def key(self, credential: Credential) -> bytes:
        """Return what a credential is remembered by."""
        return blake2b(fingerprint(credential), digest_size=16, key=self._key).digest()

    def cached(self, key: bytes) -> AuthResult | None:
        """Return the verdict that is remembered, or None."""
        cached = self._cached.get(key)
        if cached is None or cached[0] <= self._monotonic():
            return None
        self._metrics.logins["cached"] += 1
        return cached[1]

    def lookup(
        self,
        key: bytes,
        credential: Credential,
        protocol: str,
        client: str,
        then: Callable[[AuthResult], None],
    ) -> None:
        """Ask the access service; many who ask about the same credentials at once get one answer."""
        if not self.open:
            then(refusal.UNAVAILABLE)
        elif key in self._asked:
            self._asked[key].append(then)
        elif len(self._asked) >= _ASKED:
            then(refusal.UNAVAILABLE)
        else:
            self._asked[key] = [then]
            spawn(self._ask(key, lambda: self._access.authenticate(credential, protocol, client)), "login")

    def invalidate(self, change: Change) -> None:
        """Drop the verdicts that a change touches."""
        self._changes += 1
        if change.kind == "source_address_added":
            self._cached = {
                key: cached for key, cached in self._cached.items() if not isinstance(cached[1], Refusal)
            }
            return
        self._cached = {
            key: cached
            for key, cached in self._cached.items()
            if isinstance(cached[1], Refusal) or not affects(change, cached[1])
        }

    async def _ask(self, key: bytes, lookup: Ask) -> None:
        self._metrics.logins["asked"] += 1
        result, keep_s = await self._answer(lookup)
        if keep_s > 0:
            if len(self._cached) >= _REMEMBERED:
                del self._cached[next(iter(self._cached))]
            self._cached[key] = (self._monotonic() + keep_s, result)
        for then in self._asked.pop(key):
            then(result)

    async def _answer(self, lookup: Ask) -> tuple[AuthResult, float]:
        """Return the verdict, and for how many seconds it may be remembered."""
        while True:
            before = self._changes
            try:
                grant = await lookup()
            except Problem as problem:
                result = refusal.of_problem(problem)
                if result is refusal.UNAVAILABLE:
                    return result, 0
                if before == self._changes:
                    return result, self._failed_ttl_s
                continue
            if before == self._changes:
                keep_s = (grant.cache_until_us - self._clock.now_us()) / 1_000_000
                return grant, min(keep_s, _MOST_S)


def affects(change: Change, grant: Grant) -> bool:
    """Return whether a change is about this grant: the most particular id it names decides."""
    if change.credential_id:
        return change.credential_id == grant.credential_id
    if change.resource_id:
        return change.resource_id == grant.resource_id
    return bool(change.user_id) and change.user_id == grant.user_id
