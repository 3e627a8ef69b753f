"""Flows: one accounting record each, its counters cumulative."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update

from tollway.contracts.terminate_causes import TerminateCauseName
from tollway.fabric.db import Tx
from tollway.services.access.model import FlowRecord
from tollway.services.access.store.leases import LeaseWithOwner, Timeouts, abandoned
from tollway.services.access.store.tables import flow, node

_COUNTED = (
    "credential_id",
    "protocol",
    "client_address",
    "target",
    "input_octets",
    "output_octets",
    "session_time_us",
    "started_at_us",
    "requests",
    "sequence",
    "stopped",
    "terminate_cause",
)


async def find_flows(tx: Tx, session_ids: Sequence[str]) -> dict[str, FlowRecord]:
    """Return what is known of flows, by session id."""
    rows = await tx.all(select(flow).where(flow.c.session_id.in_(session_ids)))
    return {row.session_id: as_flow(row) for row in rows}


async def save_flows(tx: Tx, flows: Sequence[FlowRecord], owner: LeaseWithOwner) -> None:
    """Write flows, new and known, in one statement. Whose a flow is and what pays is written once."""
    rows = [
        {name: getattr(one, name) for name in _COUNTED}
        | {
            "session_id": one.session_id,
            "resource_id": one.resource_id,
            "user_id": owner.user_id,
            "asset": owner.asset,
            "node": owner.lease.node,
            "boot_id": owner.boot_id,
            "updated_at_us": tx.now_us,
        }
        for one in flows
    ]
    insert = tx.insert(flow)
    renewed = {name: insert.excluded[name] for name in (*_COUNTED, "boot_id", "updated_at_us")}
    await tx.run(insert.on_conflict_do_update(index_elements=["session_id"], set_=renewed), rows)


def as_flow(row: Row[Any]) -> FlowRecord:
    """Read a flow from its row."""
    counted = {name: getattr(row, name) for name in _COUNTED}
    return FlowRecord(session_id=row.session_id, resource_id=row.resource_id, **counted)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A flow that nobody will report on any more, and whether its node is up again under another boot."""

    session_id: str
    resource_id: str
    rebooted: bool


async def orphans(tx: Tx, timeouts: Timeouts, limit: int) -> list[Orphan]:
    """Return open flows of nodes that are gone, or that came back without reporting them."""
    rows = await tx.all(
        select(flow.c.session_id, flow.c.resource_id, node.c.seen_at_us)
        .join(node, node.c.name == flow.c.node)
        .where(~flow.c.stopped, abandoned(flow.c.boot_id, timeouts))
        .limit(limit)
    )
    return [
        Orphan(row.session_id, row.resource_id, row.seen_at_us >= timeouts.silent_since_us) for row in rows
    ]


async def close_flows(
    tx: Tx, session_ids: Sequence[str], cause: TerminateCauseName
) -> list[tuple[str, FlowRecord]]:
    """Stop flows at their last counters; return those that were open, with whose they are."""
    closed = (
        update(flow)
        .where(flow.c.session_id.in_(session_ids), ~flow.c.stopped)
        .values(stopped=True, terminate_cause=cause, updated_at_us=tx.now_us)
    )
    return [(row.user_id, as_flow(row)) for row in await tx.all(closed.returning(flow))]
