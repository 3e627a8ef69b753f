"""A limit that other processes use too: it admits on credit and settles behind the request. No I/O in here.

Beside its own bucket the limit counts, per key, what it admitted and the store has not confirmed. It admits
while its bucket has room and that count is below `credit`. A carrier (`redis`) takes what is unsent with
`collect_unsent`, adds it to the store's bucket, whether that still has room or not, and brings back with `synchronize`
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

_COME_BACK_S = 1.0  # how long clients are asked to wait when all is refused for want of a store


class CreditLimit(MemoryLimit):
    """One limit class. It begins alone; `join` and `leave` say whether the store can be reached.

    `on_unsent` is called when there is something to send to the store, `on_wait` when somebody waits for it.
    """

    __slots__ = (
        "_alone",
        "_on_unsent",
        "_on_wait",
        "_outage",
        "_sent",
        "_synced",
        "_unsent",
        "credit",
        "name",
    )

    def __init__(
        self,
        name: str,
        quota: int,
        window_s: float,
        credit: int,
        outage: Outage,
        on_unsent: Callable[[], None],
        on_wait: Callable[[], None],
    ) -> None:
        super().__init__(quota, window_s)
        self.name = name
        self.credit = credit
        self._outage = outage
        self._on_unsent = on_unsent
        self._on_wait = on_wait
        self._alone = True
        self._unsent: dict[Key, int] = {}
        self._sent: dict[Key, int] = {}  # on its way to the store
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
        unsent = self._unsent.get(key, 0)
        if unsent + self._sent.get(key, 0) >= self.credit:
            return self._withhold(key, now)
        grant = super().take(key, now)
        if grant.admitted:
            self._unsent[key] = unsent + 1
            if not unsent:
                self._on_unsent()
        return grant

    async def synced(self) -> None:
        """Return when the store has answered, or has been given up."""
        if not self._alone:
            self._on_wait()
            await self._synced.wait()

    def collect_unsent(self) -> dict[Key, int]:
        """Return what has to be sent to the store.

        Before the next call `synchronize` or `disconnect` is called.
        """
        self._sent, self._unsent = self._unsent, {}
        return self._sent

    def synchronize(self, full_in_us: Sequence[int], now: float) -> None:
        """Take over the store's buckets: until each key of the last `collect_unsent` is full, in its order."""
        for key, us in zip(self._sent, full_in_us, strict=True):
            full_at = now + us / 1e6 + self._unsent.get(key, 0) * self._interval_s
            if full_at > self._full_at.get(key, now):
                self._full_at[key] = full_at
        self._sent = {}
        self._wake()

    def join(self) -> None:
        """Share from now on."""
        self._alone = False

    def disconnect(self) -> None:
        """Count alone. What was not sent to the store, or may not have arrived, is not sent again."""
        self._alone = True
        self._sent, self._unsent = {}, {}
        self._wake()

    def _withhold(self, key: Key, now: float) -> LimitDecision:
        """Refuse for want of credit, and return whether there is room otherwise."""
        full_in_s = max(self._full_at.get(key, now) - now, 0.0)
        spare_s = self._window_s - full_in_s - self._interval_s + SLACK_S
        if spare_s < 0:
            return LimitDecision(False, 0, full_in_s, -spare_s)
        return LimitDecision(False, 1 + int(spare_s / self._interval_s), full_in_s, 0.0)

    def _wake(self) -> None:
        """Let those go on who wait now; who comes later waits for the next answer."""
        self._synced.set()
        self._synced = asyncio.Event()
