"""Waiting longer after each failure, up to a few seconds, and never in step with others."""

import asyncio
import random


class Backoff:
    """Doubles from `first_s` to `most_s`; each wait is drawn between half of it and all of it."""

    __slots__ = ("_most_s", "_next_s")

    def __init__(self, first_s: float = 0.1, most_s: float = 5.0) -> None:
        self._next_s, self._most_s = first_s, most_s

    async def sleep(self) -> None:
        """Wait, and longer next time."""
        delay_s = self._next_s * random.uniform(0.5, 1)  # noqa: S311  jitter is no secret
        self._next_s = min(self._most_s, self._next_s * 2)
        await asyncio.sleep(delay_s)
