"""Leases: slices of a customer's holding, reserved for one (node, resource)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollway.contracts.errors import UnknownNode
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Invalid, NotFound
from tollway.kit.times import SECOND_US
from tollway.services.access import store
from tollway.services.access.kinds import ResourceKind
from tollway.services.access.model import Granted, Resource, ResourceLease, ResourceState
from tollway.services.access.service.changes import Changes
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.settings import AccessSettings
from tollway.services.access.store.changes import (
    LEASE_RECALLED,
    RESOURCE_LEFT,
    RESOURCE_STOPPED,
    USER_SUSPENDED,
    Change,
)
from tollway.services.access.store.leases import LeaseWithOwner, RecallableLease
from tollway.services.access.store.nodes import Node

if TYPE_CHECKING:
    from tollway.contracts import ledger_pb2

TOUCH_EVERY_US = 10 * SECOND_US
RECALL_EVERY_US = SECOND_US // 2


class Leases:
    """Grants leases and keeps them alive."""

    def __init__(
        self,
        db: Database,
        settings: AccessSettings,
        kinds: dict[str, ResourceKind],
        holdings: Holdings,
        changes: Changes,
    ) -> None:
        self._db, self._settings = db, settings
        self._kinds, self._holdings, self._changes = kinds, holdings, changes
        self._lease_us = int(settings.lease_s * SECOND_US)

    async def lease(self, node: str, resource_id: str, lease_id: str, want: int) -> Granted:
        """Reserve a slice of the holding for a (node, resource); 0 when stopped, or nothing is left.

        Where nothing is available while other leases of the holding may have something to give back, these are
        recalled and the answer says so: it is not used up before nobody has anything left but what flows carry. What a
        node holds that is not in touch is not used up either: it comes back with the node, or when its leases lapse.
        Asking again under the same id gets the same answer, or 0 once the lease has ended.
        Raises UnknownNode, NotFound, or Invalid.
        """
        if want <= 0 or not lease_id.startswith("hld_"):
            raise Invalid("ask for more than 0 units under an id of the form hld_…")
        async with self._db.transaction() as tx:
            requested = await self._request(tx, node, resource_id, lease_id, want)
        lease = requested.lease
        if requested.stopped:
            return Granted(0, 0, 0, requested.stopped)
        if lease.answered and not lease.ended:
            return Granted(lease.granted, lease.left, self._lease_us)
        others = requested.others
        granted = Granted(0, 0, 0)
        if not lease.ended:
            reserved = await self._reserve(lease, requested.resource, contested=bool(others))
            granted = await self._answer(lease_id, reserved)
        if others and not granted.units:
            await self._recall(others)
            # Decided by what there was before the ledger was asked: it may have come back meanwhile.
            return Granted(0, granted.left, 0, recalling=True)
        return granted

    async def restore(self, node: str, lease_id: str, resource_id: str) -> LeaseWithOwner | None:
        """Make a lease to settle on out of one that was deleted, or never answered; release it with that.

        The ledger keeps every hold, so reserving again finds the one there was, whatever its state, and refuses
        (KeyReused) when it is another customer's. Where there was none a single unit is set aside, if there is
        one: the hold says whose use it is, and the ledger charges the rest of it beside.
        """
        async with self._db.transaction() as tx:
            by, resource = await _node_and_resource(tx, node, resource_id)
            lease = await store.leases.request_lease(tx, self._new(tx, by, resource_id, lease_id, 1))
        if (lease.node, lease.resource_id) == (node, resource_id):
            await self._reserve(lease, resource)
        async with self._db.snapshot() as tx:
            return await store.leases.find_lease_with_owner(tx, lease_id)

    async def renew(self, tx: Tx, owned: LeaseWithOwner) -> None:
        """Let the leases of this one's (node, resource) live on, and note that the node was in touch."""
        lease = owned.lease
        # Seldom enough that a busy node does not pay for it with every report.
        if lease.expires_at_us < tx.now_us + self._lease_us:
            await store.leases.renew_leases(tx, lease.node, lease.resource_id, self._expiry_us(tx))
        await _touch(tx, lease.node, owned.seen_at_us)

    async def _request(self, tx: Tx, node: str, resource_id: str, lease_id: str, want: int) -> "_Requested":
        by, resource = await _node_and_resource(tx, node, resource_id)
        most = self._settings.lease_bounds(self._kinds[resource.kind].unit).most
        lease = self._new(tx, by, resource_id, lease_id, min(want, most))
        stopped = _stopped_by(resource, suspended=await store.resources.is_stopped(tx, resource.user_id))
        if not stopped:
            lease = await store.leases.request_lease(tx, lease)
            # To the node an answer renews all its leases of this access.
            await store.leases.renew_leases(tx, node, resource_id, self._expiry_us(tx))
        if (lease.node, lease.resource_id) != (node, resource_id):
            raise Invalid(f"{lease_id} was asked for by another node or for another access")
        await _touch(tx, node, by.seen_at_us)
        others = await store.leases.recallable(
            tx,
            resource.user_id,
            resource.asset,
            beside=lease,
        )
        return _Requested(lease, resource, stopped, others)

    async def _recall(self, others: Sequence[RecallableLease]) -> None:
        """Let the nodes of these leases give back what nobody has in hand; not more often than they can answer."""
        async with self._db.transaction() as tx:
            due = [one for one in others if one.answered and tx.now_us - one.recalled_at_us > RECALL_EVERY_US]
            if not due:
                return
            await store.leases.mark_recalled(tx, [one.id for one in due])
            holders = sorted({(one.node, one.resource_id) for one in due})
            await store.changes.add(
                tx, *(Change(LEASE_RECALLED, resource_id=resource, node=node) for node, resource in holders)
            )
        self._changes.notify()

    def _new(self, tx: Tx, by: Node, resource_id: str, lease_id: str, want: int) -> ResourceLease:
        return ResourceLease(
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
            expires_at_us=self._expiry_us(tx),
        )

    async def _reserve(
        self, lease: ResourceLease, resource: Resource, *, contested: bool = False
    ) -> "ledger_pb2.ReserveResponse":
        unit = self._kinds[resource.kind].unit
        return await self._holdings.reserve(
            lease, resource.user_id, resource.asset, unit, contested=contested
        )

    async def _answer(self, lease_id: str, reserved: "ledger_pb2.ReserveResponse") -> Granted:
        async with self._db.transaction() as tx:
            expires_at_us = self._expiry_us(tx)
            if await store.leases.answer_lease(tx, lease_id, reserved.granted, reserved.left, expires_at_us):
                return Granted(reserved.granted, reserved.left, self._lease_us)
            lease = await store.leases.find_lease(tx, lease_id)
        if lease is not None and lease.answered and not lease.ended:
            return Granted(lease.granted, lease.left, self._lease_us)
        # It was given up for lost while the ledger was asked.
        await self._holdings.release(lease_id)
        return Granted(0, 0, 0)

    def _expiry_us(self, tx: Tx) -> int:
        """Return when a lease renewed now is void. As not every renewal is written, later than nodes believe."""
        return tx.now_us + self._lease_us + self._lease_us // 4


@dataclass(frozen=True, slots=True)
class _Requested:
    lease: ResourceLease
    resource: Resource
    stopped: str
    others: Sequence[RecallableLease]


async def _node_and_resource(tx: Tx, node: str, resource_id: str) -> tuple[Node, Resource]:
    """Return who asks and for what. Raises UnknownNode, NotFound."""
    by = await store.nodes.find_node(tx, node)
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
    if resource.state is ResourceState.ACTIVE:
        return ""
    return RESOURCE_STOPPED if resource.state is ResourceState.SUSPENDED else RESOURCE_LEFT


async def _touch(tx: Tx, node: str, seen_at_us: int) -> None:
    if tx.now_us - seen_at_us > TOUCH_EVERY_US:
        await store.nodes.touch(tx, node)
