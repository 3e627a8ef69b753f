"""Limits of one process: the generic cell rate algorithm (GCRA), a token bucket in one number per client.

The number is the moment at which the client's bucket will be full again. A full bucket admits `quota` requests at
once; it refills evenly, one token every `window_s / quota` seconds. So in the first window from rest up to
twice the quota can pass, less one, and never more than the quota in any shorter burst.
"""

from tollway.fabric.limits import Key, LimitDecision, Outage

SLACK_S = 1e-6  # keeps a sum of rounded intervals from costing the last token of the quota
_SWEEP = 4_096  # buckets looked at when the table is full


class MemoryLimit:
    """One limit class, with at most `keep` buckets."""

    __slots__ = ("_full_at", "_interval_s", "_keep", "_window_s")

    def __init__(self, quota: int, window_s: float, *, keep: int = 100_000) -> None:
        self._window_s = window_s
        self._interval_s = window_s / quota
        self._keep = keep
        self._full_at: dict[Key, float] = {}

    def take(self, key: Key, now: float) -> LimitDecision:
        """Take one request of `key`."""
        buckets = self._full_at
        full_at = buckets.get(key)
        if full_at is None:
            if len(buckets) >= self._keep:
                self._evict_full(now)
            full_at = now
        elif full_at < now:
            full_at = now
        after = full_at + self._interval_s
        spare_s = self._window_s - (after - now) + SLACK_S
        if spare_s < 0:
            return LimitDecision(False, 0, full_at - now, -spare_s)
        buckets[key] = after
        return LimitDecision(True, int(spare_s / self._interval_s), after - now, 0.0)

    async def synced(self) -> None:
        """Return at once: there is nobody else."""

    def forget_full(self, now: float) -> None:
        """Drop the buckets that are full again."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}

    def __len__(self) -> int:
        return len(self._full_at)

    def _evict_full(self, now: float) -> None:
        """Drop full buckets among the oldest, or else the oldest: memory stays bounded under attack.

        Many at a time, so that a flood of new clients pays for the search once in a thousand.
        """
        oldest = [key for key, _ in zip(self._full_at, range(_SWEEP), strict=False)]
        full = [key for key in oldest if self._full_at[key] <= now]
        for key in full if len(full) > _SWEEP // 8 else oldest[: _SWEEP // 4]:
            del self._full_at[key]


class MemoryLimits:
    """Makes limits that count for this process alone."""

    def limit(self, name: str, quota: int, window_s: float, outage: Outage = "local") -> MemoryLimit:  # noqa: ARG002
        """Give a limit. Without others and a store, its name and what to do in an outage do not matter."""
        return MemoryLimit(quota, window_s)

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""
