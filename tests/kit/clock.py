"""Clocks that stand still until a test moves them."""

import time


class FakeClock:
    """Starts at a fixed moment (2026-11-22) and moves by `advance`."""

    def __init__(self, now_us: int = 1_795_305_600_000_000) -> None:
        self.at_us = now_us

    def now_us(self) -> int:
        return self.at_us

    def advance(self, seconds: float) -> None:
        self.at_us += int(seconds * 1_000_000)


class FakeMonotonic:
    """A monotonic clock, called like `time.monotonic`. It stands still until a test moves it, unless it `runs`."""

    def __init__(self, *, runs: bool = False) -> None:
        self._runs = runs
        self._offset = 1_000.0

    def __call__(self) -> float:
        return self._offset + (time.monotonic() if self._runs else 0.0)

    def advance(self, seconds: float) -> None:
        self._offset += seconds
