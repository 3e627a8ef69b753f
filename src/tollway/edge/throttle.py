"""The throttle: one token bucket per access resource, shared by all its flows on this node."""

from collections.abc import Callable

_BURST_S = 0.25
_LEAST_BYTES = 4096


class TokenBucket:
    """Lets `rate_bytes_s` through per second, and a quarter of a second's worth at once after a pause."""

    __slots__ = ("_at", "_burst", "_monotonic", "_tokens", "rate_bytes_s")

    def __init__(self, rate_bytes_s: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at = monotonic()
        self._tokens = 0.0
        self.change(rate_bytes_s)
        self._tokens = self._burst

    def change(self, rate_bytes_s: int) -> None:
        """Use another rate from now on."""
        self.rate_bytes_s = rate_bytes_s
        self._burst = max(float(_LEAST_BYTES), rate_bytes_s * _BURST_S)

    def take(self, want: int) -> int:
        """Take up to `want` tokens: 0 means wait. Trickles are saved up so that a call moves a sensible piece."""
        self._refill()
        if self._tokens < min(want, _LEAST_BYTES):
            return 0
        taken = min(want, int(self._tokens))
        self._tokens -= taken
        return taken

    def take_exactly(self, size: int) -> bool:
        """Take `size` tokens, or none."""
        self._refill()
        if self._tokens < size:
            return False
        self._tokens -= size
        return True

    def borrow(self, size: int) -> None:
        """Take tokens that may not be there yet; whoever comes next waits for them."""
        self._tokens -= size

    def return_unused(self, unused: int) -> None:
        """Put back what did not move."""
        self._tokens += unused

    def wait_s(self) -> float:
        """Return the seconds until a sensible piece may move."""
        return max(0.001, (_LEAST_BYTES + 1 - self._tokens) / self.rate_bytes_s)

    def _refill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate_bytes_s)
        self._at = now
