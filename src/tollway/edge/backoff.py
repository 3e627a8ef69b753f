"""Trying again: waiting longer after each failure, never in step with others, and not complaining each time."""

import asyncio
import logging
import random
import time

_REMIND_S = 60.0


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


class RepeatedWarning:
    """How loudly to log a failure that goes on: as a remark for `quiet_s`, then a warning once a minute."""

    __slots__ = ("_warn_at",)

    def __init__(self, quiet_s: float = 0.0) -> None:
        self._warn_at = time.monotonic() + quiet_s

    def level(self) -> int:
        """Return the level for the failure of this moment."""
        now = time.monotonic()
        if now < self._warn_at:
            return logging.INFO
        self._warn_at = now + _REMIND_S
        return logging.WARNING
