"""Trying again: waiting longer after each failure, never in step with others, and not complaining each time."""

import asyncio
import logging
import time

from tollway.fabric.backoff import Backoff

_REMIND_S = 60.0


class RetryDelay:
    """The waits between tries of one thing: from `first_s` up to `most_s`, half of each left to chance."""

    __slots__ = ("_attempts", "_backoff")

    def __init__(self, first_s: float = 0.1, most_s: float = 5.0) -> None:
        self._backoff, self._attempts = Backoff(first_s, most_s, jitter=0.5), 0

    async def sleep(self) -> None:
        """Wait, and longer next time."""
        self._attempts += 1
        await asyncio.sleep(self._backoff.delay_s(self._attempts))


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
