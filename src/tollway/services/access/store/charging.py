"""Nodes, leases and flows: what online charging reads and writes, in batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, or_, select, update

from tollway.fabric.db import Tx
from tollway.services.access.model import Flow, Lease
from tollway.services.access.store.tables import flow, lease, node, resource

# ── nodes ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where customers reach a protocol on a node."""

    protocol: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Node:
    """An edge process; `boot_id` changes with each start."""

    name: str
    boot_id: str
    endpoints: tuple[Endpoint, ...]
    opened_us: int
    seen_us: int


async def open_node(tx: Tx, name: str, boot_id: str, endpoints: Sequence[Endpoint]) -> None:
    """Write down a node that came up; the same boot again keeps the moment it opened."""
    found = await find_node(tx, name)
    known = found is not None and found.boot_id == boot_id
    row = {
        "name": name,
        "boot_id": boot_id,
        "endpoints": [[one.protocol, one.host, one.port] for one in endpoints],
        "opened_us": found.opened_us if found is not None and known else tx.now_us,
        "seen_us": tx.now_us,
    }
    await tx.run(tx.insert(node).values(row).on_conflict_do_update(index_elements=["name"], set_=row))


async def find_node(tx: Tx, name: str) -> Node | None:
    """Return a node by name."""
    row = await tx.first(select(node).where(node.c.name == name))
    return None if row is None else _node(row)


async def nodes(tx: Tx) -> list[Node]:
    """Return every node there ever was, by name."""
    return [_node(row) for row in await tx.all(select(node).order_by(node.c.name))]


async def see(tx: Tx, name: str) -> bool:
    """Note that a node was heard just now; False when there is no such node."""
    return (await tx.run(update(node).where(node.c.name == name).values(seen_us=tx.now_us))).rowcount == 1


def _node(row: Row[Any]) -> Node:
    endpoints = tuple(Endpoint(protocol, host, port) for protocol, host, port in row.endpoints)
    return Node(row.name, row.boot_id, endpoints, row.opened_us, row.seen_us)


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────


async def ask_lease(tx: Tx, asked: Lease) -> Lease:
    """Write down that a node asks for a slice; return what is written under this id, now or before."""
    row = {
        "id": asked.id,
        "node": asked.node,
        "boot_id": asked.boot_id,
        "resource_id": asked.resource_id,
        "wanted": asked.wanted,
        "answered": asked.answered,
        "ended": asked.ended,
        "granted": asked.granted,
        "left_units": asked.left,
        "remaining": asked.remaining,
        "asked_us": tx.now_us,
        "expires_us": asked.expires_us,
    }
    if (await tx.run(tx.insert(lease).values(row).on_conflict_do_nothing())).rowcount:
        return asked
    found = await find_lease(tx, asked.id)
    assert found is not None, "a lease is not deleted in the moment it is asked for"
    return found


async def answer_lease(tx: Tx, lease_id: str, granted: int, left: int, expires_us: int) -> bool:
    """Write down the ledger's answer; False when there was one before, or the lease has ended meanwhile.

    A grant of nothing ends the lease at once.
    """
    answer = {
        "answered": True,
        "granted": granted,
        "remaining": granted,
        "left_units": left,
        "ended": granted == 0,
        "expires_us": expires_us,
    }
    waiting = (lease.c.id == lease_id) & ~lease.c.answered & ~lease.c.ended
    return (await tx.run(update(lease).where(waiting).values(answer))).rowcount == 1


async def find_lease(tx: Tx, lease_id: str) -> Lease | None:
    """Return a lease by id."""
    row = await tx.first(select(lease).where(lease.c.id == lease_id))
    return None if row is None else _lease(row)


async def save_lease(tx: Tx, lease_id: str, remaining: int, *, ended: bool) -> None:
    """Write what a lease still holds; once ended it stays ended."""
    values: dict[str, Any] = {"remaining": remaining} | ({"ended": True} if ended else {})
    await tx.run(update(lease).where(lease.c.id == lease_id).values(values))


async def renew_leases(tx: Tx, by: str, resource_id: str, expires_us: int) -> None:
    """Let all live leases of a (node, resource) live on."""
    live = (lease.c.resource_id == resource_id) & (lease.c.node == by) & ~lease.c.ended
    await tx.run(update(lease).where(live).values(expires_us=expires_us))


async def forget_leases(tx: Tx, before_us: int) -> int:
    """Delete ended leases that expired before a moment; return how many."""
    gone = delete(lease).where(lease.c.ended, lease.c.expires_us < before_us)
    return (await tx.run(gone)).rowcount


@dataclass(frozen=True, slots=True)
class Held:
    """What a report needs to know first, read in one query: the lease, who pays, and the node's boot."""

    lease: Lease
    user_id: str
    asset: str
    boot_id: str
    seen_us: int


