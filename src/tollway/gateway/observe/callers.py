"""Who asked most in the last minutes: requests, refusals and bytes by account or address, counted in this process."""

from heapq import nlargest
from typing import NamedTuple

WINDOW_S = 300.0
KEPT = 20_000
"""Callers that are counted by themselves in one window; more of them are counted together."""
OTHERS = "others"


class CallerUse(NamedTuple):
    """What one caller did: requests, those of them that were refused (4xx), and bytes in both directions."""

    caller: str
    requests: int
    refused: int
    size_bytes: int


class CallerCounts:
    """Counts in two windows, of which the older one is forgotten when the newer is full: 5 to 10 minutes are known."""

    __slots__ = ("_before", "_now", "_until")

    def __init__(self) -> None:
        self._now: dict[str | bytes, list[int]] = {}
        self._before: dict[str | bytes, list[int]] = {}
        self._until = 0.0

    def add(self, caller: str | bytes, status: int, size_bytes: int, now: float) -> None:
        """Count a request that has ended."""
        if now >= self._until:
            self._turn(now)
        row = self._now.get(caller)
        if row is None:
            if len(self._now) >= KEPT:
                caller = OTHERS
            row = self._now.setdefault(caller, [0, 0, 0])
        row[0] += 1
        row[1] += 400 <= status < 500
        row[2] += size_bytes

    def top(self, count: int, now: float) -> list[CallerUse]:
        """Return who sent the most requests."""
        if now >= self._until:
            self._turn(now)
        sums: dict[str | bytes, list[int]] = {caller: [*row] for caller, row in self._before.items()}
        for caller, row in self._now.items():
            known = sums.setdefault(caller, [0, 0, 0])
            known[:] = [old + new for old, new in zip(known, row, strict=True)]
        most = nlargest(count, sums.items(), key=lambda pair: pair[1][0])
        return [CallerUse(_text(caller), *row) for caller, row in most]

    def _turn(self, now: float) -> None:
        # After a silence of two windows nothing of before is known any more.
        self._before = self._now if now < self._until + WINDOW_S else {}
        self._now = {}
        self._until = now + WINDOW_S


def _text(caller: str | bytes) -> str:
    return caller if isinstance(caller, str) else caller.hex(":", 2)
