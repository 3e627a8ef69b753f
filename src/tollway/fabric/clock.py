"""The only source of wall-clock time, so that tests can hold it still."""

import time
from typing import Protocol


class Clock(Protocol):
    """Returns the time as microseconds since the Unix epoch."""

    def now_us(self) -> int:
        """Return the present moment in microseconds since the epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Return the present moment in microseconds since the epoch."""
        return time.time_ns() // 1000
