"""Charging: what edge nodes ask while bytes flow.

A report goes to the ledger first and is stored here after. Everything in it is cumulative and both sides keep
the largest figures, so whatever is repeated, lost or killed in between, the node's next report puts it right.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.contracts import ledger_pb2
from tollway.contracts.books import customer, platform
from tollway.contracts.chart.access import CONSUMED
from tollway.contracts.errors import BadCredentials, NoAllowance, UnknownHold, UnknownNode
from tollway.contracts.events import SessionAccounted
from tollway.fabric.clock import Clock
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Invalid, NotFound
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.model import (
    Flow,
    Grant,
    Granted,
    Lease,
    Resource,
    Settled,
    State,
    matches,
    merge,
    merge_all,
)
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import RESOURCE_LEFT, RESOURCE_STOPPED, USER_SUSPENDED
from tollway.services.access.store.charging import Endpoint, Held, Node, Orphan, Patience
from tollway.services.access.store.usage import Growth

if TYPE_CHECKING:
    from tollway.contracts.ledger_pb2_grpc import LedgerAsyncStub

_log = logging.getLogger(__name__)

ACTOR = "access"
SEE_EVERY_US = 10 * SECOND_US
SWEEP_BATCH = 200
# Long enough that no node asks for the same lease again.
KEEP_ENDED_US = 2 * 24 * 3600 * SECOND_US


class Charging:
    """Verdicts, leases and reports."""

    def __init__(
        self, db: Database, clock: Clock, settings: AccessSettings, ledger: "LedgerAsyncStub"
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._ledger = ledger
        self._lease_us = int(settings.lease_s * SECOND_US)
        self._grace_us = int(settings.grace_s * SECOND_US)
        self._up_since_us = clock.now_us()

    # ── a node comes up, a customer comes along ─────────────────────────────────────────────────────

    async def open_node(self, name: str, boot_id: str, endpoints: Sequence[Endpoint]) -> int:
        """Note that a node is up; return the number of the last change, from which it follows.

        What an earlier boot of it held is given back after a grace in which it may report what it finds.
        """
        if not name or not boot_id:
            raise Invalid("a node has a name and a boot id")
        async with self._db.transaction() as tx:
            await store.charging.open_node(tx, name, boot_id, endpoints)
            return await store.changes.head(tx)

    async def authenticate(self, username: str, secret: str, protocol: str) -> Grant:
        """Give a verdict on a credential. Raises BadCredentials, ResourceInactive, NoAllowance."""
        async with self._db.snapshot() as tx:
            login = await store.resources.find_login(tx, username)
        if not matches(secret, None if login is None else login.secret_sha256) or login is None:
            raise BadCredentials
        resource = login.resource
        resource.admit(protocol, user_stopped=login.user_stopped)
        if await self._holding(resource.user_id, resource.asset) <= 0:
            raise NoAllowance
        return Grant(
            login.credential_id,
            resource.id,
            resource.user_id,
            resource.asset,
            resource.location,
            resource.limits,
            self._clock.now_us() + int(self._settings.verdict_cache_s * SECOND_US),
        )

    # ── leases ──────────────────────────────────────────────────────────────────────────────────────

    async def lease(self, node: str, resource_id: str, lease_id: str, want: int) -> Granted:
        """Reserve a slice of the holding for a (node, resource); 0 when stopped, or nothing is left.

        Asking again under the same id gets the same answer, or 0 once the lease has ended.
        Raises UnknownNode, NotFound, or Invalid.
        """
        if want <= 0 or not lease_id.startswith("hld_"):
            raise Invalid("ask for more than 0 bytes under an id of the form hld_…")
        async with self._db.transaction() as tx:
            asked = await self._ask(tx, node, resource_id, lease_id, want)
            user_id, asset = asked.user_id, asked.asset
        if asked.stopped or asked.lease.ended:
            return Granted(0, 0, 0, asked.stopped)
        if asked.lease.answered:
            return Granted(asked.lease.granted, asked.lease.left, self._lease_us)
        reserved = await self._reserve(asked.lease, user_id, asset)
        return await self._answer(lease_id, reserved)

    async def _ask(self, tx: Tx, node: str, resource_id: str, lease_id: str, want: int) -> "_Asked":
        by, resource = await _parties(tx, node, resource_id)
        lease = self._draft(tx, by, resource_id, lease_id, min(want, self._settings.max_lease_bytes))
        stopped = _stopped_by(resource, suspended=await store.resources.is_stopped(tx, resource.user_id))
        if not stopped:
            lease = await store.charging.ask_lease(tx, lease)
            # The node takes an answer for news of all its leases of this access.
            await store.charging.renew_leases(tx, node, resource_id, self._expiry(tx))
        if (lease.node, lease.resource_id) != (node, resource_id):
            raise Invalid(f"{lease_id} was asked for by another node or for another access")
        await self._see(tx, node, by.seen_us)
        return _Asked(lease, resource.user_id, resource.asset, stopped)

    def _draft(self, tx: Tx, by: Node, resource_id: str, lease_id: str, want: int) -> Lease:
        return Lease(
            id=lease_id,
            node=by.name,
            boot_id=by.boot_id,
            resource_id=resource_id,
            wanted=want,
            answered=False,
            ended=False,
            granted=0,
            left=0,
            remaining=0,
            expires_us=self._expiry(tx),
        )

    async def _reserve(self, lease: Lease, user_id: str, asset: str) -> ledger_pb2.ReserveResponse:
        return await self._ledger.Reserve(
            ledger_pb2.ReserveRequest(
                hold_id=lease.id,
                **{"from": customer(user_id, asset)},
                to=platform("access", asset, CONSUMED),
                want=lease.wanted,
                # The hold has no end of its own: it lives as long as the node reports, and is released here.
                expires_at_us=0,
                actor=ACTOR,
                divisor=self._settings.lease_divisor,
                floor=self._settings.lease_floor_bytes,
            )
        )

    async def _answer(self, lease_id: str, reserved: ledger_pb2.ReserveResponse) -> Granted:
        async with self._db.transaction() as tx:
            expires_us = self._expiry(tx)
            if await store.charging.answer_lease(tx, lease_id, reserved.granted, reserved.left, expires_us):
                return Granted(reserved.granted, reserved.left, self._lease_us)
            lease = await store.charging.find_lease(tx, lease_id)
        if lease is not None and lease.answered and not lease.ended:
            return Granted(lease.granted, lease.left, self._lease_us)
        # It was given up for lost while the ledger was asked.
        await self._release(lease_id)
        return Granted(0, 0, 0)

    # ── reports ─────────────────────────────────────────────────────────────────────────────────────

    async def report(self, node: str, lease_id: str, records: Sequence[Flow], *, release: bool) -> Settled:
        """Settle what flows used of a lease, and keep their records. When this returns, both are durable.

        Use has happened, so it is settled whatever became of its lease: on one that has ended or was forgotten
        it comes out of what the customer has available, and beyond that it is the house's shortfall.

        Raises UnknownNode; NotFound for an unknown resource, another node's lease, or (without records) an
        unknown lease; Invalid for records of another resource; Conflict for a flow that was charged in another
        asset; and Unavailable when nothing may have happened: report again.
        """
        flows = merge_all(records)
        held = await self._held(node, lease_id)
        if flows and (held is None or not held.lease.answered):
            held, release = await self._take_up(node, lease_id, next(iter(flows.values())).resource_id), True
        if held is None or held.lease.node != node:
            raise NotFound(f"{node} has no lease {lease_id}")
        if any(flow.resource_id != held.lease.resource_id for flow in flows.values()):
            raise Invalid("a report carries flows of its lease's access only")
        if not flows and not release:
            async with self._db.transaction() as tx:
                await self._renew(tx, held)
            return Settled(held.lease.remaining, 0)
        used = await self._record_use(held, list(flows.values()), release=release)
        async with self._db.transaction() as tx:
            await self._keep(tx, held, flows)
            ended = release or held.lease.ended
            await store.charging.save_lease(tx, lease_id, used.remaining, ended=ended)
            await self._renew(tx, held)
        return Settled(used.remaining, used.shortfall)

    async def _held(self, node: str, lease_id: str) -> Held | None:
        async with self._db.snapshot() as tx:
            held = await store.charging.find_held(tx, lease_id)
            if held is None and await store.charging.find_node(tx, node) is None:
                raise UnknownNode
        return held

    async def _take_up(self, node: str, lease_id: str, resource_id: str) -> Held | None:
        """Make a lease to settle on out of one that was forgotten, or never answered; it is released with that.

        The ledger forgets no hold, so reserving again finds the one there was, whatever its state, and refuses
        (KeyReused) when it is another customer's. Where there was none a single unit is set aside, if there is
        one: the hold says whose use it is, and the ledger charges the rest of it beside.
        """
        async with self._db.transaction() as tx:
            by, resource = await _parties(tx, node, resource_id)
            wanted = self._draft(tx, by, resource_id, lease_id, 1)
            lease = await store.charging.ask_lease(tx, wanted)
        if (lease.node, lease.resource_id) == (node, resource_id):
            await self._reserve(lease, resource.user_id, resource.asset)
        return await self._held(node, lease_id)

    async def _record_use(
        self, held: Held, flows: Sequence[Flow], *, release: bool
    ) -> ledger_pb2.RecordUseResponse:
        marks = [
            ledger_pb2.UsageReading(
                session_id=flow.session_id,
                cumulative=flow.octets,
                sequence=flow.sequence,
                final=flow.stopped,
            )
            for flow in flows
        ]
        if not marks:
            # Only to be given back; it may never have been granted, if the node died while asking.
            await self._release(held.lease.id)
            return ledger_pb2.RecordUseResponse()
        used = await self._ledger.RecordUse(
            ledger_pb2.RecordUseRequest(hold_id=held.lease.id, readings=marks, actor=ACTOR, release=release)
        )
        if used.shortfall:
            _log.warning("%s: %d bytes were used that nothing paid for", held.lease.id, used.shortfall)
        return used

    async def _keep(self, tx: Tx, held: Held, reports: dict[str, Flow]) -> None:
        """Merge reports into what is known, count what is new, publish what has stopped."""
        await store.resources.lock(tx, [held.lease.resource_id])
        known = await store.charging.find_flows(tx, list(reports))
        merged = {
            session_id: merge(known[session_id], report) if session_id in known else report
            for session_id, report in reports.items()
        }
        news = [flow for session_id, flow in merged.items() if flow != known.get(session_id)]
        if not news:
            return
        await store.charging.save_flows(tx, news, held)
        await store.usage.count(tx, [_growth(known.get(flow.session_id), flow, held) for flow in news])
        for flow in news:
            before = known.get(flow.session_id)
            if flow.stopped and not (before is not None and before.stopped):
                tx.publish(_accounted(held.user_id, flow))

    async def _renew(self, tx: Tx, held: Held) -> None:
        # Seldom enough that a busy node does not pay for it with every report.
        if held.lease.expires_us < tx.now_us + self._lease_us:
            await store.charging.renew_leases(tx, held.lease.node, held.lease.resource_id, self._expiry(tx))
        await self._see(tx, held.lease.node, held.seen_us)

    def _expiry(self, tx: Tx) -> int:
        """Return when a lease heard of now is void. As it is not noted each time, later than nodes believe."""
        return tx.now_us + self._lease_us + self._lease_us // 4

    # ── what vanished nodes left behind ─────────────────────────────────────────────────────────────

    async def sweep(self) -> None:
        """Close the flows and give back the leases of nodes that vanished, or came back without them.

        Flows are closed at their last reported counters. Nothing is judged in the first moments after a start:
        nodes could not be heard while this room was away.
        """
        now_us = self._clock.now_us()
        if now_us - self._up_since_us < self._grace_us:
            return
        silent_us = self._lease_us + self._grace_us + SEE_EVERY_US
        patience = Patience(now_us - silent_us, now_us - self._grace_us)
        while orphans := await self._orphans(patience):
            await self._close(orphans)
        async with self._db.snapshot() as tx:
            abandoned = await store.charging.abandoned_leases(tx, patience, SWEEP_BATCH)
        for lease_id in abandoned:
            await self._release(lease_id)
            async with self._db.transaction() as tx:
                await store.charging.save_lease(tx, lease_id, 0, ended=True)

    async def forget(self) -> None:
        """Delete leases that ended so long ago that nobody asks for them again."""
        async with self._db.transaction() as tx:
            await store.charging.forget_leases(tx, tx.now_us - KEEP_ENDED_US)

    async def _orphans(self, patience: Patience) -> Sequence[Orphan]:
        async with self._db.snapshot() as tx:
            return await store.charging.orphans(tx, patience, SWEEP_BATCH)

    async def _close(self, orphans: Sequence[Orphan]) -> None:
        async with self._db.transaction() as tx:
            await store.resources.lock(tx, {orphan.resource_id for orphan in orphans})
            for cause, rebooted in (("Lost-Carrier", False), ("NAS-Reboot", True)):
                ids = [orphan.session_id for orphan in orphans if orphan.rebooted is rebooted]
                for user_id, flow in await store.charging.close_flows(tx, ids, cause):
                    tx.publish(_accounted(user_id, flow))

    async def _release(self, lease_id: str) -> None:
        # A lease that was asked for and never answered may have no hold behind it.
        with contextlib.suppress(UnknownHold):
            await self._ledger.Release(ledger_pb2.ReleaseRequest(hold_id=lease_id, actor=ACTOR))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────

    async def _holding(self, user_id: str, asset: str) -> int:
        """Return what the customer holds, slices that nodes have reserved included: a node may have some."""
        try:
            account = await self._ledger.GetAccount(
                ledger_pb2.GetAccountRequest(ref=customer(user_id, asset))
            )
        except NotFound:
            return 0
        return account.balance

    async def _see(self, tx: Tx, node: str, seen_us: int) -> None:
        if tx.now_us - seen_us > SEE_EVERY_US:
            await store.charging.see(tx, node)


@dataclass(frozen=True, slots=True)
class _Asked:
    lease: Lease
    user_id: str
    asset: str
    stopped: str


async def _parties(tx: Tx, node: str, resource_id: str) -> tuple[Node, Resource]:
    """Return who asks and for what. Raises UnknownNode, NotFound."""
    by = await store.charging.find_node(tx, node)
    if by is None:
        raise UnknownNode
    resource = await store.resources.find(tx, resource_id)
    if resource is None:
        raise NotFound(f"there is no access {resource_id}")
    return by, resource


def _stopped_by(resource: Resource, *, suspended: bool) -> str:
    """Say which change has stopped this access; empty when it is active."""
    if suspended:
        return USER_SUSPENDED
    if resource.state is State.ACTIVE:
        return ""
    return RESOURCE_STOPPED if resource.state is State.SUSPENDED else RESOURCE_LEFT


def _growth(before: Flow | None, after: Flow, held: Held) -> Growth:
    return Growth(
        user_id=held.user_id,
        asset=held.asset,
        protocol=after.protocol,
        input_octets=after.input_octets - (before.input_octets if before else 0),
        output_octets=after.output_octets - (before.output_octets if before else 0),
        requests=after.requests - (before.requests if before else 0),
        flows=0 if before else 1,
    )


def _accounted(user_id: str, flow: Flow) -> SessionAccounted:
    return SessionAccounted(
        session_id=flow.session_id,
        resource_id=flow.resource_id,
        user_id=user_id,
        protocol=flow.protocol,
        input_octets=flow.input_octets,
        output_octets=flow.output_octets,
        terminate_cause=flow.terminate_cause,
    )