async def find_held(tx: Tx, lease_id: str) -> Held | None:
    """Return a lease with its customer, its asset and the present boot of its node."""
    row = await tx.first(
        select(lease, resource.c.user_id, resource.c.asset, node.c.boot_id.label("now_boot"), node.c.seen_us)
        .join(resource, resource.c.id == lease.c.resource_id)
        .join(node, node.c.name == lease.c.node)
        .where(lease.c.id == lease_id)
    )
    return None if row is None else Held(_lease(row), row.user_id, row.asset, row.now_boot, row.seen_us)


def _lease(row: Row[Any]) -> Lease:
    return Lease(
        id=row.id,
        node=row.node,
        boot_id=row.boot_id,
        resource_id=row.resource_id,
        wanted=row.wanted,
        answered=row.answered,
        ended=row.ended,
        granted=row.granted,
        left=row.left_units,
        remaining=row.remaining,
        expires_us=row.expires_us,
    )


# ── flows ───────────────────────────────────────────────────────────────────────────────────────────

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


async def find_flows(tx: Tx, session_ids: Sequence[str]) -> dict[str, Flow]:
    """Return what is known of flows, by session id."""
    rows = await tx.all(select(flow).where(flow.c.session_id.in_(session_ids)))
    return {row.session_id: as_flow(row) for row in rows}


async def save_flows(tx: Tx, flows: Sequence[Flow], held: Held) -> None:
    """Write flows, new and known, in one statement. Whose a flow is and what pays is written once."""
    rows = [
        {name: getattr(one, name) for name in _COUNTED}
        | {
            "session_id": one.session_id,
            "resource_id": one.resource_id,
            "user_id": held.user_id,
            "asset": held.asset,
            "node": held.lease.node,
            "boot_id": held.boot_id,
            "updated_us": tx.now_us,
        }
        for one in flows
    ]
    insert = tx.insert(flow)
    renewed = {name: insert.excluded[name] for name in (*_COUNTED, "boot_id", "updated_us")}
    await tx.run(insert.on_conflict_do_update(index_elements=["session_id"], set_=renewed), rows)


def as_flow(row: Row[Any]) -> Flow:
    """Read a flow from its row."""
    counted = {name: getattr(row, name) for name in _COUNTED}
    return Flow(session_id=row.session_id, resource_id=row.resource_id, **counted)


# ── what vanished nodes left behind ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Patience:
    """How long absence is borne: a node not heard since `silent_us` is gone.

    What another boot of it held, or what had expired, before `grace_us` is abandoned.
    """

    silent_us: int
    grace_us: int


@dataclass(frozen=True, slots=True)
class Orphan:
    """A flow that nobody will report on any more, and whether its node is up again under another boot."""

    session_id: str
    resource_id: str
    rebooted: bool


async def orphans(tx: Tx, patience: Patience, limit: int) -> list[Orphan]:
    """Return open flows of nodes that are gone, or that came back without reporting them."""
    rows = await tx.all(
        select(flow.c.session_id, flow.c.resource_id, node.c.seen_us)
        .join(node, node.c.name == flow.c.node)
        .where(~flow.c.stopped, _abandoned(flow.c.boot_id, patience))
        .limit(limit)
    )
    return [Orphan(row.session_id, row.resource_id, row.seen_us >= patience.silent_us) for row in rows]


async def close_flows(tx: Tx, session_ids: Sequence[str], cause: str) -> list[tuple[str, Flow]]:
    """Stop flows at their last counters; return those that were open, with whose they are."""
    closed = (
        update(flow)
        .where(flow.c.session_id.in_(session_ids), ~flow.c.stopped)
        .values(stopped=True, terminate_cause=cause, updated_us=tx.now_us)
    )
    return [(row.user_id, as_flow(row)) for row in await tx.all(closed.returning(flow))]


async def abandoned_leases(tx: Tx, patience: Patience, limit: int) -> list[str]:
    """Name live leases of nodes that are gone or came back, and such as have expired for too long."""
    expired = lease.c.expires_us < patience.grace_us
    rows = await tx.all(
        select(lease.c.id)
        .join(node, node.c.name == lease.c.node)
        .where(~lease.c.ended, or_(expired, _abandoned(lease.c.boot_id, patience)))
        .limit(limit)
    )
    return [row.id for row in rows]


def _abandoned(boot_id: ColumnElement[str], patience: Patience) -> ColumnElement[bool]:
    rebooted = and_(node.c.boot_id != boot_id, node.c.opened_us < patience.grace_us)
    return or_(node.c.seen_us < patience.silent_us, rebooted)
