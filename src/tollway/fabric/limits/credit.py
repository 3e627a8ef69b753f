"""A limit that other processes use too: it admits on credit and settles behind the request. No I/O in here.

Beside its own bucket the limit counts, per key, what it admitted and the store has not confirmed. It admits
while its bucket has room and that count is below `credit`. A carrier (`redis`) takes what is untold with
`collect_untold`, adds it to the store's bucket, whether that still has room or not, and brings back with `settle`
how far the store's bucket is from full. The own bucket takes that over when it is the emptier one.

Why at most `quota + (N - 1) * credit + quota * t / window` pass in any time t: call F how far the store's bucket
is from full, in time. A process admits only what, on top of F as it last knew it and of all it admitted since,
fits into the window. So one process alone never brings F beyond the window. Of N, take the one that made F as
large as it ever gets: since it was last in step, only the N - 1 others can have pushed F beyond what it reckoned
with, and they do so by at most a credit each, which they had admitted before they were in step in their turn. Hence
F never exceeds the window by more than N - 1 credits. What was taken too much is part of F and is waited for like
the rest, so overshoots do not add up.
"""

import asyncio
from collections.abc import Callable, Sequence

from tollway.fabric.limits import Key, LimitDecision, Outage
from tollway.fabric.limits.memory import SLACK_S, MemoryLimit

_COME_BACK_S = 1.0  # what clients are told to wait when all is refused for want of a store


class CreditLimit(MemoryLimit):
    """One limit class. It begins alone; `join` and `leave` say whether the store can be reached.

    `on_news` is called when there is something for the store to be told, `on_wait` when somebody waits for it.
    """

    __slots__ = ("_alone", "_on_news", "_on_wait", "_outage", "_synced", "_told", "_untold", "credit", "name")

    def __init__(
        self,
        name: str,
        quota: int,
        window_s: float,
        credit: int,
        outage: Outage,
        on_news: Callable[[], None],
        on_wait: Callable[[], None],
    ) -> None:
        super().__init__(quota, window_s)
        self.name = name
        self.credit = credit
        self._outage = outage
        self._on_news = on_news
        self._on_wait = on_wait
        self._alone = True
        self._untold: dict[Key, int] = {}
        self._told: dict[Key, int] = {}  # on its way to the store
        self._synced = asyncio.Event()

    @property
    def interval_us(self) -> float:
        """The time in which one token comes back, in microseconds."""
        return self._interval_s * 1e6

    def take(self, key: Key, now: float) -> LimitDecision:
        """Take one request of `key`."""
        if self._alone:
            if self._outage == "refuse":
                return LimitDecision(False, 0, _COME_BACK_S, _COME_BACK_S)
            return super().take(key, now)
        untold = self._untold.get(key, 0)
        if untold + self._told.get(key, 0) >= self.credit:
            return self._withhold(key, now)
        grant = super().take(key, now)
        if grant.admitted:
            self._untold[key] = untold + 1
            if not untold:
                self._on_news()
        return grant

    async def synced(self) -> None:
        """Return when the store has answered, or has been given up."""
        if not self._alone:
            self._on_wait()
            await self._synced.wait()

    def collect_untold(self) -> dict[Key, int]:
        """Return what the store has to be told. Then comes `settle` or `leave`, before the next `collect_untold`."""
        self._told, self._untold = self._untold, {}
        return self._told

    def settle(self, full_in_us: Sequence[int], now: float) -> None:
        """Take over the store's buckets: until each key of the last `collect_untold` is full, in its order."""
        for key, us in zip(self._told, full_in_us, strict=True):
            full_at = now + us / 1e6 + self._untold.get(key, 0) * self._interval_s
            if full_at > self._full_at.get(key, now):
                self._full_at[key] = full_at
        self._told = {}
        self._wake()

    def join(self) -> None:
        """Share from now on."""
        self._alone = False

    def leave(self) -> None:
        """Count alone. What the store was not told, or may not have received, it will not be told again."""
        self._alone = True
        self._told, self._untold = {}, {}
        self._wake()

    def _withhold(self, key: Key, now: float) -> LimitDecision:
        """Refuse for want of credit, and tell whether there is room otherwise."""
        full_in_s = max(self._full_at.get(key, now) - now, 0.0)
        spare_s = self._window_s - full_in_s - self._interval_s + SLACK_S
        if spare_s < 0:
            return LimitDecision(False, 0, full_in_s, -spare_s)
        return LimitDecision(False, 1 + int(spare_s / self._interval_s), full_in_s, 0.0)

    def _wake(self) -> None:
        """Let those go on who wait now; who comes later waits for the next answer."""
        self._synced.set()
        self._synced = asyncio.Event()
