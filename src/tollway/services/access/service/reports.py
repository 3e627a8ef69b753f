"""Reports: what nodes say that flows have used.

A report goes to the ledger first and is stored here after. Everything in it is cumulative and both sides keep
the largest figures, so whatever is repeated, lost or killed in between, the node's next report puts it right.
"""

from collections.abc import Callable, Sequence

from tollway.contracts.errors import UnknownNode
from tollway.contracts.events import SessionAccounted
from tollway.fabric.db import Database, Tx
from tollway.kit.errors import Invalid, NotFound
from tollway.services.access import store
from tollway.services.access.kinds import ResourceKind
from tollway.services.access.model import FlowRecord, Settled, merge, merge_all
from tollway.services.access.service.holdings import Holdings
from tollway.services.access.service.leases import Leases
from tollway.services.access.store.leases import LeaseWithOwner
from tollway.services.access.store.usage import UsageDelta


class Reports:
    """Settles use."""

    def __init__(
        self,
        db: Database,
        kinds: dict[str, ResourceKind],
        holdings: Holdings,
        leases: Leases,
        on_stored: Callable[[str], None],
    ) -> None:
        """`on_stored` is called with the customer whose report was committed."""
        self._db, self._kinds = db, kinds
        self._holdings, self._leases = holdings, leases
        self._on_stored = on_stored

    async def report(
        self,
        node: str,
        lease_id: str,
        records: Sequence[FlowRecord],
        *,
        release: bool,
        keep: int | None = None,
    ) -> Settled:
        """Settle what flows used of a lease, and keep their records. When this returns, both are durable.

        Use has happened, so it is settled whatever became of its lease: on one that has ended or was deleted
        it comes out of what the customer has available, and beyond that it is shortfall.

        `keep` answers a recall: the lease goes on with at most so many units and gives back the rest.

        Raises UnknownNode; NotFound for an unknown resource, another node's lease, or (without records) an
        unknown lease; Invalid for records of another resource; Conflict for a flow that was charged in another
        asset; and Unavailable when nothing may have happened: report again.
        """
        flows = merge_all(records)
        owned = await self._find(node, lease_id)
        if flows and (owned is None or not owned.lease.answered):
            resource_id = next(iter(flows.values())).resource_id
            owned, release = await self._leases.restore(node, lease_id, resource_id), True
        if owned is None or owned.lease.node != node:
            raise NotFound(f"{node} has no lease {lease_id}")
        if any(flow.resource_id != owned.lease.resource_id for flow in flows.values()):
            raise Invalid("a report carries flows of its lease's access only")
        if not flows and not release and keep is None:
            async with self._db.transaction() as tx:
                await self._leases.renew(tx, owned)
            return Settled(owned.lease.remaining, 0)
        remaining, shortfall = 0, 0
        if flows or keep is not None:
            unit = self._kinds[owned.kind].unit
            used = await self._holdings.record_use(
                lease_id,
                list(flows.values()),
                unit,
                release=release or keep is not None,
                keep=0 if release else keep or 0,
            )
            remaining, shortfall = used.remaining, used.shortfall
        else:
            await self._holdings.release(lease_id)
        async with self._db.transaction() as tx:
            await _keep(tx, owned, flows)
            ended = release or owned.lease.ended
            await store.leases.save_lease(tx, lease_id, remaining, ended=ended, kept=keep is not None)
            await self._leases.renew(tx, owned)
        self._on_stored(owned.user_id)
        return Settled(remaining, shortfall)

    async def _find(self, node: str, lease_id: str) -> LeaseWithOwner | None:
        async with self._db.snapshot() as tx:
            owned = await store.leases.find_lease_with_owner(tx, lease_id)
            if owned is None and await store.nodes.find_node(tx, node) is None:
                raise UnknownNode
        return owned


async def _keep(tx: Tx, owned: LeaseWithOwner, reports: dict[str, FlowRecord]) -> None:
    """Merge reports into what is known, count what is new, publish what has stopped."""
    await store.resources.lock(tx, [owned.lease.resource_id])
    known = await store.flows.find_flows(tx, list(reports))
    merged = {
        session_id: merge(known[session_id], report) if session_id in known else report
        for session_id, report in reports.items()
    }
    changed = [flow for session_id, flow in merged.items() if flow != known.get(session_id)]
    if not changed:
        return
    await store.flows.save_flows(tx, changed, owned)
    await store.credentials.used(tx, {flow.credential_id for flow in changed})
    deltas = [_delta(known.get(flow.session_id), flow, owned) for flow in changed]
    await store.usage.count(tx, deltas)
    await store.trends.count(tx, deltas)
    for flow in changed:
        before = known.get(flow.session_id)
        if flow.stopped and not (before is not None and before.stopped):
            tx.publish(session_accounted(owned.user_id, flow))


def _delta(before: FlowRecord | None, after: FlowRecord, owned: LeaseWithOwner) -> UsageDelta:
    return UsageDelta(
        user_id=owned.user_id,
        resource_id=owned.lease.resource_id,
        asset=owned.asset,
        protocol=after.protocol,
        target=after.host,
        input_octets=after.input_octets - (before.input_octets if before else 0),
        output_octets=after.output_octets - (before.output_octets if before else 0),
        requests=after.requests - (before.requests if before else 0),
        flows=0 if before else 1,
    )


def session_accounted(user_id: str, flow: FlowRecord) -> SessionAccounted:
    """Say that a flow has stopped, with its final figures."""
    return SessionAccounted(
        session_id=flow.session_id,
        resource_id=flow.resource_id,
        user_id=user_id,
        protocol=flow.protocol,
        input_octets=flow.input_octets,
        output_octets=flow.output_octets,
        terminate_cause=flow.terminate_cause,
    )
