"""Settling: what the book counted is reported to the access service until it is acknowledged.

Reports are cumulative per flow and name the lease that pays. Leases are filled in the order they were
granted: when a flow's new bytes do not fit into what the oldest lease has left, the report carries the part
that does, that lease is full and released, and the rest goes onto the next. So no report ever exceeds the
reservation it names, and no hold stays behind.

One report per resource is under way at a time and is repeated, unchanged, until it is acknowledged: the
ledger posts `cumulative - posted`, so repeats are harmless, but a different split over the leases would not
be. That is also what a restart does first (see `meter`).

The service may have given up leases while it was not heard (a partition, a process that was stopped): when it
says so, or when they are older than it allows, nothing more is spent on them and their flows end; what was
used is settled all the same. A report that can never be accepted is taken apart, and the record at fault goes
where the operator finds it (`unsettled`).
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from math import inf

from tollway.contracts.access_pb2 import (
    STATUS_TYPE_INTERIM_UPDATE,
    STATUS_TYPE_STOP,
    AccountingRecord,
    ReportRequest,
)
from tollway.edge import meter
from tollway.edge.cause import Cause
from tollway.edge.door import POINTLESS, AccessDoor
from tollway.edge.flow import Flow
from tollway.edge.lease import Allowance, Lease
from tollway.edge.metrics import METRICS
from tollway.edge.settings import EdgeSettings
from tollway.edge.unsettled import Unsettled
from tollway.kit.errors import Problem
from tollway.kit.ids import new_id

_log = logging.getLogger(__name__)
_RECORDS = 500
_BOUNDLESS = 1 << 62
_HEARD_OF = 4  # an allowance is heard of this often in the time for which its leases are good


class Settler:
    """Settles one allowance and its flows for as long as there are flows or leases; then `run` returns."""

    def __init__(
        self,
        allowance: Allowance,
        *,
        door: AccessDoor,
        book: meter.Book,
        unsettled: Unsettled,
        settings: EdgeSettings,
    ) -> None:
        self.allowance = allowance
        self.flows: dict[str, Flow] = {}  # live ones, and ended ones until they are settled
        self._door, self._book, self._unsettled, self._settings = door, book, unsettled, settings
        self._ended = asyncio.Event()

    @property
    def deadline(self) -> float:
        """When the leases are void, unless the service is heard before; the reactor calls `expired` then."""
        return self.allowance.void_at

    def expired(self) -> None:
        """The service was not heard of for too long."""
        self._void("the access service is away too long")

    def flow_ended(self) -> None:
        """Report soon."""
        self._ended.set()

    async def run(self) -> None:
        """Report at intervals and after flows ended; when the last flow is gone, give the leases back."""
        allowance = self.allowance
        while allowance.live or not allowance.closing:
            await self._pause()
            await self.settle()
            if allowance.idle and not allowance.closing:
                await self._linger()
                allowance.closing = allowance.closing or (allowance.idle and not self.flows)
        await self.close()

    async def _pause(self) -> None:
        # Until the first lease says how long it is good for, nobody knows how often it must be heard of.
        most_s = 1.0 if self.allowance.valid_s == inf else self.allowance.valid_s / _HEARD_OF
        interval_s = min(self._settings.report_interval_s, most_s)
        linger_s = self._settings.lease_linger_s
        try:
            # Nobody says when the last lease of an allowance without flows has come: look again soon.
            async with asyncio.timeout(interval_s if self.allowance.live else min(interval_s, linger_s)):
                await self._ended.wait()
            await asyncio.sleep(self._settings.stop_delay_s)
        except TimeoutError:
            pass
        self._ended.clear()

    async def _linger(self) -> None:
        """Wait whether another flow comes before the leases are given back."""
        until = time.monotonic() + self._settings.lease_linger_s
        while self.allowance.idle and time.monotonic() < until:  # noqa: ASYNC110  woken by nobody
            await asyncio.sleep(min(0.2, self._settings.lease_linger_s))

    async def settle(self) -> None:
        """Report until nothing is new, and keep leases alive that were not heard of for long."""
        while (report := self._next_report()) is not None:
            await self._deliver(report)
        touch_s = min(self._settings.lease_touch_s, self.allowance.valid_s / _HEARD_OF)
        for lease in tuple(self.allowance.leases):
            if time.monotonic() - lease.touched > touch_s and not self.allowance.closing:
                await self._deliver(self._promise(lease, []))

    async def close(self) -> None:
        """Settle everything and give every lease back. No flow may be live."""
        allowance = self.allowance
        allowance.available = 0
        await allowance.answered()
        await self.settle()
        if self.flows:
            await self._settle_uncovered()
        while allowance.leases:
            await self._deliver(self._promise(allowance.leases[0], [], release=True))

    async def _settle_uncovered(self) -> None:
        """Settle flows whose own lease is missing from a damaged book on one that nobody asked for.

        The service takes such a lease up: the use comes out of what the customer has left, or is shortfall.
        """
        try:
            slot = self._book.claim()
        except meter.BookError as error:
            _log.error("%d flows stay in the meter book until the next start: %s", len(self.flows), error)
            return
        lease = Lease(new_id("hld"), slot)
        slot.write_identity(lease.id, self.allowance.resource_id, "", "lease", "")
        slot[meter.STATE] = meter.State.LEASE_ASKED
        self.allowance.leases.append(lease)
        await self.settle()

    async def repeat_promises(self) -> None:
        """Repeat the report that a process before had under way: nobody knows whether it arrived."""
        for lease in tuple(self.allowance.leases):
            if lease.slot[meter.PROMISED_IN] == lease.slot[meter.SETTLED_IN]:
                continue
            promised = [
                (flow, flow.slot[meter.PROMISED_IN], flow.slot[meter.PROMISED_OUT])
                for flow in self.flows.values()
                if flow.slot.lease == lease.id and _promised(flow.slot) != _settled(flow.slot)
            ]
            records = [self._record(flow, heard, said, final=False) for flow, heard, said in promised]
            await self._deliver(
                _Report(lease, [flow for flow, _, _ in promised], self._request(lease, records))
            )
        for flow in self.flows.values():  # what was promised and never sent is void
            flow.slot[meter.PROMISED_IN], flow.slot[meter.PROMISED_OUT] = _settled(flow.slot)

    # ── making a report ─────────────────────────────────────────────────────────────────────────────

    def _next_report(self) -> "_Report | None":
        """Fill the oldest lease with what is new; None when nothing is."""
        allowance = self.allowance
        if not allowance.leases:
            return None
        lease = allowance.leases[0]
        # The last lease takes whatever there is: nothing was taken that no lease granted.
        service = lease.unsettled if len(allowance.leases) > 1 else _BOUNDLESS
        marks: list[_Mark] = []
        for flow in self.flows.values():
            words, at = flow.words, flow.slot.at
            heard, said = words[at + meter.SETTLED_IN], words[at + meter.SETTLED_OUT]
            more_in, more_out = words[at + meter.INPUT] - heard, flow.sent_octets - said
            if not (more_in or more_out or flow.ended):
                continue
            if more_in + more_out <= service:
                service -= more_in + more_out
                marks.append((flow, heard + more_in, said + more_out, flow.ended))
                if len(marks) == _RECORDS:
                    break
                continue
            fits_in = min(more_in, service)
            if service:
                marks.append((flow, heard + fits_in, said + service - fits_in, False))
                service = 0
            break
        full = not service and len(allowance.leases) > 1
        return self._promise(lease, marks, release=full) if marks or full else None

    def _promise(self, lease: Lease, marks: "list[_Mark]", *, release: bool = False) -> "_Report":
        """Write into the book what is about to be reported, and make the report."""
        promised = lease.slot[meter.SETTLED_IN]
        for flow, heard, said, _ in marks:
            slot = flow.slot
            promised += heard + said - slot[meter.SETTLED_IN] - slot[meter.SETTLED_OUT]
            slot.lease = lease.id
            slot[meter.PROMISED_IN], slot[meter.PROMISED_OUT] = heard, said
            slot[meter.SEQUENCE] += 1
        lease.slot[meter.PROMISED_IN] = promised
        records = [self._record(flow, heard, said, final=final) for flow, heard, said, final in marks]
        request = self._request(lease, records, release=release)
        return _Report(lease, [mark[0] for mark in marks], request, [mark[0] for mark in marks if mark[3]])

    def _request(
        self, lease: Lease, records: list[AccountingRecord], *, release: bool = False
    ) -> ReportRequest:
        return ReportRequest(lease_id=lease.id, records=records, release=release)

    def _record(self, flow: Flow, heard: int, said: int, *, final: bool) -> AccountingRecord:
        slot = flow.slot
        lasted_us = slot[meter.LASTED_US] if flow.ended else int((time.monotonic() - flow.began) * 1_000_000)
        return AccountingRecord(
            session_id=flow.session_id,
            status=STATUS_TYPE_STOP if final else STATUS_TYPE_INTERIM_UPDATE,
            resource_id=self.allowance.resource_id,
            credential_id=flow.grant.credential_id,
            protocol=flow.protocol,
            client_address=flow.client_address,
            target=slot.target,
            input_octets=heard,
            output_octets=said,
            session_time_us=lasted_us,
            started_at_us=slot[meter.STARTED_US],
            terminate_cause=Cause(slot[meter.CAUSE]).label if final else "",
            sequence=slot[meter.SEQUENCE],
            requests=slot[meter.REQUESTS],
        )

    # ── delivering it ───────────────────────────────────────────────────────────────────────────────

    async def _deliver(self, report: "_Report") -> None:
        """Send until acknowledged, then write that into the book and free what is over."""
        asked_at = time.monotonic()
        try:
            answer = await self._door.report(report.request)
        except POINTLESS as problem:
            await self._refused(report, problem)
            return
        self.allowance.renew(asked_at)
        if answer.shortfall_bytes:
            METRICS.shortfall_bytes += answer.shortfall_bytes
            _log.error("%d bytes of %s were not covered", answer.shortfall_bytes, self.allowance.resource_id)
        lease = report.lease
        lease.touched = time.monotonic()
        for flow in report.flows:
            slot = flow.slot
            slot[meter.SETTLED_IN], slot[meter.SETTLED_OUT] = _promised(slot)
        # Last, so that a kill among these lines leaves a promise to repeat and not a wrong remainder.
        lease.slot[meter.SETTLED_IN] = lease.slot[meter.PROMISED_IN]
        for flow in report.finished:
            self._forget(flow)
        if report.request.release:
            self._let_go(lease)
        elif answer.remaining_bytes < lease.unsettled:
            self._void("the access service has taken a lease back")

    async def _refused(self, report: "_Report", why: Problem) -> None:
        """It would be refused for ever: settle what is not at fault, and put the rest aside."""
        lease = report.lease
        if len(report.flows) > 1:
            for part in report.apart():
                await self._deliver(part)
        elif report.flows:
            self._set_aside(report.flows[0], lease, why)
        if not report.flows:
            # The service does not know the lease, so there is nothing to give back, and nothing to spend.
            self._let_go(lease)
            self._void("the access service does not know a lease")
        elif report.request.release:
            await self._deliver(self._promise(lease, [], release=True))

    def _set_aside(self, flow: Flow, lease: Lease, why: Problem) -> None:
        """End a flow that cannot be settled and keep its figures for the operator."""
        if flow.carrier is not None:
            flow.carrier.cut(Cause.NAS_ERROR)
        if not flow.ended:
            flow.end(Cause.NAS_ERROR)
            self.allowance.live -= 1
        slot = flow.slot
        lease.slot[meter.PROMISED_IN] -= sum(_promised(slot)) - sum(_settled(slot))
        lease.slot[meter.SETTLED_IN] = lease.slot[meter.PROMISED_IN]
        record = self._record(flow, *_counted(slot), final=True)
        what = {field.name: value for field, value in record.ListFields()} | {
            "status": "Stop",
            "lease_id": lease.id,
            "settled_octets": sum(_settled(slot)),
            "refused": why.code,
            "because": why.detail,
        }
        if self._unsettled.keep(what, octets=sum(_counted(slot)) - sum(_settled(slot))):
            self._forget(flow)
        else:
            del self.flows[flow.session_id]  # it stays in the book, for the next start

    def _forget(self, flow: Flow) -> None:
        del self.flows[flow.session_id]
        self._book.free(flow.slot)

    def _let_go(self, lease: Lease) -> None:
        self.allowance.leases.remove(lease)
        self._book.free(lease.slot)

    def _void(self, why: str) -> None:
        """Spend nothing more on leases that the service has given up; their flows end, and are settled."""
        if self.allowance.closing:
            return
        _log.error("the leases of %s are void: %s", self.allowance.resource_id, why)
        for flow in tuple(self.flows.values()):
            if flow.carrier is not None:
                flow.carrier.cut(Cause.NAS_ERROR)
        self.allowance.shut()
        self.flow_ended()


_Mark = tuple[Flow, int, int, bool]  # the flow, its cumulative bytes in and out, whether this is its Stop


class _Report:
    """A report under way: which lease pays, whose figures it carries, which flows are over after it."""

    __slots__ = ("finished", "flows", "lease", "request")

    def __init__(
        self, lease: Lease, flows: list[Flow], request: ReportRequest, finished: list[Flow] | None = None
    ) -> None:
        self.lease, self.flows, self.request = lease, flows, request
        self.finished = finished or []

    def apart(self) -> "Iterator[_Report]":
        """Make a report of each record, with the same figures on the same lease."""
        for flow, record in zip(self.flows, self.request.records, strict=True):
            request = ReportRequest(lease_id=self.lease.id, records=[record])
            yield _Report(self.lease, [flow], request, [flow] if flow in self.finished else [])


def _promised(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.PROMISED_IN], slot[meter.PROMISED_OUT]


def _counted(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.INPUT], slot[meter.OUTPUT]


def _settled(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.SETTLED_IN], slot[meter.SETTLED_OUT]
