"""The throttle: one token bucket per access resource, shared by all its flows on this node, in fair parts.

A flow that finds no tokens waits in line, and the line is served in small pieces by start-time fair queueing (Goyal,
Vin and Cheng, 1996): first whoever has had least. So all flows that have something to move get the same, whatever their
protocol and however large the pieces in which they ask. While nobody waits, a flow takes what is there.
"""

import heapq
from collections.abc import Callable
from functools import partial

from tollway.edge.reactor import Reactor

_BURST_S = 0.02  # what may be saved up while nobody wants any
_STALL_S = 1.0  # what may be saved up for those who wait while the event loop is busy
_LEAST_BURST_BYTES = 512
_SAVED_UP_BYTES = 4096
_LEAST_PIECE_BYTES, _MOST_PIECE_BYTES = 64, 1024 * 1024


class Share:
    """One flow's part: tokens that it was served and has not used, and which of its directions wait for a turn.

    `finish` is how far it has come in virtual time, which is what everybody in line has had so far, in bytes.
    """

    __slots__ = ("closed", "finish", "tokens", "waiting")

    def __init__(self) -> None:
        self.tokens = 0
        self.finish = 0
        self.waiting: list[Callable[[], None]] = []
        self.closed = False


class TokenBucket:
    """Lets `rate_bytes_s` through per second."""

    __slots__ = (
        "_at",
        "_joined",
        "_line",
        "_monotonic",
        "_now",
        "_reactor",
        "_serving",
        "_tokens",
        "rate_bytes_s",
    )

    def __init__(self, rate_bytes_s: int, reactor: Reactor) -> None:
        self._reactor, self._monotonic = reactor, reactor.monotonic
        self._line: list[tuple[int, int, Share]] = []  # by virtual time and when they joined
        self._joined = 0
        self._now = 0  # in virtual time
        self._serving = 0  # which call to `_serve` counts; 0: none is on its way
        self.rate_bytes_s = rate_bytes_s
        self._at = self._monotonic()
        self._tokens = self._most_tokens()

    def change(self, rate_bytes_s: int) -> None:
        """Use another rate from now on; 0 lets everybody go, and nobody waits any more."""
        self._refill()
        self.rate_bytes_s = rate_bytes_s
        self._serving = 0
        if rate_bytes_s:
            self._serve_soon()
            return
        line, self._line = self._line, []
        for _, _, share in line:
            self._wake(share)

    def take(self, share: Share, want: int) -> int:
        """Take up to `want` tokens: 0 means wait. Trickles are saved up so that a call moves a sensible piece."""
        if share.tokens:
            taken = min(want, share.tokens)
            share.tokens -= taken
            return taken
        if self._line:
            return 0
        self._refill()
        if self._tokens < min(want, self._piece(), _SAVED_UP_BYTES):
            return 0
        taken = min(want, int(self._tokens))
        self._tokens -= taken
        self._now = max(self._now, share.finish)
        share.finish = self._now + taken
        return taken

    def take_exactly(self, share: Share, size: int) -> bool:
        """Take `size` tokens, or none."""
        taken = self.take(share, size)
        if taken < size:
            self.return_unused(share, taken)
        return taken == size

    def borrow(self, size: int) -> None:
        """Take tokens that may not be there yet; whoever comes next waits for them."""
        self._tokens -= size

    def return_unused(self, share: Share, unused: int) -> None:
        """Put back what did not move."""
        self._tokens += unused
        share.finish -= unused

    def wait(self, share: Share, again: Callable[[], None]) -> None:
        """Call `again` when it is this flow's turn, or nobody has to wait any more."""
        share.waiting.append(again)
        if len(share.waiting) == 1:
            self._join(share)
        self._serve_soon()

    def close(self, share: Share) -> None:
        """Give back what a flow that has ended was served; its turn is passed over."""
        share.closed = True
        self._tokens += share.tokens
        share.tokens = 0

    def _join(self, share: Share) -> None:
        self._joined += 1
        heapq.heappush(self._line, (max(self._now, share.finish), self._joined, share))

    def _serve_soon(self) -> None:
        if self._line and not self._serving:
            self._joined += 1
            self._serving = self._joined
            wait_s = max(0.001, (self._piece() + 1 - self._tokens) / self.rate_bytes_s)
            self._reactor.call_later(wait_s, partial(self._serve, self._serving))

    def _serve(self, number: int) -> None:
        if number != self._serving:
            return  # the rate was changed meanwhile
        self._refill()
        while self._line and self._tokens >= (piece := self._piece()):
            start, _, share = heapq.heappop(self._line)
            if share.closed:
                self._wake(share)
                continue
            self._tokens -= piece
            self._now = start
            share.tokens += piece
            share.finish = start + piece
            # One of its two directions at a time, or the other would find nothing left.
            again = share.waiting.pop(0)
            if share.waiting:
                self._join(share)
            self._reactor.call_soon(again)
        self._serving = 0
        self._serve_soon()

    def _wake(self, share: Share) -> None:
        waiting, share.waiting = share.waiting, []
        for again in waiting:
            self._reactor.call_soon(again)

    def _piece(self) -> int:
        """Return how much whoever is next gets at once: the smaller, the more are in line."""
        fair = int(self.rate_bytes_s * _BURST_S) // (len(self._line) or 1)
        return max(_LEAST_PIECE_BYTES, min(fair, _MOST_PIECE_BYTES))

    def _refill(self) -> None:
        now = self._monotonic()
        grown = self._tokens + (now - self._at) * self.rate_bytes_s
        self._tokens = min(self._most_tokens(), grown)
        self._at = now

    def _most_tokens(self) -> float:
        saved_s = _STALL_S if self._line else _BURST_S
        return max(float(_LEAST_BURST_BYTES), self.rate_bytes_s * saved_s)
