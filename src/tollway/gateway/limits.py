"""Limits: the generic cell rate algorithm (GCRA), a token bucket that needs one number per client.

The number is the moment at which the client's bucket will be full again. A full bucket admits `quota` requests at
once; it refills evenly, one token every `window_s / quota` seconds. So in the first window from rest up to
twice the quota can pass, less one, and never more than the quota in any shorter burst. Refused requests cost nothing.
"""

from collections.abc import Hashable
from typing import NamedTuple

_SWEEP = 4_096  # buckets looked at when the table is full


class Grant(NamedTuple):
    """The answer of a limit. `remaining` is how many more would be admitted now."""

    admitted: bool
    remaining: int
    full_in_s: float  # until the whole quota is there again
    retry_in_s: float  # until the next one is admitted; 0 when one is now


class RateLimit:
    """One limit class. The caller says what time it is (monotonic seconds)."""

    __slots__ = ("_full_at", "_interval_s", "_keep", "_window_s", "by_ip", "name", "policy", "quota")

    def __init__(
        self, name: str, quota: int, window_s: float, *, by_ip: bool = False, keep: int = 100_000
    ) -> None:
        self.name = name
        self.quota = quota
        self.by_ip = by_ip
        # RateLimit header fields for HTTP, draft 11, and the names that were in use before it.
        self.policy = (
            b'RateLimit-Policy: "%b";q=%d;w=%d\r\nX-RateLimit-Limit: %d\r\n'
            b'RateLimit: "%b";r=%%d;t=%%d\r\nX-RateLimit-Remaining: %%d\r\nX-RateLimit-Reset: %%d\r\n'
        ) % (name.encode(), quota, int(window_s), quota, name.encode())
        self._window_s = window_s
        self._interval_s = window_s / quota
        self._keep = keep
        self._full_at: dict[Hashable, float] = {}

    def take(self, key: Hashable, now: float) -> Grant:
        """Ask for one request of the client named by `key`."""
        full_at = self._full_at.get(key, now)
        full_at = max(full_at, now)
        after = full_at + self._interval_s
        # The slack keeps a sum of rounded intervals from costing the last token of the quota.
        room_s = self._window_s - (after - now) + 1e-6
        if room_s < 0:
            return Grant(False, 0, full_at - now, -room_s)
        if key not in self._full_at and len(self._full_at) >= self._keep:
            self._make_room(now)
        self._full_at[key] = after
        return Grant(True, int(room_s / self._interval_s), after - now, 0.0)

    def headers(self, grant: Grant) -> bytes:
        """Return the header lines that tell a client where it stands."""
        full_in_s = -int(-grant.full_in_s // 1)
        return self.policy % (grant.remaining, full_in_s, grant.remaining, full_in_s)

    def forget_full(self, now: float) -> None:
        """Drop the buckets that are full again: they are as good as none."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}

    def __len__(self) -> int:
        return len(self._full_at)

    def _make_room(self, now: float) -> None:
        """Drop full buckets among the oldest, or else the oldest: memory stays bounded under attack.

        Many at a time, so that a flood of new clients pays for the search once in a thousand.
        """
        oldest = [key for key, _ in zip(self._full_at, range(_SWEEP), strict=False)]
        full = [key for key in oldest if self._full_at[key] <= now]
        for key in full if len(full) > _SWEEP // 8 else oldest[: _SWEEP // 4]:
            del self._full_at[key]
