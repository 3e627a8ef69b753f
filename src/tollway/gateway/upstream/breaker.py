"""The circuit breaker: an endpoint that fails again and again gets no requests, except a probe now and then."""

from tollway.fabric.backoff import Backoff

_FAILURES = 5  # in a row open the breaker
_PAUSES = Backoff(first_s=1.0, limit_s=30.0)


class Breaker:
    """Opens after several failures in a row; later one request at a time may probe the endpoint."""

    __slots__ = ("_failures", "_open_until", "_probing")

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are kept away."""
        return self._failures >= _FAILURES

    def allows(self, now: float) -> bool:
        """Return whether a request may go; in the open state, one probe after each pause."""
        if self._failures < _FAILURES:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Count a response, whatever its status."""
        if self._failures:
            self._failures, self._probing = 0, False

    def failed(self, now: float) -> None:
        """Count a try without a response. Those that were under way when the breaker opened say nothing new."""
        if self.is_open and not self._probing:
            return
        self._failures += 1
        self._probing = False
        if self._failures >= _FAILURES:
            self._open_until = now + _PAUSES.delay_s(self._failures - _FAILURES + 1)

    def cancelled(self) -> None:
        """Free the place of a try that says nothing about the endpoint (its client left)."""
        self._probing = False
