"""Access tokens that came with calls between services: each is verified once in a process."""

from tollway.fabric.access_tokens import LEEWAY_S, Principal, Revocations, Verifier
from tollway.fabric.clock import Clock
from tollway.kit.errors import Unauthenticated
from tollway.kit.times import SECOND_US

INSIDE_GRACE_S = 60  # a token that admitted a request is good for the calls that follow from it
KNOWN_TOKENS = 10_000


class CheckedTokens:
    """Access tokens, each verified once and known until it expires; made for a verifier with `INSIDE_GRACE_S`.

    Sessions that ended are not looked up: the request that a call follows from was admitted before, where they are.
    What a dropped key has signed is refused.
    """

    def __init__(self, verifier: Verifier, clock: Clock, revocations: Revocations) -> None:
        self._verifier, self._clock, self._revocations = verifier, clock, revocations
        self._known: dict[str, Principal] = {}

    def known(self, token: str) -> Principal | None:
        """Return whose token this is, if it was verified before and is still good."""
        found = self._known.get(token)
        if found is None:
            return None
        expired = self._clock.now_us() >= found.expires_at_us + (LEEWAY_S + INSIDE_GRACE_S) * SECOND_US
        if expired or self._revocations.is_dropped(found.kid):
            del self._known[token]
            return None
        return found

    async def check(self, token: str) -> Principal:
        """Verify a token and remember it. Raises Unauthenticated, Unavailable."""
        found = await self._verifier.verify(token)
        if self._revocations.is_dropped(found.kid):
            raise Unauthenticated("the access token is signed with a key that was dropped")
        while len(self._known) >= KNOWN_TOKENS:
            del self._known[next(iter(self._known))]
        self._known[token] = found
        return found
