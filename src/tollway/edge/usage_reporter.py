"""Settling: what the meter file counted is reported to the access service until it is acknowledged.

Reports are cumulative per flow and name the lease that pays. Leases are filled in the order they were
granted: when a flow's new bytes do not fit into what the oldest lease has left, the report carries the part
that does, that lease is full and released, and the rest goes onto the next. So no report ever exceeds the
reservation it names, and no hold stays behind.

One report per resource is under way at a time and is repeated, unchanged, until it is acknowledged: the
ledger posts `cumulative - posted`, so repeats are harmless, but a different split over the leases would not
be. That is also what a restart does first (see `meter`).

When the lease is recalled, what no flow has in its hands is given back at once and the flows go on.

The service may have given up leases while it could not be reached (a partition, a process that was stopped): when it
says so, or when they are older than it allows, nothing more is spent on them and their flows end; what was
used is settled all the same. A report that can never be accepted is taken apart, and the record at fault goes
where the operator finds it (`quarantine`).
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from math import inf

from tollway.contracts.access_pb2 import (
    STATUS_TYPE_INTERIM_UPDATE,
    STATUS_TYPE_STOP,
    AccountingRecord,
    ReportRequest,
)
from tollway.edge import meter_file
from tollway.edge.access_client import POINTLESS, AccessClient
from tollway.edge.flow import Flow
from tollway.edge.quarantine import Quarantine
from tollway.edge.quota import Lease, Quota
from tollway.edge.settings import EdgeSettings
from tollway.edge.terminate_cause import TerminateCause
from tollway.kit.errors import Problem
from tollway.kit.ids import new_id

_log = logging.getLogger(__name__)
_RECORDS = 500
_BOUNDLESS = 1 << 62
_RECALLED_S = 0.25
_CONTACTS = 4  # a quota is reported this often in the time for which its leases are good


class UsageReporter:
    """Settles one quota and its flows for as long as there are flows or leases; then `run` returns."""

    def __init__(
        self,
        quota: Quota,
        *,
        access: AccessClient,
        meter: meter_file.MeterFile,
        quarantine: Quarantine,
        settings: EdgeSettings,
        monotonic: Callable[[], float],
    ) -> None:
        self.quota, self._monotonic = quota, monotonic
        self.flows: dict[str, Flow] = {}  # live ones, and ended ones until they are settled
        self._access, self._meter = access, meter
        self._quarantine, self._settings = quarantine, settings
        self._woken = asyncio.Event()

    @property
    def deadline(self) -> float:
        """When the leases are void, unless the service answers before; the reactor calls `expired` then."""
        return self.quota.expires_at

    def expired(self) -> None:
        """The service did not answer for too long."""
        self._revoke("the access service is away too long")

    def wake(self) -> None:
        """Report soon: a flow has ended, or the leases were recalled."""
        self._woken.set()

    async def run(self) -> None:
        """Report at intervals and after flows ended; when the last flow is gone, give the leases back."""
        quota = self.quota
        while quota.live_flows or not quota.closing:
            await self._pause()
            await self.settle()
            if quota.recalled:
                await self._give_back()
            if quota.idle and not quota.closing:
                await self._linger()
                quota.closing = quota.closing or (quota.idle and not self.flows)
        await self.close()

    async def _pause(self) -> None:
        # Until the first lease says how long it is good for, nobody knows how often it must be reported.
        most_s = 1.0 if self.quota.valid_s == inf else self.quota.valid_s / _CONTACTS
        if self.quota.recalled and any(lease.unsettled for lease in self.quota.leases):
            most_s = min(most_s, _RECALLED_S)  # flows may put back what they have in their hands
        interval_s = min(self._settings.report_interval_s, most_s)
        linger_s = self._settings.lease_idle_s
        try:
            # Nobody says when the last lease of a quota without flows has come: look again soon.
            async with asyncio.timeout(interval_s if self.quota.live_flows else min(interval_s, linger_s)):
                await self._woken.wait()
            if not self.quota.recalled:
                await asyncio.sleep(self._settings.stop_delay_s)
        except TimeoutError:
            pass
        self._woken.clear()

    async def _linger(self) -> None:
        """Wait whether another flow comes before the leases are given back."""
        until = self._monotonic() + self._settings.lease_idle_s
        quota = self.quota
        while quota.idle and not quota.recalled and self._monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(min(0.2, self._settings.lease_idle_s))

    async def settle(self) -> None:
        """Report until nothing is new, and keep leases alive that were not reported for long."""
        while (report := self._next_report()) is not None:
            await self._deliver(report)
        touch_s = min(self._settings.lease_keepalive_s, self.quota.valid_s / _CONTACTS)
        for lease in tuple(self.quota.leases):
            if self._monotonic() - lease.reported_at > touch_s and not self.quota.closing:
                await self._deliver(self._make_report(lease, []))

    async def _give_back(self) -> None:
        """Answer a recall: the leases keep what flows have in their hands, and give back the rest.

        The newest give first, as reports fill the oldest. One stays in any case, for the last report of the flows.
        """
        quota = self.quota
        given_up = quota.give_up()
        answers: list[Lease] = []
        for lease in reversed(quota.leases):
            part = min(given_up, lease.unsettled)
            given_up -= part
            # In the meter file before it is reported, so that after a kill nothing is settled on what is gone.
            lease.slot[meter_file.GRANTED] -= part
            if part or not lease.kept:
                answers.append(lease)
        for lease in answers:
            lease.kept = True
            if lease.unsettled or len(quota.leases) == 1:
                await self._deliver(self._make_report(lease, [], keep=lease.unsettled))
            else:
                await self._deliver(self._make_report(lease, [], release=True))

    async def close(self) -> None:
        """Settle everything and give every lease back. No flow may be live."""
        quota = self.quota
        quota.available = 0
        await quota.request_finished()
        await self.settle()
        if self.flows:
            await self._settle_uncovered()
        while quota.leases:
            await self._deliver(self._make_report(quota.leases[0], [], release=True))

    async def _settle_uncovered(self) -> None:
        """Settle flows whose own lease is missing from a damaged book on one that nobody asked for.

        The service takes such a lease up: the use comes out of what the customer has left, or is shortfall.
        """
        try:
            slot = self._meter.claim()
        except meter_file.MeterFileError as error:
            _log.error("%d flows stay in the meter file until the next start: %s", len(self.flows), error)
            return
        lease = Lease(new_id("hld"), slot, self._monotonic())
        slot.write_identity(lease.id, self.quota.resource_id, "", "lease", "")
        slot[meter_file.STATE] = meter_file.SlotState.LEASE_ASKED
        self.quota.leases.append(lease)
        await self.settle()

    async def repeat_pending(self) -> None:
        """Repeat the report that a process before had under way: nobody knows whether it arrived."""
        for lease in tuple(self.quota.leases):
            if lease.slot[meter_file.PENDING_IN] == lease.slot[meter_file.SETTLED_IN]:
                continue
            pending = [
                (flow, flow.slot[meter_file.PENDING_IN], flow.slot[meter_file.PENDING_OUT])
                for flow in self.flows.values()
                if flow.slot.lease == lease.id and _pending(flow.slot) != _settled(flow.slot)
            ]
            records = [
                self._record(flow, octets_in, octets_out, final=False)
                for flow, octets_in, octets_out in pending
            ]
            await self._deliver(
                _Report(lease, [flow for flow, _, _ in pending], self._request(lease, records))
            )
        for flow in self.flows.values():  # what was pending and never sent is void
            flow.slot[meter_file.PENDING_IN], flow.slot[meter_file.PENDING_OUT] = _settled(flow.slot)

    # ── making a report ─────────────────────────────────────────────────────────────────────────────

    def _next_report(self) -> "_Report | None":
        """Fill the oldest lease with what is new; None when nothing is."""
        quota = self.quota
        if not quota.leases:
            return None
        lease = quota.leases[0]
        # The last lease takes whatever there is: nothing was taken that no lease granted.
        service = lease.unsettled if len(quota.leases) > 1 else _BOUNDLESS
        figures: list[_Figures] = []
        for flow in self.flows.values():
            words, at = flow.slot.words, flow.slot.at
            octets_in, octets_out = words[at + meter_file.SETTLED_IN], words[at + meter_file.SETTLED_OUT]
            more_in, more_out = words[at + meter_file.INPUT] - octets_in, flow.sent_octets - octets_out
            if not (more_in or more_out or flow.ended):
                continue
            if more_in + more_out <= service:
                service -= more_in + more_out
                figures.append((flow, octets_in + more_in, octets_out + more_out, flow.ended))
                if len(figures) == _RECORDS:
                    break
                continue
            fits_in = min(more_in, service)
            if service:
                figures.append((flow, octets_in + fits_in, octets_out + service - fits_in, False))
                service = 0
            break
        full = not service and len(quota.leases) > 1
        return self._make_report(lease, figures, release=full) if figures or full else None

    def _make_report(
        self,
        lease: Lease,
        figures: "list[_Figures]",
        *,
        release: bool = False,
        keep: int | None = None,
    ) -> "_Report":
        """Write into the meter file what is about to be reported, and make the report."""
        pending = lease.slot[meter_file.SETTLED_IN]
        for flow, octets_in, octets_out, _ in figures:
            slot = flow.slot
            pending += octets_in + octets_out - slot[meter_file.SETTLED_IN] - slot[meter_file.SETTLED_OUT]
            slot.lease = lease.id
            slot[meter_file.PENDING_IN], slot[meter_file.PENDING_OUT] = octets_in, octets_out
            slot[meter_file.SEQUENCE] += 1
        lease.slot[meter_file.PENDING_IN] = pending
        records = [
            self._record(flow, octets_in, octets_out, final=final)
            for flow, octets_in, octets_out, final in figures
        ]
        request = self._request(lease, records, release=release, keep=keep)
        return _Report(
            lease, [each[0] for each in figures], request, [each[0] for each in figures if each[3]]
        )

    def _request(
        self,
        lease: Lease,
        records: list[AccountingRecord],
        *,
        release: bool = False,
        keep: int | None = None,
    ) -> ReportRequest:
        return ReportRequest(lease_id=lease.id, records=records, release=release, keep_units=keep)

    def _record(self, flow: Flow, octets_in: int, octets_out: int, *, final: bool) -> AccountingRecord:
        slot = flow.slot
        return AccountingRecord(
            session_id=flow.session_id,
            status=STATUS_TYPE_STOP if final else STATUS_TYPE_INTERIM_UPDATE,
            resource_id=self.quota.resource_id,
            credential_id=flow.grant.credential_id,
            protocol=flow.protocol,
            client_address=flow.client_address,
            target=flow.target,
            input_octets=octets_in,
            output_octets=octets_out,
            session_time_us=flow.lasted_us,
            started_at_us=slot[meter_file.STARTED_US],
            terminate_cause=TerminateCause(slot[meter_file.CAUSE]).label if final else "",
            sequence=slot[meter_file.SEQUENCE],
            requests=slot[meter_file.REQUESTS],
        )

    # ── delivering it ───────────────────────────────────────────────────────────────────────────────

    async def _deliver(self, report: "_Report") -> None:
        """Send until acknowledged, then write that into the meter file and free what is over."""
        asked_at = self._monotonic()
        try:
            answer = await self._access.report(report.request)
        except POINTLESS as problem:
            await self._on_refused(report, problem)
            return
        self.quota.renew(asked_at)
        if answer.shortfall_units:
            _log.error("%d bytes of %s were not covered", answer.shortfall_units, self.quota.resource_id)
        lease = report.lease
        lease.reported_at = self._monotonic()
        for flow in report.flows:
            slot = flow.slot
            slot[meter_file.SETTLED_IN], slot[meter_file.SETTLED_OUT] = _pending(slot)
        # Last, so that a kill among these lines leaves a promise to repeat and not a wrong remainder.
        lease.slot[meter_file.SETTLED_IN] = lease.slot[meter_file.PENDING_IN]
        for flow in report.finished:
            self._free_flow(flow)
        if report.request.release:
            self._drop_lease(lease)
        elif answer.remaining_units < lease.unsettled:
            self._revoke("the access service has taken a lease back")

    async def _on_refused(self, report: "_Report", why: Problem) -> None:
        """It would be refused for ever: settle what is not at fault, and put the rest aside."""
        lease = report.lease
        if len(report.flows) > 1:
            for part in report.split():
                await self._deliver(part)
        elif report.flows:
            self._quarantine_flow(report.flows[0], lease, why)
        if not report.flows:
            # The service does not know the lease, so there is nothing to give back, and nothing to spend.
            self._drop_lease(lease)
            self._revoke("the access service does not know a lease")
        elif report.request.release:
            await self._deliver(self._make_report(lease, [], release=True))

    def _quarantine_flow(self, flow: Flow, lease: Lease, why: Problem) -> None:
        """End a flow that cannot be settled and keep its figures for the operator."""
        if flow.owner is not None:
            flow.owner.terminate(TerminateCause.NAS_ERROR)
        if not flow.ended:
            flow.end(TerminateCause.NAS_ERROR)
            self.quota.live_flows -= 1
        slot = flow.slot
        lease.slot[meter_file.PENDING_IN] -= sum(_pending(slot)) - sum(_settled(slot))
        lease.slot[meter_file.SETTLED_IN] = lease.slot[meter_file.PENDING_IN]
        record = self._record(flow, *_counted(slot), final=True)
        what = {field.name: value for field, value in record.ListFields()} | {
            "status": "Stop",
            "lease_id": lease.id,
            "settled_octets": sum(_settled(slot)),
            "refused": why.code,
            "because": why.detail,
        }
        if self._quarantine.keep(what, octets=sum(_counted(slot)) - sum(_settled(slot))):
            self._free_flow(flow)
        else:
            del self.flows[flow.session_id]  # it stays in the meter file, for the next start

    def _free_flow(self, flow: Flow) -> None:
        del self.flows[flow.session_id]
        self._meter.free(flow.slot)

    def _drop_lease(self, lease: Lease) -> None:
        self.quota.leases.remove(lease)
        self._meter.free(lease.slot)

    def _revoke(self, why: str) -> None:
        """Spend nothing more on leases that the service has given up; their flows end, and are settled."""
        if self.quota.closing:
            return
        _log.error("the leases of %s are void: %s", self.quota.resource_id, why)
        for flow in tuple(self.flows.values()):
            if flow.owner is not None:
                flow.owner.terminate(TerminateCause.NAS_ERROR)
        self.quota.revoke()
        self.wake()


_Figures = tuple[Flow, int, int, bool]  # the flow, its cumulative bytes in and out, whether this is its Stop


class _Report:
    """A report under way: which lease pays, whose figures it carries, which flows are over after it."""

    __slots__ = ("finished", "flows", "lease", "request")

    def __init__(
        self, lease: Lease, flows: list[Flow], request: ReportRequest, finished: list[Flow] | None = None
    ) -> None:
        self.lease, self.flows, self.request = lease, flows, request
        self.finished = finished or []

    def split(self) -> "Iterator[_Report]":
        """Make a report of each record, with the same figures on the same lease."""
        for flow, record in zip(self.flows, self.request.records, strict=True):
            request = ReportRequest(lease_id=self.lease.id, records=[record])
            yield _Report(self.lease, [flow], request, [flow] if flow in self.finished else [])


def _pending(slot: meter_file.Slot) -> tuple[int, int]:
    return slot[meter_file.PENDING_IN], slot[meter_file.PENDING_OUT]


def _counted(slot: meter_file.Slot) -> tuple[int, int]:
    return slot[meter_file.INPUT], slot[meter_file.OUTPUT]


def _settled(slot: meter_file.Slot) -> tuple[int, int]:
    return slot[meter_file.SETTLED_IN], slot[meter_file.SETTLED_OUT]
