"""Settling: what the book counted is reported to the access room until it is acknowledged.

Reports are cumulative per flow and name the lease that pays. Leases are filled in the order they were
granted: when a flow's new bytes do not fit into what the oldest lease has left, the report carries the part
that does, that lease is full and released, and the rest goes onto the next. So no report ever exceeds the
reservation it names, and no hold stays behind.

One report per resource is under way at a time and is repeated, unchanged, until it is acknowledged: the
ledger posts `cumulative - posted`, so repeats are harmless, but a different split over the leases would not
be. That is also what a restart does first (see `meter`).
"""

import asyncio
import logging
import time

from tollway.contracts.access_pb2 import (
    STATUS_TYPE_INTERIM_UPDATE,
    STATUS_TYPE_STOP,
    AccountingRecord,
    ReportRequest,
)
from tollway.edge import meter
from tollway.edge.door import AccessDoor
from tollway.edge.flow import Cause, Flow
from tollway.edge.lease import Allowance, Lease
from tollway.edge.metrics import METRICS
from tollway.edge.settings import EdgeSettings

_log = logging.getLogger(__name__)
_RECORDS = 500
_BOUNDLESS = 1 << 62


class Settler:
    """Settles one allowance for as long as it has flows or leases; then `run` returns."""

    def __init__(
        self,
        allowance: Allowance,
        *,
        door: AccessDoor,
        book: meter.Book,
        settings: EdgeSettings,
    ) -> None:
        self.allowance = allowance
        self._door, self._book, self._settings = door, book, settings
        self._ended = asyncio.Event()

    def flow_ended(self) -> None:
        """Report soon."""
        self._ended.set()

    async def run(self) -> None:
        """Report at intervals and after flows ended; when the last flow is gone, give the leases back."""
        allowance = self.allowance
        while not allowance.closing:
            await self._pause()
            await self.settle()
            if allowance.idle:
                await self._linger()
                allowance.closing = allowance.closing or (allowance.idle and not allowance.flows)
        await self.close()

    async def _pause(self) -> None:
        interval_s, linger_s = self._settings.report_interval_s, self._settings.lease_linger_s
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
        for lease in tuple(self.allowance.leases):
            if time.monotonic() - lease.touched > self._settings.lease_touch_s:
                await self._deliver(self._promise(lease, []))

    async def close(self) -> None:
        """Settle everything and give every lease back. No flow may be live."""
        allowance = self.allowance
        allowance.available = 0
        await self.settle()
        if allowance.flows:
            await self._settle_uncovered()
        while allowance.leases:
            await self._deliver(self._promise(allowance.leases[0], [], release=True))

    async def _settle_uncovered(self) -> None:
        """Ask for a lease for flows whose own is missing from a damaged book, and settle them on that."""
        flows = self.allowance.flows.values()
        owed = sum(sum(_counted(flow.slot)) - sum(_settled(flow.slot)) for flow in flows)
        await self.allowance.refill(max(owed, 1))
        self.allowance.available = 0
        await self.settle()
        for flow in tuple(flows):
            _log.error("%d bytes of %s have no lease to be settled on", owed, flow.session_id)
            self._book.free(flow.slot)
        self.allowance.flows.clear()

    async def repeat_promises(self) -> None:
        """Repeat the report that a process before had under way: nobody knows whether it arrived."""
        for lease in tuple(self.allowance.leases):
            if lease.slot[meter.PROMISED_IN] == lease.slot[meter.SETTLED_IN]:
                continue
            promised = [
                (flow, flow.slot[meter.PROMISED_IN], flow.slot[meter.PROMISED_OUT])
                for flow in self.allowance.flows.values()
                if flow.slot.lease == lease.id and _promised(flow.slot) != _settled(flow.slot)
            ]
            records = [self._record(flow, heard, said, final=False) for flow, heard, said in promised]
            await self._deliver(
                _Report(lease, [flow for flow, _, _ in promised], self._request(lease, records))
            )
        for flow in self.allowance.flows.values():  # what was promised and never sent is void
            flow.slot[meter.PROMISED_IN], flow.slot[meter.PROMISED_OUT] = _settled(flow.slot)

    # ── making a report ─────────────────────────────────────────────────────────────────────────────

    def _next_report(self) -> "_Report | None":
        """Fill the oldest lease with what is new; None when nothing is."""
        allowance = self.allowance
        if not allowance.leases:
            return None
        lease = allowance.leases[0]
        # The last lease takes whatever there is: nothing was taken that no lease granted.
        room = lease.unsettled if len(allowance.leases) > 1 else _BOUNDLESS
        marks: list[_Mark] = []
        for flow in allowance.flows.values():
            words, at = flow.words, flow.slot.at
            heard, said = words[at + meter.SETTLED_IN], words[at + meter.SETTLED_OUT]
            more_in, more_out = words[at + meter.INPUT] - heard, words[at + meter.OUTPUT] - said
            if not (more_in or more_out or flow.ended):
                continue
            if more_in + more_out <= room:
                room -= more_in + more_out
                marks.append((flow, heard + more_in, said + more_out, flow.ended))
                if len(marks) == _RECORDS:
                    break
                continue
            fits_in = min(more_in, room)
            if room:
                marks.append((flow, heard + fits_in, said + room - fits_in, False))
                room = 0
            break
        full = not room and len(allowance.leases) > 1
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
        answer = await self._door.report(report.request, self._undelivered)
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
            del self.allowance.flows[flow.session_id]
            self._book.free(flow.slot)
        if report.request.release:
            self.allowance.leases.remove(lease)
            self._book.free(lease.slot)

    def _undelivered(self) -> None:
        """Stop using leases that the access room will have given up for lost."""
        if time.monotonic() > self.allowance.void_at and not self.allowance.closing:
            _log.error(
                "the leases of %s are void: the access room is away too long", self.allowance.resource_id
            )
            self.allowance.closing = True
            for flow in tuple(self.allowance.flows.values()):
                if flow.carrier is not None:
                    flow.carrier.cut(Cause.NAS_ERROR)


_Mark = tuple[Flow, int, int, bool]  # the flow, its cumulative bytes in and out, whether this is its Stop


class _Report:
    """A report under way: which lease pays, whose figures it carries, which flows are over after it."""

    __slots__ = ("finished", "flows", "lease", "request")

    def __init__(
        self, lease: Lease, flows: list[Flow], request: ReportRequest, finished: list[Flow] | None = None
    ) -> None:
        self.lease, self.flows, self.request = lease, flows, request
        self.finished = finished or []


def _promised(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.PROMISED_IN], slot[meter.PROMISED_OUT]


def _counted(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.INPUT], slot[meter.OUTPUT]


def _settled(slot: meter.Slot) -> tuple[int, int]:
    return slot[meter.SETTLED_IN], slot[meter.SETTLED_OUT]
