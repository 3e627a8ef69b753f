"""The circuit breaker: what fails again and again gets no requests, except a probe now and then."""

from tollway.fabric.backoff import Backoff

_FAILURES = 5  # in a row open the breaker
_PAUSES = Backoff(first_s=1.0, limit_s=10.0)


class Breaker:
    """Opens after several failures in a row, and admits a probe after each pause. Times are monotonic seconds.

    A failure counts when its try began after the one before had failed: what was under way together is one burst, and
    fails for one reason. A probe that takes long does not keep the next one away.
    """

    __slots__ = ("_failed_at", "_failures", "_next_probe_at")

    def __init__(self) -> None:
        self._failures = 0
        self._failed_at = -1.0
        self._next_probe_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests are kept away."""
        return self._failures >= _FAILURES

    @property
    def _pause_s(self) -> float:
        return _PAUSES.delay_s(self._failures - _FAILURES + 1)

    def allows(self, now: float) -> bool:
        """Return whether a request may go; in the open state, one probe after each pause."""
        if self._failures < _FAILURES:
            return True
        if now < self._next_probe_at:
            return False
        self._next_probe_at = now + self._pause_s
        return True

    def succeeded(self) -> None:
        """Count a response, whatever its status."""
        self._failures = 0

    def failed(self, began: float, now: float) -> None:
        """Count a try that began at `began` and got no response."""
        if began < self._failed_at:
            return
        self._failures += 1
        self._failed_at = now
        if self._failures >= _FAILURES:
            self._next_probe_at = now + self._pause_s

    def cancelled(self, began: float, now: float) -> None:
        """Let the next probe go when this one, begun at `began`, said nothing (its client left)."""
        if began > self._failed_at:
            self._next_probe_at = min(self._next_probe_at, now)
