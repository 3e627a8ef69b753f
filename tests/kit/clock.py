"""Clocks that stand still until a test moves them."""

import asyncio
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


class ManualTimer:
    """A monotonic clock that stands still: who waits goes on by an event, or when a test moves it far enough."""

    def __init__(self) -> None:
        self.at = 0.0
        self.waiting = 0
        self._moved = asyncio.Event()

    def now(self) -> float:
        return self.at

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        until = self.at + timeout_s
        self.waiting += 1
        try:
            while not event.is_set() and self.at < until:
                either = [asyncio.ensure_future(one.wait()) for one in (event, self._moved)]
                try:
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for one in either:
                        one.cancel()
        finally:
            self.waiting -= 1

    def advance(self, seconds: float) -> None:
        self.at += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class RushingTimer:
    """A monotonic clock on which every wait is over at once, and took as long as it may."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        await asyncio.sleep(0)
        if not event.is_set():
            self.at += timeout_s
