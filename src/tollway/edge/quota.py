"""The quota: what one node may still spend for one access resource (RFC 8506, credit control).

Nothing moves that was not taken from here first: `take` before the system call, `give` back what the call
did not move. Both are plain arithmetic, because everything runs on one event loop. The bytes come from
leases, reservations of the customer's holding that the access service grants. At half a new one is asked for,
so that a byte never waits; it is sized to last about ten seconds at the present rate.

What is left of a holding may lie in the leases of other nodes. Then these are recalled, and this node asks again until
something was granted or nobody has anything left: nobody is refused before. The other side of it is `give_up`.

`taken` does not say from which lease. That is settled later, oldest lease first (`usage_reporter`), which is exact
because what all leases granted is never less than what was taken.

    available ── take ──▶ in the hands of a flow ── moved ──▶ counted in the meter file ── settled ──▶ posted
        ▲                          │ not moved
        └────────── give ──────────┘
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from math import inf

from tollway.edge import meter_file, refusal
from tollway.edge.access_client import AccessClient
from tollway.edge.backoff import RetryDelay
from tollway.edge.reactor import Reactor
from tollway.edge.settings import EdgeSettings
from tollway.edge.throttle import TokenBucket
from tollway.kit.ids import new_id
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)
_NEVER = -1
_RECALL_FIRST_S, _RECALL_MOST_S = 0.02, 0.25
_RECALL_QUIET_S = 2.0  # a login waits no longer for what others give back


class Lease:
    """One reservation: its slot in the meter file knows what was granted and what was settled on it."""

    __slots__ = ("id", "kept", "reported_at", "slot")

    def __init__(self, lease_id: str, slot: meter_file.Slot, now: float) -> None:
        self.id, self.slot, self.reported_at = lease_id, slot, now
        self.kept = False  # it was recalled: what it still holds is in the hands of flows

    @property
    def unsettled(self) -> int:
        """What the ledger still reserves for this lease."""
        return self.slot[meter_file.GRANTED] - self.slot[meter_file.SETTLED_IN]


class Quota:
    """What this node may still spend for one resource, and the leases it comes from."""

    def __init__(
        self,
        resource_id: str,
        *,
        access: AccessClient,
        meter: meter_file.MeterFile,
        reactor: Reactor,
        settings: EdgeSettings,
        predecessor_holds: Callable[[], bool] = lambda: False,
    ) -> None:
        """`predecessor_holds`: whether another quota of this resource, on this node, has not given back everything."""
        self.resource_id = resource_id
        self._predecessor_holds = predecessor_holds
        self.available = 0
        self.leases: deque[Lease] = deque()
        self.live_flows = 0  # flows under way
        self.bucket: TokenBucket | None = None
        self.closing = False
        self.recalled = False  # others want what is left of the holding; until the next grant
        self.expires_at = inf  # when the leases are void, unless the access service answers before
        self.valid_s = inf  # how long they are good for from each of its answers
        self._access, self._meter, self._reactor, self._settings = access, meter, reactor, settings
        self._refill_at = 0  # ask for more when no more than this is left; _NEVER while that is pointless
        self._request: asyncio.Task[None] | None = None
        self._exhausted = False
        self._exhausted_because = refusal.NO_ALLOWANCE
        self._unreachable = False
        self._waiting: list[Callable[[], None]] = []
        self._granted = 0
        self._asked_at = reactor.monotonic()
        self._spent_when_asked = 0

    # ── the hot path ────────────────────────────────────────────────────────────────────────────────

    def take(self, want: int) -> int:
        """Take up to `want` bytes to move. 0: wait with `wait`, or end the flow when `exhausted`."""
        left = self.available
        if want > left:  # noqa: PLR1730  `min` costs a call, here for every read
            want = left
        left -= want
        self.available = left
        if left <= self._refill_at:
            self._request_lease()
        return want

    def take_exactly(self, size: int) -> bool:
        """Take exactly `size` bytes, or none."""
        taken = self.take(size)
        if taken < size:
            self.return_unused(taken)
        return taken == size

    def return_unused(self, unused: int) -> None:
        """Put back bytes that were taken and not moved."""
        self.available += unused
        if self._waiting:
            self._wake()

    @property
    def exhausted(self) -> bool:
        """Whether the customer's holding is used up: the last answer, just now, was that nobody has anything left."""
        return self._exhausted

    @property
    def asking(self) -> bool:
        """Whether a lease is on its way."""
        return self._request is not None

    @property
    def idle(self) -> bool:
        """Whether nobody uses it: no live flow, no login that waits, no lease on its way."""
        return not (self.live_flows or self._waiting or self._request)

    def wait(self, again: Callable[[], None]) -> None:
        """Call `again` when there may be more to take, or nothing more will come."""
        self._waiting.append(again)
        if self.available <= self._refill_at:
            self._request_lease()

    def take_or_wait(self, size: int, then: Callable[[refusal.Refusal | None], None]) -> None:
        """Take exactly `size` bytes, now or when they are granted: `then(None)`, or `then(why not)`."""
        if self.closing:
            then(refusal.UNAVAILABLE)
        elif self.take_exactly(size):
            then(None)
        elif self._exhausted:
            then(self._exhausted_because)
        elif self._unreachable:
            then(refusal.UNAVAILABLE)
        else:
            self.wait(lambda: self.take_or_wait(size, then))

    def throttle(self, rate_bytes_s: int) -> None:
        """Hold all flows together to this rate from now on, also those that wait; 0 lifts the limit."""
        if not rate_bytes_s:
            if self.bucket is not None:
                self.bucket.change(0)
            self.bucket = None
        elif self.bucket is None:
            self.bucket = TokenBucket(rate_bytes_s, self._reactor)
        elif self.bucket.rate_bytes_s != rate_bytes_s:
            self.bucket.change(rate_bytes_s)

    def give_up(self) -> int:
        """Let nothing more be taken of what was granted so far; return how much that is. More may be asked for."""
        given_up, self.available = self.available, 0
        self._granted -= given_up
        if self._request is None:
            self._refill_at = 0
        return given_up

    # ── asking for more ─────────────────────────────────────────────────────────────────────────────

    def _request_lease(self) -> None:
        if self._request or self._exhausted or self.closing:
            return
        self._refill_at = _NEVER
        self._request = spawn(self.refill(self._want()), f"lease for {self.resource_id}")

    async def cancel_request(self) -> None:
        """Do not wait for a lease that is on its way; the meter file knows of it."""
        await cancel(self._request)

    def revoke(self) -> None:
        """Let nothing more be taken, for good, and notify those who wait. A lease on its way may still come."""
        self.closing = True
        self.available = 0
        self._wake()

    async def request_finished(self) -> None:
        """Wait until no lease is on its way."""
        if self._request is not None:
            await asyncio.wait({self._request})

    def _want(self) -> int:
        """Return what should last `lease_span_s` at the rate since the last ask."""
        now, spent = self._reactor.monotonic(), self._granted - self.available
        rate = (spent - self._spent_when_asked) / max(now - self._asked_at, 0.001)
        self._asked_at, self._spent_when_asked = now, spent
        wanted = int(rate * self._settings.lease_span_s)
        return max(self._settings.lease_min_bytes, min(wanted, self._settings.lease_max_bytes))

    async def refill(self, want: int) -> None:
        """Ask for another lease until something is granted, or there is nothing that others could give back."""
        delay, patient_until = (
            RetryDelay(_RECALL_FIRST_S, _RECALL_MOST_S),
            self._reactor.monotonic() + _RECALL_QUIET_S,
        )
        while not await self._ask(want):
            if self._reactor.monotonic() > patient_until:
                self._on_unavailable()
            await delay.sleep()

    async def _ask(self, want: int) -> bool:
        """Ask for a lease; return whether the answer is final."""
        try:
            slot = self._meter.claim()
        except meter_file.MeterFileError as error:
            _log.error("no lease for %s: %s", self.resource_id, error)
            self._exhausted_because = refusal.OVERLOADED
            self._on_answer(0)
            return True
        predecessor_held = self._predecessor_holds()
        # In the meter file before it is asked for, so that a kill in between leaves no reservation behind.
        asked_at = self._reactor.monotonic()
        lease = Lease(new_id("hld"), slot, asked_at)
        slot.write_identity(lease.id, self.resource_id, "", "lease", "")
        slot[meter_file.STATE] = meter_file.SlotState.LEASE_ASKED
        answer = await self._access.lease(self.resource_id, lease.id, want, self._on_unavailable)
        granted = answer.granted_units
        if granted:
            self.renew(asked_at, answer.valid_us)
            slot[meter_file.GRANTED] = granted
            slot[meter_file.STATE] = meter_file.SlotState.LEASE_HELD
            self.leases.append(lease)
        else:
            self._meter.free(slot)
            if (answer.recalling or (predecessor_held and not answer.stopped)) and not self.closing:
                return False
        self._exhausted_because = refusal.INACTIVE if answer.stopped else refusal.NO_ALLOWANCE
        self._on_answer(granted)
        return True

    def _on_unavailable(self) -> None:
        self._unreachable = True
        self._wake()  # logins do not wait for better times; flows do

    def renew(self, asked_at: float, valid_us: int = 0) -> None:
        """Note that the service has confirmed these leases: they are good for `valid_us` from then on."""
        if valid_us:
            self.valid_s = valid_us / 1_000_000
        until = asked_at + self.valid_s
        # Answers may overtake each other: the latest word counts.
        self.expires_at = until if self.expires_at == inf else max(self.expires_at, until)

    def _on_answer(self, granted: int) -> None:
        self._request = None
        self._unreachable = False
        self._granted += granted
        self.available += granted
        if granted:
            self.recalled = False
            self._refill_at = self.available // 2
        else:
            self._exhausted = True
            self._reactor.call_later(self._settings.exhausted_retry_s, self._retry)
        self._wake()

    def _retry(self) -> None:
        """Something may have been bought meanwhile: let the next `take` find out."""
        self._exhausted = False
        self._refill_at = max(self.available // 2, 0)
        if self._waiting:
            self._request_lease()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for again in waiting:
            self._reactor.call_soon(again)
