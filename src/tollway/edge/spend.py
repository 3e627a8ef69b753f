"""Spending: the only way in which a flow's bytes are allowed, throttled and counted.

Quota, throttle and meter are three things to one byte, and every protocol needs all three in the same order. So
nothing but this module touches them while bytes move: the relay, handshakes, bodies and replies take from here
before the system call, give back what the call did not move, and count what it did.

    size = spend.take(want)        at most `want`; 0: `spend.exhausted`, or wait for `more`
    ... read ...                   from the client
    spend.unused(size - moved)
    spend.count_in(moved)
    spend.count_out(size)          before it is written to the client, so that no kill hides what it was sent
    ... write ...
    spend.not_out(size - moved)

The throttle holds all flows of one access resource on this node together, in fair parts, the quota what they may
still use.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from tollway.edge.meter_file import INPUT, OUTPUT, Slot
from tollway.edge.quota import Quota
from tollway.edge.refusal import Refusal
from tollway.edge.throttle import Share, TokenBucket


class Spend:
    """What one flow takes from its resource's quota and throttle, and what its slot in the meter file counts."""

    __slots__ = ("_bytes_in", "_bytes_out", "_share", "_throttled", "_words", "quota")

    def __init__(self, quota: Quota) -> None:
        self.quota, self._share = quota, Share()
        self._throttled = False  # the last `take` was refused by the throttle

    def count_into(self, slot: Slot) -> None:
        """Count in this slot; before, bytes may be taken and nothing may be counted."""
        self._words = slot.words
        self._bytes_in, self._bytes_out = slot.at + INPUT, slot.at + OUTPUT

    # ── some bytes, or exactly so many ──────────────────────────────────────────────────────────────

    def take(self, want: int) -> int:
        """Take up to `want` bytes to move. 0: there will be no more when `exhausted`, else wait for it."""
        quota = self.quota
        bucket = quota.bucket
        if bucket is None:
            return quota.take(want)
        allowed = bucket.take(self._share, want)
        self._throttled = not allowed
        if not allowed:
            return 0
        size = quota.take(allowed)
        bucket.return_unused(self._share, allowed - size)
        return size

    def take_exactly(self, size: int) -> bool:
        """Take `size` bytes now, or none."""
        quota = self.quota
        bucket = quota.bucket
        if bucket is None:
            return quota.take_exactly(size)
        if not bucket.take_exactly(self._share, size):
            return False
        if quota.take_exactly(size):
            return True
        bucket.return_unused(self._share, size)
        return False

    def take_or_wait(self, size: int, then: Callable[[Refusal | None], None]) -> None:
        """Take exactly `size` bytes, now or when they may move: `then(None)`, or `then(why not)`."""
        self._throttle_or_wait(size, size, then)

    def take_unthrottled(self, size: int) -> bool:
        """Take `size` bytes of a refusal, which is not held up: the throttle makes later bytes wait for it."""
        quota = self.quota
        taken = quota.take_exactly(size)
        if taken and quota.bucket is not None:
            quota.bucket.borrow(size)
        return taken

    def unused(self, size: int) -> None:
        """Put back bytes that were taken and did not move."""
        quota = self.quota
        if quota.bucket is not None:
            quota.bucket.return_unused(self._share, size)
        quota.return_unused(size)

    def close(self) -> None:
        """The flow has ended: it takes no more turns at the throttle."""
        if self.quota.bucket is not None:
            self.quota.bucket.close(self._share)

    # ── when there are none ─────────────────────────────────────────────────────────────────────────

    @property
    def exhausted(self) -> bool:
        """Whether `take` returned 0 because the customer's holding is used up."""
        return self.quota.exhausted and not (self._throttled and self.quota.bucket is not None)

    def wait(self, again: Callable[[], None]) -> None:
        """After `take` returned 0: call `again` when there may be more, or nothing more will come."""
        bucket = self.quota.bucket
        if self._throttled and bucket is not None:
            bucket.wait(self._share, again)
        else:
            self.quota.wait(again)

    async def more(self) -> bool:
        """After `take` returned 0: wait until there may be more. False when the quota is exhausted."""
        if self.exhausted:
            return False
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.wait(lambda: None if woken.done() else woken.set_result(None))
        await woken
        return not self.quota.exhausted or self.quota.available > 0

    # ── what has moved ──────────────────────────────────────────────────────────────────────────────

    def count_in(self, size: int) -> None:
        """Count bytes that were read from the client; they were taken before."""
        self._words[self._bytes_in] += size

    def count_out(self, size: int) -> None:
        """Count bytes that are about to be written to the client; they were taken before."""
        self._words[self._bytes_out] += size

    def not_out(self, size: int) -> None:
        """Correct `count_out`: so many of the bytes that it counted were not written, and are still taken."""
        self._words[self._bytes_out] -= size

    def uncount_out(self, size: int) -> None:
        """Take back bytes that were counted and never left this machine; no report has contained them."""
        self._words[self._bytes_out] -= size
        self.quota.return_unused(size)

    @property
    def bytes_in(self) -> int:
        """Bytes from the client so far."""
        return self._words[self._bytes_in]

    @property
    def bytes_out(self) -> int:
        """Bytes to the client so far."""
        return self._words[self._bytes_out]

    def _throttle_or_wait(self, size: int, missing: int, then: Callable[[Refusal | None], None]) -> None:
        """Collect `missing` tokens of the throttle, then take `size` bytes from the quota."""
        bucket = self.quota.bucket
        if bucket is None:
            self.quota.take_or_wait(size, then)
            return
        missing -= bucket.take(self._share, missing)
        if missing:
            bucket.wait(self._share, partial(self._throttle_or_wait, size, missing, then))
        else:
            self.quota.take_or_wait(size, partial(_pass_on, then, bucket, self._share, size))


def _pass_on(
    then: Callable[[Refusal | None], None],
    bucket: TokenBucket,
    share: Share,
    size: int,
    why_not: Refusal | None,
) -> None:
    """Return the answer of the quota; without its bytes the tokens are not needed."""
    if why_not is not None:
        bucket.return_unused(share, size)
    then(why_not)
