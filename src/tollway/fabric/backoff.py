"""Exponential backoff: how long to wait before trying again. Pure; the caller sleeps."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow by `factor` from `first_s` up to `limit_s`, in seconds.

    `jitter` is the part of a delay that is left to chance (0: none, 1: all of it), so that those who failed together
    do not try again together.
    """

    first_s: float
    limit_s: float
    factor: float = 2.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        assert 0 < self.first_s <= self.limit_s, "first_s is above 0 and at most limit_s"
        assert self.factor >= 1, "factor is at least 1"
        assert 0 <= self.jitter <= 1, "jitter is from 0 to 1"

    def delay_s(self, attempt: int, chance: Callable[[], float] = random.random) -> float:
        """Return how long to wait after the attempt of this number, the first being 1."""
        delay = self.first_s
        for _ in range(attempt - 1):
            if delay >= self.limit_s:
                break
            delay *= self.factor
        delay = min(delay, self.limit_s)
        return delay * (1 - self.jitter * chance()) if self.jitter else delay
