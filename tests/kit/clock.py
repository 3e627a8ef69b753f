"""A clock that stands still until a test moves it."""


class FakeClock:
    """Starts at a fixed moment (2026-11-22) and moves by `advance`."""

    def __init__(self, now_us: int = 1_795_305_600_000_000) -> None:
        self.at_us = now_us

    def now_us(self) -> int:
        return self.at_us

    def advance(self, seconds: float) -> None:
        self.at_us += int(seconds * 1_000_000)
