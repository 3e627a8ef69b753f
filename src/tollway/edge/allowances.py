"""All allowances of this node: made when a resource's first flow comes, given back after its last.

After a restart the book of the process before is read: its flows ended with it (NAS-Reboot), and are
settled on the leases it held, which are then given back. That goes on beside new logins, which get new leases.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter
from tollway.edge.cause import Cause
from tollway.edge.door import AccessDoor
from tollway.edge.flow import Flow, begin, recover
from tollway.edge.flow_log import ended, flow_log
from tollway.edge.lease import Allowance, Lease
from tollway.edge.metrics import METRICS
from tollway.edge.reactor import Reactor
from tollway.edge.settings import EdgeSettings
from tollway.edge.settle import Settler
from tollway.edge.unsettled import Unsettled
from tollway.fabric.clock import Clock
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)


class Allowances:
    """Finds the allowance of a grant, opens and closes flows on it, settles all of them."""

    def __init__(
        self,
        *,
        door: AccessDoor,
        book: meter.Book,
        reactor: Reactor,
        settings: EdgeSettings,
        clock: Clock,
    ) -> None:
        self._door, self._book = door, book
        self._reactor, self._settings, self._clock = reactor, settings, clock
        self._unsettled = Unsettled(book.path.with_suffix(".unsettled.jsonl"))
        self.flow_log = flow_log(settings.flow_log)
        self._settlers: dict[Allowance, Settler] = {}
        self._open: dict[str, Allowance] = {}  # by resource: what new flows draw on
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, grant: Grant) -> Allowance:
        """Return the allowance that this grant draws on."""
        allowance = self._open.get(grant.resource_id)
        if allowance is None or allowance.closing:
            allowance = self._open[grant.resource_id] = self._allowance(grant.resource_id)
            settler = self._settlers[allowance]
            self._run(settler, settler.run())
        allowance.throttle(grant.rate_limit_bytes_s)
        return allowance

    def begin(self, grant: Grant, allowance: Allowance, protocol: str, client: str) -> Flow:
        """Open a flow in the book. Raises meter.BookError when the disk is full."""
        flow = begin(self._book, allowance, grant, protocol, client, self._clock.now_us())
        self._settlers[allowance].flows[flow.session_id] = flow
        allowance.live += 1
        METRICS.flows_open[protocol] += 1
        return flow

    def end(self, flow: Flow, cause: Cause) -> None:
        """End a flow: from here on it is only reported."""
        flow.end(cause)
        allowance = flow.allowance
        allowance.live -= 1
        self._settlers[allowance].flow_ended()
        heard, said = flow.input_octets, flow.output_octets
        protocol = flow.protocol
        METRICS.flows_open[protocol] -= 1
        METRICS.flows[protocol, cause] += 1
        METRICS.bytes[protocol, "in"] += heard
        METRICS.bytes[protocol, "out"] += said
        if self.flow_log.enabled:
            self.flow_log.add(self._clock.now_us(), ended(flow, cause))

    def live_flows(self) -> Iterator[Flow]:
        """Go through the flows under way; ending some on the way is fine."""
        for settler in tuple(self._settlers.values()):
            for flow in tuple(settler.flows.values()):
                if not flow.ended:
                    yield flow

    def recover(self, alive_us: int) -> int:
        """Begin to settle what the process before left in the book; return how many flows that were."""
        found: dict[str, Allowance] = {}
        leases: list[tuple[int, str, Lease]] = []
        count = 0
        for slot in tuple(self._book.used()):
            identity = slot.read_identity()
            if identity is None or slot[meter.STATE] not in set(meter.State):
                self._keep_damaged(slot)
                continue
            name, resource_id = identity[:2]
            allowance = found.get(resource_id) or found.setdefault(resource_id, self._allowance(resource_id))
            if slot[meter.STATE] >= meter.State.LEASE_ASKED:
                held = slot[meter.STATE] == meter.State.LEASE_HELD
                leases.append((held, name, Lease(name, slot)))
            else:
                self._settlers[allowance].flows[name] = recover(slot, allowance, alive_us)
                count += 1
        # Those that were asked for first, as they hold nothing that was spent; then in the order granted.
        for _, _, lease in sorted(leases, key=lambda entry: entry[:2]):
            identity = lease.slot.read_identity()
            found[identity[1] if identity else ""].leases.append(lease)
        for allowance in found.values():
            allowance.closing = True
            settler = self._settlers[allowance]
            self._run(settler, self._finish(settler))
        return count

    async def stop(self, timeout_s: float) -> None:
        """Settle what can be settled in time; the rest stays in the book for the next start."""
        for settler in self._settlers.values():
            settler.allowance.closing = True
            settler.flow_ended()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        await self.kill()

    async def kill(self) -> None:
        """Stop settling at once; what is not settled stays in the book."""
        for settler in tuple(self._settlers.values()):
            await settler.allowance.stop_asking()
        for task in tuple(self._tasks):
            await cancel(task)

    async def _finish(self, settler: Settler) -> None:
        await settler.repeat_promises()
        await settler.close()

    def _allowance(self, resource_id: str) -> Allowance:
        """Make an allowance and who settles it."""
        allowance = Allowance(
            resource_id, door=self._door, book=self._book, reactor=self._reactor, settings=self._settings
        )
        settler = self._settlers[allowance] = Settler(
            allowance,
            door=self._door,
            book=self._book,
            unsettled=self._unsettled,
            settings=self._settings,
        )
        self._reactor.time(settler)
        return allowance

    def _keep_damaged(self, slot: meter.Slot) -> None:
        """Free a slot that cannot be read; a flow's figures go to the operator, a lease lapses by itself."""
        leased = slot[meter.STATE] in (meter.State.LEASE_ASKED, meter.State.LEASE_HELD)
        octets = 0 if leased else slot[meter.INPUT] + slot[meter.OUTPUT]
        what = {"refused": "damaged", "slot": slot.number, "octets": octets, "raw": slot.raw.hex()}
        if self._unsettled.keep(what, octets=octets):
            self._book.free(slot)

    def _run(self, settler: Settler, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work, f"settle {settler.allowance.resource_id}")
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._settled(settler, task))

    def _settled(self, settler: Settler, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._reactor.untime(settler)
        allowance = settler.allowance
        del self._settlers[allowance]
        if self._open.get(allowance.resource_id) is allowance:
            del self._open[allowance.resource_id]
