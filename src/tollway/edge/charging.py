"""All quotas of this node: made when a resource's first flow comes, given back after its last.

After a restart the meter file of the process before is read: its flows ended with it (NAS-Reboot), and are
settled on the leases it held, which are then given back. That goes on beside new logins, which get new leases.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any

from tollway.contracts.access_pb2 import Grant
from tollway.edge import meter_file
from tollway.edge.access_client import AccessClient
from tollway.edge.flow import Flow, begin, recover
from tollway.edge.flow_log import ended, flow_log
from tollway.edge.metrics import EdgeMetrics
from tollway.edge.policy.customer_rules import CustomerRules
from tollway.edge.quarantine import Quarantine
from tollway.edge.quota import Lease, Quota
from tollway.edge.reactor import Reactor
from tollway.edge.settings import EdgeSettings
from tollway.edge.spend import Spend
from tollway.edge.terminate_cause import TerminateCause
from tollway.edge.usage_reporter import UsageReporter
from tollway.fabric.clock import Clock
from tollway.kit.tasks import cancel, spawn

_log = logging.getLogger(__name__)


class ChargingRegistry:
    """Finds the quota of a grant, opens and closes flows on it, settles all of them."""

    def __init__(
        self,
        *,
        access: AccessClient,
        meter: meter_file.MeterFile,
        metrics: EdgeMetrics,
        reactor: Reactor,
        settings: EdgeSettings,
        clock: Clock,
    ) -> None:
        self._access, self._meter, self._metrics = access, meter, metrics
        self._reactor, self._settings, self._clock = reactor, settings, clock
        metrics.live_bytes, metrics.leases_held = self._live_bytes, self._leases_held
        self._quarantine = Quarantine(meter.path.with_suffix(".quarantine.jsonl"), metrics)
        self.flow_log = flow_log(settings.flow_log)
        self._reporters: dict[Quota, UsageReporter] = {}
        self._open: dict[str, Quota] = {}  # by resource: what new flows draw on
        self._tasks: set[asyncio.Task[None]] = set()

    def quota_for(self, grant: Grant) -> Quota:
        """Return the quota that this grant draws on."""
        quota = self._open.get(grant.resource_id)
        if quota is None or quota.closing:
            quota = self._open[grant.resource_id] = self._make_quota(grant.resource_id)
            reporter = self._reporters[quota]
            self._run(reporter, reporter.run())
        quota.throttle(grant.rate_limit_bytes_s)
        return quota

    def spend(self, grant: Grant) -> Spend:
        """Make what a new flow with this grant takes its bytes from."""
        return Spend(self.quota_for(grant))

    def begin(
        self,
        grant: Grant,
        spend: Spend,
        protocol: str,
        client: str,
        customer: CustomerRules | None = None,
    ) -> Flow:
        """Open a flow in the meter file. Raises meter_file.MeterFileError when the disk is full."""
        flow = begin(
            self._meter, spend, grant, protocol, client, self._clock.now_us(), self._reactor.monotonic
        )
        flow.customer = customer
        quota = spend.quota
        self._reporters[quota].flows[flow.session_id] = flow
        quota.live_flows += 1
        self._metrics.flows_open[protocol] += 1
        return flow

    def end(self, flow: Flow, cause: TerminateCause) -> None:
        """End a flow: from here on it is only reported."""
        flow.end(cause)
        flow.spend.close()
        quota = flow.quota
        quota.live_flows -= 1
        self._reporters[quota].wake()
        octets_in, octets_out = flow.spend.bytes_in, flow.spend.bytes_out
        protocol = flow.protocol
        self._metrics.flows_open[protocol] -= 1
        self._metrics.flows[protocol, cause] += 1
        self._metrics.bytes[protocol, "in"] += octets_in
        self._metrics.bytes[protocol, "out"] += octets_out
        if self.flow_log.enabled:
            self.flow_log.add(self._clock.now_us(), ended(flow, cause))

    def recall(self, resource_id: str) -> None:
        """Give back what no flow of a resource has in its hands: somebody else needs it."""
        quota = self._open.get(resource_id)
        if quota is not None:
            quota.recalled = True
            self._reporters[quota].wake()

    def _live_bytes(self) -> Counter[tuple[str, str]]:
        moved: Counter[tuple[str, str]] = Counter()
        for flow in self.live_flows():
            moved[flow.protocol, "in"] += flow.spend.bytes_in
            moved[flow.protocol, "out"] += flow.spend.bytes_out
        return moved

    def _leases_held(self) -> tuple[int, int]:
        held = [lease for quota in self._reporters for lease in quota.leases]
        return len(held), sum(lease.unsettled for lease in held)

    def live_flows(self) -> Iterator[Flow]:
        """Go through the flows under way; ending some on the way is fine."""
        for reporter in tuple(self._reporters.values()):
            for flow in tuple(reporter.flows.values()):
                if not flow.ended:
                    yield flow

    def recover(self, alive_us: int) -> int:
        """Begin to settle what the process before left in the meter file; return how many flows that were."""
        found: dict[str, Quota] = {}
        leases: list[tuple[int, str, Lease]] = []
        count = 0
        for slot in tuple(self._meter.used()):
            identity = slot.read_identity()
            if identity is None or slot[meter_file.STATE] not in set(meter_file.SlotState):
                self._keep_damaged(slot)
                continue
            name, resource_id = identity[:2]
            quota = found.get(resource_id) or found.setdefault(resource_id, self._make_quota(resource_id))
            if slot[meter_file.STATE] >= meter_file.SlotState.LEASE_ASKED:
                held = slot[meter_file.STATE] == meter_file.SlotState.LEASE_HELD
                leases.append((held, name, Lease(name, slot, self._reactor.monotonic())))
            else:
                self._reporters[quota].flows[name] = recover(slot, quota, self._reactor, alive_us)
                count += 1
        # Those that were asked for first, as they hold nothing that was spent; then in the order granted.
        for _, _, lease in sorted(leases, key=lambda entry: entry[:2]):
            identity = lease.slot.read_identity()
            found[identity[1] if identity else ""].leases.append(lease)
        for quota in found.values():
            quota.closing = True
            reporter = self._reporters[quota]
            self._run(reporter, self._finish(reporter))
        return count

    async def stop(self, timeout_s: float) -> None:
        """Settle what can be settled in time; the rest stays in the meter file for the next start."""
        for reporter in self._reporters.values():
            reporter.quota.closing = True
            reporter.wake()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        await self.kill()

    async def kill(self) -> None:
        """Stop settling at once; what is not settled stays in the meter file."""
        for reporter in tuple(self._reporters.values()):
            await reporter.quota.cancel_request()
        for task in tuple(self._tasks):
            await cancel(task)

    async def _finish(self, reporter: UsageReporter) -> None:
        await reporter.repeat_pending()
        await reporter.close()

    def _make_quota(self, resource_id: str) -> Quota:
        """Make a quota and who settles it."""
        quota = Quota(
            resource_id,
            access=self._access,
            meter=self._meter,
            reactor=self._reactor,
            settings=self._settings,
            predecessor_holds=lambda: any(
                other.resource_id == resource_id and other is not quota for other in self._reporters
            ),
        )
        reporter = self._reporters[quota] = UsageReporter(
            quota,
            access=self._access,
            meter=self._meter,
            quarantine=self._quarantine,
            settings=self._settings,
            monotonic=self._reactor.monotonic,
        )
        self._reactor.add_deadline(reporter)
        return quota

    def _keep_damaged(self, slot: meter_file.Slot) -> None:
        """Free a slot that cannot be read; a flow's figures go to the operator, a lease lapses by itself."""
        leased = slot[meter_file.STATE] in (meter_file.SlotState.LEASE_ASKED, meter_file.SlotState.LEASE_HELD)
        octets = 0 if leased else slot[meter_file.INPUT] + slot[meter_file.OUTPUT]
        what = {"refused": "damaged", "slot": slot.number, "octets": octets, "raw": slot.raw.hex()}
        if self._quarantine.keep(what, octets=octets):
            self._meter.free(slot)

    def _run(self, reporter: UsageReporter, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work, f"settle {reporter.quota.resource_id}")
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._on_settled(reporter, task))

    def _on_settled(self, reporter: UsageReporter, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._reactor.remove_deadline(reporter)
        quota = reporter.quota
        del self._reporters[quota]
        if self._open.get(quota.resource_id) is quota:
            del self._open[quota.resource_id]
