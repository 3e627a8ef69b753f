"""The access token with which a service acts as itself, where no person's is at hand.

It is issued to the service by its certificate, names it, and is good for the methods that the service declares to call
by itself and for no other. Whoever presents it must be that service.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from tollway.fabric.clock import Clock
from tollway.kit.errors import Problem
from tollway.kit.times import SECOND_US

RENEW_BEFORE_S = 1_800
RETRY_S = 5


class OwnToken:
    """One service's own token, fetched when it is first needed and renewed in good time.

    `issue` returns a new one and when it expires. While it cannot, the old one serves until then, unless it
    was refused: `forget`.
    """

    def __init__(
        self, methods: Collection[str], issue: Callable[[], Awaitable[tuple[str, int]]], clock: Clock
    ) -> None:
        self._methods = frozenset(methods)
        self._issue, self._clock = issue, clock
        self._token = ""
        self._expires_at_us = self._renew_at_us = 0
        self._renewing = asyncio.Lock()

    def is_for(self, api: str, method: str) -> bool:
        """Return whether the service calls this method by itself."""
        return f"{api}.{method}" in self._methods

    async def get(self) -> str:
        """Return a token that is good. Raises Problem when there is none and none can be had."""
        if self._clock.now_us() >= self._renew_at_us:
            async with self._renewing:
                if self._clock.now_us() >= self._renew_at_us:
                    await self._renew()
        return self._token

    def forget(self, token: str) -> None:
        """Fetch another next time, as this one was refused; nothing to do when that was done before."""
        if token == self._token:
            self._expires_at_us = self._renew_at_us = 0

    async def _renew(self) -> None:
        now_us = self._clock.now_us()
        try:
            self._token, self._expires_at_us = await self._issue()
        except Problem:
            if now_us >= self._expires_at_us:
                raise
            self._renew_at_us = now_us + RETRY_S * SECOND_US
        else:
            self._renew_at_us = self._expires_at_us - RENEW_BEFORE_S * SECOND_US
