"""Limit classes as the gateway applies them: which bucket a request counts against, and the headers it gets.

The buckets are those of the limits port (`fabric.limits`), of this process or shared with other gateways.
"""

from collections.abc import Callable

from tollway.fabric.limits import Key, LimitDecision, Limits
from tollway.gateway.message.client import ClientInfo
from tollway.gateway.settings import LimitSettings

_NETWORK_FACTOR = 16  # what a whole network may do, in quotas of one address


class RateLimit:
    """One limit class. `by_ip` says that it counts by address even when the user is known.

    Such a class also counts by network: who has many addresses has no more than `_NETWORK_FACTOR` quotas.
    """

    __slots__ = ("_limit", "_lines", "_networks", "by_ip", "take")

    def __init__(self, name: str, settings: LimitSettings, limits: Limits) -> None:
        self._limit = limits.limit(name, settings.quota, settings.window_s, settings.outage)
        # Taken from the port as it is: nothing stands between a request and its bucket.
        self.take: Callable[[Key, float], LimitDecision] = self._limit.take
        self.by_ip = settings.by == "ip"
        self._networks = limits.limit(
            f"{name} by network", settings.quota * _NETWORK_FACTOR, settings.window_s, settings.outage
        )
        # RateLimit header fields for HTTP, draft 11, and the names that were in use before it.
        self._lines = (
            b'RateLimit-Policy: "%b";q=%d;w=%d\r\nX-RateLimit-Limit: %d\r\n'
            b'RateLimit: "%b";r=%%d;t=%%d\r\nX-RateLimit-Remaining: %%d\r\nX-RateLimit-Reset: %%d\r\n'
        ) % (name.encode(), settings.quota, int(settings.window_s), settings.quota, name.encode())

    def take_of_client(self, client: ClientInfo, now: float) -> LimitDecision:
        """Count one request of an address, and of its network."""
        grant = self.take(client.limit_key, now)
        if grant.admitted:
            network = self._networks.take(client.network_key, now)
            if not network.admitted:
                return network._replace(remaining=0)
        return grant

    async def take_when_synced(self, key: Key, now: Callable[[], float]) -> LimitDecision:
        """Try again each time a shared limit is in step with the others, until it knows. Every round uses up quota."""
        while True:
            await self._limit.synced()
            grant = self.take(key, now())
            if grant.admitted or not grant.remaining:
                return grant

    def headers(self, grant: LimitDecision) -> bytes:
        """Return the header lines that show a client where it stands. Times are whole seconds, rounded up."""
        full_in_s = -int(-grant.full_in_s // 1)
        return self._lines % (grant.remaining, full_in_s, grant.remaining, full_in_s)

    def forget_full(self, now: float) -> None:
        """Drop the buckets that are full again: they are as good as none."""
        self._limit.forget_full(now)
        self._networks.forget_full(now)

    def __len__(self) -> int:
        """Return how many buckets are kept: bounded, however many clients there are."""
        return len(self._limit)
